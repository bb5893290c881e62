// A logout sticks, and no update is lost, whoever else has loaded the session.
'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const path = require('node:path')
const { describe, test } = require('node:test')
const { Worker } = require('node:worker_threads')
const { SessileStore, called, openStore, sessionOf, temporary } = require('./support/store.js')

const HOUR = 3_600_000

// A session as a request of express-session has it.
async function load(store, id = 'id') {
  const [error, session] = await called((callback) => store.load(id, callback))
  assert.ok(!error)
  return session
}

// What the store tells of conflicts.
function conflictsOf(store) {
  const conflicts = []
  store.on('conflict', (conflict) => conflicts.push(conflict))
  return conflicts
}

// The session without its cookie.
async function dataIn(store, id = 'id') {
  const session = await store.get(id)
  if (session === undefined) return undefined
  const { cookie, ...data } = session
  assert.ok(cookie)
  return data
}

function open(t, options) {
  const store = openStore(t, { durability: 'async', ...options })
  return { store, conflicts: conflictsOf(store) }
}

describe('a session that was destroyed', () => {
  for (const [how, end] of Object.entries({
    destroyed: (store) => store.destroy('id'),
    cleared: (store) => store.clear(),
    regenerated: async (store) => {
      const request = { sessionID: 'id', session: await load(store), sessionStore: store }
      store.generate = (request) => {
        request.sessionID = 'other'
      }
      await called((callback) => store.regenerate(request, callback))
    },
    expired: (store) => store.touch('id', sessionOf({}, -1)),
    reaped: async (store) => {
      await store.touch('id', sessionOf({}, -1))
      await store.reap()
    },
  })) {
    test(`(${how}) does not come back by who had loaded it`, async (t) => {
      const { store, conflicts } = open(t)
      await store.set('id', sessionOf({ user: 'ada' }, HOUR))
      const late = await load(store)
      const read = await store.get('id')
      await end(store)
      late.views = 1
      assert.deepEqual(await called((callback) => store.set('id', late, callback)), [null, undefined])
      await store.touch('id', late)
      await store.set('id', read)
      assert.equal(await store.get('id'), undefined)
      assert.equal(await store.length(), 0)
      const dropped = { id: 'id', outcome: 'dropped', keys: [] }
      assert.deepEqual(conflicts, [dropped, dropped])
    })
  }

  test('does not come back by who has saved it before, or made it', async (t) => {
    const { store } = open(t)
    await store.set('id', sessionOf({}, HOUR))
    const late = await load(store)
    await store.set('id', late)
    await store.destroy('id')
    await store.set('id', late)
    assert.equal(await store.get('id'), undefined)

    const request = { sessionID: 'new' }
    const made = store.createSession(request, sessionOf({}, HOUR))
    await store.set('new', made)
    await store.destroy('new')
    await store.set('new', made)
    assert.equal(await store.get('new'), undefined)
  })

  test('can be made again', async (t) => {
    const { store, conflicts } = open(t)
    const session = sessionOf({ life: 1 }, HOUR)
    await store.set('id', session)
    const late = await load(store)
    await store.destroy('id')
    session.life = 2
    await store.set('id', session)
    assert.deepEqual(await dataIn(store), { life: 2 })
    // And is another one then.
    late.life = 3
    await store.set('id', late)
    assert.deepEqual(await dataIn(store), { life: 2 })
    assert.equal(conflicts.length, 1)
  })

  test('does not come back after the store was closed and opened again', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const first = await SessileStore.open({ path: directory })
    await first.set('id', sessionOf({}, HOUR))
    const late = await load(first)
    await first.destroy('id')
    await first.set('id', sessionOf({ is: 'another' }, HOUR))
    await first.close()
    const store = openStore(t, { path: directory })
    // The object belongs to the store that read it.
    await assert.rejects(first.set('id', late), { code: 'ERR_SESSILE_CLOSED' })
    assert.deepEqual(await dataIn(store), { is: 'another' })
  })

  test('does not come back where it has to be looked up first', async (t) => {
    const { store, conflicts } = open(t, { cacheBytes: 0 })
    await store.set('id', sessionOf({}, HOUR))
    const late = await load(store)
    await store.destroy('id')
    await store.flush()
    await store.set('id', late)
    assert.equal(await store.get('id'), undefined)
    assert.deepEqual(conflicts, [{ id: 'id', outcome: 'dropped', keys: [] }])
  })
})

