// Nothing grows with what a process has done: short forms of the loads of `make growth`, each in a process of its own, and
// whether the measure would find a leak.
'use strict'

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { describe, test } = require('node:test')
const { atEnd } = require('./support/end.js')
const { GAUGES, MISSING } = require('./growth/gauges.js')
const { judge, slopeOf } = require('./growth/trend.js')

// Runs a load as `make growth` does, but a short form of it.
async function run(t, ...args) {
  const script = path.join(__dirname, 'growth', 'run.js')
  const child = spawn(process.execPath, ['--expose-gc', '--no-warnings', script, '--short', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  atEnd(t, () => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (data) => {
      output += data
    })
  }
  const [status] = await once(child, 'close')
  for (const name of MISSING) t.diagnostic(`${name}: skipped, cannot be read here`)
  return { status, output }
}

describe('nothing grows with', () => {
  for (const [load, what] of Object.entries({
    requests: 'requests that read, change, log in, log out and expire, heard or not',
    unsaved: 'sessions that are loaded and never saved',
    aborts: 'requests whose client goes away',
    openings: 'stores that are opened and closed, in worker threads too',
    terminations: 'workers that are terminated in mid-write, which lose nothing acknowledged',
    collections: 'stores that nobody closes',
  })) {
    test(what, async (t) => {
      const { status, output } = await run(t, load)
      assert.equal(status, 0, output)
    })
  }
})

describe('the measure', () => {
  test('finds a leak by each gauge', async (t) => {
    const { status, output } = await run(t, '--leak', 'unsaved')
    const growing = GAUGES.filter(({ name }) => new RegExp(`^ *${name}.*GROWS$`, 'm').test(output))
    const judged = GAUGES.filter(({ isForLongRuns }) => !isForLongRuns)
    assert.deepEqual(growing, judged, output)
    assert.match(output, /warned: Possible EventEmitter memory leak/)
    assert.equal(status, 1)
  })

  const line = (slope, from = 5) => Array.from({ length: 12 }, (_, x) => ({ x, y: from + slope * x }))

  test('sees the trend through a sample that is far off', () => {
    for (const x of [0, 5, 11]) {
      const points = line(3)
      points[x].y += 1_000_000
      assert.ok(Math.abs(slopeOf(points) - 3) < 1, `at ${x}: ${slopeOf(points)}`)
    }
    const noisy = line(0).map(({ x, y }) => ({ x, y: y + (x % 2) * 1000 }))
    assert.equal(slopeOf(noisy), 0)
  })

  test('allows the noise, or so much for each operation, whichever is more', () => {
    const isGrowing = (noise, perOperation) => judge({ noise, perOperation }, line(3)).isGrowing
    assert.equal(isGrowing(33, 0), false)
    assert.equal(isGrowing(32, 0), true)
    assert.equal(isGrowing(0, 3), false)
    assert.equal(isGrowing(0, 2.9), true)
  })

  test('takes what shrinks for no growth', () => {
    assert.equal(judge({ noise: 0, perOperation: 0 }, line(-1, 100)).isGrowing, false)
  })
})
