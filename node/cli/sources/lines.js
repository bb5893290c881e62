// Lines of JSON, in which any store's sessions can be written down: { "id", "session", "expires" } on each.
// `sessile export` writes them. `expires` is a time as JSON has it or in milliseconds since 1970; without it the session
// tells by its cookie.
'use strict'

const { Problem, recordOf } = require('../record.js')
const { linesOf } = require('../text-lines.js')

async function* records(location) {
  for await (const { number, value } of linesOf(location)) yield lineRecord(number, value)
}

function lineRecord(number, value) {
  if (typeof value?.id !== 'string') {
    return { id: '', place: `line ${number}`, problem: 'is no object of JSON with an id' }
  }
  return recordOf(value.id, () => ({ session: value.session, expiresAtMs: timeOf(value.expires) }))
}

function timeOf(expires) {
  if (expires === undefined || expires === null) return undefined
  if (typeof expires === 'number') return expires
  if (typeof expires === 'string') return Date.parse(expires)
  throw new Problem('expires at what is not a time')
}

module.exports = {
  name: 'lines',
  location: '<file>',
  summary: 'lines of JSON, { "id", "session", "expires" }; - is the standard input',
  options: {},
  records,
}
