// The options of a store: each checked for its name, its type and its range before anything is opened.
//
// Nothing is replaced silently: `ttl: 0` is an error and not a day, and an option that does not exist is
// an error and not ignored. Durations are seconds here and milliseconds from here on.
'use strict'

const path = require('node:path')
const { types } = require('node:util')
const { invalidOption } = require('./errors.js')
const { nearest } = require('./nearest.js')

const MIB = 1024 * 1024
const DAY = 24 * 60 * 60
// How long a session may be to live.
const LIFETIMES = { min: 0.001, max: 100 * 365 * DAY, unit: 'seconds' }

const DURABILITIES = ['fsync', 'write', 'async']
const CONFLICTS = ['merge', 'overwrite', 'reject']

const OPTIONS = {
  path: { check: checkPath },
  ttl: { default: DAY, check: checkTtl },
  durability: { default: 'fsync', check: checkOneOf, values: DURABILITIES },
  serializer: { check: checkSerializer },
  owner: { check: checkOwner },
  maxPerOwner: { check: checkMaxPerOwner },
  maxLifetime: { check: (name, value) => value === undefined || lifetime(name, value) },
  keepLifetime: { default: false, check: checkBoolean },
  conflict: { default: 'merge', check: checkOneOf, values: CONFLICTS },
  cacheBytes: bytes({ default: 64 * MIB, min: 0 }),
  dirtyBytes: bytes({ default: 64 * MIB, min: MIB }),
  baseCacheBytes: bytes({ default: 4 * MIB, min: MIB }),
  logBytesMax: bytes({ default: 64 * MIB, min: 4 * MIB, max: 65536 * MIB }),
  payloadBytesMax: bytes({ default: 16 * MIB, min: 1, max: 16 * MIB }),
  checkpointInterval: seconds({ default: 60, min: 0.1, max: DAY }),
  touchAfter: { check: checkTouchAfter },
  scrubInterval: { default: DAY, check: checkScrubInterval },
  scrubBytesPerSecond: bytes({ default: 8 * MIB, min: MIB / 16, max: 1024 * MIB }),
  openTimeout: seconds({ default: 5, min: 0, max: DAY }),
}

