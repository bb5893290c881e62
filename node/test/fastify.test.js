// The store for @fastify/session in a Fastify app, over HTTP.
'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const fastifyCookie = require('@fastify/cookie')
const fastifySession = require('@fastify/session')
const fastify = require('fastify')
const { SessileStore } = require('../fastify/index.js')
const { serve } = require('./support/browser.js')
const { HOUR, scenarios } = require('./support/scenarios.js')
const { enciphering, withSerializer } = require('./support/serializers.js')
const { called, listed, openStore, sessionOf } = require('./support/store.js')

const SESSION = { secret: 'a secret that has 32 letters, or more', saveUninitialized: false }

function appOn(store, { maxAge, ...options }) {
  const app = fastify()
  app.register(fastifyCookie)
  app.register(fastifySession, { ...SESSION, ...options, store, cookie: { secure: false, maxAge } })
  app.setErrorHandler((error, _request, reply) => reply.status(500).send(error.code))
  return app
}

async function serveFastify(t, app) {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return serve(t, app.server)
}

// What the application has in a session.
function textOf(session) {
  return JSON.stringify({ ...session, cookie: undefined })
}

async function serveScenarios(t, store, gates, options) {
  const app = appOn(store, options)
  app.get('/*', async (request, reply) => {
    await gates.pass(request.query.wait)
    const [, page, key, value] = request.url.split('?')[0].split('/')
    if (page === 'count') request.session.views = (request.session.views ?? 0) + 1
    if (page === 'put') request.session[key] = value
    if (page === 'logout') await request.session.destroy()
    if (page === 'login') {
      await request.session.regenerate()
      request.session.user = 'ada'
      return reply.redirect('/read')
    }
    return textOf(request.session)
  })
  return serveFastify(t, app)
}

// An app whose pages are functions of the request, by their names.
async function servePages(t, pages, options) {
  const store = openStore(t, { durability: 'async' }, SessileStore)
  const app = appOn(store, { maxAge: HOUR, ...options })
  for (const [name, page] of Object.entries(pages)) {
    app.get(`/${name}`, async (request) => (await page(request)) ?? 'done')
  }
  const open = await serveFastify(t, app)
  return { store, visit: open(), open }
}

const near = (time, expected) => assert.ok(Math.abs(time - expected) < 5000, `${time} and not ${expected}`)

describe('a Fastify app', () => {
  const { start, idIn, dataOf } = scenarios(SessileStore, serveScenarios)

  test('has no session any more that has expired', async (t) => {
    const { store, open } = await start(t)
    const visit = open()
    await visit('/login')
    await store.touch(await idIn(store), sessionOf({}, -1))
    assert.deepEqual(await dataOf(visit), {})
    await visit('/login')
    assert.equal((await dataOf(visit)).user, 'ada')
  })
})

describe('a Fastify app whose sessions are enciphered', () => {
  scenarios(withSerializer(SessileStore, enciphering()), serveScenarios)
})

