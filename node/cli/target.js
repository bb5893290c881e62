// The store that sessions are imported into or exported from. It needs no framework: a session comes and goes as what it
// is, JSON and an expiry.
'use strict'

const { EventEmitter } = require('node:events')
const { cookieDialect } = require('../lib/cookie-dialect.js')
const { Deferred } = require('../lib/replies.js')
const { ROWS, WRITE, storeOn } = require('../lib/store.js')

class Target extends storeOn(EventEmitter, cookieDialect) {
  // Writes a session that expires at `until` if it does not say when itself.
  async put(id, session, until) {
    const reply = new Deferred()
    this[WRITE](id, session, session, until, reply)
    await reply.promise
  }

  rows() {
    return this[ROWS]()
  }
}

module.exports = { Target }
