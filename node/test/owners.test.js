// The sessions of a user: found, counted, limited, and ended together.
'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, test } = require('node:test')
const express = require('express')
const expressSession = require('express-session')
const forKoa = require('../koa/index.js')
const { serve } = require('./support/browser.js')
const { SessileStore, called, openStore, sessionOf, temporary } = require('./support/store.js')

const HOUR = 3_600_000
const OWNED = { durability: 'async', owner: 'passport.user' }

function of(user, data = {}) {
  return sessionOf({ ...(user === undefined ? {} : { passport: { user } }), ...data }, HOUR)
}

async function idsOf(store, owner) {
  return (await store.sessionsOf(owner)).map(({ id }) => id).sort()
}

// A session as a request of express-session has it.
async function load(store, id) {
  const [error, session] = await called((callback) => store.load(id, callback))
  assert.ok(!error)
  return session
}

describe('the sessions of an owner', () => {
  test('are found with what the application keeps in them', async (t) => {
    const store = openStore(t, OWNED)
    const before = Date.now()
    await store.set('phone', of('ada', { device: 'phone' }))
    await store.set('laptop', of('ada', { device: 'laptop' }))
    await store.set('other', of('bob'))
    await store.set('nobody', of())
    const sessions = await store.sessionsOf('ada')
    assert.deepEqual(sessions.map(({ session }) => session.device).sort(), ['laptop', 'phone'])
    for (const { created, lastSeen, expires, session } of sessions) {
      assert.ok(created.getTime() >= before && created.getTime() <= Date.now())
      assert.ok(Math.abs(lastSeen - created) < 1000)
      assert.equal(expires.toISOString(), session.cookie.expires)
    }
    assert.equal(await store.countOf('ada'), 2)
    assert.equal(await store.countOf('carol'), 0)
    assert.deepEqual(await store.sessionsOf('carol'), [])
  })

  test('are seen from the moment they were set, and no longer than until they were destroyed', async (t) => {
    const store = openStore(t, { ...OWNED, durability: 'fsync' })
    store.set('a', of('ada'))
    assert.deepEqual(await idsOf(store, 'ada'), ['a'])
    store.destroy('a')
    assert.deepEqual(await idsOf(store, 'ada'), [])
  })

  test('change with the session, by set, merge and touch', async (t) => {
    const store = openStore(t, OWNED)
    await store.set('a', of('ada'))
    const [one, other] = [await load(store, 'a'), await load(store, 'a')]
    one.passport = { user: 'bob' }
    await store.set('a', one)
    assert.deepEqual([await idsOf(store, 'ada'), await idsOf(store, 'bob')], [[], ['a']])
    other.seen = true
    await store.set('a', other)
    assert.deepEqual([await idsOf(store, 'ada'), await idsOf(store, 'bob')], [[], ['a']])
    other.cookie.maxAge = 2 * HOUR
    await store.touch('a', other)
    assert.deepEqual([await idsOf(store, 'ada'), await idsOf(store, 'bob')], [[], ['a']])
    const again = await load(store, 'a')
    delete again.passport
    await store.set('a', again)
    assert.deepEqual([await idsOf(store, 'ada'), await idsOf(store, 'bob')], [[], []])
  })

  test('are found after the store was opened again, from the base and from the log', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const options = { ...OWNED, path: directory }
    const first = await SessileStore.open(options)
    await first.set('a', of('ada'))
    await first.flush()
    await first.set('b', of('ada'))
    await first.close()
    assert.deepEqual(await idsOf(openStore(t, options), 'ada'), ['a', 'b'])
  })

  test('that have expired are none', async (t) => {
    const store = openStore(t, OWNED)
    await store.set('a', { ...of('ada'), cookie: sessionOf({}, -1).cookie })
    assert.equal(await store.countOf('ada'), 0)
  })

  test('may be named by a function, and by a number', async (t) => {
    const store = openStore(t, { durability: 'async', owner: (session) => session.userId })
    await store.set('a', sessionOf({ userId: 7 }, HOUR))
    await store.set('b', sessionOf({ userId: '7' }, HOUR))
    await store.set('c', sessionOf({ userId: null }, HOUR))
    assert.deepEqual(await idsOf(store, 7), ['a', 'b'])
  })

  test('take a callback, too', async (t) => {
    const store = openStore(t, OWNED)
    await store.set('a', of('ada'))
    const [error, sessions] = await called((callback) => store.sessionsOf('ada', callback))
    assert.deepEqual([error, sessions.length], [null, 1])
    assert.deepEqual(await called((callback) => store.countOf('ada', callback)), [null, 1])
    assert.deepEqual(await called((callback) => store.destroyAllOf('ada', { except: 'a' }, callback)), [
      null,
      0,
    ])
    assert.deepEqual(await called((callback) => store.destroyAllOf('ada', callback)), [null, 1])
  })
})

