// Ids of sessions: each is new and cannot be guessed, also where a session is regenerated.
//
// Whoever makes ids of what a request says makes the same one again when the session is regenerated, so that a logout or
// a login keeps the id that somebody else may know. Here the application may say how an id begins, and no more.
'use strict'

const { randomBytes } = require('node:crypto')
const { invalidArgument } = require('./errors.js')

// 192 bits, as many as express-session's own ids have: 32 characters.
const RANDOM_BYTES = 24
// What is left of an id's 256 bytes, of characters that every framework brings through a cookie as they are.
const PREFIX_LEN_MAX = 256 - (RANDOM_BYTES * 4) / 3
const PREFIX = new RegExp(`^[\\w.~!*-]{0,${PREFIX_LEN_MAX}}$`)

// A function that returns a new id, for the option `genid` of express-session and koa-session, or @fastify/session's
// `idGenerator`. `prefix` is what ids begin with, or a function of what the framework passes on that returns it.
function idGenerator({ prefix = '' } = {}) {
  if (typeof prefix !== 'function') checkPrefix(prefix)
  return (request) => {
    const beginning = typeof prefix === 'function' ? checkPrefix(prefix(request)) : prefix
    return beginning + randomBytes(RANDOM_BYTES).toString('base64url')
  }
}

function checkPrefix(prefix) {
  if (typeof prefix === 'string' && PREFIX.test(prefix)) return prefix
  throw invalidArgument(
    `the prefix of an id is a string of at most ${PREFIX_LEN_MAX} letters and digits of ASCII and - _ . ~ ! *, which ` +
      `${typeof prefix === 'string' ? `this one of ${prefix.length} characters` : `a ${typeof prefix}`} is not`
  )
}

module.exports = { idGenerator }
