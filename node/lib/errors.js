// Every error this package makes: a sentence for a person, a stable code for a program, and the cause.
//
// A code is never ENOENT, not even where the operating system said so: express-session takes an error with
// that code for "there is no such session". What the system said is the error's cause.
'use strict'

const { getSystemErrorName } = require('node:util')

class SessileError extends Error {
  // `name` is what follows ERR_SESSILE_.
  constructor(name, message, cause) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = `ERR_SESSILE_${name}`
  }
}

Object.defineProperty(SessileError.prototype, 'name', {
  value: 'SessileError',
  configurable: true,
  writable: true,
})

// The error for a failure as the addon returns it.
function fromFailure(failure) {
  return new SessileError(failure.code, failure.message, causeOf(failure.cause))
}

function causeOf(cause) {
  if (cause === undefined) return undefined
  const error = new Error(cause.message)
  if (cause.errno > 0) {
    error.errno = -cause.errno
    error.code = getSystemErrorName(-cause.errno)
  }
  return error
}

// Errors of the caller's own code are TypeErrors and RangeErrors, as elsewhere in Node, with a code as well.
function invalidOption(Type, message, cause) {
  return withCode(new Type(message, cause === undefined ? undefined : { cause }), 'INVALID_OPTION')
}

function invalidArgument(message) {
  return withCode(new TypeError(message), 'INVALID_ARGUMENT')
}

function withCode(error, name) {
  error.code = `ERR_SESSILE_${name}`
  return error
}

module.exports = { SessileError, fromFailure, invalidOption, invalidArgument }