describe('destroyAllOf', () => {
  test('ends all sessions of an owner, and a request that had loaded one does not bring it back', async (t) => {
    const store = openStore(t, { ...OWNED, durability: 'fsync' })
    for (const id of ['a', 'b', 'c']) await store.set(id, of('ada'))
    await store.set('other', of('bob'))
    const late = await load(store, 'b')
    assert.equal(await store.destroyAllOf('ada'), 3)
    late.seen = true
    await store.set('b', late)
    assert.deepEqual([await store.countOf('ada'), await store.length()], [0, 1])
  })

  test('spares one', async (t) => {
    const store = openStore(t, OWNED)
    for (const id of ['a', 'b', 'c']) await store.set(id, of('ada'))
    assert.equal(await store.destroyAllOf('ada', { except: 'b' }), 2)
    assert.deepEqual(await idsOf(store, 'ada'), ['b'])
  })

  test('refuses what would spare none', async (t) => {
    const store = openStore(t, OWNED)
    const expected = { name: 'TypeError', code: 'ERR_SESSILE_INVALID_ARGUMENT' }
    for (const options of [{ exept: 'a' }, { except: 7 }, { except: '\ud800' }, 'a']) {
      assert.throws(() => store.destroyAllOf('ada', options), expected)
    }
    await store.set('a', of('ada'))
    assert.deepEqual(await called((callback) => store.destroyAllOf('ada', undefined, callback)), [null, 1])
  })

  test('refuses nobody', async (t) => {
    const store = openStore(t, OWNED)
    for (const owner of [undefined, null, '', {}, '\ud800', 'x'.repeat(257), Number.NaN, 2 ** 54]) {
      const expected = { name: 'TypeError', code: 'ERR_SESSILE_INVALID_ARGUMENT' }
      assert.throws(() => store.destroyAllOf(owner), expected)
      assert.throws(() => store.sessionsOf(owner), expected)
      assert.throws(() => store.countOf(owner), expected)
    }
  })
})