// The options complete, or a TypeError or RangeError that names the wrong one.
function checkOptions(options) {
  if (typeof options !== 'object' || options === null) {
    throw invalidOption(TypeError, `a store needs options, at least { path }; this is ${inWords(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(OPTIONS, name)) throw invalidOption(TypeError, `unknown option '${name}'${hint(name)}`)
  }
  const checked = {}
  for (const [name, option] of Object.entries(OPTIONS)) {
    const value = options[name] === undefined ? option.default : options[name]
    option.check(name, value, option)
    checked[name] = value
  }
  // Relative to where the process is now: it may change its directory before the store is opened again.
  checked.path = path.resolve(checked.path)
  if (checked.maxPerOwner !== undefined && checked.owner === undefined) {
    throw invalidOption(
      TypeError,
      "option 'maxPerOwner' needs the option 'owner', which tells whose a session is"
    )
  }
  if (checked.keepLifetime && checked.maxLifetime === undefined) {
    throw invalidOption(TypeError, "option 'keepLifetime' needs the option 'maxLifetime', which it is about")
  }
  if (checked.logBytesMax < 4 * checked.payloadBytesMax) {
    throw invalidOption(
      RangeError,
      `option 'logBytesMax' has to be at least four times payloadBytesMax, ${4 * checked.payloadBytesMax} bytes; ` +
        `it is ${checked.logBytesMax}`
    )
  }
  return checked
}

// The options as the addon takes them.
function toNative(options) {
  const ttl = typeof options.ttl === 'function' ? DAY : options.ttl
  return {
    path: options.path,
    durability: options.durability,
    ttlMs: Math.round(ttl * 1000),
    cacheBytes: options.cacheBytes,
    dirtyBytes: options.dirtyBytes,
    baseCacheBytes: options.baseCacheBytes,
    logBytesMax: options.logBytesMax,
    payloadBytesMax: options.payloadBytesMax,
    checkpointIntervalMs: Math.round(options.checkpointInterval * 1000),
    touchAfterMs: options.touchAfter === undefined ? -1 : Math.round(options.touchAfter * 1000),
    scrubIntervalMs: Math.round(options.scrubInterval * 1000),
    scrubBytesPerSecond: options.scrubBytesPerSecond,
    openTimeoutMs: Math.round(options.openTimeout * 1000),
  }
}

// A lifetime in milliseconds, from `ttl` or from what a function given as `ttl` returned.
function lifetime(name, value) {
  checkNumber(name, value, LIFETIMES)
  return Math.round(value * 1000)
}

function checkTtl(name, value) {
  if (typeof value === 'function') return
  if (typeof value !== 'number') {
    throw invalidOption(
      TypeError,
      `option '${name}' is a number of seconds or a function of the session that returns one, not ${inWords(value)}`
    )
  }
  lifetime(name, value)
}

// A class or a module will do, too.
function checkSerializer(name, value) {
  if (value === undefined) return
  for (const method of ['stringify', 'parse']) {
    if (typeof value?.[method] !== 'function') {
      throw invalidOption(
        TypeError,
        `option '${name}' is an object with stringify(session) and parse(text), as JSON is, not ${inWords(value)}`
      )
    }
    if (types.isAsyncFunction(value[method])) {
      throw invalidOption(
        TypeError,
        `option '${name}' has a ${method}() that is async; a serializer has to answer at once`
      )
    }
  }
}

function checkOwner(name, value) {
  if (value === undefined || typeof value === 'function') return
  if (typeof value !== 'string' || value === '') {
    throw invalidOption(
      TypeError,
      `option '${name}' is a function of the session, or a path like 'passport.user', not ${inWords(value)}`
    )
  }
}

function checkMaxPerOwner(name, value) {
  if (value === undefined) return
  checkNumber(name, value, { min: 1, max: 1_000_000, unit: 'sessions' })
  if (!Number.isInteger(value)) {
    throw invalidOption(RangeError, `option '${name}' is a whole number of sessions, not ${value}`)
  }
}

// By default the store's own measure, which is no number.
function checkTouchAfter(name, value) {
  if (value !== undefined) checkNumber(name, value, { min: 0, max: DAY, unit: 'seconds' })
}

// 0 is off.
function checkScrubInterval(name, value) {
  if (value !== 0) checkNumber(name, value, { min: 1, max: 100 * DAY, unit: 'seconds' })
}

function checkBoolean(name, value) {
  if (typeof value !== 'boolean') {
    throw invalidOption(TypeError, `option '${name}' is true or false, not ${inWords(value)}`)
  }
}

function checkPath(name, value) {
  if (value === undefined) {
    throw invalidOption(TypeError, `option '${name}' is required: the directory that holds the sessions`)
  }
  if (typeof value !== 'string') {
    throw invalidOption(
      TypeError,
      `option '${name}' is a string, the directory's path, not ${inWords(value)}`
    )
  }
  if (value === '' || value.includes('\0') || !value.isWellFormed()) {
    throw invalidOption(TypeError, `option '${name}' is empty, or holds a zero byte or half a surrogate pair`)
  }
}

function checkOneOf(name, value, { values }) {
  if (values.includes(value)) return
  const Type = typeof value === 'string' ? RangeError : TypeError
  const [last, ...others] = values.map(inWords).reverse()
  throw invalidOption(
    Type,
    `option '${name}' is ${others.reverse().join(', ')} or ${last}, not ${inWords(value)}`
  )
}

function bytes(range) {
  return { max: Number.MAX_SAFE_INTEGER, unit: 'bytes', check: checkNumber, ...range }
}

function seconds(range) {
  return { unit: 'seconds', check: checkNumber, ...range }
}

function checkNumber(name, value, { min, max, unit }) {
  if (typeof value !== 'number') {
    throw invalidOption(TypeError, `option '${name}' is a number of ${unit}, not ${inWords(value)}`)
  }
  // Written so that NaN fails it.
  if (!(value >= min && value <= max)) {
    throw invalidOption(RangeError, `option '${name}' is from ${min} to ${max} ${unit}, not ${value}`)
  }
  if (unit === 'bytes' && !Number.isInteger(value)) {
    throw invalidOption(RangeError, `option '${name}' is a whole number of bytes, not ${value}`)
  }
}

function inWords(value) {
  if (typeof value === 'string') return `'${value}'`
  if (value === null || value === undefined || typeof value === 'number') return String(value)
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}

function hint(name) {
  const known = Object.keys(OPTIONS)
  const similar = nearest(name, known)
  return similar === undefined ? `; the options are ${known.join(', ')}` : `; did you mean '${similar}'?`
}

module.exports = { LIFETIMES, OPTIONS, checkOptions, toNative, lifetime }
