// The session store for koa-session.
//
// koa-session hands a new object to every `set`. What it read that was made of is known by the request's context,
// which comes with each call: a request writes a session on condition of what it has read under that key.
'use strict'

const { EventEmitter } = require('node:events')
const { invalidArgument } = require('../lib/errors.js')
const { Deferred } = require('../lib/replies.js')
const { LOAD, WRITE, storeOn } = require('../lib/store.js')
const { koaDialect } = require('./dialect.js')

class SessileStore extends storeOn(EventEmitter, koaDialect) {
  // By context and key: an object that stands for the session as this request knows it.
  #holders = new WeakMap()

  async get(key, _maxAge, options) {
    const session = await super.get(key)
    if (isContext(options?.ctx)) this.#hold(options.ctx, key, session)
    return session
  }

  async set(key, session, maxAge, options) {
    const until = untilOf(maxAge)
    const holder = isContext(options?.ctx) ? this.#holderOf(options.ctx, key) : session
    const reply = new Deferred()
    this[WRITE](key, session, holder, until, reply)
    return reply.promise
  }

  async destroy(key, options) {
    // What this request saves under the key after that is another session.
    if (isContext(options?.ctx)) this.#holders.get(options.ctx)?.delete(key)
    return super.destroy(key)
  }

  #holderOf(ctx, key) {
    return this.#holders.get(ctx)?.get(key) ?? this.#hold(ctx, key)
  }

  #hold(ctx, key, session) {
    const holder = {}
    this[LOAD](holder, session)
    if (!this.#holders.has(ctx)) this.#holders.set(ctx, new Map())
    this.#holders.get(ctx).set(key, holder)
    return holder
  }
}

function isContext(ctx) {
  return typeof ctx === 'object' && ctx !== null
}

// When a session is over that is saved with `maxAge`; 0 leaves it to the store's ttl.
function untilOf(maxAge) {
  if (maxAge === undefined || maxAge === 'session') return 0
  if (Number.isFinite(maxAge)) return Math.max(1, Date.now() + Math.trunc(maxAge))
  throw invalidArgument(`maxAge is a number of milliseconds or 'session', not ${String(maxAge)}`)
}

module.exports = { SessileStore }
