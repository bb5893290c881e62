// The report: figures are compared round by round, and a target that is missed is said to be.
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { check, SCHEMA, Sheet, write } = require('../lib/results.js')
const { percentile, ratios, summary } = require('../lib/statistics.js')
const { report } = require('../report')
const { label, number } = require('../report/numbers.js')
const { judge } = require('../report/targets.js')

const RATE = { name: 'rate', unit: 'requests/s', better: 'more' }
const READ = { request: 'read-only request', connections: 64, users: 1000 }

function resultOf(sheet) {
  const { settings, absent, cells, series } = sheet
  const run = { part: 'http', effort: 'quick', at: '2026-01-01T00:00:00.000Z', commit: 'abc' }
  return { schema: SCHEMA, ...run, machine: { cores: 2 }, versions: {}, settings, absent, cells, series }
}

function sheetOf(figures) {
  const sheet = new Sheet()
  for (const [candidate, values] of Object.entries(figures)) {
    for (const value of values) sheet.add('http', READ, candidate, RATE, value)
  }
  return sheet
}

test('a median of an even number of figures lies between the two in the middle', () => {
  assert.deepEqual(summary([4, 1, 3, 2]), { middle: 2.5, least: 1, most: 4, count: 4 })
  assert.equal(summary([3, 1, 2]).middle, 2)
})

test('ratios are of figures of the same round, so that a slow round is no spread', () => {
  const compared = ratios([110, 55, 11], [100, 50, 10])
  assert.ok(Math.abs(compared.least - 1.1) < 1e-9 && Math.abs(compared.most - 1.1) < 1e-9)
})

test('a percentile is a figure that was measured', () => {
  const sorted = Array.from({ length: 1000 }, (_, at) => at + 1)
  assert.deepEqual(
    [0, 0.5, 0.999, 1].map((share) => percentile(sorted, share)),
    [1, 500, 999, 1000]
  )
})

test('numbers have three digits that count', () => {
  assert.deepEqual([0, 0.01234, 2.345, 23.45, 234.5, 123_456].map(number), [
    '0',
    '0.0123',
    '2.35',
    '23.4',
    '235',
    '123,000',
  ])
  assert.equal(label('10000 sessions'), '10,000 sessions')
})

test('a result without a field, or with a figure that is none, is refused', () => {
  const result = resultOf(sheetOf({ MemoryStore: [1] }))
  assert.throws(() => check({ ...result, commit: undefined }), /result of http: commit is undefined/)
  assert.throws(() => check({ ...result, mood: 'good' }), /mood is no field/)
  result.cells[0].figures.push(Number.NaN)
  assert.throws(() => check(result), /cell of http: figures/)
})

test('a target is met by its limit, and missed by a hair below it', () => {
  const verdict = (rate) => {
    const { cells } = sheetOf({ MemoryStore: [100, 100, 100], 'sessile fsync': [rate, rate, rate] })
    return judge(cells).find(({ title }) => title === 'Express, read-only request, fsync: rate').verdict
  }
  assert.deepEqual([109.9, 110, 111].map(verdict), ['missed', 'met', 'met'])
})

test('a target is not measured where its figure was taken under other parameters', () => {
  const sheet = new Sheet()
  for (const candidate of ['MemoryStore', 'sessile fsync'])
    sheet.add('http', { ...READ, users: 20 }, candidate, RATE, 1)
  assert.ok(judge(sheet.cells).every(({ verdict }) => verdict === 'not measured'))
})

test('what a candidate could not complete is taken back', () => {
  const sheet = sheetOf({ MemoryStore: [1], other: [2] })
  sheet.drop('http', READ, 'other')
  assert.deepEqual(
    sheet.cells.map(({ candidate }) => candidate),
    ['MemoryStore']
  )
})

test('the report names what was missed, who was absent, and draws whole pictures', (context) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'report-'))
  context.after(() => fs.rmSync(directory, { recursive: true }))
  const sheet = sheetOf({
    MemoryStore: [100, 90, 110],
    'sessile fsync': [50, 45, 55],
    'a <peer> & another': [10, 10, 10],
  })
  sheet.miss('redis', 'there is none | anywhere')
  sheet.series.push({
    bench: 'sustained random sets',
    parameters: { sessions: 1000 },
    candidate: 'sessile',
    unit: 'sets/s',
    step_seconds: 1,
    points: [3, 2, 4],
  })
  write(path.join(directory, 'results'), resultOf(sheet))
  // Of an earlier report, which drew something else.
  fs.mkdirSync(path.join(directory, 'charts'))
  fs.writeFileSync(path.join(directory, 'charts', 'stale.svg'), '')
  const text = fs.readFileSync(report(directory), 'utf8')
  assert.match(text, /Not a complete run/)
  assert.match(text, /0 met, 1 missed/)
  assert.match(
    text,
    /\| Express, read-only request, fsync: rate \| ≥ 1.1 × \| 0.500 \([^)]*\) × \| \*\*missed\*\* \|/
  )
  assert.match(text, /\| http \| redis \| there is none \\\| anywhere \|/)
  const shown = [...text.matchAll(/\(charts\/([^)]+)\)/g)].map(([, file]) => file)
  assert.deepEqual(shown.toSorted(), fs.readdirSync(path.join(directory, 'charts')).toSorted())
  for (const file of shown) checkPicture(fs.readFileSync(path.join(directory, 'charts', file), 'utf8'))
})

// Elements are closed in the order in which they were opened, and no text is taken for markup.
function checkPicture(svg) {
  const open = []
  for (const [, closing, name, single] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (closing) assert.equal(open.pop(), name)
    else if (!single) open.push(name)
  }
  assert.deepEqual(open, [])
  assert.doesNotMatch(svg, /NaN|Infinity|undefined|<peer>/)
}