describe('a session of @fastify/session', () => {
  const login = ({ session }) => {
    session.user = 'ada'
  }
  const read = ({ session }) => session.user ?? 'nobody'

  test('expires at its maxAge, which each response prolongs', async (t) => {
    const { store, visit } = await servePages(t, { login, read })
    await visit('/login')
    const [id] = await listed(store.ids())
    near(Date.parse((await store.get(id)).cookie.expires), Date.now() + HOUR)
    await store.touch(id, { cookie: { expires: new Date(Date.now() + HOUR / 2) } })
    near(Date.parse((await store.get(id)).cookie.expires), Date.now() + HOUR / 2)
    const { sets } = await store.stats()
    await visit('/read')
    near(Date.parse((await store.get(id)).cookie.expires), Date.now() + HOUR)
    assert.equal((await store.stats()).sets, sets)
  })

  test("lasts for the store's ttl where it ends with the browser", async (t) => {
    const { store, visit } = await servePages(t, { login, read }, { maxAge: undefined })
    await visit('/login')
    const { sets, touches } = await store.stats()
    for (let i = 0; i < 3; i++) assert.equal((await visit('/read')).text, 'ada')
    const after = await store.stats()
    assert.deepEqual([after.sets, after.touches], [sets, touches + 3])
  })

  test('keeps a maxAge that a request changed without changing anything else', async (t) => {
    const longer = ({ session }) => {
      session.cookie.maxAge = 2 * HOUR
    }
    const { store, visit } = await servePages(t, { login, longer, read })
    await visit('/login')
    await visit('/longer')
    await visit('/read')
    const [[, { cookie }]] = await listed(store.entries())
    assert.equal(cookie.originalMaxAge, 2 * HOUR)
    near(Date.parse(cookie.expires), Date.now() + 2 * HOUR)
  })

  test('keeps the maxAge that another request changed meanwhile', async (t) => {
    for (const slow of [() => {}, ({ session }) => session.set('late', 1)]) {
      const meanwhile = async (request) => {
        const store = request.sessionStore
        const [id] = await listed(store.ids())
        const data = await store.get(id)
        data.cookie.originalMaxAge = 2 * HOUR
        data.cookie.expires = new Date(Date.now() + 2 * HOUR)
        await store.set(id, data)
        slow(request)
      }
      const { store, visit } = await servePages(t, { login, meanwhile })
      await visit('/login')
      await visit('/meanwhile')
      const [[, { cookie }]] = await listed(store.entries())
      assert.equal(cookie.originalMaxAge, 2 * HOUR)
      near(Date.parse(cookie.expires), Date.now() + 2 * HOUR)
    }
  })

  test('is known after a reload, and after the cookie was given options', async (t) => {
    const reload = async ({ session, sessionStore }) => {
      await session.reload()
      await sessionStore.clear()
    }
    const options = async ({ session, sessionStore }) => {
      session.options({ path: '/' })
      await sessionStore.clear()
      session.late = 1
    }
    for (const page of [reload, options]) {
      const { store, visit } = await servePages(t, { login, page })
      await visit('/login')
      await visit('/page')
      assert.equal(await store.length(), 0)
    }
  })

  test('does not come back by a request that reloads what is gone', async (t) => {
    const reload = async (request) => {
      await request.sessionStore.clear()
      await request.session.reload()
      request.session.late = 1
    }
    const { store, visit } = await servePages(t, { login, reload })
    await visit('/login')
    await visit('/reload')
    assert.equal(await store.length(), 0)
  })

  test('does not come back by the object that a regeneration has replaced', async (t) => {
    const regenerate = async (request) => {
      const before = request.session
      await request.session.regenerate()
      before.late = 1
      await before.save()
      await request.session.save()
      before.late = 2
      await before.save()
    }
    const { store, visit } = await servePages(t, { login, regenerate })
    await visit('/login')
    await visit('/regenerate')
    assert.equal(await store.length(), 1)
  })

  test('does not come back by a second save of the request that has made it', async (t) => {
    const twice = async ({ session, sessionStore }) => {
      session.saved = 1
      await session.save()
      await sessionStore.clear()
      session.saved = 2
    }
    const { store, visit } = await servePages(t, { twice })
    await visit('/twice')
    assert.equal(await store.length(), 0)
  })

  test('shows nothing of what the store knows of it', async (t) => {
    const look = ({ session }) => JSON.stringify([Object.keys(session), session, session.cookie])
    const { store, visit } = await servePages(t, { login, look })
    await visit('/login')
    const [keys, session, cookie] = JSON.parse((await visit('/look')).text)
    assert.deepEqual(keys, ['cookie', 'user'])
    assert.deepEqual(Object.keys(session), ['cookie', 'user'])
    const [[id, data]] = await listed(store.entries())
    assert.deepEqual(Object.keys(data), ['cookie', 'user'])
    assert.deepEqual(Object.getOwnPropertySymbols((await store.get(id)).cookie), [])
    assert.equal(cookie.path, '/')
  })

  test('that was saved without a cookie is known as well', async (t) => {
    const { store, visit } = await servePages(t, { login, read })
    await visit('/login')
    const [id] = await listed(store.ids())
    await store.set(id, { user: 'eve' })
    assert.equal((await visit('/read')).text, 'eve')
  })
})

describe('the store for @fastify/session, called by hand', () => {
  test('knows what an object was read from', async (t) => {
    const store = openStore(t, { durability: 'async' }, SessileStore)
    await store.set('id', sessionOf({ a: 1 }, HOUR))
    const [[, read], other] = [await called((callback) => store.get('id', callback)), await store.get('id')]
    await store.set('id', Object.assign(other, { b: 2 }))
    await called((callback) => store.set('id', Object.assign(read, { c: 3 }), callback))
    const { a, b, c } = await store.get('id')
    assert.deepEqual([a, b, c], [1, 2, 3])
  })

  test('tells of what went wrong as others do', async (t) => {
    const store = openStore(t, {}, SessileStore)
    assert.throws(() => store.get('id', 'callback'), { code: 'ERR_SESSILE_INVALID_ARGUMENT' })
    await assert.rejects(store.set('id', 7), { code: 'ERR_SESSILE_UNSERIALIZABLE' })
    await assert.rejects(store.set('id', null), { code: 'ERR_SESSILE_UNSERIALIZABLE' })
    assert.deepEqual(await called((callback) => store.get('none', callback)), [null, undefined])
  })
})
