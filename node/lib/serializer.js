// What makes texts of sessions, and sessions of texts: JSON, or what the application gives as the option `serializer`.
//
// What it keeps true of an application's own:
// - it is handed whole sessions only, as plain objects, whatever the framework makes of them; and what the framework
//   keeps in a session stays what JSON has of it, so that the rest of the package need not know whose serializer it is;
// - whatever it throws, or returns by mistake, is an error with a code, and never a session that is half there;
// - its own words are in the error's cause alone. They may quote the session, as JSON's and Node's do, and a message goes
//   into warnings and logs.
'use strict'

const { isDeepStrictEqual } = require('node:util')
const { SessileError } = require('./errors.js')
const { json, notAnObject } = require('./json.js')

class Serializer {
  #own
  #dialect

  // `own` is the application's, with `stringify(session)` and `parse(text)`; `dialect` the framework's, see
  // cookie-dialect.js.
  constructor(own, dialect) {
    this.#own = own
    this.#dialect = dialect
  }

  stringify(session) {
    let plain
    let text
    try {
      plain = this.#plain(session)
      if (plain !== undefined) text = this.#own.stringify(plain)
    } catch (cause) {
      throw unserializable("it threw this error's cause", cause)
    }
    if (plain === undefined) throw notAnObject()
    if (typeof text !== 'string') throw noText(text)
    // What is stored is UTF-8, which has no word for it.
    if (!text.isWellFormed()) throw unserializable('its text holds half a surrogate pair')
    return text
  }

  parse(text) {
    let session
    try {
      session = this.#own.parse(text)
      if (typeof session === 'object' && session !== null) this.#plainCookie(session)
    } catch (cause) {
      throw unreadable("it threw this error's cause", cause)
    }
    if (isThenable(session)) throw unreadable(`parse() gave ${promised(session)}`)
    if (typeof session !== 'object' || session === null) throw unreadable('parse() gave no object')
    return session
  }

  // Whether two sessions, which both have `key`, have the same there. Their texts tell, which have what an object keeps
  // private as well; unless the serializer makes another text of the same session each time, as one that enciphers does.
  isSame(one, other, key) {
    if (one[key] === other[key]) return true
    const text = this.stringify(one)
    if (text === this.stringify({ ...one, [key]: other[key] })) return true
    return text !== this.stringify(one) && isDeepStrictEqual(one[key], other[key])
  }

  // The session as a plain object, without the symbols that a framework keeps in it; undefined where it is no object.
  #plain(session) {
    const data = typeof session?.toJSON === 'function' ? session.toJSON() : session
    if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined
    return this.#plainCookie(Object.fromEntries(Object.entries(data)))
  }

  // Brings the cookie that a framework keeps in `session` into the form that it has in JSON.
  #plainCookie(session) {
    const cookie = this.#dialect.cookieOf(session)
    if (cookie !== undefined) session.cookie = JSON.parse(JSON.stringify(cookie))
    return session
  }
}

// The serializer for the option `own`.
function serializerOf(own, dialect) {
  return own === undefined ? json : new Serializer(own, dialect)
}

// The session that was kept as `text`, with the expiry that touches have moved since.
function fromText(text, expiresAt, serializer, dialect) {
  const session = serializer.parse(text)
  dialect.refresh(session, expiresAt)
  return session
}

function unserializable(reason, cause) {
  return new SessileError(
    'UNSERIALIZABLE',
    `the option 'serializer' cannot turn the session into text (${reason}); keep in it only what the serializer knows`,
    cause
  )
}

function noText(wrong) {
  const what = isThenable(wrong) ? promised(wrong) : `what is no string but ${typeName(wrong)}`
  return new SessileError('UNSERIALIZABLE', `stringify() of the option 'serializer' gave ${what}`)
}

function unreadable(reason, cause) {
  return new SessileError(
    'UNREADABLE',
    `the option 'serializer' cannot read the session (${reason}), so that it was kept by another serializer, or ` +
      'without one; have parse() read that as well, or destroy the session',
    cause
  )
}

function isThenable(value) {
  return typeof value?.then === 'function'
}

// What to say of a promise. That it may be rejected is nothing more to be told: it must not end the process.
function promised(promise) {
  promise.then(undefined, () => {})
  return 'a promise; a serializer has to answer at once'
}

function typeName(value) {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

module.exports = { fromText, serializerOf }
