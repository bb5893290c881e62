// Whose a session is, as the option `owner` tells from the session, and until when it lives at most.
'use strict'

const { invalidArgument, invalidOption } = require('./errors.js')
const { lifetime } = require('./options.js')

const OWNER_BYTES_MAX = 256
const NOBODY = ''

class Ownership {
  #read
  #lifetimeMs

  // The options as checked: `owner` a function, a path or undefined, `maxLifetime` a number of seconds or undefined, and
  // `keepLifetime` whether that counts on through a regeneration.
  constructor({ owner, maxLifetime, keepLifetime }) {
    this.keepsLifetime = keepLifetime
    this.#read = typeof owner === 'string' ? reader(owner.split('.')) : owner
    this.#lifetimeMs = maxLifetime === undefined ? 0 : lifetime('maxLifetime', maxLifetime)
  }

  // Whether there is anything to tell.
  get isUsed() {
    return this.#read !== undefined || this.#lifetimeMs > 0
  }

  // Whose `session` is: a string, empty for nobody.
  of(session) {
    if (this.#read === undefined) return NOBODY
    let owner
    try {
      owner = this.#read(session)
    } catch (cause) {
      const message = `option 'owner' is a function that threw: ${String(cause?.message ?? cause)}`
      throw invalidOption(TypeError, message, cause)
    }
    const wrong = whatIsWrongWith(owner)
    if (wrong !== undefined) throw invalidOption(TypeError, `option 'owner' gives ${wrong}`)
    return nameOf(owner)
  }

  // The time in milliseconds that the expiry of a session that begins now cannot pass; 0: there is none.
  deadline() {
    return this.#lifetimeMs === 0 ? 0 : Date.now() + this.#lifetimeMs
  }
}

function reader(keys) {
  return (session) => {
    let value = session
    for (const key of keys) value = value?.[key]
    return value
  }
}

function nameOf(owner) {
  return owner === undefined || owner === null ? NOBODY : String(owner)
}

// Nothing, where it can be an owner or is none.
function whatIsWrongWith(owner) {
  if (owner === undefined || owner === null) return undefined
  if (typeof owner === 'bigint') return undefined
  if (typeof owner === 'number') {
    // Others are written the same, and would be one user's.
    return Math.abs(owner) <= Number.MAX_SAFE_INTEGER ? undefined : `the number ${owner}`
  }
  if (typeof owner !== 'string') return 'what is neither a string nor a number'
  if (!owner.isWellFormed()) return 'a string that holds half a surrogate pair'
  return Buffer.byteLength(owner) > OWNER_BYTES_MAX ? `a string of over ${OWNER_BYTES_MAX} bytes` : undefined
}

// An owner as an argument.
function ownerArgument(owner) {
  const wrong = owner === undefined || owner === null || owner === '' ? 'nobody' : whatIsWrongWith(owner)
  if (wrong !== undefined) throw invalidArgument(`an owner is a string or a number, not ${wrong}`)
  return nameOf(owner)
}

module.exports = { NOBODY, Ownership, ownerArgument }
