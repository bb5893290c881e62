// The writes of a turn of the event loop go to the disk together, and each of them is answered.
'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const native = require('../lib/native.js')
const { openStore, sessionOf } = require('./support/store.js')

const WRITES = 60

// What an application does between two calls. The store's own threads have time for a sync.
function work() {
  const until = process.hrtime.bigint() + 300_000n
  while (process.hrtime.bigint() < until);
}

// Calls in one turn, and the number of syncs that they cost beyond what they may: one for each 10 ms, which is as long
// as a write waits for the end of the turn, and one for the end.
async function syncsTooMany(store, call) {
  const { syncs: before } = await store.stats()
  const answers = []
  const began = process.hrtime.bigint()
  for (let number = 0; number < WRITES; number++) {
    answers.push(call(`${number}`))
    work()
  }
  await Promise.all(answers)
  const tens = Number(process.hrtime.bigint() - began) / 1e7
  const { syncs } = await store.stats()
  return syncs - before - Math.floor(tens) - 1
}

describe('the writes of a turn of the event loop', () => {
  test('share syncs', async (t) => {
    const store = openStore(t, { durability: 'fsync' })
    const forSets = await syncsTooMany(store, (id) => store.set(id, sessionOf()))
    assert.ok(forSets <= 0, `${forSets} syncs too many for ${WRITES} sets`)
    const forDestroys = await syncsTooMany(store, (id) => store.destroy(id))
    assert.ok(forDestroys <= 0, `${forDestroys} syncs too many for ${WRITES} destroys`)
    assert.equal(await store.length(), 0)
  })

  test('are answered one by one where each waits for the one before', async (t) => {
    const store = openStore(t, { durability: 'fsync' })
    for (let number = 0; number < 5; number++) await store.set(`${number}`, sessionOf())
    const { syncs } = await store.stats()
    assert.ok(syncs >= 5, `${syncs} syncs`)
  })

  // Unsent, they would go to the disk by themselves, up to 10 ms later.
  test('are sent once, when it ends', async (t) => {
    const store = openStore(t, { durability: 'fsync' })
    const sends = t.mock.method(native, 'portSend')
    const warnings = t.mock.method(process, 'emitWarning')
    for (const turns of [1, 2]) {
      await Promise.all(['a', 'b', 'c'].map((id) => store.set(id, sessionOf())))
      assert.equal(sends.mock.callCount(), turns)
    }
    await store.get('a')
    assert.equal(sends.mock.callCount(), 2)
    assert.equal(warnings.mock.callCount(), 0)
  })
})
