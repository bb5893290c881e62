// A serializer of the application's own: what JSON cannot hold survives whatever becomes of a session, and what goes
// wrong in it is an error with a code.
'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const path = require('node:path')
const { describe, test } = require('node:test')
const fastifyCookie = require('@fastify/cookie')
const fastifySession = require('@fastify/session')
const express = require('express')
const session = require('express-session')
const fastify = require('fastify')
const Koa = require('koa')
const koaSession = require('koa-session')
const { SessileStore: FastifyStore } = require('../fastify/index.js')
const { SessileStore: KoaStore } = require('../koa/index.js')
const { serve } = require('./support/browser.js')
const { run } = require('./support/child.js')
const { enciphering, reviving, structured } = require('./support/serializers.js')
const { SessileStore, called, listed, openStore, sessionOf, temporary } = require('./support/store.js')

const HOUR = 3_600_000

function open(t, options, Store) {
  return openStore(t, { durability: 'async', serializer: structured, ...options }, Store)
}

// A session as a request of express-session has it.
async function load(store, id = 'id') {
  const [error, loaded] = await called((callback) => store.load(id, callback))
  assert.ok(!error)
  return loaded
}

// What no JSON holds.
function riches() {
  return {
    user: 'ada',
    since: new Date(0),
    cart: new Map([['tea', { amount: 2n }]]),
    roles: new Set(['admin']),
    key: Buffer.from([0, 255]),
    nothing: undefined,
  }
}

// What the application has in a session that was read.
function dataIn({ cookie, ...data }) {
  assert.equal(typeof cookie, 'object')
  return data
}

for (const [kind, serializer] of Object.entries({ structured, enciphering: enciphering() })) {
  describe(`what JSON cannot hold, with a serializer that is ${kind},`, () => {
    for (const [framework, Store] of Object.entries({
      Express: SessileStore,
      Koa: KoaStore,
      Fastify: FastifyStore,
    })) {
      test(`comes back with every read of the store for ${framework}`, async (t) => {
        const store = open(t, { serializer, owner: 'user' }, Store)
        await store.set('id', { ...riches(), cookie: sessionOf().cookie })
        assert.deepEqual(dataIn(await store.get('id')), riches())
        assert.deepEqual((await store.all()).map(dataIn), [riches()])
        assert.deepEqual(
          (await listed(store.entries())).map(([, each]) => dataIn(each)),
          [riches()]
        )
        assert.deepEqual(
          (await store.sessionsOf('ada')).map((each) => dataIn(each.session)),
          [riches()]
        )
      })
    }

    test('is told of a session that was destroyed, and of one that has expired', async (t) => {
      const store = open(t, { serializer })
      for (const [event, end] of Object.entries({
        destroyed: () => store.destroy('id'),
        expired: async () => {
          await store.touch('id', sessionOf({}, -1))
          await store.reap()
        },
      })) {
        const told = once(store, event)
        const keeping = setInterval(() => {}, HOUR)
        await store.set('id', sessionOf(riches(), HOUR))
        await end()
        const [[ended]] = await told
        clearInterval(keeping)
        assert.deepEqual(dataIn(ended.session), riches())
      }
    })

    test('survives a touch, with another cookie and without', async (t) => {
      const store = open(t, { serializer })
      await store.set('id', sessionOf(riches(), HOUR))
      await store.touch('id', sessionOf({}, 2 * HOUR))
      const { cookie, ...data } = await store.get('id')
      assert.deepEqual(data, riches())
      assert.equal(cookie.originalMaxAge, 2 * HOUR)
      await store.touch('id', { cookie: { ...cookie, expires: new Date(Date.now() + 3 * HOUR) } })
      assert.deepEqual(dataIn(await store.get('id')), riches())
    })

    test('survives that two requests change different keys, each of which is kept', async (t) => {
      const store = open(t, { serializer })
      const conflicts = []
      store.on('conflict', (conflict) => conflicts.push(conflict))
      await store.set('id', sessionOf(riches(), HOUR))
      const [one, other] = [await load(store), await load(store)]
      one.cart.get('tea').amount = 3n
      other.roles.add('author')
      await store.set('id', one)
      await store.set('id', other)
      const expected = riches()
      expected.cart.get('tea').amount = 3n
      expected.roles.add('author')
      assert.deepEqual(dataIn(await store.get('id')), expected)
      assert.deepEqual(conflicts, [])
    })

    test('is a conflict where two have changed it in the same key', async (t) => {
      const store = open(t, { serializer })
      const conflicts = []
      store.on('conflict', (conflict) => conflicts.push(conflict))
      await store.set('id', sessionOf(riches(), HOUR))
      const [one, other] = [await load(store), await load(store)]
      one.cart.set('milk', 1)
      other.cart.set('sugar', 1)
      await store.set('id', one)
      await store.set('id', other)
      assert.deepEqual([...(await store.get('id')).cart.keys()], ['tea', 'sugar'])
      assert.deepEqual(conflicts, [{ id: 'id', outcome: 'merged', keys: ['cart'] }])
    })

    for (const [framework, Store] of Object.entries({ Koa: KoaStore, Fastify: FastifyStore })) {
      test(`is saved by the store for ${framework} where that is all that has changed`, async (t) => {
        const store = open(t, { serializer }, Store)
        await store.set('id', { ...riches(), cookie: sessionOf().cookie })
        const read = await called((callback) =>
          Store === KoaStore
            ? store.get('id').then((found) => callback(null, found))
            : store.get('id', callback)
        )
        const { sets, touches } = await store.stats()
        await store.set('id', read[1])
        const unchanged = await store.stats()
        assert.deepEqual([unchanged.sets, unchanged.touches], [sets, touches + 1])
        read[1].cart.get('tea').amount = 3n
        await store.set('id', read[1])
        assert.equal((await store.get('id')).cart.get('tea').amount, 3n)
      })
    }
  })
}

