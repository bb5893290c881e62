// What express-session expects of a store, line by line.
'use strict'

const assert = require('node:assert/strict')
const { EventEmitter } = require('node:events')
const path = require('node:path')
const { describe, test } = require('node:test')
const session = require('express-session')
const { atEnd } = require('./support/end.js')
const { SessileStore, asStored, called, openStore, sessionOf, temporary } = require('./support/store.js')

describe('the store', () => {
  test('is an EventEmitter and a Store of express-session', (t) => {
    const store = openStore(t)
    assert.ok(store instanceof EventEmitter)
    assert.ok(store instanceof session.Store)
  })

  test('takes the generate function that express-session assigns', (t) => {
    const store = openStore(t)
    const before = store.generate
    session({ store, secret: 'secret', resave: false, saveUninitialized: false })
    assert.equal(typeof store.generate, 'function')
    assert.notEqual(store.generate, before)
  })
})

describe('a class that extends the store', () => {
  test('is what its open() resolves to', async (t) => {
    class Audited extends SessileStore {}
    const store = await Audited.open({ path: path.join(temporary(t), 'sessions') })
    atEnd(t, () => store.close())
    assert.ok(store instanceof Audited)
  })
})

describe('get', () => {
  test('calls back with undefined for an unknown id, as MemoryStore does', async (t) => {
    const store = openStore(t)
    assert.deepEqual(await called((callback) => store.get('unknown', callback)), [null, undefined])
  })

  test('returns what set was given, as JSON has it', async (t) => {
    const store = openStore(t)
    const original = sessionOf({ user: 'ada', at: new Date(0), list: [1, null, { deep: true }] }, 60_000)
    await store.set('id', original)
    assert.deepEqual(await store.get('id'), asStored(original))
  })

  test('returns a new object each time', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf({ list: [] }))
    const first = await store.get('id')
    first.list.push('mine')
    assert.deepEqual((await store.get('id')).list, [])
  })

  test('sees a set from the moment it was called', async (t) => {
    const store = openStore(t, { durability: 'fsync' })
    const written = store.set('id', sessionOf({ step: 1 }))
    assert.equal((await store.get('id')).step, 1)
    await written
  })

  test('sees a destroy from the moment it was called', async (t) => {
    const store = openStore(t, { durability: 'fsync' })
    await store.set('id', sessionOf())
    const destroyed = store.destroy('id')
    assert.equal(await store.get('id'), undefined)
    await destroyed
  })
})

describe('set', () => {
  test('changes nothing in the session it is given', async (t) => {
    const store = openStore(t)
    const original = sessionOf({ user: 'ada', nested: { list: [1] } }, 60_000)
    const before = structuredClone(original)
    freezeDeep(original)
    await store.set('id', original)
    await store.touch('id', original)
    assert.deepEqual(original, before)
  })

  test('keeps the order of keys, unknown cookie keys, and nulls', async (t) => {
    const store = openStore(t)
    const original = {
      z: 1,
      cookie: { zeta: 1, expires: null, alpha: null, path: '/' },
      a: null,
      10: 'x',
      m: {},
    }
    await store.set('id', original)
    assert.equal(JSON.stringify(await store.get('id')), JSON.stringify(original))
  })

  test('replaces a session as a whole', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf({ old: true }))
    await store.set('id', sessionOf({ fresh: true }))
    const found = await store.get('id')
    assert.equal('old' in found, false)
    assert.equal(found.fresh, true)
  })

  test('keeps a session whose cookie is missing', async (t) => {
    const store = openStore(t)
    await store.set('id', { user: 'ada' })
    assert.deepEqual(await store.get('id'), { user: 'ada' })
  })
})

describe('destroy', () => {
  test('succeeds for an unknown id', async (t) => {
    const store = openStore(t)
    assert.deepEqual(await called((callback) => store.destroy('unknown', callback)), [null, undefined])
  })

  test('removes the session', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf())
    await store.destroy('id')
    assert.equal(await store.get('id'), undefined)
  })
})

describe('all, length and clear', () => {
  test('all gives an array of sessions whose id is there but not enumerable', async (t) => {
    const store = openStore(t)
    await store.set('one', sessionOf({ user: 'ada' }))
    await store.set('two', sessionOf({ user: 'bob' }))
    const [error, sessions] = await called((callback) => store.all(callback))
    assert.equal(error, null)
    assert.deepEqual(sessions.map(({ id, user }) => [id, user]).sort(), [
      ['one', 'ada'],
      ['two', 'bob'],
    ])
    assert.equal(JSON.stringify(sessions[0]).includes('"id"'), false)
  })

  test('length counts the living', async (t) => {
    const store = openStore(t)
    await store.set('one', sessionOf())
    await store.set('two', sessionOf())
    await store.set('past', sessionOf({}, -1000))
    assert.deepEqual(await called((callback) => store.length(callback)), [null, 2])
  })

  test('clear removes every session', async (t) => {
    const store = openStore(t)
    await store.set('one', sessionOf())
    assert.deepEqual(await called((callback) => store.clear(callback)), [null, undefined])
    assert.equal(await store.length(), 0)
    assert.equal(await store.get('one'), undefined)
  })
})

describe('what express-session builds on these', () => {
  test('load gives a Session with its cookie', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf({ user: 'ada' }, 60_000))
    const [error, loaded] = await called((callback) => store.load('id', callback))
    assert.ok(!error)
    assert.ok(loaded instanceof session.Session)
    assert.ok(loaded.cookie instanceof session.Cookie)
    assert.equal(loaded.user, 'ada')
  })

  test('regenerate destroys the old session and generates a new one', async (t) => {
    const store = openStore(t)
    await store.set('old', sessionOf())
    const request = { sessionID: 'old' }
    store.generate = (given) => {
      given.sessionID = 'new'
    }
    await called((callback) => store.regenerate(request, callback))
    assert.equal(request.sessionID, 'new')
    assert.equal(await store.get('old'), undefined)
  })

  test('never emits disconnect, which would take the session away from every request', async (t) => {
    const store = openStore(t)
    let disconnects = 0
    store.on('disconnect', () => disconnects++)
    await store.set('id', sessionOf())
    await store.close()
    await store.get('id').catch(() => {})
    assert.equal(disconnects, 0)
  })
})

function freezeDeep(value) {
  if (typeof value !== 'object' || value === null) return
  Object.freeze(value)
  Object.values(value).forEach(freezeDeep)
}
