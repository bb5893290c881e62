// The sessions of express-session and of @fastify/session, whose cookie says when they expire.
//
// A dialect is what a framework keeps in a session beside the application's data. Each request moves the time at which
// the session expires, which is no change of the session.
'use strict'

const { differs, expiryOf, formOf, refresh } = require('./cookie.js')

const cookieDialect = {
  // Whether the framework has the store save sessions that nobody has changed.
  savesUnchanged: false,

  // Whether the store learns which session goes on where another ends, as at a login.
  regenerates: true,

  // When the session expires, in milliseconds since 1970; 0 where it does not say.
  expiryOf,

  // When a session was last used that expires then, in milliseconds since 1970; undefined where it does not say how
  // long it lives.
  seenAt({ cookie }, expiresAt) {
    const maxAge = cookie?.originalMaxAge
    return typeof maxAge === 'number' ? expiresAt - maxAge : undefined
  },

  // The session's cookie as JSON, which a touch has to keep; undefined where there is none.
  cookieOf: formOf,

  // Brings a session as it was stored up to date after touches.
  refresh(session, expiresAt) {
    refresh(session.cookie, expiresAt)
  },

  // Whether `key` is compared and merged here, and not as the application's data.
  owns(key, ...sessions) {
    return key === 'cookie' && sessions.every(hasCookie)
  },

  // Whether two states of a session are to last equally long, whenever that began. Both are from JSON.
  isSame(before, after) {
    if (!hasCookie(before) || !hasCookie(after)) return hasCookie(before) === hasCookie(after)
    return !differs(before.cookie, after.cookie) && !differs(after.cookie, before.cookie)
  },

  // Merges what `owns` names: each request moves its cookie's expiry, and of two that did nothing else, the later
  // expiry counts. False where both have changed something else.
  merge({ cookie: before }, { cookie: after }, session) {
    const theirs = session.cookie
    const isMine = differs(before, after)
    const isTheirs = differs(before, theirs)
    if (isTheirs && !isMine) return true
    if (isMine || !(Date.parse(theirs.expires) > Date.parse(after.expires))) session.cookie = after
    return !(isMine && isTheirs && differs(theirs, after))
  },
}

function hasCookie({ cookie }) {
  return typeof cookie === 'object' && cookie !== null
}

module.exports = { cookieDialect }