describe('of two who have both added a key', () => {
  for (const [what, mine, theirs, expected] of [
    ['with an empty Map, the other has it', new Map(), new Map([['a', 1]]), new Map([['a', 1]])],
    ['with an empty Set, the other has it', new Set([1]), new Set(), new Set([1])],
    ['with a Map, the later has it', new Map([['a', 1]]), new Map([['b', 1]]), new Map([['a', 1]])],
    ['with a Date, the later has it', new Date(1), new Date(2), new Date(1)],
    ['with an empty Map, and a Set, the later has it', new Map(), new Set([1]), new Map()],
    ['with an object that has a size, the later has it', { size: 0 }, { size: 1 }, { size: 0 }],
  ]) {
    test(what, async (t) => {
      const store = open(t)
      await store.set('id', sessionOf({}, HOUR))
      const [later, earlier] = [await load(store), await load(store)]
      await store.set('id', Object.assign(earlier, { key: theirs }))
      await store.set('id', Object.assign(later, { key: mine }))
      assert.deepEqual((await store.get('id')).key, expected)
    })
  }
})

describe('a serializer', () => {
  test('may keep what an object has in private', async (t) => {
    class Secret {
      #value
      constructor(value) {
        this.#value = value
      }
      toJSON() {
        return { secret: this.#value }
      }
    }
    const serializer = {
      stringify: JSON.stringify,
      parse: (text) => JSON.parse(text, (_, value) => (value?.secret ? new Secret(value.secret) : value)),
    }
    const store = open(t, { serializer }, KoaStore)
    await store.set('key', { one: new Secret(1), other: new Secret(1) }, HOUR)
    const [one, other] = [await store.get('key'), await store.get('key')]
    one.one = new Secret(2)
    other.other = new Secret(2)
    await store.set('key', one, HOUR)
    await store.set('key', other, HOUR)
    const expected = JSON.stringify({ one: { secret: 2 }, other: { secret: 2 } })
    assert.equal(JSON.stringify(await store.get('key')), expected)
  })

  test('is handed plain objects, with the cookie as JSON has it', async (t) => {
    const handed = []
    const stringify = (plain) => handed.push(plain) && JSON.stringify(plain)
    const store = open(t, { serializer: { stringify, parse: JSON.parse } })
    const request = { sessionID: 'id' }
    store.createSession(request, sessionOf({ user: 'ada' }, HOUR))
    request.session[Symbol('mark')] = 1
    await store.set('id', request.session)
    const [plain] = handed
    assert.equal(Object.getPrototypeOf(plain), Object.prototype)
    assert.equal(Object.getPrototypeOf(plain.cookie), Object.prototype)
    assert.deepEqual(Reflect.ownKeys(plain), ['cookie', 'user'])
    assert.equal(plain.cookie.expires, request.session.cookie.expires.toISOString())
  })

  test('is called as a method, and may be a class', async (t) => {
    // biome-ignore lint/complexity/noStaticOnlyClass: some serializers are
    class Tagged {
      static tag = 'session:'
      static stringify(plain) {
        return this.tag + JSON.stringify(plain)
      }
      static parse(text) {
        assert.ok(text.startsWith(this.tag))
        return JSON.parse(text.slice(this.tag.length))
      }
    }
    const store = open(t, { serializer: Tagged })
    await store.set('id', sessionOf({ user: 'ada' }))
    assert.equal((await store.get('id')).user, 'ada')
  })

  test("does not keep touches out of the cookie, whatever it makes of the cookie's times", async (t) => {
    const store = open(t, { serializer: reviving })
    await store.set('id', sessionOf({ since: new Date(0) }, HOUR))
    const loaded = await load(store)
    const expires = new Date(Date.now() + 5 * HOUR)
    await store.touch('id', { cookie: { ...loaded.cookie.toJSON(), expires } })
    const { cookie, since } = await store.get('id')
    assert.deepEqual(since, new Date(0))
    assert.equal(cookie.expires, expires.toISOString())
    assert.equal((await store.stats()).sets, 1)
  })

  test('has data of a koa-session that are called cookie left as they are', async (t) => {
    const store = open(t, {}, KoaStore)
    await store.set('key', { cookie: { baked: new Date(0) } }, HOUR)
    assert.deepEqual((await store.get('key')).cookie, { baked: new Date(0) })
  })

  test('has its sessions found when the store is opened again', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const store = open(t, { path: directory })
    await store.set('id', sessionOf(riches()))
    await store.close()
    assert.deepEqual(dataIn(await open(t, { path: directory }).get('id')), riches())
  })
})

