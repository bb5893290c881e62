// Calls of a store's API, so many on their way at a time, for so long.
//
// Some stores answer within the call. Their callers still go back to the event loop now and then, as they would
// between two requests: after as many calls as would be on their way, and at least 64.
'use strict'

const CALLS_BETWEEN_CLOCKS = 16
const ANSWERS_WITHIN_CALLS_MAX = 64

// Runs `call(answer)` until `millis` have passed or it was called `limit` times, and all are answered. Resolves with
// how often, and in how many seconds. The first error ends it.
function run(call, { inFlight, millis, limit = Number.POSITIVE_INFINITY }) {
  return new Promise((resolve, reject) => {
    const start = performance.now()
    const withinCalls = Math.max(inFlight, ANSWERS_WITHIN_CALLS_MAX)
    let begun = 0
    let answered = 0
    let isOver = false
    let isBeginning = false
    let isScheduled = false
    let failure = null

    const answer = (error) => {
      answered += 1
      if (error) {
        failure ??= error
        isOver = true
      }
      if (!isBeginning) begin()
    }
    const begin = () => {
      isBeginning = true
      let calls = 0
      while (!isOver && begun - answered < inFlight && calls < withinCalls) {
        begun += 1
        calls += 1
        call(answer)
        if (begun === limit) isOver = true
        else if (begun % CALLS_BETWEEN_CLOCKS === 0) isOver ||= performance.now() - start >= millis
      }
      isBeginning = false
      if (isOver) {
        if (answered === begun) finish()
      } else if (begun - answered < inFlight && !isScheduled) {
        isScheduled = true
        setImmediate(() => {
          isScheduled = false
          begin()
        })
      }
    }
    const finish = () => {
      if (failure !== null) reject(failure)
      else resolve({ operations: answered, seconds: (performance.now() - start) / 1000 })
    }
    begin()
  })
}

module.exports = { run }
