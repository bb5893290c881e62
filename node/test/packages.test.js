// express-session's features and the packages that build on sessions, over HTTP: on this store as on
// express-session's own MemoryStore, but for what MemoryStore loses.
//
// Each scenario is played on both stores. All that could be told apart is written down and compared: what the
// browsers get, the cookies that are set, what express-session asks of the store, and the sessions that are kept.
'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { describe, test } = require('node:test')
const flash = require('connect-flash')
const { csrfSync } = require('csrf-sync')
const express = require('express')
const session = require('express-session')
const passport = require('passport')
const { atEnd } = require('./support/end.js')
const { called, openStore } = require('./support/store.js')

const HOUR = 3_600_000
const SECRET = /[\w-]{32,}/g

// A site whose sessions are in `store`. `build` gives it its pages, on the app and the site.
class Site {
  // What happened on it, in order.
  record = []
  // The sessions that browsers were told of.
  #ids = new Set()
  #gates = new Map()

  static async open(t, store, options, build) {
    const site = new Site(store)
    const app = express()
    const cookie = { maxAge: HOUR }
    app.use(session({ secret: 'secret', resave: false, saveUninitialized: false, cookie, ...options, store }))
    build(app, site)
    app.get('/data', (request, response) => {
      response.json(withoutCookie(request.session))
    })
    app.use((error, _request, response, _next) => response.status(error.status ?? 500).send(error.message))
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    atEnd(t, () => {
      server.closeAllConnections()
      server.close()
    })
    site.origin = `http://127.0.0.1:${server.address().port}`
    return site
  }

  constructor(store) {
    this.store = store
    for (const name of ['get', 'set', 'touch', 'destroy']) {
      const method = store[name]
      store[name] = (...values) => {
        this.record.push(name)
        return method.apply(store, values)
      }
    }
  }

  browser(cookie) {
    return new Browser(this, cookie)
  }

  note(response, text) {
    const cookies = response.headers.getSetCookie().map((header) => {
      const [value, ...attributes] = header.split('; ')
      const [, id] = /^connect\.sid=s%3A([\w-]+)\./.exec(value)
      this.#ids.add(id)
      return [id, ...attributes.map((attribute) => attribute.replace(/(?<=^Expires=).*/, fromNow))]
    })
    const location = response.headers.get('location')
    this.record.push({ status: response.status, text, location, cookies })
  }

  // Where a page of the site waits until the scenario opens it.
  gate(name = 'gate') {
    let gate = this.#gates.get(name)
    if (gate === undefined) {
      gate = {}
      gate.reached = new Promise((resolve) => {
        gate.reach = resolve
      })
      gate.opened = new Promise((resolve) => {
        gate.open = resolve
      })
      this.#gates.set(name, gate)
    }
    return gate
  }

  // Begins a visit of a page that waits at a gate. The result goes on with it, up to its response.
  async begin(browser, url, name) {
    const gate = this.gate(name)
    const visit = browser.visit(url)
    await Promise.race([gate.reached, visit])
    return () => {
      gate.open()
      return visit
    }
  }

  // What is kept of a session, without its cookie.
  async dataOf(browser) {
    const [error, found] = await called((callback) => this.store.get(browser.id, callback))
    assert.ok(!error)
    return found ? withoutCookie(found) : undefined
  }

  // All that happened, and the sessions that are there now. Ids and tokens are numbered as they appear, since they
  // are others each time.
  async outcome() {
    const record = [...this.record]
    for (const id of this.#ids) {
      const [error, found] = await called((callback) => this.store.get(id, callback))
      assert.ok(!error)
      record.push({ id, found: found ?? null })
    }
    const [error, sessions] = await called((callback) => this.store.length(callback))
    assert.ok(!error)
    record.push({ sessions })
    const numbers = new Map()
    const text = JSON.stringify(record, (key, value) => {
      if (key === 'expires' && value !== null) return fromNow(value)
      return key === 'originalMaxAge' && value !== null ? Math.round(value / 1000) : value
    })
    return JSON.parse(
      text.replace(SECRET, (secret) => {
        if (!numbers.has(secret)) numbers.set(secret, `secret ${numbers.size + 1}`)
        return numbers.get(secret)
      })
    )
  }
}

function withoutCookie(session) {
  const { cookie, ...data } = session
  assert.ok(cookie)
  return data
}

function fromNow(time) {
  return `in ${Math.round((Date.parse(time) - Date.now()) / 60_000)} minutes`
}

class Browser {
  #site
  cookie

