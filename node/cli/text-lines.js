// A file's lines of JSON, or the standard input's, one at a time.
'use strict'

const fs = require('node:fs')
const { createInterface } = require('node:readline')
const { Refusal } = require('./refusal.js')

const STANDARD_INPUT = '-'

// Yields { number, value } of each line that is not empty; value is undefined where the line is not JSON.
async function* linesOf(location) {
  const input = location === STANDARD_INPUT ? process.stdin : fs.createReadStream(location)
  let number = 0
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++
      const text = number === 1 ? line.replace(/^\uFEFF/, '') : line
      if (text.trim() !== '') yield { number, value: parsed(text) }
    }
  } catch (error) {
    throw new Refusal(`'${location}' cannot be read: ${error.message}`)
  }
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

module.exports = { linesOf }
