// An Express app with visitors who look, change their carts at the same time, log in, log out, go away for so long that
// their session expires, and come once and never again. There are never more sessions than visitors.
'use strict'

const assert = require('node:assert/strict')
const express = require('express')
const session = require('express-session')
const inject = require('light-my-request')
const { SessileStore } = require('../../../index.js')

const VISITORS = 500
const IN_FLIGHT = 32

// So short that most of those sessions have expired when their visitor comes again.
const SHORT_MS = 20

// Actions and how often each comes, of a hundred. Those that change which session a visitor has are taken alone; the
// others meet requests of the same visitor.
const SHARES = { read: 50, change: 32, login: 6, logout: 4, short: 4, anonymous: 4 }
const ALONE = new Set(['login', 'logout', 'short'])
const ENDING = new Set(['logout', 'short'])
const ACTIONS = Object.entries(SHARES).flatMap(([action, share]) => new Array(share).fill(action))

function appOn(store) {
  const app = express()
  app.use(session({ store, secret: 'secret', resave: false, saveUninitialized: false }))
  app.get('/read', (request, response) => response.send(`${request.session.user}`))
  app.get('/anonymous', (request, response) => response.send(`${request.session.user}`))
  app.get('/change', async (request, response) => {
    // Another request of the visitor's may load the session meanwhile, and change the same key.
    await new Promise(setImmediate)
    request.session.views = (request.session.views ?? 0) + 1
    response.send(`${request.session.views}`)
  })
  app.get('/login', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error)
      request.session.user = 'ada'
      response.send('in')
    })
  })
  app.get('/logout', (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.send('out')))
  })
  app.get('/short', (request, response) => {
    request.session.last = true
    request.session.cookie.maxAge = SHORT_MS
    response.send('short')
  })
  app.use((error, _request, response, _next) => response.status(500).send(error.stack))
  return app
}

class Visitor {
  cookie = undefined
  inFlight = 0
  isAlone = false
  // Whether the next request may find that there is no session, so that two of them would make one each. A new cookie says
  // that there is one again.
  isPassing = true

  async visit(app, action) {
    const isAlone = ALONE.has(action) || this.isPassing
    if (this.isAlone || (isAlone && this.inFlight > 0)) return false
    this.isAlone = isAlone
    this.inFlight++
    const headers = this.cookie === undefined || action === 'anonymous' ? {} : { cookie: this.cookie }
    const response = await inject(app, { url: `/${action}`, headers })
    assert.equal(response.statusCode, 200, response.payload)
    const before = this.cookie
    const given = response.headers['set-cookie']
    if (given !== undefined) this.cookie = String(given).split(';')[0]
    if (isAlone) this.isPassing = ENDING.has(action) || (this.isPassing && this.cookie === before)
    this.inFlight--
    this.isAlone = false
    return true
  }
}

async function prepare(directory) {
  const store = new SessileStore({
    path: `${directory}/sessions`,
    durability: 'write',
    // Small, so that they are full before anything is measured.
    cacheBytes: 4 * 1024 * 1024,
    dirtyBytes: 4 * 1024 * 1024,
    baseCacheBytes: 4 * 1024 * 1024,
    checkpointInterval: 1,
  })
  const app = appOn(store)
  const visitors = Array.from({ length: VISITORS }, () => new Visitor())
  const tallies = Object.fromEntries(Object.keys(SHARES).map((action) => [action, 0]))
  Object.assign(tallies, { expired: 0, destroyed: 0, conflicts: 0, sessions: 0 })
  const listeners = {
    expired: (sessions) => (tallies.expired += sessions.length),
    destroyed: (sessions) => (tallies.destroyed += sessions.length),
    conflict: () => tallies.conflicts++,
  }
  let turn = 0
  let random = 1
  const draw = (count) => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((random / 2 ** 32) * count)
  }

  async function run(count) {
    const isHeard = turn++ % 2 === 0
    for (const [event, listener] of Object.entries(listeners)) {
      if (isHeard) store.on(event, listener)
      else store.off(event, listener)
    }
    let left = count
    const one = async () => {
      while (left > 0) {
        left--
        let action = ACTIONS[draw(ACTIONS.length)]
        // Who cannot be served now is passed over; some visitor always can.
        while (!(await visitors[draw(VISITORS)].visit(app, action))) action = ACTIONS[draw(ACTIONS.length)]
        tallies[action]++
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, one))
    tallies.sessions = await store.length()
    assert.ok(tallies.sessions <= VISITORS, `${tallies.sessions} sessions of ${VISITORS} visitors`)
  }

  return { run, tallies, end: () => store.close() }
}

module.exports = { unit: 'request', short: 12_000, long: 1_000_000, prepare }
