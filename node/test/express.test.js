// The store in an Express app, over HTTP, as a browser sees it.
'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, test } = require('node:test')
const express = require('express')
const session = require('express-session')
const { serve: serveOn } = require('./support/browser.js')
const { openStore, temporary } = require('./support/store.js')

const SESSION = { secret: 'secret', resave: false, saveUninitialized: false }

// Serves `app` on a port that the system picks, and returns a browser with a cookie jar of its own.
function serve(t, app) {
  return serveOn(t, app.listen(0, '127.0.0.1'))
}

function counter(store, options = {}) {
  const app = express()
  app.use(session({ ...SESSION, store, ...options }))
  app.get('/', (request, response) => {
    request.session.views = (request.session.views ?? 0) + 1
    response.send(`${request.session.user ?? 'nobody'} ${request.session.views}`)
  })
  app.get('/read', (request, response) =>
    response.send(`${request.session.user ?? 'nobody'} ${request.session.cookie.maxAge}`)
  )
  app.get('/login', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error)
      request.session.user = 'ada'
      response.redirect('/read')
    })
  })
  app.get('/logout', (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.redirect('/read')))
  })
  app.get('/longer', (request, response) => {
    request.session.cookie.maxAge = 7_200_000
    response.send('longer')
  })
  app.use((error, _request, response, _next) => response.status(500).send(error.code))
  return app
}

describe('an Express app', () => {
  for (const durability of ['fsync', 'write', 'async']) {
    test(`counts a visitor's views, under ${durability}`, async (t) => {
      const open = await serve(t, counter(openStore(t, { durability })))
      const visit = open()
      for (let views = 1; views <= 5; views++) assert.equal((await visit('/')).text, `nobody ${views}`)
      assert.equal((await open()('/')).text, 'nobody 1')
    })

    test(`has a user logged in on the page that login redirects to, under ${durability}`, async (t) => {
      const open = await serve(t, counter(openStore(t, { durability })))
      for (let i = 0; i < 20; i++) {
        const visit = open()
        assert.match((await visit('/login')).text, /^ada/)
        assert.match((await visit('/logout')).text, /^nobody/)
      }
    })
  }

  test('keeps its users over a restart of the store', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    let store = openStore(t, { path: directory })
    const app = express()
    app.use((request, response, next) => counter(store)(request, response, next))
    const visit = (await serve(t, app))()
    await visit('/login')
    await store.close()
    store = openStore(t, { path: directory })
    assert.match((await visit('/read')).text, /^ada/)
  })

  test('gives every request the full maxAge back, and never a negative one', async (t) => {
    const store = openStore(t)
    const visit = (await serve(t, counter(store, { cookie: { maxAge: 3_600_000 }, rolling: true })))()
    await visit('/login')
    for (let i = 0; i < 3; i++) {
      const [, maxAge] = (await visit('/read')).text.split(' ')
      assert.ok(maxAge > 3_599_000 && maxAge <= 3_600_000, maxAge)
    }
    const { sets, touches } = await store.stats()
    assert.equal(sets, 1)
    assert.ok(touches >= 3)
  })

  test('keeps a maxAge that a request changed without changing its session', async (t) => {
    const store = openStore(t)
    const visit = (await serve(t, counter(store, { cookie: { maxAge: 3_600_000 } })))()
    await visit('/login')
    await visit('/longer')
    const [found] = await store.all()
    assert.equal(found.cookie.originalMaxAge, 7_200_000)
    assert.equal(found.user, 'ada')
    const [, maxAge] = (await visit('/read')).text.split(' ')
    assert.ok(maxAge > 3_600_000)
  })

  test('tells its error handler when the store is closed, and not that there is no session', async (t) => {
    const store = openStore(t)
    const visit = (await serve(t, counter(store)))()
    await visit('/')
    await store.close()
    const { status, text } = await visit('/')
    assert.deepEqual({ status, text }, { status: 500, text: 'ERR_SESSILE_CLOSED' })
  })

  test('can share a store between several middlewares', async (t) => {
    const store = openStore(t)
    const app = express()
    app.use('/one', counter(store, { name: 'one' }))
    app.use('/two', counter(store, { name: 'two' }))
    const open = await serve(t, app)
    const [one, two] = [open(), open()]
    assert.equal((await one('/one/')).text, 'nobody 1')
    assert.equal((await two('/two/')).text, 'nobody 1')
    assert.equal((await one('/one/')).text, 'nobody 2')
    assert.equal((await two('/two/')).text, 'nobody 2')
    assert.equal(await store.length(), 2)
  })

  test('serves many visitors at once', async (t) => {
    const store = openStore(t)
    const open = await serve(t, counter(store))
    const visits = Array.from({ length: 50 }, async () => {
      const visit = open()
      for (let views = 1; views <= 4; views++) assert.equal((await visit('/')).text, `nobody ${views}`)
    })
    await Promise.all(visits)
    assert.equal(await store.length(), 50)
  })
})

test('a session that cannot be saved at the end of a response is an error for the error middleware', async (t) => {
  const store = openStore(t, { payloadBytesMax: 500 })
  const events = []
  store.on('error', (error) => events.push(error))
  const app = express()
  app.use(session({ ...SESSION, store }))
  app.get('/', (request, response) => {
    request.session.text = 'x'.repeat(1000)
    response.send('done')
  })
  const told = new Promise((resolve) => {
    app.use((error, _request, response, _next) => resolve([error.code, response.headersSent]))
  })
  const visit = (await serve(t, app))()
  assert.equal((await visit('/')).text, 'done')
  assert.deepEqual(await told, ['ERR_SESSILE_VALUE_TOO_LARGE', true])
  assert.deepEqual(events, [])
})
