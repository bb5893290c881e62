// Times are written and recognised exactly as Date does it.
'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { isIsoOf, toIso } = require('../lib/iso-time.js')

const LAST = 8.64e15
const TIMES = [
  -LAST,
  -62_198_755_200_000,
  -1,
  0,
  1,
  999,
  86_399_999,
  86_400_000,
  951_782_400_000,
  1_767_225_599_999,
  253_402_300_799_999,
  LAST,
]

test('toIso writes what toISOString writes', () => {
  const random = Array.from({ length: 10_000 }, () => Math.floor((2 * Math.random() - 1) * LAST))
  for (const time of [...TIMES, ...random])
    assert.equal(toIso(time), new Date(time).toISOString(), String(time))
})

test('isIsoOf knows a time by its text, and no other', () => {
  for (const time of TIMES) {
    const text = new Date(time).toISOString()
    // Years of more than four digits are left to Date.
    assert.equal(isIsoOf(text, time), text.length === 24, text)
    for (const other of [1, 10, 1000, 60_000, 3_600_000, 86_400_000]) {
      assert.equal(isIsoOf(text, time + other), false, `${text} + ${other}`)
    }
  }
})

test('isIsoOf takes no other text for a time', () => {
  for (const text of ['', 'soon', 'x'.repeat(24), '1970-01-01', 'Thu, 01 Jan 1970 00:00:0']) {
    assert.equal(isIsoOf(text, 0), false, text)
  }
})