  constructor(site, cookie) {
    this.#site = site
    this.cookie = cookie
  }

  // The session that its cookie names.
  get id() {
    return /s%3A([\w-]+)\./.exec(this.cookie)?.[1]
  }

  // Another one with the same cookie, which keeps it when this one is given a new one.
  copy() {
    return new Browser(this.#site, this.cookie)
  }

  // Resolves to what the page says, or the one it leads to.
  async visit(url, { method = 'GET', headers = {} } = {}) {
    const all = this.cookie === undefined ? headers : { ...headers, cookie: this.cookie }
    const response = await fetch(this.#site.origin + url, { method, redirect: 'manual', headers: all })
    for (const given of response.headers.getSetCookie()) this.cookie = given.split(';')[0]
    const text = await response.text()
    this.#site.note(response, text)
    const location = response.headers.get('location')
    return location === null ? text : this.visit(location)
  }
}

// A scenario that ends the same on both stores. `play` says in its assertions what it ends with.
function alike(title, options, build, play) {
  for (const durability of ['fsync', 'async']) {
    test(`${title}, under ${durability}`, async (t) => {
      const outcomes = []
      for (const store of [new session.MemoryStore(), openStore(t, { durability })]) {
        const site = await Site.open(t, store, options, build)
        await play(site)
        outcomes.push(await site.outcome())
      }
      assert.deepEqual(outcomes[1], outcomes[0])
    })
  }
}

// A scenario that MemoryStore loses something in: `play` is told which store it is played on.
function unlike(title, options, build, play) {
  for (const durability of ['fsync', 'async']) {
    test(`${title}, under ${durability}`, async (t) => {
      await play(await Site.open(t, new session.MemoryStore(), options, build), true)
      const store = openStore(t, { durability })
      const conflicts = []
      store.on('conflict', ({ outcome, keys }) => conflicts.push([outcome, ...keys]))
      await play(await Site.open(t, store, options, build), false, conflicts)
    })
  }
}

function answer(response, next, text) {
  return (error) => (error ? next(error) : response.send(text))
}

// Pages that remember what they are told, at once or when a gate is opened.
function memory(app, site) {
  app.get('/put/:key/:value', (request, response) => {
    request.session[request.params.key] = request.params.value
    response.send('put')
  })
  app.get('/slowly/:gate/put/:key/:value', async (request, response) => {
    site.gate(request.params.gate).reach()
    await site.gate(request.params.gate).opened
    request.session[request.params.key] = request.params.value
    response.send('put slowly')
  })
}

describe('express-session does on this store as on MemoryStore:', () => {
  alike(
    'save() several times in one request',
    {},
    (app) => {
      app.get('/', (request, response, next) => {
        const { session } = request
        session.first = (session.first ?? 0) + 1
        session.save((error) => {
          if (error) return next(error)
          session.second = (session.second ?? 0) + 10
          session.save((error) => {
            if (error) return next(error)
            session.save((error) => {
              if (error) return next(error)
              session.third = (session.third ?? 0) + 100
              response.send('saved')
            })
          })
        })
      })
    },
    async (site) => {
      const browser = site.browser()
      for (let visits = 1; visits <= 3; visits++) {
        assert.equal(await browser.visit('/'), 'saved')
        const data = { first: visits, second: 10 * visits, third: 100 * visits }
        assert.deepEqual(await site.dataOf(browser), data)
      }
      assert.equal(site.record.filter((name) => name === 'set').length, 12)
    }
  )

  alike(
    'reload() after another request has changed the session',
    {},
    (app, site) => {
      memory(app, site)
      app.get('/reload', async (request, response, next) => {
        request.session.mine = 'forgotten'
        site.gate().reach()
        await site.gate().opened
        request.session.reload((error) => {
          if (error) return next(error)
          const { mine = 'none', theirs } = request.session
          request.session.after = 'kept'
          response.send(`${mine} ${theirs}`)
        })
      })
    },
    async (site) => {
      const browser = site.browser()
      await browser.visit('/put/theirs/before')
      const goOn = await site.begin(browser, '/reload')
      await browser.visit('/put/theirs/changed')
      assert.equal(await goOn(), 'none changed')
      assert.deepEqual(await site.dataOf(browser), { theirs: 'changed', after: 'kept' })
    }
  )

  alike(
    'reload() after another request has destroyed the session',
    {},
    (app, site) => {
      memory(app, site)
      app.get('/reload', async (request, response, next) => {
        site.gate().reach()
        await site.gate().opened
        request.session.reload(answer(response, next, 'reloaded'))
      })
      app.get('/leave', (request, response, next) => request.session.destroy(answer(response, next, 'left')))
    },
    async (site) => {
      const browser = site.browser()
      await browser.visit('/put/key/value')
      const goOn = await site.begin(browser, '/reload')
      assert.equal(await browser.visit('/leave'), 'left')
      assert.equal(await goOn(), 'failed to load session')
      assert.equal(await site.dataOf(browser), undefined)
    }
  )

  alike(
    'regenerate()',
    {},
    (app, site) => {
      memory(app, site)
      app.get('/regenerate', (request, response, next) => {
        request.session.regenerate((error) => {
          if (error) return next(error)
          request.session.is = 'new'
          response.send(request.sessionID)
        })
      })
    },
    async (site) => {
      const browser = site.browser()
      await browser.visit('/put/is/old')
      const old = browser.copy()
      assert.equal(await browser.visit('/regenerate'), browser.id)
      assert.notEqual(browser.id, old.id)
      assert.deepEqual(await site.dataOf(browser), { is: 'new' })
      assert.equal(await site.dataOf(old), undefined)
      assert.equal(await old.visit('/data'), '{}')
      assert.equal(await browser.visit('/data'), '{"is":"new"}')
      // A new session that is saved and changed once more, then made anew at once.
      await browser.visit('/put/is/newer')
      await browser.visit('/regenerate')
      assert.deepEqual(await site.dataOf(browser), { is: 'new' })
    }
  )

  alike('resave: true', { resave: true }, memory, async (site) => {
    const browser = site.browser()
    await browser.visit('/put/key/value')
    for (let visits = 0; visits < 3; visits++) {
      assert.equal(await browser.visit('/data'), '{"key":"value"}')
      assert.deepEqual(await site.dataOf(browser), { key: 'value' })
    }
    assert.equal(site.record.filter((name) => name === 'set').length, 4)
  })

  alike('rolling: true', { rolling: true }, memory, async (site) => {
    const browser = site.browser()
    assert.equal(await browser.visit('/data'), '{}')
    assert.equal(browser.cookie, undefined)
    await browser.visit('/put/key/value')
    for (let visits = 0; visits < 3; visits++) {
      assert.equal(await browser.visit('/data'), '{"key":"value"}')
      assert.equal(site.record.at(-1).cookies.length, 1)
    }
    await browser.visit('/put/key/other')
    assert.deepEqual(await site.dataOf(browser), { key: 'other' })
  })

  for (const [unset, left] of [
    ['destroy', undefined],
    ['keep', { key: 'value' }],
  ]) {
    alike(
      `unset: '${unset}' where req.session is set to null`,
      { unset },
      (app, site) => {
        memory(app, site)
        app.get('/forget', (request, response) => {
          request.session = null
          response.send('forgotten')
        })
      },
      async (site) => {
        const browser = site.browser()
        await browser.visit('/put/key/value')
        assert.equal(await browser.visit('/forget'), 'forgotten')
        assert.deepEqual(await site.dataOf(browser), left)
        assert.equal(await browser.visit('/data'), JSON.stringify(left ?? {}))
        await browser.visit('/put/key/again')
        assert.deepEqual(await site.dataOf(browser), { key: 'again' })
        assert.equal(await site.browser().visit('/forget'), 'forgotten')
      }
    )
  }

  alike('saveUninitialized: true', { saveUninitialized: true }, memory, async (site) => {
    const browser = site.browser()
    assert.equal(await browser.visit('/data'), '{}')
    assert.deepEqual(await site.dataOf(browser), {})
    const { id } = browser
    await browser.visit('/put/key/value')
    assert.equal(browser.id, id)
    assert.deepEqual(await site.dataOf(browser), { key: 'value' })
  })

  alike(
    'a cookie that a request changes, and one that ends with the browser',
    { cookie: {} },
    (app, site) => {
      memory(app, site)
      app.get('/remember', (request, response) => {
        request.session.cookie.maxAge = 2 * HOUR
        response.send('remembered')
      })
    },
    async (site) => {
      const browser = site.browser()
      await browser.visit('/put/key/value')
      assert.deepEqual(site.record.at(-1).cookies[0].slice(1), ['Path=/', 'HttpOnly'])
      assert.equal(await browser.visit('/remember'), 'remembered')
      assert.equal(await browser.visit('/data'), '{"key":"value"}')
      await browser.visit('/put/key/other')
      assert.ok(site.record.at(-1).cookies[0].includes('Expires=in 120 minutes'))
      assert.deepEqual(await site.dataOf(browser), { key: 'other' })
    }
  )

  // A cookie made by a function, since express-session 1.19.
  const cookie = (request) => ({ maxAge: request.path === '/put/stay/long' ? 2 * HOUR : HOUR })
  alike('a cookie that is made for each request', { cookie }, memory, async (site) => {
    const [short, long] = [site.browser(), site.browser()]
    await short.visit('/put/stay/short')
    assert.ok(site.record.at(-1).cookies[0].includes('Expires=in 60 minutes'))
    await long.visit('/put/stay/long')
    assert.ok(site.record.at(-1).cookies[0].includes('Expires=in 120 minutes'))
    assert.equal(await long.visit('/data'), '{"stay":"long"}')
    assert.deepEqual(await site.dataOf(short), { stay: 'short' })
  })
})

// Logs in whom the address names, without asking for a password.
class ByName extends passport.Strategy {
  name = 'by-name'

  authenticate(request) {
    const { name } = request.query
    if (name === undefined) this.fail()
    else this.success({ name })
  }
}

// Pages behind a login.
function withLogin(app, site) {
  memory(app, site)
  const authenticator = new passport.Passport()
  authenticator.use(new ByName())
  authenticator.serializeUser((user, done) => done(null, user.name))
  authenticator.deserializeUser((name, done) => done(null, { name }))
  app.use(authenticator.initialize())
  app.use(authenticator.session())
  for (const [url, keepSessionInfo] of [
    ['', false],
    ['/keeping', true],
  ]) {
    app.get(
      `${url}/login`,
      authenticator.authenticate('by-name', { keepSessionInfo }),
      (_request, response) => response.redirect('/account')
    )
    app.get(`${url}/logout`, (request, response, next) => {
      request.logout({ keepSessionInfo }, (error) => (error ? next(error) : response.redirect('/account')))
    })
  }
  app.get('/account', (request, response) => {
    if (request.isAuthenticated()) response.send(`account of ${request.user.name}`)
    else response.redirect('/enter')
  })
  app.get('/enter', (_request, response) => response.send('who is it?'))
  // Slow pages, each of which has read the session when it waits.
  const slow = async (request, _response, next) => {
    site.gate().reach()
    await site.gate().opened
    next()
  }
  app.get('/slow/look', slow, (request, response) => response.send(`looked as ${request.user.name}`))
  app.get('/slow/change', slow, (request, response) => {
    request.session.seen = 'the slow page'
    response.send(`changed as ${request.user.name}`)
  })
  app.get('/slow/save', slow, (request, response, next) => {
    request.session.seen = 'the slow page'
    request.session.save(answer(response, next, `saved as ${request.user.name}`))
  })
}

describe('passport does on this store as on MemoryStore:', () => {
  alike('login, a page that needs it, and logout', {}, withLogin, async (site) => {
    const browser = site.browser()
    assert.equal(await browser.visit('/account'), 'who is it?')
    assert.equal(await browser.visit('/login'), 'Unauthorized')
    assert.equal(await browser.visit('/login?name=ada'), 'account of ada')
    assert.deepEqual(await site.dataOf(browser), { passport: { user: 'ada' } })
    assert.equal(await browser.visit('/account'), 'account of ada')
    assert.equal(await site.browser().visit('/account'), 'who is it?')
    const loggedIn = browser.copy()
    assert.equal(await browser.visit('/logout'), 'who is it?')
    assert.equal(await browser.visit('/account'), 'who is it?')
    assert.equal(await loggedIn.visit('/account'), 'who is it?')
    assert.equal(await site.dataOf(loggedIn), undefined)
    assert.equal(await browser.visit('/login?name=bob'), 'account of bob')
  })

  alike('an id from before the login is not logged in', {}, withLogin, async (site) => {
    const browser = site.browser()
    await browser.visit('/put/cart/books')
    const before = browser.copy()
    assert.equal(await browser.visit('/login?name=ada'), 'account of ada')
    assert.notEqual(browser.id, before.id)
    assert.equal(await before.visit('/account'), 'who is it?')
    assert.equal(await site.dataOf(before), undefined)
    assert.deepEqual(await site.dataOf(browser), { passport: { user: 'ada' } })
  })

  alike('keepSessionInfo', {}, withLogin, async (site) => {
    const browser = site.browser()
    await browser.visit('/put/cart/books')
    const before = browser.copy()
    assert.equal(await browser.visit('/keeping/login?name=ada'), 'account of ada')
    assert.notEqual(browser.id, before.id)
    assert.deepEqual(await site.dataOf(browser), { cart: 'books', passport: { user: 'ada' } })
    assert.equal(await before.visit('/account'), 'who is it?')
    await browser.visit('/put/cart/more')
    const loggedIn = browser.copy()
    assert.equal(await browser.visit('/keeping/logout'), 'who is it?')
    assert.notEqual(browser.id, loggedIn.id)
    assert.deepEqual(await site.dataOf(browser), { cart: 'more', passport: {} })
    assert.equal(await loggedIn.visit('/account'), 'who is it?')
  })

  alike('one user after the other in the same browser', { resave: true }, withLogin, async (site) => {
    const browser = site.browser()
    for (const name of ['ada', 'bob', 'ada']) {
      assert.equal(await browser.visit(`/login?name=${name}`), `account of ${name}`)
      assert.equal(await browser.visit('/account'), `account of ${name}`)
    }
    const [, length] = await called((callback) => site.store.length(callback))
    assert.equal(length, 1)
  })
})

// Pages with messages for the one that comes after a redirect.
function withFlash(app, site) {
  memory(app, site)
  app.use(flash())
  app.get('/tell/:message', (request, response) => {
    // With a format: without one connect-flash uses what later versions of Node warn of.
    request.flash('info', '%s', request.params.message)
    response.send('told')
  })
  app.get('/order', (request, response) => {
    request.flash('info', '%s', 'ordered')
    request.flash('info', '%s', 'to be shipped')
    response.redirect('/messages')
  })
  app.get('/messages', (request, response) => response.json(request.flash('info')))
  app.get('/slow/tell/:message', async (request, response) => {
    site.gate().reach()
    await site.gate().opened
    request.flash('info', '%s', request.params.message)
    response.send('told')
  })
  app.get('/slow/messages', async (request, response) => {
    const messages = request.flash('info')
    site.gate().reach()
    await site.gate().opened
    response.json(messages)
  })
}

describe('connect-flash does on this store as on MemoryStore:', () => {
  alike('a message from before a redirect is shown once', {}, withFlash, async (site) => {
    const browser = site.browser()
    await browser.visit('/put/cart/books')
    assert.equal(await browser.visit('/order'), '["ordered","to be shipped"]')
    assert.equal(await browser.visit('/messages'), '[]')
    assert.equal(await browser.visit('/order'), '["ordered","to be shipped"]')
    assert.deepEqual(await site.dataOf(browser), { cart: 'books', flash: {} })
  })

  alike('messages wait until they are shown', { rolling: true }, withFlash, async (site) => {
    const browser = site.browser()
    await browser.visit('/tell/one')
    await browser.visit('/data')
    await browser.visit('/tell/two')
    assert.equal(await site.browser().visit('/messages'), '[]')
    assert.equal(await browser.visit('/messages'), '["one","two"]')
    assert.equal(await browser.visit('/messages'), '[]')
  })
})

// A form whose token is kept in the session.
function withForm(app, site) {
  memory(app, site)
  const { csrfSynchronisedProtection, generateToken } = csrfSync()
  app.use(csrfSynchronisedProtection)
  app.get('/form', (request, response) => response.send(generateToken(request)))
  app.post('/form', (request, response) => {
    request.session.posts = (request.session.posts ?? 0) + 1
    response.send(`posted ${request.session.posts}`)
  })
  app.get('/regenerate', (request, response, next) =>
    request.session.regenerate(answer(response, next, 'regenerated'))
  )
}

describe('csrf-sync does on this store as on MemoryStore:', () => {
  const post = (browser, token) => {
    const headers = token === undefined ? {} : { 'x-csrf-token': token }
    return browser.visit('/form', { method: 'POST', headers })
  }

  alike('a form is taken with the token of its session only', {}, withForm, async (site) => {
    const [browser, stranger] = [site.browser(), site.browser()]
    assert.equal(await post(browser), 'invalid csrf token')
    const token = await browser.visit('/form')
    assert.match(token, /^[0-9a-f]{256}$/)
    assert.deepEqual(await site.dataOf(browser), { csrfToken: token })
    assert.equal(await post(browser), 'invalid csrf token')
    assert.equal(await post(browser, token), 'posted 1')
    assert.equal(await browser.visit('/form'), token)
    assert.equal(await post(browser, token), 'posted 2')

    assert.notEqual(await stranger.visit('/form'), token)
    assert.equal(await post(stranger, token), 'invalid csrf token')
    assert.deepEqual(await site.dataOf(browser), { csrfToken: token, posts: 2 })
  })

  alike('a token ends with its session', {}, withForm, async (site) => {
    const browser = site.browser()
    const token = await browser.visit('/form')
    assert.equal(await browser.visit('/regenerate'), 'regenerated')
    assert.equal(await post(browser, token), 'invalid csrf token')
    assert.equal(await post(browser, await browser.visit('/form')), 'posted 1')
  })
})

describe('what MemoryStore loses, this store keeps:', () => {
  for (const [what, url, text, options] of [
    ['has changed the session', '/slow/change', 'changed as ada', {}],
    ['saves it by itself', '/slow/save', 'saved as ada', {}],
    ['changes nothing, with resave: true', '/slow/look', 'looked as ada', { resave: true }],
    ['changes it, with rolling: true', '/slow/change', 'changed as ada', { rolling: true }],
  ]) {
    unlike(
      `a logout, where a slow request that began before it ${what}`,
      options,
      withLogin,
      async (site, loses, conflicts) => {
        const browser = site.browser()
        await browser.visit('/login?name=ada')
        const loggedIn = browser.copy()
        const goOn = await site.begin(loggedIn.copy(), url)
        assert.equal(await browser.visit('/logout'), 'who is it?')
        assert.equal(await loggedIn.visit('/account'), 'who is it?')
        // It is answered as the user who sent it, all the same.
        assert.equal(await goOn(), text)
        assert.equal(await loggedIn.visit('/account'), loses ? 'account of ada' : 'who is it?')
        if (loses) return
        assert.equal(await site.dataOf(loggedIn), undefined)
        assert.deepEqual(conflicts, [['dropped']])
      }
    )
  }

  for (const order of [
    ['one', 'other'],
    ['other', 'one'],
  ]) {
    unlike(
      `the changes of two slow requests, ${order[0]} before ${order[1]}`,
      {},
      memory,
      async (site, loses, conflicts) => {
        const browser = site.browser()
        await browser.visit('/put/before/both')
        const begun = {
          one: await site.begin(browser, '/slowly/one/put/one/1', 'one'),
          other: await site.begin(browser, '/slowly/other/put/other/2', 'other'),
        }
        for (const name of order) assert.equal(await begun[name](), 'put slowly')
        const { one, other, before } = await site.dataOf(browser)
        assert.equal(before, 'both')
        if (loses) {
          assert.deepEqual(
            { one, other },
            order[0] === 'one' ? { one: undefined, other: '2' } : { one: '1', other: undefined }
          )
        } else {
          assert.deepEqual({ one, other }, { one: '1', other: '2' })
          assert.deepEqual(conflicts, [])
        }
      }
    )
  }

  unlike(
    'a message that came while a slow request changed something else',
    {},
    withFlash,
    async (site, loses, conflicts) => {
      const browser = site.browser()
      await browser.visit('/put/cart/books')
      const goOn = await site.begin(browser, '/slowly/gate/put/cart/more')
      assert.equal(await browser.visit('/tell/ordered'), 'told')
      assert.equal(await goOn(), 'put slowly')
      assert.equal((await site.dataOf(browser)).cart, 'more')
      assert.equal(await browser.visit('/messages'), loses ? '[]' : '["ordered"]')
      if (!loses) assert.deepEqual(conflicts, [])
    }
  )

  unlike(
    'a message that came while a slow request looked for messages and found none',
    {},
    withFlash,
    async (site, loses, conflicts) => {
      const browser = site.browser()
      await browser.visit('/put/cart/books')
      const goOn = await site.begin(browser, '/slow/messages')
      assert.equal(await browser.visit('/tell/ordered'), 'told')
      assert.equal(await goOn(), '[]')
      assert.equal(await browser.visit('/messages'), loses ? '[]' : '["ordered"]')
      if (!loses) assert.deepEqual(conflicts, [])
    }
  )
})

describe('what this store loses as MemoryStore does, it tells of:', () => {
  unlike(
    'of two messages at once the one that was saved first',
    {},
    withFlash,
    async (site, _, conflicts) => {
      const browser = site.browser()
      await browser.visit('/put/cart/books')
      const goOn = await site.begin(browser, '/slow/tell/late')
      assert.equal(await browser.visit('/tell/early'), 'told')
      assert.equal(await goOn(), 'told')
      assert.equal(await browser.visit('/messages'), '["late"]')
      if (conflicts !== undefined) assert.deepEqual(conflicts, [['merged', 'flash']])
    }
  )
})
