// What a framework's users rely on, whichever framework it is: claims about an app, made over HTTP.
//
// The app has these pages:
//   /count         counts the visitor's views in `views`
//   /read          changes nothing
//   /put/KEY/VALUE puts a value into the session
//   /login         regenerates the session, with user "ada", and redirects to /read
//   /logout        ends the session
// Each waits first where it is asked to by `?wait=NAME`, with the session loaded; see Gates. It says what the session
// has: the user, the views and the data as JSON. A failure is answered with status 500 and a text with the error's
// code.
'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const { test } = require('node:test')
const { openStore, temporary } = require('./store.js')

const HOUR = 3_600_000

// Where requests wait until the test lets them go on.
class Gates {
  #gates = new Map()

  #gate(name) {
    if (!this.#gates.has(name)) {
      const gate = {}
      gate.isReached = new Promise((resolve) => {
        gate.reach = resolve
      })
      gate.isOpen = new Promise((resolve) => {
        gate.open = resolve
      })
      this.#gates.set(name, gate)
    }
    return this.#gates.get(name)
  }

  // For the app: waits at the gate that the request names.
  async pass(name) {
    if (name === undefined || name === null) return
    this.#gate(name).reach()
    await this.#gate(name).isOpen
  }

  // For the test: resolves when a request has reached the gate.
  reached(name) {
    return this.#gate(name).isReached
  }

  open(name) {
    this.#gate(name).open()
  }
}

