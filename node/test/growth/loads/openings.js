// One directory opened and closed again and again: by the constructor and by open(), with listeners, beside another store
// on it, and beside a worker thread's.
'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const { SessileStore } = require('../../../index.js')

const PACKAGE = path.join(__dirname, '..', '..', '..')

const IDS = 100
const WORKER_EVERY = 50

const WORK = `
  const { workerData } = require('node:worker_threads')
  const { SessileStore } = require(workerData.PACKAGE)
  const store = new SessileStore(workerData.options)
  store.on('expired', () => {})
  store.set('of a worker', { cookie: { expires: null } })
    .then(() => workerData.isClosed ? store.close() : undefined)
`

async function prepare(directory) {
  const options = { path: `${directory}/sessions`, durability: 'async' }
  const tallies = { constructed: 0, opened: 0, heard: 0, shared: 0, workers: 0 }
  let cycle = 0

  async function open() {
    cycle++
    const isOpenedLater = cycle % 4 === 0
    const store = isOpenedLater ? await SessileStore.open(options) : new SessileStore(options)
    tallies[isOpenedLater ? 'opened' : 'constructed']++
    if (cycle % 3 === 0) {
      for (const event of ['expired', 'destroyed', 'conflict', 'error']) store.on(event, () => {})
      tallies.heard++
    }
    return store
  }

  async function openAndClose() {
    const store = await open()
    const id = `id${cycle % IDS}`
    await store.set(id, { cookie: { expires: null }, cycle })
    if (cycle % 5 === 0) {
      const other = new SessileStore(options)
      assert.equal((await other.get(id)).cycle, cycle)
      await other.destroy(id)
      await other.close()
      tallies.shared++
    }
    if (cycle % WORKER_EVERY === 0) {
      // Every other worker leaves its store open when it ends.
      const isClosed = cycle % (2 * WORKER_EVERY) === 0
      const worker = new Worker(WORK, { eval: true, workerData: { PACKAGE, options, isClosed } })
      assert.deepEqual(await once(worker, 'exit'), [0])
      tallies.workers++
    }
    await store.close()
  }

  async function run(count) {
    for (let i = 0; i < count; i++) await openAndClose()
  }

  return { run, tallies, end: () => {} }
}

module.exports = { unit: 'cycle', short: 120, long: 10_000, prepare }
