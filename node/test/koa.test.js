// The store for koa-session in a Koa app, over HTTP.
'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const Koa = require('koa')
const session = require('koa-session')
const { SessileStore } = require('../koa/index.js')
const { serve } = require('./support/browser.js')
const { HOUR, scenarios } = require('./support/scenarios.js')
const { enciphering, withSerializer } = require('./support/serializers.js')
const { listed, openStore } = require('./support/store.js')

function appOn(store, options) {
  const app = new Koa()
  app.keys = ['secret']
  app.use(async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      ctx.status = 500
      ctx.body = error.code
    }
  })
  app.use(session.createSession({ store, ...options }, app))
  return app
}

function serveKoa(t, app) {
  return serve(t, app.listen(0, '127.0.0.1'))
}

async function serveScenarios(t, store, gates, options) {
  const app = appOn(store, options)
  app.use(async (ctx) => {
    await gates.pass(ctx.query.wait)
    const [, page, key, value] = ctx.path.split('/')
    if (page === 'count') ctx.session.views = (ctx.session.views ?? 0) + 1
    if (page === 'put') ctx.session[key] = value
    if (page === 'logout') ctx.session = null
    if (page === 'login') {
      await ctx.session.regenerate()
      ctx.session.user = 'ada'
      ctx.redirect('/read')
      return
    }
    ctx.body = JSON.stringify(ctx.session ?? {})
  })
  return serveKoa(t, app)
}

// An app whose pages are functions of the context and the store, by their names.
async function servePages(t, pages, options) {
  const store = openStore(t, { durability: 'async' }, SessileStore)
  const app = appOn(store, { maxAge: HOUR, ...options })
  app.use(async (ctx) => {
    ctx.body = (await pages[ctx.path.slice(1)](ctx, store)) ?? 'done'
  })
  const open = await serveKoa(t, app)
  return { store, visit: open() }
}

const near = (time, expected) => assert.ok(Math.abs(time - expected) < 5000, `${time} and not ${expected}`)

describe('a Koa app', () => {
  const { start, idIn, dataOf } = scenarios(SessileStore, serveScenarios)

  test('has no session any more that has expired', async (t) => {
    const { store, open } = await start(t)
    const visit = open()
    await visit('/login')
    const id = await idIn(store)
    const data = await store.get(id)
    // As koa-session would have saved it an hour ago.
    await store.set(id, { ...data, _expire: data._expire - HOUR }, 10_000)
    assert.deepEqual(await dataOf(visit), {})
    await visit('/login')
    assert.equal((await dataOf(visit)).user, 'ada')
  })
})

describe('a Koa app whose sessions are enciphered', () => {
  scenarios(withSerializer(SessileStore, enciphering()), serveScenarios)
})

describe('a session of koa-session', () => {
  const login = (ctx) => {
    ctx.session.user = 'ada'
  }
  const read = (ctx) => ctx.session.user ?? 'nobody'

  test('expires at its maxAge, which each response prolongs that is rolling', async (t) => {
    const expire = (ctx) => String(ctx.session._expire)
    const { store, visit } = await servePages(t, { login, expire }, { rolling: true })
    await visit('/login')
    const [id] = await listed(store.ids())
    const data = await store.get(id)
    near(data._expire, Date.now() + HOUR)
    assert.equal(data._maxAge, HOUR)
    // As if it had been saved half an hour ago: a touch moves it forth again.
    await store.set(id, { ...data, _expire: Date.now() + HOUR / 2 })
    near(Number((await visit('/expire')).text), Date.now() + HOUR / 2)
    const { sets } = await store.stats()
    near(Number((await visit('/expire')).text), Date.now() + HOUR)
    near((await store.get(id))._expire, Date.now() + HOUR)
    assert.equal((await store.stats()).sets, sets)
  })

  test('is renewed without being written where that is all', async (t) => {
    const { store, visit } = await servePages(t, { login, read }, { renew: true })
    await visit('/login')
    const [id] = await listed(store.ids())
    const data = await store.get(id)
    await store.set(id, { ...data, _expire: Date.now() + HOUR / 4 })
    const { sets, touches } = await store.stats()
    assert.equal((await visit('/read')).text, 'ada')
    near((await store.get(id))._expire, Date.now() + HOUR)
    const after = await store.stats()
    assert.deepEqual([after.sets, after.touches], [sets, touches + 1])
  })

  test("lasts for the store's ttl where it ends with the browser", async (t) => {
    const options = { maxAge: 'session', rolling: true }
    const { store, visit } = await servePages(t, { login, read }, options)
    await visit('/login')
    const [id] = await listed(store.ids())
    assert.deepEqual(await store.get(id), { user: 'ada', _session: true })
    const { sets, touches } = await store.stats()
    assert.equal((await visit('/read')).text, 'ada')
    const after = await store.stats()
    assert.deepEqual([after.sets, after.touches], [sets, touches + 1])
  })

  test('keeps a maxAge that a request changed without changing anything else', async (t) => {
    const longer = (ctx) => {
      ctx.session.maxAge = 2 * HOUR
    }
    const { store, visit } = await servePages(t, { login, longer, read }, { rolling: true })
    await visit('/login')
    await visit('/longer')
    await visit('/read')
    const [id] = await listed(store.ids())
    const data = await store.get(id)
    assert.equal(data._maxAge, 2 * HOUR)
    near(data._expire, Date.now() + 2 * HOUR)
  })

  test('keeps the maxAge that another request changed meanwhile', async (t) => {
    for (const slow of [(ctx) => ctx.session.user, (ctx) => String((ctx.session.late = 1))]) {
      const meanwhile = async (ctx, store) => {
        const [id] = await listed(store.ids())
        const data = await store.get(id)
        await store.set(id, { ...data, _maxAge: 2 * HOUR, _expire: Date.now() + 2 * HOUR })
        return slow(ctx)
      }
      const { store, visit } = await servePages(t, { login, meanwhile }, { rolling: true })
      await visit('/login')
      await visit('/meanwhile')
      const [[, data]] = await listed(store.entries())
      assert.equal(data._maxAge, 2 * HOUR)
      near(data._expire, Date.now() + 2 * HOUR)
    }
  })

  test('is another one that the request makes that has ended it', async (t) => {
    const again = async (ctx) => {
      const { session } = ctx
      ctx.session = null
      await session.manuallyCommit()
      ctx.session = { user: 'eve' }
    }
    const { store, visit } = await servePages(t, { login, again, read })
    await visit('/login')
    await visit('/again')
    assert.equal((await visit('/read')).text, 'eve')
    assert.equal(await store.length(), 1)
  })

  test('does not come back by a second save of the request that has made it', async (t) => {
    const twice = async (ctx, store) => {
      ctx.session.saved = 1
      await ctx.session.save()
      await store.clear()
      ctx.session.saved = 2
    }
    const { store, visit } = await servePages(t, { twice })
    await visit('/twice')
    assert.equal(await store.length(), 0)
  })

  test('may have data that are called cookie', async (t) => {
    const bake = (ctx) => {
      ctx.session.cookie = { expires: '2001-01-01T00:00:00.000Z', kind: 'oat' }
    }
    const eat = (ctx) => {
      delete ctx.session.cookie.kind
    }
    const look = (ctx) => JSON.stringify(ctx.session.cookie)
    const { visit } = await servePages(t, { bake, eat, look })
    await visit('/bake')
    assert.equal((await visit('/look')).text, '{"expires":"2001-01-01T00:00:00.000Z","kind":"oat"}')
    await visit('/eat')
    assert.equal((await visit('/look')).text, '{"expires":"2001-01-01T00:00:00.000Z"}')
  })
})