describe('two requests that have read the same session', () => {
  test('both keep what they have changed', async (t) => {
    const { store, conflicts } = open(t)
    await store.set('id', sessionOf({ a: 0, b: 0, c: 0 }, HOUR))
    const [one, other] = [await load(store), await load(store)]
    one.a = 1
    delete one.c
    other.b = 2
    other.d = 3
    await store.set('id', one)
    await store.set('id', other)
    assert.deepEqual(await dataIn(store), { a: 1, b: 2, d: 3 })
    assert.deepEqual(conflicts, [])
  })

  test('are told where both have changed the same, and the later one has it', async (t) => {
    const { store, conflicts } = open(t)
    await store.set('id', sessionOf({ a: 0 }, HOUR))
    const [one, other] = [await load(store), await load(store)]
    one.a = 1
    one.b = 1
    other.a = 2
    await store.set('id', one)
    await store.set('id', other)
    assert.deepEqual(await dataIn(store), { a: 2, b: 1 })
    assert.deepEqual(conflicts, [{ id: 'id', outcome: 'merged', keys: ['a'] }])
  })

  test('keep it also over several saves in each', async (t) => {
    const { store, conflicts } = open(t)
    await store.set('id', sessionOf({}, HOUR))
    const [one, other] = [await load(store), await load(store)]
    for (let round = 1; round <= 5; round++) {
      one[`one${round}`] = round
      await store.set('id', one)
      other[`other${round}`] = round
      await store.set('id', other)
      delete one[`one${round - 1}`]
    }
    await store.set('id', one)
    assert.deepEqual(await dataIn(store), { other1: 1, other2: 2, other3: 3, other4: 4, other5: 5, one5: 5 })
    assert.deepEqual(conflicts, [])
  })

  test('with a session that has to be looked up first', async (t) => {
    const { store, conflicts } = open(t, { cacheBytes: 0 })
    await store.set('id', sessionOf({}, HOUR))
    await store.flush()
    const [one, other] = [await load(store), await load(store)]
    one.a = 1
    await store.set('id', one)
    await store.flush()
    other.b = 2
    await store.set('id', other)
    assert.deepEqual(await dataIn(store), { a: 1, b: 2 })
    assert.deepEqual(conflicts, [])
  })

  test('of which one has only made the cookie last longer', async (t) => {
    const { store } = open(t)
    await store.set('id', sessionOf({}, HOUR))
    const [one, other] = [await load(store), await load(store)]
    one.cookie.maxAge = 2 * HOUR
    await store.touch('id', one)
    other.a = 1
    await store.set('id', other)
    const session = await store.get('id')
    assert.equal(session.a, 1)
    assert.equal(session.cookie.originalMaxAge, 2 * HOUR)
  })

  test('where one has changed nothing and saves all the same', async (t) => {
    const { store } = open(t)
    await store.set('id', sessionOf({ a: 0 }, HOUR))
    const [one, other] = [await load(store), await load(store)]
    one.a = 1
    await store.set('id', one)
    await store.set('id', other)
    assert.deepEqual(await dataIn(store), { a: 1 })
  })

  test('many of them', async (t) => {
    for (const durability of ['fsync', 'write', 'async']) {
      const { store } = open(t, { durability })
      await store.set('id', sessionOf({}, HOUR))
      const sessions = await Promise.all(Array.from({ length: 50 }, () => load(store)))
      const keys = sessions.map((session, at) => {
        session[`key${at}`] = at
        return `key${at}`
      })
      await Promise.all(sessions.map((session) => store.set('id', session)))
      assert.deepEqual(Object.keys(await dataIn(store)).sort(), keys.sort())
    }
  })

  test('in several worker threads', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const store = openStore(t, { path: directory, durability: 'write' })
    await store.set('id', sessionOf({}, HOUR))
    const program = `
      const { parentPort, workerData } = require('node:worker_threads')
      const { SessileStore } = require(workerData.package)
      async function work() {
        const store = await SessileStore.open({ path: workerData.directory, durability: 'write' })
        for (let round = 0; round < 100; round++) {
          const session = await store.get('id')
          session[workerData.name + round] = round
          await store.set('id', session)
        }
        await store.close()
        parentPort.postMessage('done')
      }
      work()
    `
    const workerData = { package: path.join(__dirname, '..'), directory }
    const workers = ['a', 'b'].map(
      (name) => new Worker(program, { eval: true, workerData: { ...workerData, name } })
    )
    await Promise.all(workers.map((worker) => once(worker, 'exit')))
    assert.equal(Object.keys(await dataIn(store)).length, 200)
  })
})

