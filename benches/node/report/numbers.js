// Numbers as people read them.
'use strict'

// Three significant digits, thousands apart.
function number(value) {
  const size = Math.abs(value)
  if (Number.isInteger(value) && size < 1000) return `${value}`
  if (size >= 1000) return Math.round(Number(value.toPrecision(3))).toLocaleString('en-US')
  const digits =
    size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : Math.min(6, 2 - Math.floor(Math.log10(size)))
  return value.toFixed(digits)
}

function ratio(value) {
  return `× ${value >= 100 ? number(value) : value.toFixed(2)}`
}

// The middle of some figures and, where there are several, from where to where they go.
function spread({ middle, least, most, count }) {
  return count === 1 ? number(middle) : `${number(middle)} (${number(least)} to ${number(most)})`
}

// Long numbers within a name.
function label(text) {
  return `${text}`.replaceAll(/\d{4,}/g, (digits) => Number(digits).toLocaleString('en-US'))
}

function describe(parameters) {
  const entries = Object.entries(parameters)
  return entries
    .map(([name, value]) => (typeof value === 'string' ? value : `${name}: ${label(value)}`))
    .join(', ')
}

module.exports = { describe, label, number, ratio, spread }
