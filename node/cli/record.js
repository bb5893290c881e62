// A session as a source has it, or what is wrong with it.
//
// A record is { id, session, expiresAtMs }, where expiresAtMs is the time in milliseconds since 1970 that the source
// goes by, FOREVER where it keeps the session without an end, and undefined where the session alone tells; or
// { id, problem }, a phrase that goes on from "the session …". Nothing of a session is ever in a problem, since whoever
// reads it may be logged in by it: not its id, and not what a parser's message quotes.
'use strict'

const { Refusal } = require('./refusal.js')

// No number: a source has Infinity where it has 1e999.
const FOREVER = Symbol('forever')

// The last that a Date can be.
const TIME_MAX_MS = 8.64e15

// What connect-mongo and session-file-store make with a secret: base64 and hex, or ASN.1, which begins with a long
// sequence.
const SEALED_TEXT = /^([\w+/-]{32,}={0,2}|0[\x80-\x84].*)$/s

// A problem with one session, which leaves the others as they are.
class Problem extends Error {}

// The record that `read` returns as { session, expiresAtMs }, or that of the Problem that it throws.
function recordOf(id, read) {
  try {
    if (typeof id !== 'string' || id === '') throw new Problem('has no id that is a text')
    const { session, expiresAtMs } = read()
    if (expiresAtMs !== undefined && expiresAtMs !== FOREVER) checkTime(expiresAtMs)
    checkSession(session)
    return { id, session, expiresAtMs }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { id, problem: error.message }
  }
}

// Throws a Problem unless a Date can be at `expiresAtMs`.
function checkTime(expiresAtMs) {
  // Written so that NaN fails it.
  if (typeof expiresAtMs === 'number' && Math.abs(expiresAtMs) <= TIME_MAX_MS) return
  throw new Problem('expires at what is not a time')
}

// How long the session's cookie has it live from its last use on, in milliseconds; undefined where it does not say.
function maxAgeOf({ cookie }) {
  const maxAge = cookie?.originalMaxAge
  return typeof maxAge === 'number' && maxAge > 0 ? maxAge : undefined
}

function fromJson(text) {
  if (typeof text !== 'string') throw new Problem('is not a text')
  try {
    return JSON.parse(text)
  } catch {
    if (SEALED_TEXT.test(text)) throw sealed()
    throw new Problem('is not JSON')
  }
}

// Throws unless express-session, @fastify/session or koa-session can load `session`.
function checkSession(session) {
  if (!isObject(session)) throw new Problem('is not an object')
  if (typeof session.ct === 'string' && typeof session.hmac === 'string') throw sealed()
  const isOfKoa = session._expire !== undefined || session._session !== undefined
  if (!isObject(session.cookie) && !isOfKoa)
    throw new Problem('has no cookie, which express-session needs in it')
}

// Where one session is encrypted, all are.
function sealed() {
  return new Refusal(
    'the sessions there are encrypted, by an option such as crypto or secret, and this tool has no key; let the ' +
      'application read them and write each as a line { "id", "session", "expires" } of JSON, and import those by ' +
      '`sessile import lines`'
  )
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

module.exports = { FOREVER, Problem, checkSession, checkTime, fromJson, maxAgeOf, recordOf }