describe('a request that is alone with its session', () => {
  // Memory lets go of a session with each flush.
  for (const conflict of ['merge', 'overwrite', 'reject']) {
    test(`keeps every save where each has to look the session up, under ${conflict}`, async (t) => {
      const { store, conflicts } = open(t, { conflict, cacheBytes: 0 })
      await store.set('id', sessionOf({ a: 0 }, HOUR))
      await store.flush()
      const session = await load(store)
      for (let round = 1; round <= 4; round++) {
        session.a = round
        session[`key${round}`] = round
        await store.flush()
        await store.set('id', session)
      }
      // And where two of them wait for it.
      await store.flush()
      session.a = 5
      const first = store.set('id', session)
      session.a = 6
      await Promise.all([first, store.set('id', session)])
      assert.deepEqual(await dataIn(store), { a: 6, key1: 1, key2: 2, key3: 3, key4: 4 })
      assert.deepEqual(conflicts, [])
    })
  }

  test('keeps a save after its cookie was kept by a touch and memory has let go of it', async (t) => {
    const { store, conflicts } = open(t, { cacheBytes: 0 })
    await store.set('id', sessionOf({ a: 0 }, HOUR))
    const session = await load(store)
    session.cookie.maxAge = 2 * HOUR
    await store.flush()
    await store.touch('id', session)
    await store.flush()
    await store.get('id')
    session.a = 1
    await store.set('id', session)
    assert.deepEqual(await dataIn(store), { a: 1 })
    assert.deepEqual(conflicts, [])
  })

  test('keeps every save after a merge, also where memory has let go of the session', async (t) => {
    const { store, conflicts } = open(t, { cacheBytes: 0 })
    await store.set('id', sessionOf({}, HOUR))
    const [one, other] = [await load(store), await load(store)]
    one.a = 1
    await store.set('id', one)
    other.b = 1
    await store.set('id', other)
    for (let round = 2; round <= 4; round++) {
      await store.flush()
      await store.get('id')
      other.b = round
      await store.set('id', other)
    }
    assert.deepEqual(await dataIn(store), { a: 1, b: 4 })
    assert.deepEqual(conflicts, [])
  })
})

describe("the option 'conflict'", () => {
  async function contradict(t, conflict) {
    const { store, conflicts } = open(t, { conflict })
    await store.set('id', sessionOf({ a: 0 }, HOUR))
    const [one, other] = [await load(store), await load(store)]
    one.a = 1
    one.b = 1
    await store.set('id', one)
    other.a = 2
    const [error] = await called((callback) => store.set('id', other, callback))
    return { store, conflicts, error, other }
  }

  test('overwrite: the later one has all of it', async (t) => {
    const { store, conflicts, error } = await contradict(t, 'overwrite')
    assert.equal(error, null)
    assert.deepEqual(await dataIn(store), { a: 2 })
    assert.deepEqual(conflicts, [{ id: 'id', outcome: 'overwritten', keys: ['a'] }])
  })

  test('overwrite: what is gone is not there to be overwritten', async (t) => {
    const { store, other } = await contradict(t, 'overwrite')
    await store.destroy('id')
    await store.set('id', other)
    assert.equal(await store.get('id'), undefined)
  })

  test('reject: the later one fails, and may read again', async (t) => {
    const { store, conflicts, error } = await contradict(t, 'reject')
    assert.equal(error.code, 'ERR_SESSILE_CONFLICT')
    assert.deepEqual(await dataIn(store), { a: 1, b: 1 })
    assert.deepEqual(conflicts, [{ id: 'id', outcome: 'rejected', keys: [] }])
    const again = await load(store)
    again.a = 2
    await store.set('id', again)
    assert.deepEqual(await dataIn(store), { a: 2, b: 1 })
  })
})

describe('a conflict', () => {
  test('is nothing that anybody has to listen for', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf({}, HOUR))
    const late = await load(store)
    await store.destroy('id')
    await store.set('id', late)
    assert.equal(await store.get('id'), undefined)
  })

  test('is one that a listener may write down in the store itself', async (t) => {
    const store = openStore(t, { durability: 'fsync' })
    const written = []
    store.on('conflict', ({ outcome }) => written.push(store.set(outcome, sessionOf({ told: true }, HOUR))))
    await store.set('id', sessionOf({ a: 0 }, HOUR))
    const [one, other] = [await load(store), await load(store)]
    one.a = 1
    other.a = 2
    await store.set('id', one)
    await store.set('id', other)
    await store.destroy('id')
    await store.set('id', one)
    assert.equal(written.length, 2)
    await Promise.all(written)
    assert.deepEqual(await dataIn(store, 'merged'), { told: true })
    assert.deepEqual(await dataIn(store, 'dropped'), { told: true })
  })

  test('that a listener throws at is uncaught, and the save is answered', async (t) => {
    const { run } = require('./support/child.js')
    const program = `
      const store = new SessileStore({ path: storePath })
      process.on('uncaughtException', (error) => say('uncaught ' + error.message))
      store.on('conflict', () => { throw new Error('mine') })
      async function go() {
        await store.set('id', sessionOf())
        const read = await store.get('id')
        await store.destroy('id')
        await store.set('id', read)
        say('answered')
        await store.close()
      }
      go()
    `
    const { output } = await run(t, program, path.join(temporary(t), 'sessions'))
    assert.deepEqual(output.trim().split('\n').sort(), ['answered', 'uncaught mine'])
  })
})