describe('the store for koa-session, called by hand', () => {
  test('keeps a session for the time that it is told', async (t) => {
    const store = openStore(t, { durability: 'async' }, SessileStore)
    await store.set('key', { a: 1 }, HOUR)
    assert.deepEqual(await store.get('key'), { a: 1 })
    await store.set('key', { a: 1 }, -1)
    assert.equal(await store.get('key'), undefined)
    await store.set('key', { a: 1 })
    assert.deepEqual(await store.get('key'), { a: 1 })
    await store.destroy('key')
    assert.equal(await store.get('key'), undefined)
  })

  test('refuses what is no maxAge', async (t) => {
    const store = openStore(t, {}, SessileStore)
    for (const maxAge of ['forever', Number.NaN, Number.POSITIVE_INFINITY, null, {}]) {
      await assert.rejects(store.set('key', {}, maxAge), { code: 'ERR_SESSILE_INVALID_ARGUMENT' })
    }
  })

  test('knows what an object was read from, without a context', async (t) => {
    const store = openStore(t, { durability: 'async' }, SessileStore)
    await store.set('key', { a: 1 }, HOUR)
    const [read, other] = [await store.get('key'), await store.get('key')]
    await store.set('key', Object.assign(other, { b: 2 }), HOUR)
    await store.set('key', Object.assign(read, { c: 3 }), HOUR)
    assert.deepEqual(await store.get('key'), { a: 1, b: 2, c: 3 })
    await store.destroy('key')
    await store.set('key', Object.assign(read, { c: 4 }), HOUR)
    assert.equal(await store.get('key'), undefined)
  })
})

describe('a save without a request', () => {
  const until = (hours) => ({ _expire: Date.now() + hours * HOUR, _maxAge: hours * HOUR })

  test('that takes a change back is kept, while the one before it is under way', async (t) => {
    const store = openStore(t, { durability: 'async', cacheBytes: 0 }, SessileStore)
    const ctx = {}
    const times = until(1)
    await store.set('key', { ...times }, HOUR)
    await store.flush()
    await store.get('key', HOUR, { ctx })
    await Promise.all([
      store.set('key', { ...times, a: 1 }, HOUR, { ctx }),
      store.set('key', { ...times }, HOUR, { ctx }),
    ])
    assert.equal((await store.get('key')).a, undefined)
  })

  test('lasts for the maxAge that it is told, also on top of what another has written', async (t) => {
    const store = openStore(t, { durability: 'async', ttl: 60, owner: 'user' }, SessileStore)
    const [one, other] = [{}, {}]
    await store.set('key', { user: 'ada' }, HOUR)
    for (const ctx of [one, other]) await store.get('key', HOUR, { ctx })
    await store.set('key', { user: 'ada', one: 1 }, HOUR, { ctx: one })
    await store.set('key', { user: 'ada', other: 1 }, HOUR, { ctx: other })
    const [{ session, expires }] = await store.sessionsOf('ada')
    assert.deepEqual(session, { user: 'ada', one: 1, other: 1 })
    near(expires.getTime(), Date.now() + HOUR)
  })

  test('that changes nothing does not prolong another session under its key', async (t) => {
    const store = openStore(t, { durability: 'async', owner: 'user' }, SessileStore)
    const ctx = {}
    await store.set('key', { user: 'ada', ...until(1) }, HOUR)
    const read = await store.get('key', HOUR, { ctx })
    await store.destroy('key')
    await store.set('key', { user: 'ada', ...until(1) }, HOUR)
    await store.set('key', { ...read, _expire: Date.now() + 5 * HOUR }, 5 * HOUR, { ctx })
    const [{ expires }] = await store.sessionsOf('ada')
    near(expires.getTime(), Date.now() + HOUR + 10_000)
  })
})
