// close() waits for what is pending, can be called again, and ends the store for everything that follows.
'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, test } = require('node:test')
const { SessileStore, called, openStore, sessionOf, temporary } = require('./support/store.js')

describe('close', () => {
  test('can be called again, at the same time and later, with a callback and without', async (t) => {
    const store = openStore(t)
    await Promise.all([store.close(), store.close()])
    await store.close()
    assert.deepEqual(await called((callback) => store.close(callback)), [null, undefined])
  })

  for (const [name, operation] of Object.entries({
    set: (store, callback) => store.set('id', sessionOf(), callback),
    'destroy and the set before it': (store, callback) => {
      store.set('id', sessionOf())
      store.destroy('id', callback)
    },
    clear: (store, callback) => store.clear(callback),
    length: (store, callback) => store.length(callback),
    flush: (store, callback) => store.flush(callback),
    reap: (store, callback) => store.reap(callback),
    'a page of a walk': (store, callback) =>
      store
        .ids()
        .next()
        .then(() => callback(null), callback),
  })) {
    test(`waits for ${name}`, async (t) => {
      const store = openStore(t)
      const order = []
      const done = called((callback) => operation(store, callback)).then(([error]) => order.push(error))
      await store.close().then(() => order.push('closed'))
      await done
      assert.deepEqual(order, [null, 'closed'])
    })
  }

  for (const depth of [0, 31, 32, 33]) {
    test(`waits for a touch that has a cookie to keep, called ${depth} callbacks deep`, async (t) => {
      const store = openStore(t)
      await store.set('id', sessionOf())
      let touched
      let closed
      const nest = (left) => {
        if (left > 0) return store.get('id', () => nest(left - 1))
        touched = store.touch('id', { cookie: { path: '/other' } })
        closed = store.close()
      }
      nest(depth)
      // What is over 32 deep goes by the event loop.
      await new Promise(setImmediate)
      await Promise.all([touched, closed])
    })
  }

  test('keeps what was acknowledged', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    for (const durability of ['fsync', 'write', 'async']) {
      const store = await SessileStore.open({ path: directory, durability })
      await store.set(durability, sessionOf({ durability }))
      await store.close()
    }
    const store = openStore(t, { path: directory })
    for (const durability of ['fsync', 'write', 'async']) {
      assert.equal((await store.get(durability)).durability, durability)
    }
  })

  test('lets the store be opened again at once', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    for (let round = 0; round < 5; round++) {
      const store = new SessileStore({ path: directory })
      await store.set('id', sessionOf({ round }))
      await store.close()
    }
    const store = openStore(t, { path: directory })
    assert.equal((await store.get('id')).round, 4)
  })

  test('lets it be opened again while it is still closing', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const first = openStore(t, { path: directory })
    await first.set('id', sessionOf({ user: 'ada' }))
    const closed = first.close()
    const second = openStore(t, { path: directory })
    assert.equal((await second.get('id')).user, 'ada')
    await closed
  })

  test('leaves other store objects of the same path open', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const first = openStore(t, { path: directory })
    const second = openStore(t, { path: directory })
    await first.close()
    await second.set('id', sessionOf())
    assert.ok(await second.get('id'))
  })
})

describe('after close', () => {
  const operations = {
    get: (store, callback) => store.get('id', callback),
    set: (store, callback) => store.set('id', sessionOf(), callback),
    touch: (store, callback) => store.touch('id', sessionOf(), callback),
    destroy: (store, callback) => store.destroy('id', callback),
    all: (store, callback) => store.all(callback),
    clear: (store, callback) => store.clear(callback),
    length: (store, callback) => store.length(callback),
    flush: (store, callback) => store.flush(callback),
    reap: (store, callback) => store.reap(callback),
    stats: (store, callback) => store.stats(callback),
    backup: (store, callback) => store.backup('copy', callback),
  }
  for (const [name, operation] of Object.entries(operations)) {
    test(`${name} fails with ERR_SESSILE_CLOSED, by callback and by promise`, async (t) => {
      const store = openStore(t)
      await store.set('id', sessionOf())
      await store.close()
      const [error] = await called((callback) => operation(store, callback))
      assert.equal(error.code, 'ERR_SESSILE_CLOSED')
      await assert.rejects(operation(store), { code: 'ERR_SESSILE_CLOSED' })
    })
  }

  test('the same holds from the moment close was called', async (t) => {
    const store = openStore(t)
    const closed = store.close()
    await assert.rejects(store.get('id'), { code: 'ERR_SESSILE_CLOSED' })
    await closed
  })

  test('a walk that is under way ends with ERR_SESSILE_CLOSED', async (t) => {
    const store = openStore(t)
    for (let i = 0; i < 300; i++) store.set(`id${i}`, sessionOf()).catch(() => {})
    const walk = store.ids()
    await walk.next()
    await store.close()
    await assert.rejects(
      async () => {
        for await (const id of walk) assert.ok(id)
      },
      { code: 'ERR_SESSILE_CLOSED' }
    )
  })
})
