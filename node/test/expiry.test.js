// A session is there until the millisecond it expires, and never after: by its cookie, or by the ttl.
'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const session = require('express-session')
const { called, openStore, sessionOf } = require('./support/store.js')

const HOUR = 3_600_000

// Long enough for two calls in a row on a busy machine. Nothing is awaited between them.
const SHORT = 100

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// Sets a session and reads it within the same turn of the event loop, and again once it has expired.
async function setAndRead(store, session) {
  const written = store.set('id', session)
  const before = await store.get('id')
  await written
  await after(SHORT + 5)
  return { before, later: await store.get('id') }
}

describe('a session with cookie.expires', () => {
  test('is there until then and not after', async (t) => {
    const { before, later } = await setAndRead(openStore(t), sessionOf({ user: 'ada' }, SHORT))
    assert.equal(before.user, 'ada')
    assert.equal(later, undefined)
  })

  test('in the past is never there', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf({}, -1))
    assert.equal(await store.get('id'), undefined)
    assert.equal(await store.length(), 0)
  })

  test('in the past ends the session that was there', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf({}, HOUR))
    await store.set('id', sessionOf({}, -1))
    assert.equal(await store.get('id'), undefined)
  })

  for (const expires of [new Date(0), new Date(-5), 'Thu, 01 Jan 1970 00:00:00 GMT']) {
    test(`of ${JSON.stringify(expires)} is past as well`, async (t) => {
      const store = openStore(t)
      await store.set('id', { cookie: { expires } })
      assert.equal(await store.get('id'), undefined)
    })
  }

  test('may carry it as an ISO string', async (t) => {
    const store = openStore(t)
    const expires = new Date(Date.now() + HOUR).toISOString()
    await store.set('id', { cookie: { expires } })
    assert.equal((await store.get('id')).cookie.expires, expires)
    await store.set('past', { cookie: { expires: new Date(Date.now() - 1).toISOString() } })
    assert.equal(await store.get('past'), undefined)
  })

  test('may live as long as a Date can tell', async (t) => {
    const store = openStore(t)
    await store.set('id', { cookie: { expires: new Date(8.64e15) } })
    assert.equal((await store.get('id')).cookie.expires, '+275760-09-13T00:00:00.000Z')
  })

  test('is not subject to the ttl', async (t) => {
    const store = openStore(t, { ttl: 0.001 })
    await store.set('id', sessionOf({}, HOUR))
    await after(5)
    assert.ok(await store.get('id'))
  })
})

describe('a session without', () => {
  for (const [name, cookie] of Object.entries({
    'a null expires': { expires: null },
    'no expires': {},
    'an invalid date': { expires: new Date(Number.NaN) },
    'no meaningful string': { expires: 'soon' },
    "express-session's false": { expires: false },
  })) {
    test(`(${name}) lives for ttl seconds`, async (t) => {
      const { before, later } = await setAndRead(openStore(t, { ttl: SHORT / 1000 }), { cookie, user: 'ada' })
      assert.equal(before.user, 'ada')
      assert.equal(later, undefined)
    })
  }

  test('keeps its cookie as it was', async (t) => {
    const store = openStore(t, { ttl: 60 })
    await store.set('id', sessionOf())
    await store.touch('id', sessionOf())
    assert.equal((await store.get('id')).cookie.expires, null)
  })
})

describe('ttl as a function', () => {
  test('is given the session and returns seconds', async (t) => {
    const store = openStore(t, { ttl: (given) => (given.admin ? 0.001 : 3600) })
    await store.set('admin', sessionOf({ admin: true }))
    await store.set('user', sessionOf({ admin: false }))
    await after(5)
    assert.equal(await store.get('admin'), undefined)
    assert.ok(await store.get('user'))
  })

  test('decides a touch too', async (t) => {
    const store = openStore(t, { ttl: (given) => (given.admin ? 0.001 : 3600) })
    await store.set('id', sessionOf({ admin: false }))
    await store.touch('id', sessionOf({ admin: true }))
    await after(5)
    assert.equal(await store.get('id'), undefined)
  })

  test('is not asked where the cookie says', async (t) => {
    const store = openStore(t, { ttl: () => assert.fail('asked') })
    await store.set('id', sessionOf({}, HOUR))
    assert.ok(await store.get('id'))
  })

  for (const value of [0, -1, Number.NaN, undefined, '60']) {
    test(`that returns ${value} fails the operation by its callback`, async (t) => {
      const store = openStore(t, { ttl: () => value })
      const [error] = await called((callback) => store.set('id', sessionOf(), callback))
      assert.equal(error.code, 'ERR_SESSILE_INVALID_OPTION')
      assert.match(error.message, /ttl/)
      assert.equal(await store.get('id'), undefined)
    })
  }

  test('that throws fails the operation with what it threw as the cause', async (t) => {
    const cause = new Error('mine')
    const store = openStore(t, {
      ttl: () => {
        throw cause
      },
    })
    await assert.rejects(store.touch('id', sessionOf()), { code: 'ERR_SESSILE_INVALID_OPTION', cause })
  })
})

describe('reap', () => {
  test('removes what has expired and says how many that were', async (t) => {
    const store = openStore(t)
    await store.set('living', sessionOf({}, HOUR))
    for (let i = 0; i < 10; i++) await store.set(`short${i}`, sessionOf({}, SHORT))
    await after(SHORT + 5)
    assert.equal(await store.length(), 1)
    const reaped = await store.reap()
    const { reaped: total } = await store.stats()
    // The store may have been there first.
    assert.ok(reaped <= 10 && total === 10, `${reaped} of ${total}`)
    assert.ok(await store.get('living'))
  })
})

test("express-session's own cookie expires as it says", async (t) => {
  const store = openStore(t)
  const { before, later } = await setAndRead(store, { cookie: new session.Cookie({ maxAge: SHORT }) })
  assert.equal(before.cookie.originalMaxAge, SHORT)
  assert.equal(later, undefined)
})
