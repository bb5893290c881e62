// The session store for express-session.
'use strict'

const { cookieDialect } = require('./cookie-dialect.js')
const { Store } = require('./session-base.js')
const { LOAD, storeOn } = require('./store.js')

class SessileStore extends storeOn(Store, cookieDialect) {
  // express-session calls this for every session it loads.
  createSession(request, data) {
    const session = super.createSession(request, data)
    this[LOAD](session, data)
    return session
  }
}

module.exports = { SessileStore }
