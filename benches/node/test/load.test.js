// The load of the store's API: as many calls on their way as asked for, and each answered once.
'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { run } = require('../store/load.js')
const { content, Sessions } = require('../store/sessions.js')

test('so many calls are on their way, and no more', async () => {
  let pending = 0
  let most = 0
  const call = (answer) => {
    pending += 1
    most = Math.max(most, pending)
    setImmediate(() => {
      pending -= 1
      answer()
    })
  }
  const { operations } = await run(call, { inFlight: 7, millis: Number.POSITIVE_INFINITY, limit: 100 })
  assert.deepEqual({ operations, most, pending }, { operations: 100, most: 7, pending: 0 })
})

test('answers within the call leave the event loop its turns', async () => {
  let turns = 0
  const count = () => {
    turns += 1
    timer = setImmediate(count)
  }
  let timer = setImmediate(count)
  const { operations } = await run((answer) => answer(), {
    inFlight: 1,
    millis: Number.POSITIVE_INFINITY,
    limit: 1000,
  })
  clearImmediate(timer)
  assert.equal(operations, 1000)
  assert.ok(turns >= 10, `${turns} turns`)
})

test('an error ends the load, once all calls are answered', async () => {
  let calls = 0
  const call = (answer) => {
    calls += 1
    const number = calls
    setImmediate(() => answer(number === 5 ? new Error('the fifth') : null))
  }
  await assert.rejects(run(call, { inFlight: 3, millis: Number.POSITIVE_INFINITY }), /the fifth/)
  assert.ok(calls >= 5 && calls <= 8, `${calls} calls`)
})

test('a session has as many bytes of JSON as asked for', () => {
  for (const bytes of [250, 2048, 20_480]) assert.equal(JSON.stringify(content(bytes, 7)).length, bytes)
})

test('ids are distinct and look like those of express-session', () => {
  const sessions = new Sessions(1000)
  const ids = new Set(Array.from({ length: 1000 }, (_, at) => sessions.id(at)))
  assert.equal(ids.size, 1000)
  for (const id of ids) assert.match(id, /^[\w-]{32}$/)
})

test('nine accesses in ten are to the hot sessions', () => {
  const sessions = new Sessions(100_000)
  const count = 50_000
  let hot = 0
  for (let at = 0; at < count; at += 1) if (sessions.anyMostlyOf(10) < 10) hot += 1
  assert.ok(Math.abs(hot / count - 0.9) < 0.02, `${hot} of ${count}`)
})
