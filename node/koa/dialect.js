// The sessions of koa-session, which say themselves when they expire: `_expire`, in milliseconds since 1970, and in
// `_maxAge` how long that was from the save on. Those that end with the browser have `_session` instead of both.
// The dialect's members are explained in lib/cookie-dialect.js.
'use strict'

// koa-session has a store keep a session for so much longer than `_expire`, to find there what has just expired.
const KEPT_LONGER_MS = 10_000

const koaDialect = {
  savesUnchanged: true,

  // koa-session does not tell its store which session goes on.
  regenerates: false,

  expiryOf({ _expire: expire }) {
    return typeof expire === 'number' ? Math.max(1, Math.trunc(expire) + KEPT_LONGER_MS) : 0
  },

  seenAt({ _maxAge: maxAge }, expiresAt) {
    return typeof maxAge === 'number' ? expiresAt - KEPT_LONGER_MS - maxAge : undefined
  },

  // A cookie among the data is the application's.
  cookieOf() {
    return undefined
  },

  refresh(session, expiresAt) {
    if (typeof session._expire === 'number') session._expire = expiresAt - KEPT_LONGER_MS
  },

  owns(key) {
    return key === '_expire'
  },

  isSame(before, after) {
    return before._maxAge === after._maxAge && typeof before._expire === typeof after._expire
  },

  // Of two who have changed nothing of it, the later expiry counts. `_maxAge` and `_session` are merged as data are, so
  // that there is nothing here to be told of.
  merge(before, after, session) {
    if (koaDialect.isSame(before, after)) {
      if (koaDialect.isSame(before, session) && after._expire > session._expire)
        session._expire = after._expire
    } else if (after._expire === undefined) {
      delete session._expire
    } else {
      session._expire = after._expire
    }
    return true
  },
}

module.exports = { koaDialect }