describe('a serializer that fails', () => {
  const fails = (stringify, parse = JSON.parse) => ({ serializer: { stringify, parse } })

  test('to write is an error with its cause, and nothing is kept', async (t) => {
    const cause = new Error('no such thing')
    const store = open(
      t,
      fails(() => {
        throw cause
      })
    )
    await assert.rejects(store.set('id', sessionOf()), {
      name: 'SessileError',
      code: 'ERR_SESSILE_UNSERIALIZABLE',
      message: /'serializer' cannot turn the session into text \(it threw this error's cause\)/,
      cause,
    })
    assert.equal(await store.length(), 0)
  })

  for (const [what, result, message] of [
    ['a promise', Promise.resolve('{}'), /gave a promise; a serializer has to answer at once/],
    ['a Buffer', Buffer.from('{}'), /gave what is no string but an object/],
    ['undefined', undefined, /gave what is no string but undefined/],
    ['null', null, /gave what is no string but null/],
    ['half a surrogate pair', '\ud800', /half a surrogate pair/],
  ]) {
    test(`by writing ${what} is an error that says so`, async (t) => {
      const store = open(
        t,
        fails(() => result)
      )
      await assert.rejects(store.set('id', sessionOf()), { code: 'ERR_SESSILE_UNSERIALIZABLE', message })
      assert.equal(await store.length(), 0)
    })
  }

  test('by writing a promise that is rejected does not end the process', async (t) => {
    const code = `
      const serializer = { stringify: () => Promise.reject(new Error('late')), parse: JSON.parse }
      const store = new SessileStore({ path: storePath, serializer })
      store.set('id', sessionOf(), (error) => setImmediate(() => setImmediate(() => say(error.code))))
    `
    const { output, errors } = await run(t, code, path.join(temporary(t), 'sessions'))
    assert.equal(output, 'ERR_SESSILE_UNSERIALIZABLE\n', errors)
  })

  test('to read is an error with its cause, from each way to read, which says whose session it is', async (t) => {
    const cause = new Error('no such thing')
    const parse = () => {
      throw cause
    }
    const store = open(t, { ...fails(JSON.stringify, parse), owner: 'user' })
    await store.set('id', sessionOf({ user: 'ada' }))
    const expected = {
      name: 'SessileError',
      code: 'ERR_SESSILE_UNREADABLE',
      message: /'serializer' cannot read the session \(it threw this error's cause\)/,
      cause,
    }
    await assert.rejects(store.get('id'), expected)
    for (const read of [() => store.all(), () => listed(store.entries()), () => store.sessionsOf('ada')])
      await assert.rejects(read(), { ...expected, sessionId: 'id' })
  })

  test('has its own words, which may quote the session, in the cause and not in the message', async (t) => {
    const store = open(t, {
      // As Node's own errors do, and as JSON's.
      serializer: {
        stringify: (plain) => (plain.user === 'ada' ? 'hunter2 is no JSON' : String(BigInt(plain.password))),
        parse: JSON.parse,
      },
    })
    await store.set('id', sessionOf({ user: 'ada' }))
    for (const fail of [
      () => store.get('id'),
      () => store.set('other', sessionOf({ password: 'hunter2' })),
    ]) {
      await assert.rejects(fail(), ({ message, cause }) => {
        assert.doesNotMatch(message, /hunter2/)
        assert.match(cause.message, /hunter2/)
        return true
      })
    }
  })

  for (const [what, parse, message] of [
    [
      'a promise',
      () => Promise.reject(new Error('late')),
      /gave a promise; a serializer has to answer at once/,
    ],
    ['a string', () => 'session', /gave no object/],
    ['null', () => null, /gave no object/],
  ]) {
    test(`by reading ${what} is an error that says so`, async (t) => {
      const store = open(t, fails(JSON.stringify, parse))
      await store.set('id', sessionOf())
      await assert.rejects(store.get('id'), { code: 'ERR_SESSILE_UNREADABLE', message })
    })
  }

  test('while a session is saved back is an error of that save, in each step of it', async (t) => {
    for (const Store of [SessileStore, KoaStore, FastifyStore]) {
      // Whichever call it is that fails, the save is answered, and the next one goes through.
      for (let failing = 1, isDone = false; !isDone; failing++) {
        let calls = 0
        let isArmed = false
        const parse = (text) => {
          if (isArmed && ++calls === failing) throw new Error('parse fails')
          return JSON.parse(text)
        }
        const store = open(t, fails(JSON.stringify, parse), Store)
        await store.set('id', { a: 0 })
        const [one, other] = [await store.get('id'), await store.get('id')]
        await store.set('id', Object.assign(other, { b: 1 }))
        isArmed = true
        const saved = store.set('id', Object.assign(one, { c: 1 }))
        await saved.catch((error) => assert.equal(error.code, 'ERR_SESSILE_UNREADABLE'))
        isDone = calls < failing
        isArmed = false
        await store.set('id', Object.assign(one, { d: 1 }))
        const { a, b, c, d } = await store.get('id')
        assert.deepEqual({ a, b, c, d }, { a: 0, b: 1, c: 1, d: 1 })
        assert.ok(isDone || calls === failing)
      }
    }
  })

  test('has no session that is no object', async (t) => {
    const store = open(t)
    for (const none of [null, undefined, 'session', [], { toJSON: () => 7 }])
      await assert.rejects(store.set('id', none), {
        code: 'ERR_SESSILE_UNSERIALIZABLE',
        message: /is not an object/,
      })
  })

  test('is refused at once where it is none, or async', (t) => {
    const refused = (serializer, message) =>
      assert.throws(() => open(t, { serializer }), {
        name: 'TypeError',
        code: 'ERR_SESSILE_INVALID_OPTION',
        message,
      })
    for (const none of [null, 'json', 7, {}, { parse: JSON.parse }, { stringify: JSON.stringify }])
      refused(none, /'serializer' is an object with stringify\(session\) and parse\(text\)/)
    refused({ stringify: async () => '', parse: JSON.parse }, /stringify\(\) that is async/)
    refused({ stringify: JSON.stringify, parse: async () => ({}) }, /parse\(\) that is async/)
  })
})

// Each serves pages, which are functions of the session, on `store`; a page that fails is told as an error's message.
const FRAMEWORKS = {
  Express(t, store, pages, options) {
    const app = express()
    app.use(session({ secret: 'secret', resave: false, saveUninitialized: false, store, ...options }))
    for (const [name, page] of Object.entries(pages))
      app.get(`/${name}`, async (request, response) => response.send(String(await page(request.session))))
    // What express-session throws while it ends a response leaves that without an end.
    app.use((error, _request, response, _next) =>
      response.socket.end(`HTTP/1.1 500 _\r\n\r\n${error.message}`)
    )
    return serve(t, app.listen(0, '127.0.0.1'))
  },
  Koa(t, store, pages, options) {
    const app = new Koa()
    app.keys = ['secret']
    app.use(async (ctx, next) => {
      await next().catch((error) => Object.assign(ctx, { status: 500, body: error.message }))
    })
    app.use(koaSession.createSession({ store, ...options }, app))
    app.use(async (ctx) => {
      ctx.body = String(await pages[ctx.path.slice(1)](ctx.session))
    })
    return serve(t, app.listen(0, '127.0.0.1'))
  },
  async Fastify(t, store, pages, options) {
    const app = fastify()
    app.register(fastifyCookie)
    const secret = 'a secret that has 32 letters, or more'
    app.register(fastifySession, { secret, cookie: { secure: false }, store, ...options })
    for (const [name, page] of Object.entries(pages))
      app.get(`/${name}`, async (request) => String(await page(request.session)))
    await app.listen({ port: 0, host: '127.0.0.1' })
    return serve(t, app.server)
  },
}

const STORES = { Express: SessileStore, Koa: KoaStore, Fastify: FastifyStore }

async function visitor(t, framework, pages, options) {
  const store = open(t, {}, STORES[framework])
  return { store, visit: (await FRAMEWORKS[framework](t, store, pages, options))() }
}

const begin = (session) => Object.assign(session, riches()).user
const add = (session) => session.cart.set('milk', 1).size
const read = ({ cart, since }) => [...cart.keys(), since.getTime()]
// koa-session and @fastify/session have another name for each other's.
const save = (session) =>
  new Promise((resolve, reject) => session.save((error) => (error ? reject(error) : resolve())))

for (const framework of Object.keys(FRAMEWORKS)) {
  describe(`a session of ${framework}`, () => {
    test('has on the next page what JSON cannot hold', async (t) => {
      const { visit } = await visitor(t, framework, { begin, read })
      await visit('/begin')
      assert.equal((await visit('/read')).text, 'tea,0')
    })

    test('has a change inside of a Map that is saved by hand', async (t) => {
      const addAndSave = async (session) => {
        add(session)
        await save(session)
      }
      const { visit } = await visitor(t, framework, { begin, addAndSave, read })
      await visit('/begin')
      await visit('/addAndSave')
      assert.equal((await visit('/read')).text, 'tea,milk,0')
    })

    // The frameworks compare the JSON of sessions, as the documentation tells.
    for (const [options, kept] of {
      Express: [
        [{}, false],
        [{ resave: true }, true],
      ],
      Koa: [
        [{}, false],
        [{ rolling: true }, true],
      ],
      Fastify: [
        [{}, true],
        [{ rolling: false }, false],
      ],
    }[framework]) {
      test(`has a change inside of a Map, with ${JSON.stringify(options)}: ${kept}`, async (t) => {
        const { visit } = await visitor(t, framework, { begin, add, read }, options)
        await visit('/begin')
        await visit('/add')
        assert.equal((await visit('/read')).text, kept ? 'tea,milk,0' : 'tea,0')
      })
    }

    test('may have a BigInt in Fastify only', async (t) => {
      const count = (session) => String((session.views = (session.views ?? 0n) + 1n))
      const { visit, store } = await visitor(t, framework, { count })
      const { status, text } = await visit('/count')
      if (framework === 'Fastify') {
        assert.deepEqual([status, (await visit('/count')).text], [200, '2'])
      } else {
        assert.equal(status, 500)
        assert.match(text, /BigInt/)
        assert.equal(await store.length(), 0)
      }
    })
  })
}
