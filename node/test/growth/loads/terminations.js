// Worker threads that are terminated in the middle of their writes, with the main thread's store open and without. What
// they had acknowledged is there, under `write` and under `fsync`, and the main thread's store goes on.
'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const { SessileStore } = require('../../../index.js')

const PACKAGE = path.join(__dirname, '..', '..', '..')

const CHAINS = 8
const ACKNOWLEDGED_MAX = 200

// Each chain counts what was acknowledged to it where the main thread sees it at once: a message could be lost with the
// thread. It says when there are so many in all, and goes on writing.
const WORK = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { PACKAGE, options, round, acknowledged, until } = workerData
  const { SessileStore } = require(PACKAGE)
  const store = new SessileStore(options)
  if (round % 3 === 0) store.on('expired', () => {}).on('destroyed', () => {})
  let count = 0
  const write = (chain, i) => store.set([round, chain, i].join(' '), { cookie: { expires: null }, i }, (error) => {
    if (error) throw error
    acknowledged[chain] = i + 1
    if (++count === until) parentPort.postMessage('enough')
    write(chain, i + 1)
  })
  for (let chain = 0; chain < acknowledged.length; chain++) write(chain, 0)
  const read = () => store.length(read)
  read()
`

async function prepare(directory) {
  const tallies = { acknowledged: 0, alone: 0, beside: 0 }
  let round = 0

  async function terminate() {
    round++
    const durability = round % 2 === 0 ? 'write' : 'fsync'
    const options = { path: `${directory}/${durability}`, durability }
    const isBeside = round % 4 < 2
    let store = isBeside ? new SessileStore(options) : undefined
    const acknowledged = new Uint32Array(new SharedArrayBuffer(4 * CHAINS))
    const until = 1 + ((round * 37) % ACKNOWLEDGED_MAX)
    const worker = new Worker(WORK, {
      eval: true,
      workerData: { PACKAGE, options, round, acknowledged, until },
    })
    await once(worker, 'message')
    await worker.terminate()
    store ??= new SessileStore(options)
    for (let chain = 0; chain < CHAINS; chain++) {
      for (let i = 0; i < acknowledged[chain]; i++) {
        const session = await store.get([round, chain, i].join(' '))
        assert.equal(session?.i, i, `session ${i} of round ${round} was acknowledged, and is lost`)
        tallies.acknowledged++
      }
    }
    tallies[isBeside ? 'beside' : 'alone']++
    // Whatever was written without an acknowledgement is removed, too.
    await store.clear()
    await store.set('after', { cookie: { expires: null } })
    assert.equal(await store.length(), 1)
    await store.close()
  }

  async function run(count) {
    for (let i = 0; i < count; i++) await terminate()
  }

  return { run, tallies, end: () => {} }
}

module.exports = { unit: 'termination', short: 12, long: 200, prepare }
