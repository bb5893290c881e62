// The serializer that a store has by default: sessions as JSON text, both ways. Key order, unknown keys and nulls stay
// what they are: express-session compares a session's JSON to see whether a request changed it.
'use strict'

const { formOf } = require('./cookie.js')
const { SessileError } = require('./errors.js')
const { toIso } = require('./iso-time.js')

const OPENING_BRACE = 0x7b
const { toJSON: dateToJson, toISOString: dateToIso } = Date.prototype
const isEnumerable = Object.prototype.propertyIsEnumerable

const json = {
  // The session's JSON, or an error that says why there is none.
  stringify(session) {
    let text
    try {
      text = JSON.stringify(withPlainCookie(session))
    } catch (cause) {
      throw unserializable(cause)
    }
    if (text === undefined || text.charCodeAt(0) !== OPENING_BRACE) throw notAnObject()
    return text
  },

  parse(text) {
    let session
    try {
      session = JSON.parse(text)
    } catch (cause) {
      throw unreadable(cause)
    }
    if (typeof session !== 'object' || session === null) throw unreadable()
    return session
  },

  // Whether two sessions, which both have `key`, have the same there.
  isSame(one, other, key) {
    return one[key] === other[key] || JSON.stringify(one[key]) === JSON.stringify(other[key])
  },
}

// What has the same JSON as the session, with the cookie as JSON has it: a third less work for JSON.stringify, which
// otherwise calls the cookie, and then asks a Date for its text. Nothing that was passed in is changed.
function withPlainCookie(session) {
  if (!isPlain(session) || !isEnumerable.call(session, 'cookie')) return session
  const form = formOf(session)
  if (!isPlain(form) || form === session.cookie) return session
  if (!isDate(form.expires)) return { ...session, cookie: form }
  return { ...session, cookie: { ...form, expires: toIso(form.expires.getTime()) } }
}

// Whether JSON has of `value` what its own properties are.
function isPlain(value) {
  return typeof value === 'object' && value !== null && value.toJSON === undefined && !Array.isArray(value)
}

// Whether JSON writes `value` as `toIso` does.
function isDate(value) {
  if (!(value instanceof Date) || value.toJSON !== dateToJson || value.toISOString !== dateToIso) return false
  return !Number.isNaN(value.getTime())
}

function notAnObject() {
  return new SessileError(
    'UNSERIALIZABLE',
    'the session is not an object, or its toJSON() does not return one'
  )
}

function unserializable(cause) {
  return new SessileError(
    'UNSERIALIZABLE',
    `the session cannot be turned into JSON (${String(cause?.message ?? cause)}); keep plain data in it only`,
    cause
  )
}

function unreadable(cause) {
  return new SessileError(
    'UNREADABLE',
    'the session is not JSON, so that something else than this package wrote it; read it with what wrote it, ' +
      'or destroy it',
    cause
  )
}

module.exports = { json, notAnObject, unreadable, unserializable }
