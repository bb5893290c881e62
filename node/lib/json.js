// Sessions as JSON text, both ways. Key order, unknown keys and nulls stay what they are: express-session
// compares a session's JSON to see whether a request changed it.
'use strict'

const { SessileError } = require('./errors.js')

const OPENING_BRACE = 0x7b

// The session's JSON, or an error that says why there is none.
function toJson(session) {
  let json
  try {
    json = JSON.stringify(session)
  } catch (cause) {
    throw unserializable(cause)
  }
  if (json === undefined || json.charCodeAt(0) !== OPENING_BRACE) {
    throw new SessileError(
      'UNSERIALIZABLE',
      'the session is not an object, or its toJSON() does not return one'
    )
  }
  return json
}

function unserializable(cause) {
  return new SessileError(
    'UNSERIALIZABLE',
    `the session cannot be turned into JSON (${String(cause?.message ?? cause)}); keep plain data in it only`,
    cause
  )
}

// The session that was kept as `json`, with the expiry that touches have moved since.
function fromJson(json, expiresAt, dialect) {
  const session = parse(json)
  dialect.refresh(session, expiresAt)
  return session
}

function parse(json) {
  let session
  try {
    session = JSON.parse(json)
  } catch (cause) {
    throw unreadable(cause)
  }
  if (typeof session !== 'object' || session === null) throw unreadable()
  return session
}

function unreadable(cause) {
  return new SessileError(
    'UNREADABLE',
    'the session is not JSON, so that something else than this package wrote it; read it with what wrote it, ' +
      'or destroy it',
    cause
  )
}

module.exports = { toJson, fromJson, unreadable, unserializable }
