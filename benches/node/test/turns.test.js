// The event loop's turns: those count in which a store was at work, and with all of the time that it took.
'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { measureTurns } = require('../stall/turns.js')

// Answers so many turns later.
function later(turns, answer) {
  if (turns === 0) answer()
  else setImmediate(later, turns - 1, answer)
}

function block(millis) {
  const end = performance.now() + millis
  while (performance.now() < end);
}

test('a call that blocks lengthens its turn', async () => {
  const durations = await measureTurns([(answer) => later(1, () => answer(block(5)))], { millis: 1 })
  assert.ok(Math.max(...durations) >= 5)
  assert.ok(durations.every((duration) => duration >= 0))
})

test('turns in which everything is on its way do not count', async () => {
  let calls = 0
  const call = (answer) => {
    calls += 1
    later(50, answer)
  }
  const durations = await measureTurns([call], { millis: 20, pendingMax: 1 })
  // One for the call, one for the answer.
  assert.ok(durations.length <= 2 * calls, `${durations.length} turns of ${calls} calls`)
})

test('without calls, all turns count', async () => {
  assert.ok((await measureTurns([], { millis: 5 })).length > 0)
})

test('no more calls are on their way than may be', async () => {
  let pending = 0
  let most = 0
  const call = (answer) => {
    pending += 1
    most = Math.max(most, pending)
    later(3, () => {
      pending -= 1
      answer()
    })
  }
  await measureTurns([call, call], { millis: 5, pendingMax: 3 })
  assert.deepEqual({ pending, most }, { pending: 0, most: 3 })
})

test('a failure ends it; that a store has enough to do is none', async () => {
  const failing = (answer) => setImmediate(answer, new Error('failed'))
  await assert.rejects(measureTurns([failing], { millis: 5 }), /failed/)
  assert.ok((await measureTurns([failing], { millis: 5, isNoStall: () => true })).length > 0)
})
