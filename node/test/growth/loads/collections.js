// Stores that nobody closes: they go with the garbage, their directory's store with the last of them, and what they had
// acknowledged is on the disk.
'use strict'

const assert = require('node:assert/strict')
const { SessileStore } = require('../../../index.js')
const { settle } = require('../gauges.js')

const DIRECTORIES = 4
const IDS = 100

// So many stores are made before the garbage is collected.
const BATCH = 40

async function prepare(directory) {
  const tallies = { dropped: 0, heard: 0 }
  let last = 0

  // In a function of its own, after which nothing refers to the store.
  async function drop() {
    const number = last++
    const store = new SessileStore({ path: `${directory}/${number % DIRECTORIES}`, durability: 'async' })
    if (number % 3 === 0) {
      for (const event of ['expired', 'destroyed', 'conflict', 'error']) store.on(event, () => {})
      tallies.heard++
    }
    await store.set(`id${number % IDS}`, { cookie: { expires: null }, number })
    tallies.dropped++
  }

  async function run(count) {
    for (let i = 0; i < count; i++) {
      await drop()
      if (i % BATCH === BATCH - 1) await settle()
    }
  }

  async function end() {
    await settle()
    const store = new SessileStore({ path: `${directory}/${(last - 1) % DIRECTORIES}`, durability: 'async' })
    assert.equal((await store.get(`id${(last - 1) % IDS}`)).number, last - 1)
    await store.close()
  }

  return { run, tallies, end }
}

module.exports = { unit: 'store', short: 240, long: 5_000, prepare }
