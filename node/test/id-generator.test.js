// Ids that are new each time, also where a session is regenerated, in each framework.
'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const express = require('express')
const expressSession = require('express-session')
const Koa = require('koa')
const koaSession = require('koa-session')
const { idGenerator } = require('../index.js')
const forFastify = require('../fastify/index.js')
const forKoa = require('../koa/index.js')
const { serve } = require('./support/browser.js')
const { openStore } = require('./support/store.js')

describe('an id generator', () => {
  test('makes ids that differ, of 192 random bits behind their prefix', () => {
    for (const [prefix, pattern] of [
      [undefined, /^[\w-]{32}$/],
      ['tenant.', /^tenant\.[\w-]{32}$/],
      [(request) => `${request.tenant}.`, /^ada\.[\w-]{32}$/],
    ]) {
      const generate = idGenerator({ prefix })
      const ids = Array.from({ length: 1000 }, () => generate({ tenant: 'ada' }))
      assert.equal(new Set(ids).size, 1000)
      for (const id of ids) assert.match(id, pattern)
    }
  })

  test('refuses a prefix that no cookie takes as it is, or that leaves no room', () => {
    for (const prefix of [7, null, 'ä', 'a;b', 'a b', 'a=b', '"a"', 'x'.repeat(225), '\r\n']) {
      assert.throws(() => idGenerator({ prefix }), { code: 'ERR_SESSILE_INVALID_ARGUMENT' })
      assert.throws(idGenerator({ prefix: () => prefix }), { code: 'ERR_SESSILE_INVALID_ARGUMENT' })
    }
  })

  test('leaves an id that is not too long', async (t) => {
    const store = openStore(t, { durability: 'async' })
    const id = idGenerator({ prefix: 'x'.repeat(224) })()
    await store.set(id, { cookie: {} })
    assert.ok(await store.get(id))
  })

  test('is the same for each framework', () => {
    assert.equal(forKoa.idGenerator, idGenerator)
    assert.equal(forFastify.idGenerator, idGenerator)
  })

  test('gives a session of express-session another id when it is regenerated', async (t) => {
    const store = openStore(t, { durability: 'async' })
    const app = express()
    const genid = idGenerator({ prefix: (request) => `${request.query.tenant}.` })
    app.use(expressSession({ store, genid, secret: 's', resave: false, saveUninitialized: true }))
    app.get('/', (req, res) => {
      const before = req.sessionID
      req.session.regenerate(() => res.json([before, req.sessionID]))
    })
    const visit = (await serve(t, app.listen(0, '127.0.0.1')))()
    const [before, after] = JSON.parse((await visit('/?tenant=ada')).text)
    assert.match(before, /^ada\.[\w-]{32}$/)
    assert.match(after, /^ada\.[\w-]{32}$/)
    assert.notEqual(before, after)
    const [{ id }] = await store.all()
    assert.equal(id, after)
  })

  test('gives a session of koa-session its id', async (t) => {
    const store = openStore(t, { durability: 'async' }, forKoa.SessileStore)
    const app = new Koa()
    app.keys = ['s']
    const genid = idGenerator({ prefix: (ctx) => `${ctx.query.tenant}.` })
    app.use(koaSession.createSession({ store, genid }, app))
    app.use((ctx) => {
      ctx.session.views = (ctx.session.views ?? 0) + 1
      ctx.body = String(ctx.session.views)
    })
    const visit = (await serve(t, app.listen(0, '127.0.0.1')))()
    for (const views of ['1', '2']) assert.equal((await visit('/?tenant=A_d.a~!*-1')).text, views)
    const [{ id }] = await store.all()
    assert.match(id, /^A_d\.a~!\*-1\.[\w-]{32}$/)
  })

  test('gives a session of @fastify/session its id, and another when it is regenerated', async (t) => {
    const store = openStore(t, { durability: 'async' }, forFastify.SessileStore)
    const app = require('fastify')()
    t.after(() => app.close())
    const options = { store, secret: 'a secret of 32 letters or more.....', cookie: { secure: false } }
    app.register(require('@fastify/cookie'))
    app.register(require('@fastify/session'), {
      ...options,
      idGenerator: idGenerator({ prefix: (request) => `${request.query.tenant}.` }),
    })
    app.get('/', async (request) => {
      const before = request.session.sessionId
      await request.session.regenerate()
      return [before, request.session.sessionId]
    })
    const response = await app.inject('/?tenant=ada')
    const [before, after] = response.json()
    assert.match(before, /^ada\.[\w-]{32}$/)
    assert.match(after, /^ada\.[\w-]{32}$/)
    assert.notEqual(before, after)
  })
})
