// What one call of the express-session API costs, against MemoryStore: 10,000 sessions of 250 B, 64 calls on
// their way at a time. Candidates take turns, so that a machine that slows down slows all of them.
'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { MemoryStore } = require('../../node/node_modules/express-session')
const { SessileStore } = require('../../node')
const { machine, print } = require('./figures.js')

const SESSIONS = 10_000
const IN_FLIGHT = 64
const CALLS = 40_000
const ROUNDS = 11

const ids = Array.from({ length: SESSIONS }, (_, at) => `${at}`.padStart(32, 'x'))

function sessionOf(at) {
  const expires = new Date(Date.now() + 86_400_000)
  const cookie = { originalMaxAge: 86_400_000, expires, httpOnly: true, path: '/', sameSite: 'lax' }
  return { cookie, user: `user ${at}`, views: at, cart: [1, 2, 3], token: 'x'.repeat(40) }
}

// Keeps calls on their way until all are answered; returns microseconds for each.
function measure(call) {
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint()
    let begun = 0
    let answered = 0
    const answer = (error) => {
      if (error) return reject(error)
      answered += 1
      if (answered === CALLS) resolve(Number(process.hrtime.bigint() - start) / 1000 / CALLS)
      else if (begun < CALLS) call(begun++ % SESSIONS, answer)
    }
    while (begun < IN_FLIGHT) call(begun++, answer)
  })
}

async function main() {
  machine()
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'sessile-bench-'))
  const sessions = ids.map((_, at) => sessionOf(at))
  const stores = {}
  for (const durability of ['fsync', 'write', 'async']) {
    stores[`sessile ${durability}`] = new SessileStore({ path: path.join(directory, durability), durability })
  }
  stores.MemoryStore = new MemoryStore()
  const loaded = {}
  for (const [name, store] of Object.entries(stores)) {
    for (let at = 0; at < SESSIONS; at += 1000) {
      const part = ids.slice(at, at + 1000)
      await Promise.all(part.map((id, of) => new Promise((done) => store.set(id, sessions[at + of], done))))
    }
    // As express-session has them: a touch is of a loaded session.
    loaded[name] = ids.map((id, at) => {
      const request = { sessionID: id, sessionStore: store }
      return store.createSession(request, JSON.parse(JSON.stringify(sessions[at])))
    })
  }
  const calls = {
    get: (store) => (at, answer) => store.get(ids[at], answer),
    touch: (store, name) => (at, answer) => {
      loaded[name][at].touch()
      store.touch(ids[at], loaded[name][at], answer)
    },
    set: (store) => (at, answer) => store.set(ids[at], sessions[at], answer),
  }
  for (const [operation, callOf] of Object.entries(calls)) {
    const figures = {}
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const [name, store] of Object.entries(stores)) {
        const micros = await measure(callOf(store, name))
        // The first round is for the compiler.
        if (round > 0) (figures[name] ??= []).push(micros)
      }
    }
    print(operation, 'µs', figures)
  }
  for (const store of Object.values(stores)) await store.close?.()
  fs.rmSync(directory, { recursive: true })
}

main()
