// One candidate: opens its store, fills it, and runs what it is asked for. A process of its own.
'use strict'

const { serve } = require('../lib/child.js')
const { residentMib } = require('../lib/memory.js')
const { candidateNamed } = require('../peers')
const { fill: setAll } = require('./fill.js')
const { run } = require('./load.js')
const { Sessions } = require('./sessions.js')

let opened
let sessions
let before

async function open({ candidate, directory, count }) {
  sessions = new Sessions(count)
  global.gc()
  before = residentMib([process.pid])
  opened = await candidateNamed(candidate).open(directory)
}

async function fill({ bytes }) {
  const { store } = opened
  sessions.prepare(store, bytes)
  await opened.fill(() => setAll(store, sessions))
}

const accesses = {
  uniform: () => sessions.any(),
  'nine in ten to the hot ones': (hot) => sessions.anyMostlyOf(hot),
}

const operations = {
  // A store that finds nothing is fast.
  get: (store, id, answer) =>
    store.get(id, (error, session) => answer(session ? error : (error ?? new Error('a session is missing')))),
  set: (store, id, answer) => store.set(id, sessions.changed(), answer),
  touch: (store, id, answer) => {
    const session = sessions.loaded()
    session.touch()
    store.touch(id, session, answer)
  },
}

async function measure({ operation, access, hot, inFlight, millis }) {
  if (operation === 'destroy') return destroy(inFlight, millis)
  const { store } = opened
  const [pick, call] = [accesses[access], operations[operation]]
  return run((answer) => call(store, sessions.id(pick(hot)), answer), { inFlight, millis })
}

// Reads each of the hot sessions once, so that they are where a store has what is in use.
function warm({ hot, inFlight }) {
  const { store } = opened
  let at = 0
  const call = (answer) => operations.get(store, sessions.id(at++), answer)
  return run(call, { inFlight, millis: Number.POSITIVE_INFINITY, limit: hot })
}

// Destroys sessions one after the other, each once; they are set again when that was measured.
async function destroy(inFlight, millis) {
  const { store } = opened
  let at = 0
  const call = (answer) => store.destroy(sessions.id(at++), answer)
  const outcome = await run(call, { inFlight, millis, limit: sessions.count })
  await setAll(store, sessions, at)
  return outcome
}

// The memory that the store takes: this process's growth since before it was opened, and all of its helpers'. Null
// where the kernel does not tell.
async function memory() {
  global.gc()
  const now = residentMib([process.pid, ...opened.processes])
  return now === undefined ? null : now - before
}

// Milliseconds until the number of sessions is known, which has to be right.
async function length() {
  const { store } = opened
  if (typeof store.length !== 'function') return null
  const start = performance.now()
  const count = await new Promise((resolve, reject) => {
    store.length((error, length) => (error ? reject(error) : resolve(length)))
  })
  const millis = performance.now() - start
  if (count !== sessions.count) throw new Error(`${count} sessions are there instead of ${sessions.count}`)
  return millis
}

serve({ open, fill, warm, measure, memory, length }, () => opened?.close())