describe('maxPerOwner', () => {
  test('ends the oldest session where there is one too many', async (t) => {
    const store = openStore(t, { ...OWNED, maxPerOwner: 2 })
    for (const id of ['a', 'b', 'c']) {
      await store.set(id, of('ada'))
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    assert.deepEqual(await idsOf(store, 'ada'), ['b', 'c'])
    // One that is written again is no other.
    const session = await load(store, 'b')
    session.seen = true
    await store.set('b', session)
    assert.deepEqual(await idsOf(store, 'ada'), ['b', 'c'])
    // The one that has just become the owner's is kept, however long its visitor has been there.
    await store.set('early', of())
    await new Promise((resolve) => setTimeout(resolve, 2))
    for (const id of ['e', 'f']) await store.set(id, of('eve'))
    const early = await load(store, 'early')
    early.passport = { user: 'eve' }
    await store.set('early', early)
    assert.ok((await idsOf(store, 'eve')).includes('early'))
    assert.equal(await store.countOf('eve'), 2)
    // A visitor who logs in is.
    await store.set('d', of())
    const visitor = await load(store, 'd')
    visitor.passport = { user: 'ada' }
    await store.set('d', visitor)
    assert.equal(await store.countOf('ada'), 2)
  })
})

describe('maxLifetime', () => {
  test('is passed by no expiry', async (t) => {
    const store = openStore(t, { durability: 'async', maxLifetime: 60 })
    await store.set('a', sessionOf({}, HOUR))
    const session = await store.get('a')
    const lives = new Date(session.cookie.expires) - Date.now()
    assert.ok(lives > 50_000 && lives <= 60_000, `${lives}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
    const expires = async () => (await store.get('a')).cookie.expires
    const until = await expires()
    const loaded = await load(store, 'a')
    loaded.cookie.maxAge = 2 * HOUR
    await store.touch('a', loaded)
    assert.equal(await expires(), until)
    loaded.seen = true
    await store.set('a', loaded)
    assert.equal(await expires(), until)
  })
})

describe('keepLifetime', () => {
  // When the only session expires, after each of the visits.
  async function expiries(t, options, paths) {
    const store = openStore(t, { durability: 'async', maxLifetime: 60, ...options })
    const app = express()
    app.use(
      expressSession({ store, secret: 's', resave: false, saveUninitialized: true, cookie: { maxAge: HOUR } })
    )
    app.get('/', (_, res) => res.end())
    app.get('/new', (req, res, next) => req.session.regenerate((error) => (error ? next(error) : res.end())))
    const visit = (await serve(t, app.listen(0, '127.0.0.1')))()
    const times = []
    for (const path of paths) {
      assert.equal((await visit(path)).status, 200)
      const [session, ...others] = await store.all()
      assert.deepEqual(others, [])
      times.push(session.cookie.expires)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return times
  }

  for (const cacheBytes of [undefined, 0]) {
    test(`has a session end when the one before it would have, with ${cacheBytes} bytes of cache`, async (t) => {
      const times = await expiries(t, { keepLifetime: true, cacheBytes }, [
        '/',
        '/',
        '/new',
        '/new',
        '/',
        '/new',
      ])
      assert.deepEqual(new Set(times).size, 1)
    })
  }

  test('is off by default: the lifetime begins anew', async (t) => {
    const [first, second, third] = await expiries(t, {}, ['/', '/new', '/new'])
    assert.ok(first < second && second < third)
  })

  test('counts for a session that was made and regenerated by one request', async (t) => {
    const store = openStore(t, { durability: 'async', maxLifetime: 60, keepLifetime: true })
    const app = express()
    app.use(expressSession({ store, secret: 's', resave: false, saveUninitialized: true }))
    app.get('/', (req, res) => {
      req.session.save(async () => {
        const [{ cookie }] = await store.all()
        await new Promise((resolve) => setTimeout(resolve, 5))
        req.session.regenerate(() => res.json(cookie.expires))
      })
    })
    const visit = (await serve(t, app.listen(0, '127.0.0.1')))()
    const { text } = await visit('/')
    const [{ cookie }] = await store.all()
    assert.equal(JSON.stringify(cookie.expires), text)
  })
})

describe('the options', () => {
  for (const [what, options] of Object.entries({
    'owner is no path': { owner: 7 },
    'owner is empty': { owner: '' },
    'maxPerOwner without owner': { maxPerOwner: 3 },
    'maxPerOwner is no count': { owner: 'user', maxPerOwner: 1.5 },
    'maxPerOwner is none': { owner: 'user', maxPerOwner: 0 },
    'maxLifetime is none': { maxLifetime: 0 },
    'keepLifetime without maxLifetime': { keepLifetime: true },
    'keepLifetime is for another framework': {
      maxLifetime: 60,
      keepLifetime: true,
      Store: forKoa.SessileStore,
    },
    'keepLifetime is neither true nor false': { maxLifetime: 60, keepLifetime: 1 },
  })) {
    test(`are refused where ${what}`, (t) => {
      const { Store, ...others } = options
      assert.throws(() => openStore(t, others, Store), { code: 'ERR_SESSILE_INVALID_OPTION' })
    })
  }

  test('owner says whose a session is from its next save on', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const before = openStore(t, { path: directory })
    await before.set('a', sessionOf({ user: 'ada' }))
    await before.close()
    const store = openStore(t, { path: directory, owner: 'user' })
    assert.equal(await store.countOf('ada'), 0)
    await store.set('a', await store.get('a'))
    assert.equal(await store.countOf('ada'), 1)
  })

  test('owner gives what is no owner: the save fails', async (t) => {
    const store = openStore(t, { owner: (session) => session.user })
    await assert.rejects(store.set('a', sessionOf({ user: {} })), { code: 'ERR_SESSILE_INVALID_OPTION' })
    // Else every visitor who is nobody would be the same user.
    await assert.rejects(store.set('a', sessionOf({ user: Number.NaN })), {
      code: 'ERR_SESSILE_INVALID_OPTION',
      message: /NaN/,
    })
    const throwing = openStore(t, {
      owner: () => {
        throw new Error('mine')
      },
    })
    await assert.rejects(throwing.set('a', sessionOf()), {
      code: 'ERR_SESSILE_INVALID_OPTION',
      message: /mine/,
    })
  })
})
