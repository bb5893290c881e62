// Leaks to plant, one that each gauge has to see: a check that cannot fail shows nothing.
'use strict'

const fs = require('node:fs')
const { Worker } = require('node:worker_threads')
const { Origin } = require('../../lib/origin.js')
const { nextNumber, pend } = require('../../lib/requests.js')

const kept = []

// Keeps, for each of so many operations, about 100 bytes of the heap and as much outside it; for one in a hundred a thing
// of each other kind; and one more thread and listener.
function leak(operations) {
  for (let i = 0; i < operations; i++) kept.push(new Array(10).fill(i))
  kept.push(new ArrayBuffer(100 * operations))
  process.on('exit', () => {})
  for (let i = 0; i < Math.max(2, operations / 100); i++) {
    kept.push(
      fs.openSync(__filename),
      new Origin(),
      new WeakRef(kept),
      setInterval(() => {}, 1e6)
    )
    pend(nextNumber())
  }
  const worker = new Worker("require('node:worker_threads').parentPort.on('message', () => {})", {
    eval: true,
  })
  worker.unref()
}

module.exports = { leak }
