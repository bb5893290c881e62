// The session store for @fastify/session.
//
// @fastify/session makes an object of its own of what `get` gives it, and tells nobody of which. But it keeps all that
// the cookie had which it was made of, to make others of it, and a mark in that cookie with it: a symbol, which neither
// JSON nor a loop over the cookie's properties shows. So `set` knows what the object that it is given was read from.
'use strict'

const { EventEmitter } = require('node:events')
const { cookieDialect } = require('../lib/cookie-dialect.js')
const { LOAD, storeOn } = require('../lib/store.js')

// In a cookie: the session as `get` has given it.
const READ = Symbol('sessile: as it was read')

// With its default `rolling: true` a session is saved at the end of every response.
const fastifyDialect = { ...cookieDialect, savesUnchanged: true, regenerates: false }

class SessileStore extends storeOn(EventEmitter, fastifyDialect) {
  #loaded = new WeakSet()

  get(id, callback) {
    if (typeof callback !== 'function') return super.get(...arguments)
    return super.get(id, (error, session) => {
      if (session !== undefined) mark(session)
      callback(error, session)
    })
  }

  set(id, session, callback) {
    if (isOfRequest(session) && !this.#loaded.has(session)) {
      this.#loaded.add(session)
      this[LOAD](session, readOf(session))
    }
    return super.set(...arguments)
  }
}

function mark(session) {
  if (typeof session.cookie !== 'object' || session.cookie === null) session.cookie = {}
  session.cookie[READ] = session
}

// What a session of a request was read from; undefined for a new one.
function readOf(session) {
  for (const symbol of Object.getOwnPropertySymbols(session)) {
    const read = session[symbol]?.[READ]
    if (read !== undefined) return read
  }
  return undefined
}

// Whether a session is one of @fastify/session's own, and not what somebody made by hand.
function isOfRequest(session) {
  return typeof session?.encryptedSessionId === 'string'
}

module.exports = { SessileStore }
