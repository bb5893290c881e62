// Whoever listens for `expired` or `destroyed` is told of each session that ends, with its last content; and whoever does
// not listen is not.
'use strict'

const assert = require('node:assert/strict')
const { EventEmitter, once } = require('node:events')
const { describe, test } = require('node:test')
const { Worker } = require('node:worker_threads')
const { run, start } = require('./support/child.js')
const { writeRaw } = require('./support/raw.js')
const { openStore, sessionOf, temporary } = require('./support/store.js')

const HOUR = 3_600_000

function open(t, options) {
  return openStore(t, { durability: 'async', owner: 'user', ...options })
}

// What a store tells by an event: the sessions so far, and a promise of so many of them.
function toldOf(store, event) {
  const told = { sessions: [], batches: [] }
  const more = new EventEmitter()
  store.on(event, (sessions) => {
    told.batches.push(sessions)
    told.sessions.push(...sessions)
    more.emit('more')
  })
  const enough = async (count) => {
    while (told.sessions.length < count) await once(more, 'more')
    return told.sessions
  }
  told.until = (count) => kept(enough(count))
  return told
}

// Listening is no reason for the process to live: the test is, for a minute.
async function kept(promise) {
  let keeping
  const inVain = new Promise((_, reject) => {
    keeping = setTimeout(() => reject(new Error('waited for an event in vain')), 60_000)
  })
  try {
    return await Promise.race([promise, inVain])
  } finally {
    clearTimeout(keeping)
  }
}

// Resolves when so many milliseconds have passed by the clock that expiry goes by.
async function after(millis) {
  const end = Date.now() + millis
  while (Date.now() <= end) await new Promise(setImmediate)
}

const namesOf = (sessions) => sessions.map(({ session }) => session.name)

describe('expired', () => {
  test('tells of a session with its last content, once its time is over', async (t) => {
    const store = open(t)
    const told = toldOf(store, 'expired')
    const before = Date.now()
    await store.set('id', sessionOf({ name: 'first' }, HOUR))
    await store.set('id', sessionOf({ name: 'last' }, 30))
    await store.set('other', sessionOf({ name: 'lives' }, HOUR))
    const [ended, ...others] = await told.until(1)
    assert.deepEqual(others, [])
    assert.equal(ended.id, 'id')
    assert.equal(ended.session.name, 'last')
    assert.deepEqual(ended.session.cookie.expires, ended.expires.toISOString())
    assert.ok(ended.created >= before && ended.created <= ended.expires && ended.expires <= Date.now())
    assert.equal(await store.get('id'), undefined)
  })

  test('tells of what expired while no process had the store', async (t) => {
    const path = `${temporary(t)}/sessions`
    const first = open(t, { path })
    await first.set('id', sessionOf({ name: 'away' }, 30))
    await first.close()
    await after(30)
    const store = open(t, { path })
    assert.deepEqual(namesOf(await toldOf(store, 'expired').until(1)), ['away'])
  })

  test('tells of many in batches, with the event loop free between them', async (t) => {
    const store = open(t)
    const count = 2_500
    const told = toldOf(store, 'expired')
    for (let i = 0; i < count; i++) store.set(`id ${i}`, sessionOf({ name: i }, 200), () => {})
    let turns = 0
    const counting = setInterval(() => turns++, 0)
    const sessions = await told.until(count)
    clearInterval(counting)
    assert.deepEqual(new Set(namesOf(sessions)).size, count)
    assert.equal(sessions.length, count)
    assert.ok(told.batches.every((batch) => batch.length <= 100))
    assert.ok(turns > 5, `${turns} turns of the event loop`)
  })

  test('tells before a close is acknowledged of what expired before it', async (t) => {
    const store = open(t)
    const told = toldOf(store, 'expired')
    for (let i = 0; i < 300; i++) store.set(`id ${i}`, sessionOf({ name: i }, 1), () => {})
    await after(1)
    await store.reap()
    await store.close()
    assert.equal(told.sessions.length, 300)
  })

  test('is told in each thread that listens', async (t) => {
    const options = { path: `${temporary(t)}/sessions`, durability: 'async' }
    const here = openStore(t, options)
    const source = `
      const { parentPort, workerData } = require('node:worker_threads')
      const { SessileStore } = require(workerData.package)
      const store = new SessileStore(workerData.options)
      store.on('expired', (sessions) => {
        parentPort.postMessage(sessions.map(({ id }) => id))
        parentPort.close()
      })
      parentPort.on('message', () => {})
      parentPort.postMessage('listens')`
    const workerData = { package: require.resolve('../index.js'), options }
    const worker = new Worker(source, { eval: true, workerData })
    await once(worker, 'message')
    const told = toldOf(here, 'expired')
    const heard = once(worker, 'message')
    await here.set('id', sessionOf({}, 20))
    assert.deepEqual(await heard, [['id']])
    assert.equal((await told.until(1))[0].id, 'id')
    await once(worker, 'exit')
  })
})

