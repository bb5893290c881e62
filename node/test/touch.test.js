// A touch moves a session's expiry, keeps a cookie that was changed, and brings nothing back.
'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { start } = require('./support/child.js')
const { called, extended, openStore, sessionOf, temporary } = require('./support/store.js')

const HOUR = 3_600_000
// Long enough for two calls in a row on a busy machine.
const SHORT = 100

// A session as a request of express-session has it.
async function load(store, id) {
  const [error, session] = await called((callback) => store.load(id, callback))
  assert.ok(!error)
  return session
}

// express-session computes a cookie's maxAge from its expiry: milliseconds may have passed.
function isAbout(expected, maxAge) {
  assert.ok(expected - 5000 < maxAge && maxAge <= expected, `${maxAge}`)
}

describe('a touch', () => {
  test('moves expiry later, and get returns the cookie that was touched', async (t) => {
    const store = openStore(t)
    const session = sessionOf({}, 1000)
    await store.set('id', session)
    const touched = extended(session, HOUR)
    await store.touch('id', touched)
    assert.equal((await store.get('id')).cookie.expires, touched.cookie.expires.toISOString())
  })

  test('moves expiry earlier', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf({}, HOUR))
    await store.touch('id', extended(sessionOf({}, HOUR), -1))
    assert.equal(await store.get('id'), undefined)
  })

  test('changes nothing but the expiry, even where its session differs', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf({ views: 1 }, 1000))
    const session = await load(store, 'id')
    session.views = 2
    session.touch()
    await store.touch('id', session)
    assert.equal((await store.get('id')).views, 1)
  })

  test('gives no negative maxAge to the next request', async (t) => {
    const store = openStore(t)
    const session = sessionOf({}, SHORT)
    await Promise.all([store.set('id', session), store.touch('id', extended(session, HOUR))])
    await new Promise((resolve) => setTimeout(resolve, SHORT + 5))
    assert.ok((await load(store, 'id')).cookie.maxAge > 0)
  })

  for (const [touchAfter, isWritten] of [
    [undefined, false],
    [10, false],
    [3, true],
    [0, true],
  ]) {
    test(`by 5 s is exact, and ${isWritten ? '' : 'not '}written by itself with touchAfter ${touchAfter}`, async (t) => {
      const path = `${temporary(t)}/sessions`
      const child = start(
        t,
        `const store = new SessileStore({ path: storePath, ...JSON.parse(process.argv[2]) })
         const sessionFor = (maxAge) => ({ cookie: { expires: new Date(Date.now() + maxAge) } })
         const [before, after] = [sessionFor(3_600_000), sessionFor(3_605_000)]
         const isAs = async ({ cookie }) =>
           (await store.get('id')).cookie.expires === cookie.expires.toISOString()
         store.set('id', before)
           .then(() => store.touch('id', after))
           // What was logged before it is on the disk as well.
           .then(() => store.set('other', before))
           .then(() => isAs(after))
           .then((isExact) => say(JSON.stringify({ isExact, before, after })))
         setInterval(() => {}, 1e6)`,
        path,
        JSON.stringify({ touchAfter })
      )
      await child.says('}\n')
      await child.kill()
      const { isExact, before, after } = JSON.parse(child.output)
      assert.ok(isExact)
      const store = openStore(t, { path })
      assert.equal((await store.get('id')).cookie.expires, (isWritten ? after : before).cookie.expires)
    })
  }

  test('of an unknown id creates nothing', async (t) => {
    const store = openStore(t)
    await store.touch('id', sessionOf({}, HOUR))
    assert.equal(await store.get('id'), undefined)
    assert.equal(await store.length(), 0)
  })

  test('of a destroyed session does not bring it back', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf({}, HOUR))
    const session = await load(store, 'id')
    session.cookie.maxAge = 2 * HOUR
    await store.destroy('id')
    await store.touch('id', session)
    assert.equal(await store.get('id'), undefined)
  })

  // The read is answered on a thread, and the answer handed over once the loop is free.
  const inBetween = {
    destroy: [(store) => store.destroy('id'), (found) => assert.equal(found, undefined)],
    clear: [(store) => store.clear(), (found) => assert.equal(found, undefined)],
    set: [
      (store) => store.set('id', sessionOf({ views: 2 }, HOUR)),
      (found) => {
        assert.equal(found.views, 2)
        isAbout(2 * HOUR, found.cookie.originalMaxAge)
      },
    ],
  }
  for (const [name, [write, check]] of Object.entries(inBetween)) {
    test(`with another cookie does not undo a ${name} that comes while it reads from the disk`, async (t) => {
      const store = openStore(t, { cacheBytes: 0 })
      await store.set('id', sessionOf({ views: 1 }, HOUR))
      await store.flush()
      const touched = store.touch('id', sessionOf({ views: 1 }, 2 * HOUR))
      const until = performance.now() + 50
      while (performance.now() < until);
      await Promise.all([touched, write(store)])
      check(await store.get('id'))
    })
  }

  test('without a cookie extends by the ttl', async (t) => {
    const store = openStore(t, { ttl: 60 })
    await Promise.all([store.set('id', sessionOf({ user: 'ada' }, SHORT)), store.touch('id', {})])
    await new Promise((resolve) => setTimeout(resolve, SHORT + 5))
    assert.equal((await store.get('id')).user, 'ada')
  })
})