// `serve(t, store, gates, options)` starts the app and resolves to a function that opens browsers; `options` has the
// session's `maxAge` in milliseconds and whether each response is to make it last longer, `rolling`.
function scenarios(SessileStore, serve) {
  async function start(t, { options, maxAge = HOUR, rolling = true } = {}) {
    const store = openStore(t, { durability: 'async', ...options }, SessileStore)
    const conflicts = []
    store.on('conflict', (conflict) => conflicts.push(conflict))
    const gates = new Gates()
    const open = await serve(t, store, gates, { maxAge, rolling })
    // Visits a page that waits with the session loaded, and goes on when it is told to.
    const begin = async (visit, url) => {
      const visited = visit(`${url}?wait=${url}`)
      await gates.reached(url)
      return () => {
        gates.open(url)
        return visited
      }
    }
    return { store, conflicts, open, begin }
  }

  const idIn = async (store) => (await store.ids().next()).value
  const dataOf = async (visit) => JSON.parse((await visit('/read')).text)

  for (const durability of ['fsync', 'write', 'async']) {
    test(`counts a visitor's views, under ${durability}`, async (t) => {
      const { open } = await start(t, { options: { durability } })
      const visit = open()
      for (let views = 1; views <= 5; views++)
        assert.deepEqual(JSON.parse((await visit('/count')).text), { views })
      assert.deepEqual(JSON.parse((await open()('/count')).text), { views: 1 })
    })

    test(`has a user logged in on the page that login redirects to, under ${durability}`, async (t) => {
      const { open } = await start(t, { options: { durability } })
      for (let i = 0; i < 10; i++) {
        const visit = open()
        assert.equal(JSON.parse((await visit('/login')).text).user, 'ada')
        assert.deepEqual(JSON.parse((await visit('/logout')).text), {})
        assert.deepEqual(await dataOf(visit), {})
      }
    })
  }

  test('has another session after a login, and not the one before', async (t) => {
    const { store, open } = await start(t)
    const visit = open()
    await visit('/count')
    const before = await idIn(store)
    await visit('/login')
    assert.equal(await store.length(), 1)
    assert.notEqual(await idIn(store), before)
    assert.equal((await dataOf(visit)).user, 'ada')
  })

  test('keeps its users over a restart of the store', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const { store, open } = await start(t, { options: { path: directory } })
    const visit = open()
    await visit('/login')
    const id = await idIn(store)
    await store.close()
    const again = openStore(t, { path: directory }, SessileStore)
    assert.equal((await again.get(id)).user, 'ada')
  })

  for (const [what, page] of [
    ['that changes the session', '/put/late/1'],
    ['that changes nothing', '/read'],
    ['that counts', '/count'],
  ]) {
    test(`a slow request ${what} does not bring back a session that was logged out`, async (t) => {
      const { store, conflicts, open, begin } = await start(t)
      const visit = open()
      await visit('/login')
      const id = await idIn(store)
      const finish = await begin(visit, page)
      await visit('/logout')
      assert.equal((await finish()).status, 200)
      assert.equal(await store.get(id), undefined)
      // A save of what is not changed is no save, and there is nothing to be told of.
      const dropped = { id, outcome: 'dropped', keys: [] }
      assert.deepEqual(conflicts, page === '/read' ? [] : [dropped])
    })
  }

  test('a slow request does not bring back the session from before a login', async (t) => {
    const { store, open, begin } = await start(t)
    const visit = open()
    await visit('/count')
    const before = await idIn(store)
    const finish = await begin(visit, '/put/late/1')
    await visit('/login')
    await finish()
    assert.equal(await store.get(before), undefined)
    assert.equal(await store.length(), 1)
  })

  test('a slow request does not bring back a session that was cleared', async (t) => {
    const { store, open, begin } = await start(t)
    const visit = open()
    await visit('/login')
    const finish = await begin(visit, '/put/late/1')
    await store.clear()
    await finish()
    assert.equal(await store.length(), 0)
  })

  test('two parallel requests both keep what they have changed', async (t) => {
    const { conflicts, open, begin } = await start(t)
    const visit = open()
    await visit('/login')
    const finishOne = await begin(visit, '/put/one/1')
    const finishOther = await begin(visit, '/put/other/2')
    await finishOther()
    await finishOne()
    assert.deepEqual(await dataOf(visit), { user: 'ada', one: '1', other: '2' })
    assert.deepEqual(conflicts, [])
  })

  test('many parallel requests all keep what they have changed', async (t) => {
    const { open } = await start(t, { options: { durability: 'fsync' } })
    const visit = open()
    await visit('/login')
    const keys = Array.from({ length: 20 }, (_, at) => `key${at}`)
    await Promise.all(keys.map((key) => visit(`/put/${key}/1`)))
    assert.deepEqual(Object.keys(await dataOf(visit)).sort(), [...keys, 'user'].sort())
  })

  test('a slow request that changes nothing takes nothing back, whatever the option', async (t) => {
    for (const conflict of ['merge', 'overwrite', 'reject']) {
      const { store, conflicts, open, begin } = await start(t, { options: { conflict } })
      const visit = open()
      await visit('/login')
      const finish = await begin(visit, '/read')
      await visit('/put/key/1')
      const { touches } = await store.stats()
      assert.equal((await finish()).status, 200)
      // And makes the session last longer.
      assert.equal((await store.stats()).touches, touches + 1)
      assert.deepEqual(await dataOf(visit), { user: 'ada', key: '1' })
      assert.deepEqual(conflicts, [])
    }
  })

  test('of two who change the same, the later one has it, and it is told', async (t) => {
    const { store, conflicts, open, begin } = await start(t)
    const visit = open()
    await visit('/login')
    const finish = await begin(visit, '/put/key/1')
    await visit('/put/key/2')
    await finish()
    assert.deepEqual(await dataOf(visit), { user: 'ada', key: '1' })
    assert.deepEqual(conflicts, [{ id: await idIn(store), outcome: 'merged', keys: ['key'] }])
  })

  test("of two who change the same, the later one fails under conflict: 'reject'", async (t) => {
    const { open, begin } = await start(t, { options: { conflict: 'reject' } })
    const visit = open()
    await visit('/login')
    const finish = await begin(visit, '/put/key/1')
    await visit('/put/key/2')
    const { status, text } = await finish()
    assert.equal(status, 500)
    assert.match(text, /ERR_SESSILE_CONFLICT/)
    assert.deepEqual(await dataOf(visit), { user: 'ada', key: '2' })
  })

  test('a response that changes nothing writes no session, and makes it last longer', async (t) => {
    const { store, open } = await start(t)
    const visit = open()
    await visit('/login')
    const before = await store.stats()
    for (let i = 0; i < 5; i++) await visit('/read')
    const after = await store.stats()
    assert.equal(after.sets, before.sets)
    assert.equal(after.touches, before.touches + 5)
  })

  test('a response that changes nothing makes no session last longer that is not rolling', async (t) => {
    const { store, open } = await start(t, { rolling: false })
    const visit = open()
    await visit('/login')
    const before = await store.stats()
    await visit('/read')
    const after = await store.stats()
    assert.equal(after.sets, before.sets)
    assert.equal(after.touches, before.touches)
  })

  test('is told when a session cannot be saved', async (t) => {
    const { open } = await start(t, { options: { payloadBytesMax: 1000 } })
    const visit = open()
    await visit('/login')
    const { status, text } = await visit(`/put/key/${'x'.repeat(1000)}`)
    assert.equal(status, 500)
    assert.match(text, /ERR_SESSILE_VALUE_TOO_LARGE/)
    assert.deepEqual(await dataOf(visit), { user: 'ada' })
  })

  test('is told that the store is closed, and not that there is no session', async (t) => {
    const { store, open } = await start(t)
    const visit = open()
    await visit('/login')
    await store.close()
    const { status, text } = await visit('/read')
    assert.equal(status, 500)
    assert.match(text, /ERR_SESSILE_CLOSED/)
  })

  return { start, idIn, dataOf }
}

module.exports = { HOUR, scenarios }