describe('destroyed', () => {
  test('tells of sessions however they are destroyed, and of none that is not there', async (t) => {
    const store = open(t, { maxPerOwner: 2 })
    const told = toldOf(store, 'destroyed')
    for (const name of ['a', 'b', 'c', 'd']) await store.set(name, sessionOf({ name, user: 'ada' }, HOUR))
    await store.set('e', sessionOf({ name: 'e' }, HOUR))
    await store.destroy('e')
    await store.destroy('nowhere')
    await store.destroyAllOf('ada', { except: 'd' })
    assert.deepEqual(namesOf(await told.until(4)).sort(), ['a', 'b', 'c', 'e'])
  })

  test('tells of a session that is on the disk alone', async (t) => {
    const path = `${temporary(t)}/sessions`
    const first = open(t, { path })
    await first.set('id', sessionOf({ name: 'on the disk' }, HOUR))
    await first.close()
    const store = open(t, { path })
    const told = toldOf(store, 'destroyed')
    await store.destroy('id')
    assert.deepEqual(namesOf(await told.until(1)), ['on the disk'])
  })
})

describe('listening', () => {
  test('may begin before the store is open, and with once', async (t) => {
    const path = `${temporary(t)}/sessions`
    const holder = start(
      t,
      `const store = new SessileStore({ path: storePath })
       store.set('id', sessionOf({ name: 'there' }), () => say('set'))
       process.stdin.once('data', () => store.close())`,
      path
    )
    await holder.says('set')
    const store = openStore(t, { path, openTimeout: 30 })
    const destroyed = once(store, 'destroyed')
    holder.tell('go')
    await store.destroy('id')
    assert.deepEqual(namesOf((await kept(destroyed))[0]), ['there'])
  })

  test('ends with the last listener, and may begin again', async (t) => {
    const store = open(t)
    const listener = () => assert.fail('nobody listens')
    store.prependListener('destroyed', listener)
    store.off('destroyed', listener)
    for (const id of ['a', 'b']) {
      await store.set(id, sessionOf({ name: id }, HOUR))
      await store.destroy(id)
    }
    const told = toldOf(store, 'destroyed')
    await store.set('c', sessionOf({ name: 'c' }, HOUR))
    await store.destroy('c')
    while (!namesOf(told.sessions).includes('c')) await told.until(told.sessions.length + 1)
  })

  test('goes on when a listener throws, which surfaces as an error of its own', async (t) => {
    const { output } = await run(
      t,
      `const store = new SessileStore({ path: storePath })
       const keeping = setInterval(() => {}, 1e6)
       process.on('uncaughtException', (error) => {
         say(error.message)
         store.destroy('b')
       })
       store.on('destroyed', ([{ id }]) => {
         if (id === 'a') throw new Error('of the application')
         say(id)
         clearInterval(keeping)
       })
       for (const id of ['a', 'b']) store.set(id, sessionOf())
       store.destroy('a')`,
      `${temporary(t)}/sessions`
    )
    assert.equal(output, 'of the application\nb\n')
  })

  test('tells of a session that something else wrote by an error, and of the others all the same', async (t) => {
    const path = `${temporary(t)}/sessions`
    const store = open(t, { path, durability: 'fsync', owner: undefined })
    const errors = []
    store.on('error', (error) => errors.push(error))
    const told = toldOf(store, 'destroyed')
    await writeRaw(path, 'raw', 'not JSON')
    await store.set('id', sessionOf({ name: 'fine' }, HOUR))
    await store.destroy('raw')
    await store.destroy('id')
    assert.deepEqual(namesOf(await told.until(1)), ['fine'])
    assert.deepEqual(
      errors.map(({ code, sessionId }) => [code, sessionId]),
      [['ERR_SESSILE_UNREADABLE', 'raw']]
    )
  })

  test('is no reason for the process to live', async (t) => {
    const { output, code } = await run(
      t,
      `const store = new SessileStore({ path: storePath, durability: 'async' })
       store.on('expired', () => {}).on('destroyed', () => {})
       store.set('id', sessionOf(), () => say('set'))`,
      `${temporary(t)}/sessions`
    )
    assert.deepEqual({ output, code }, { output: 'set\n', code: 0 })
  })
})