describe('a touch with a cookie that is no JSON', () => {
  const circular = {}
  circular.self = circular
  const thrower = {
    toJSON: () => {
      throw new Error('not today')
    },
  }
  const cookies = {
    'that refers to itself': { path: '/', domain: circular },
    'with a big number': { path: '/', domain: 10n },
    'with a value that throws': { path: '/', domain: thrower },
    'that throws': thrower,
  }
  for (const [name, cookie] of Object.entries(cookies)) {
    for (const cacheBytes of [0, 1024 * 1024]) {
      test(`${name} fails once, by callback and by promise, with ${cacheBytes} bytes of cache`, async (t) => {
        const store = openStore(t, { cacheBytes })
        await store.set('id', { cookie: { path: '/', domain: 'example.com' }, views: 1 })
        await store.flush()
        const errors = []
        assert.equal(
          store.touch('id', { cookie }, (error) => errors.push(error.code)),
          undefined
        )
        await assert.rejects(store.touch('id', { cookie }), { code: 'ERR_SESSILE_UNSERIALIZABLE' })
        const loaded = await load(store, 'id')
        loaded.cookie = cookie
        await assert.rejects(store.touch('id', loaded), { code: 'ERR_SESSILE_UNSERIALIZABLE' })
        assert.deepEqual(errors, ['ERR_SESSILE_UNSERIALIZABLE'])
        assert.equal((await store.get('id')).views, 1)
      })
    }
  }

  test('whose toJSON gives nothing moves the expiry', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf({ views: 1 }, HOUR))
    await store.touch('id', { cookie: { toJSON: () => null } })
    assert.equal((await store.get('id')).views, 1)
  })
})

describe('a cookie that was changed in a request that changed nothing else', () => {
  const changes = {
    maxAge: (cookie) => {
      cookie.maxAge = 2 * HOUR
    },
    'maxAge to a session cookie': (cookie) => {
      cookie.maxAge = null
    },
    sameSite: (cookie) => {
      cookie.sameSite = 'strict'
    },
    secure: (cookie) => {
      cookie.secure = true
    },
    domain: (cookie) => {
      cookie.domain = 'example.com'
    },
  }
  for (const [name, change] of Object.entries(changes)) {
    test(`is kept: ${name}`, async (t) => {
      const store = openStore(t)
      await store.set('id', sessionOf({ views: 1 }, HOUR))
      const session = await load(store, 'id')
      change(session.cookie)
      await store.touch('id', session)
      const found = await store.get('id')
      const expected = JSON.parse(JSON.stringify(session.cookie))
      for (const [key, value] of Object.entries(expected)) assert.equal(found.cookie[key], value, key)
      assert.equal(found.views, 1)
      assert.equal((await load(store, 'id')).cookie.originalMaxAge, session.cookie.originalMaxAge)
    })
  }

  test('is kept where the session cookie had no maxAge before', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf())
    const session = await load(store, 'id')
    session.cookie.maxAge = HOUR
    await store.touch('id', session)
    isAbout(HOUR, (await store.get('id')).cookie.originalMaxAge)
  })

  test('does not undo what another request wrote meanwhile', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf({ views: 1 }, HOUR))
    const slow = await load(store, 'id')
    await store.set('id', sessionOf({ views: 2 }, HOUR))
    slow.cookie.maxAge = 2 * HOUR
    await store.touch('id', slow)
    const found = await store.get('id')
    assert.equal(found.views, 2)
    isAbout(2 * HOUR, found.cookie.originalMaxAge)
  })

  test('keeps cookie keys that express-session does not know', async (t) => {
    const store = openStore(t)
    await store.set('id', { cookie: { ...sessionOf({}, HOUR).cookie, partner: 'x' } })
    const session = await load(store, 'id')
    session.cookie.maxAge = 2 * HOUR
    await store.touch('id', session)
    assert.equal((await store.get('id')).cookie.partner, 'x')
  })

  test('is told from one that was only extended', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf({}, HOUR))
    const { sets } = await store.stats()
    for (let i = 0; i < 20; i++) {
      const session = await load(store, 'id')
      session.touch()
      await store.touch('id', session)
    }
    await store.touch('id', sessionOf({}, HOUR))
    const stats = await store.stats()
    assert.equal(stats.sets, sets)
    assert.equal(stats.touches, 21)
  })
})
