// What a measurement has shown, as text.
'use strict'

const { MISSING } = require('./gauges.js')
const { hasGrown } = require('./measure.js')

const number = (value, digits = 0) => value.toLocaleString('en', { maximumFractionDigits: digits })

// A table of all gauges: before and after what was measured, the growth by its trend, and what is allowed.
function tableOf(name, unit, { warm, measured, seconds, verdicts }, tallies) {
  const rows = [['', 'before', 'after', 'trend', 'allowed', `each ${unit}`, '']]
  for (const verdict of verdicts) {
    const { scale = 1, unit: scaled, before, after, growth, allowed, isJudged } = verdict
    const values = [before, after, growth, allowed].map((value) => number(value / scale, 1))
    const each = `${number(growth / measured, 4)}${scaled === undefined ? '' : ' B'}`
    const word = isJudged ? (hasGrown(verdict) ? 'GROWS' : '') : 'not judged'
    rows.push([`${verdict.name}${scaled === undefined ? '' : `, ${scaled}`}`, ...values, each, word])
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const lines = rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')
  )
  const told = Object.entries(tallies).map(([what, count]) => `${what} ${number(count)}`)
  return [
    `${name}: ${number(measured)} ${unit}s after ${number(warm)} to warm up, in ${number(seconds)} s`,
    ...(told.length > 0 ? [told.join(', ')] : []),
    ...lines.map((line) => `  ${line.trimEnd()}`),
    ...MISSING.map((missing) => `  ${missing}: SKIPPED, cannot be read here`),
  ].join('\n')
}

module.exports = { tableOf }
