// The words of a command, checked: an option that does not exist is an error, and is not ignored.
'use strict'

const { parseArgs } = require('node:util')
const { nearest } = require('../lib/nearest.js')
const { LIFETIMES } = require('../lib/options.js')
const { Refusal } = require('./refusal.js')

// The values of the options by name, and the other words in their order. `options` is as parseArgs takes it.
function parse(words, options) {
  // Not its strict mode, whose messages name what was typed and not what might have been meant.
  const { values, positionals, tokens } = parseArgs({
    args: words,
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  for (const token of tokens) if (token.kind === 'option') check(token, options)
  return { values, positionals }
}

function check({ name, rawName, value, inlineValue }, options) {
  if (!Object.hasOwn(options, name))
    throw new Refusal(unknown('option', rawName, similarOption(name, options)))
  const takesValue = options[name].type === 'string'
  if (!takesValue && value !== undefined) throw new Refusal(`'${rawName}' takes no value`)
  // What looks like the next option is taken for it only where it is written as `--name=value`.
  const isMissing = value === undefined || value === '' || (!inlineValue && /^-./.test(value))
  if (takesValue && isMissing) throw new Refusal(`'${rawName}' needs a value`)
}

function similarOption(name, options) {
  const similar = nearest(name, Object.keys(options))
  return similar === undefined ? undefined : `--${similar}`
}

// Says that there is no such `kind` of thing as `word`, and what may have been meant.
function unknown(kind, word, similar) {
  const hint = similar === undefined ? '' : `; did you mean '${similar}'?`
  return `there is no ${kind} '${word}'${hint}`
}

// How many seconds a session is to live, from an option; undefined where it was not given.
function lifetimeOf(name, text) {
  if (text === undefined) return undefined
  const { min, max, unit } = LIFETIMES
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (seconds >= min && seconds <= max) return seconds
  throw new Refusal(`'--${name}' is from ${min} to ${max} ${unit}, not '${text}'`)
}

module.exports = { lifetimeOf, parse, unknown }
