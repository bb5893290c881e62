// The turns of an event loop that does nothing but make calls, and how long each took.
'use strict'

// More on their way would measure the queue, not the loop.
const PENDING_MAX = 256

// Makes `calls` in each turn until `millis` have passed and all are answered. Resolves with how long the turns took,
// in milliseconds: those in which something was called or answered, since the others, while everything is on its way,
// would only hide them; without any calls, all of them. Rejects with the first error that is a failure.
function measureTurns(calls, { millis, pendingMax = PENDING_MAX, isNoStall = () => false }) {
  return new Promise((resolve, reject) => {
    const durations = []
    let pending = 0
    let hasWorked = false
    const answer = (error) => {
      hasWorked = true
      pending -= 1
      if (error && !isNoStall(error)) reject(error)
    }
    let start
    let last
    const turn = () => {
      const now = performance.now()
      if (hasWorked || (calls.length === 0 && now > start)) durations.push(now - last)
      last = now
      hasWorked = false
      const isOver = now - start >= millis && durations.length > 0
      if (isOver && pending === 0) return resolve(durations)
      for (const call of isOver ? [] : calls) {
        if (pending >= pendingMax) break
        pending += 1
        hasWorked = true
        call(answer)
      }
      setImmediate(turn)
    }
    // The first turn has none before it that could be measured.
    setImmediate(() => {
      start = performance.now()
      last = start
      turn()
    })
  })
}

module.exports = { measureTurns }
