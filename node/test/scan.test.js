// Walks go through all sessions page by page, in order, while sessions come and go.
'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { asStored, extended, openStore, sessionOf } = require('./support/store.js')

// More than two pages.
const COUNT = 300

async function fill(store) {
  const ids = Array.from({ length: COUNT }, (_, i) => `id${String(i).padStart(4, '0')}`)
  await Promise.all(ids.map((id, i) => store.set(id, sessionOf({ i }))))
  return ids
}

async function collect(walk) {
  const items = []
  for await (const item of walk) items.push(item)
  return items
}

describe('a walk', () => {
  test('of an empty store yields nothing', async (t) => {
    const store = openStore(t)
    assert.deepEqual(await collect(store.ids()), [])
    assert.deepEqual(await collect(store.entries()), [])
    assert.deepEqual(await store.all(), [])
  })

  test('yields every id once, over several pages', async (t) => {
    const store = openStore(t)
    const ids = await fill(store)
    assert.deepEqual((await collect(store.ids())).sort(), ids)
    await store.flush()
    assert.deepEqual((await collect(store.ids())).sort(), ids)
  })

  test('yields every session with its id', async (t) => {
    const store = openStore(t)
    const ids = await fill(store)
    const entries = await collect(store.entries())
    entries.sort(([a], [b]) => (a < b ? -1 : 1))
    assert.deepEqual(
      entries,
      ids.map((id, i) => [id, asStored(sessionOf({ i }))])
    )
    assert.equal((await store.all()).length, COUNT)
  })

  test('into an array leaves a session that has an id of its own as it is', async (t) => {
    const store = openStore(t)
    await store.set('one', sessionOf({ id: 42 }))
    await store.set('two', sessionOf())
    const all = await store.all()
    assert.deepEqual(new Set(all.map(({ id }) => id)), new Set([42, 'two']))
    const found = await store.get('one')
    assert.deepEqual(
      all.find(({ id }) => id === 42),
      found
    )
  })

  test('leaves out what has expired', async (t) => {
    const store = openStore(t)
    await store.set('past', sessionOf({}, -1))
    await store.set('living', sessionOf())
    assert.deepEqual(await collect(store.ids()), ['living'])
  })

  test('yields the cookie as it was touched last', async (t) => {
    const store = openStore(t)
    const session = sessionOf({}, 1000)
    await store.set('id', session)
    const touched = extended(session, 3_600_000)
    await store.touch('id', touched)
    const [[, found]] = await collect(store.entries())
    assert.equal(found.cookie.expires, touched.cookie.expires.toISOString())
  })

  test('yields what stays, once, while other sessions come and go', async (t) => {
    const store = openStore(t)
    const ids = await fill(store)
    const seen = []
    for await (const id of store.ids()) {
      seen.push(id)
      if (seen.length % 50 === 0) {
        await store.destroy(ids[0])
        await store.set(`between${seen.length}`, sessionOf())
      }
    }
    const stayed = seen.filter((id) => ids.includes(id) && id !== ids[0])
    assert.deepEqual(stayed.sort(), ids.slice(1))
  })

  test('can be left early', async (t) => {
    const store = openStore(t)
    await fill(store)
    for await (const [id] of store.entries()) {
      assert.ok(id)
      break
    }
    await store.close()
  })
})
