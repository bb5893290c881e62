// Filling a store, as fast as it takes sessions.
'use strict'

const { run } = require('./load.js')

const AT_ONCE = 256
const PAUSE_MILLIS = 5
const OVERLOADED = 'ERR_SESSILE_OVERLOADED'

// Sets the first `limit` sessions. Where the store says that it has enough to do, the session waits.
async function fill(store, sessions, limit = sessions.count) {
  const set = (id, session, answer) =>
    store.set(id, session, (error) => {
      if (error?.code === OVERLOADED) setTimeout(set, PAUSE_MILLIS, id, session, answer)
      else answer(error)
    })
  let at = 0
  const call = (answer) => set(sessions.id(at++), sessions.loaded(), answer)
  await run(call, { inFlight: AT_ONCE, millis: Number.POSITIVE_INFINITY, limit })
}

module.exports = { fill, OVERLOADED }
