// What the store reads in a session's cookie, and the only thing it ever writes there: when it expires.
//
// Nothing that was passed in is changed. A cookie is compared and kept as its JSON form, in which
// express-session's Cookie leaves out what it computes.
'use strict'

const { isIsoOf, toIso } = require('./iso-time.js')

// `maxAge = originalMaxAge`, which express-session does for every request, makes a new originalMaxAge out
// of two readings of the clock. If the clock ticks between them it comes out lower by that much.
const MAX_AGE_DRIFT_MS = 10

// When the session's cookie expires, in milliseconds since 1970; 0 where it does not say.
function expiryOf(session) {
  const expires = session?.cookie?.expires
  const time = toTime(expires)
  // An expiry in 1970 or before is as past as any other; the store has no name for it.
  return Number.isNaN(time) ? 0 : Math.max(1, time)
}

function toTime(expires) {
  if (typeof expires === 'object' && expires !== null) {
    // By its shape: a Date may come from another realm.
    return typeof expires.getTime === 'function' ? expires.getTime() : Number.NaN
  }
  if (typeof expires === 'string') return Date.parse(expires)
  return typeof expires === 'number' ? Math.trunc(expires) : Number.NaN
}

// Brings a stored cookie up to date after touches, which move a session's expiry but do not rewrite it.
function refresh(cookie, expiresAt) {
  if (typeof cookie !== 'object' || cookie === null) return
  const { expires } = cookie
  if (typeof expires === 'string') {
    if (isIsoOf(expires, expiresAt)) return
    const time = Date.parse(expires)
    if (time !== expiresAt && !Number.isNaN(time)) cookie.expires = toIso(expiresAt)
  } else if (typeof expires === 'number') {
    cookie.expires = expiresAt
  }
}

// The cookie's JSON form, not to be changed; undefined where the session has none. Throws what the cookie
// throws, as `differs` does.
function formOf(session) {
  const cookie = session?.cookie
  if (typeof cookie !== 'object' || cookie === null) return undefined
  const form = typeof cookie.toJSON === 'function' ? cookie.toJSON('cookie') : cookie
  return typeof form === 'object' && form !== null ? form : undefined
}

// Whether `now` has something that `before` has not, other than another time in `expires`; or in `originalExpires`,
// in which @fastify/session keeps what `expires` was.
function differs(before, now) {
  for (const key of Object.keys(now)) {
    if (key === 'originalExpires') continue
    if (key === 'expires') {
      if (!before.expires !== !now.expires) return true
    } else if (key === 'originalMaxAge') {
      if (!isSameMaxAge(before.originalMaxAge, now.originalMaxAge)) return true
    } else if (!isSame(before[key], now[key])) {
      return true
    }
  }
  return false
}

function isSameMaxAge(before, now) {
  if (typeof before !== 'number' || typeof now !== 'number') return isSame(before, now)
  return now <= before && before - now <= MAX_AGE_DRIFT_MS
}

// Undefined and null are the same here: JSON leaves the one out, and a Cookie takes the other for it.
function isSame(before, now) {
  if (before === now || (before ?? null) === (now ?? null)) return true
  if (typeof before !== 'object' && typeof now !== 'object') return false
  return JSON.stringify(before) === JSON.stringify(now)
}

module.exports = { expiryOf, refresh, formOf, differs }
