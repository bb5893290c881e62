// Sessions that are loaded and made into a request's own, as express-session does, and never saved again.
'use strict'

const { SessileStore } = require('../../../index.js')

const SESSIONS = 1_000
// Every so many reads is of a session that is not there.
const MISSING_EVERY = 10

async function prepare(directory) {
  const store = new SessileStore({ path: `${directory}/sessions`, durability: 'async' })
  for (let i = 0; i < SESSIONS; i++) await store.set(`id${i}`, { cookie: { expires: null }, i })
  const tallies = { found: 0, missing: 0 }

  async function run(count) {
    for (let i = 0; i < count; i++) {
      const id = i % MISSING_EVERY === 0 ? `missing${i}` : `id${i % SESSIONS}`
      const data = await store.get(id)
      if (data === undefined) {
        tallies.missing++
        continue
      }
      tallies.found++
      store.createSession({ sessionID: id, sessionStore: store }, data).changed = true
    }
  }

  return { run, tallies, end: () => store.close() }
}

module.exports = { unit: 'load', short: 32_000, long: 1_000_000, prepare }
