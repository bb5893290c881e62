// A loop with nothing to do but a store's calls, which measures each of its own turns. A process of its own.
'use strict'

const { serve } = require('../lib/child.js')
const { percentile } = require('../lib/statistics.js')
const { candidateNamed } = require('../peers')
const { fill: setAll, OVERLOADED } = require('../store/fill.js')
const { Sessions } = require('../store/sessions.js')
const { measureTurns } = require('./turns.js')

let name
let opened
let hot
let all
let expiresAt

async function open({ candidate, directory, options, hotCount, count }) {
  name = candidate
  hot = new Sessions(hotCount)
  all = new Sessions(count)
  if (candidate !== undefined) opened = await candidateNamed(candidate).open(directory, options)
}

// With other options, where it is the disk that has the sessions.
async function reopen({ directory, options }) {
  await opened.close()
  opened = await candidateNamed(name).open(directory, options)
}

async function fill({ bytes, maxAge }) {
  if (opened === undefined) return
  for (const [sessions, age] of [
    [hot, undefined],
    [all, maxAge],
  ]) {
    sessions.prepare(opened.store, bytes, age)
    expiresAt = Date.now() + age
    await opened.fill(() => setAll(opened.store, sessions))
  }
}

function touch(answer) {
  const session = hot.loaded()
  session.touch()
  opened.store.touch(hot.id(hot.any()), session, answer)
}

// What each turn of the loop calls.
const turns = {
  mix: [
    (answer) => opened.store.get(hot.id(hot.any()), answer),
    (answer) => opened.store.get(hot.id(hot.any()), answer),
    touch,
    (answer) => opened.store.set(hot.id(hot.any()), hot.changed(), answer),
  ],
  'get anywhere': [(answer) => opened.store.get(all.id(all.any()), answer)],
  'set anywhere': [(answer) => opened.store.set(all.id(all.any()), all.changed(), answer)],
}

// Turns the loop until `millis` have passed, and says how long the turns took, in milliseconds.
async function turn({ calls, millis, isFlushing }) {
  let isOver = false
  const flushed = isFlushing && opened?.store.flush !== undefined ? flushUntil(() => isOver) : undefined
  const durations = await measureTurns(opened === undefined ? [] : turns[calls], { millis, isNoStall })
  isOver = true
  await flushed
  const sorted = Float64Array.from(durations).sort()
  const [median, p999, longest] = [0.5, 0.999, 1].map((share) => percentile(sorted, share))
  return { median, p999, longest }
}

// A store that has enough to do says so.
const isNoStall = (error) => error.code === OVERLOADED

async function flushUntil(isOver) {
  while (!isOver()) await opened.store.flush()
}

// Waits until shortly before the sessions expire that were filled in to do so.
async function awaitExpiry({ before }) {
  if (opened === undefined) return
  const wait = expiresAt - before - Date.now()
  if (wait < 0) throw new Error('filling the store took longer than its sessions live')
  await new Promise((resolve) => setTimeout(resolve, wait))
}

serve({ open, reopen, fill, turn, awaitExpiry }, () => opened?.close())
