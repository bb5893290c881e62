// The session store for express-session.
'use strict'

const { cookieDialect } = require('./cookie-dialect.js')
const { saveHolding } = require('./held-response.js')
const { Store } = require('./session-base.js')
const { LOAD, SUCCEED, storeOn } = require('./store.js')

class SessileStore extends storeOn(Store, cookieDialect) {
  // express-session calls this for every session it loads.
  createSession(request, data) {
    const session = super.createSession(request, data)
    this[LOAD](session, data)
    return session
  }

  set(id, session, callback) {
    if (typeof callback !== 'function') return super.set(...arguments)
    saveHolding(session, callback, (whenDone) => super.set(id, session, whenDone))
  }

  touch(id, session, callback) {
    if (typeof callback !== 'function') return super.touch(...arguments)
    saveHolding(session, callback, (whenDone) => super.touch(id, session, whenDone))
  }

  // The session of a request ends, and another one begins for it.
  regenerate(request, callback) {
    const before = request.session
    super.regenerate(request, (error) => {
      this[SUCCEED](request.session, before)
      callback(error)
    })
  }
}

module.exports = { SessileStore }
