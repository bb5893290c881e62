// Responses whose session is still being saved, or touched.
//
// What it keeps true: a client sees nothing of a response before its session is saved. Without that express-session sends
// all of it but the last byte ahead wherever a store answers later, since it waits only at the very end: a browser follows
// a redirect of which it has the head, and each response takes a second call of the system and is read in two pieces.
//
// An answer that is at hand waits for the end of the turn of the event loop all the same. Its response would go out in one
// piece either way; but the responses of a turn one right behind the other, instead of each between two requests, take a
// tenth less of the processor's time (docs/decisions.md).
//
// Only what has not begun is held. A response that is being streamed goes on, and so does one that nothing is known of:
// it is Express that notes the response with its request.
'use strict'

const { setImmediate } = require('node:timers')
const { isExiting } = require('./requests.js')

// Calls `save(whenDone)`, and `callback` with what `whenDone` is called with; until then nothing goes out of the response
// that the request of `session` is waiting for.
function saveHolding(session, callback, save) {
  const response = responseOf(session)
  if (response === null) {
    save(callback)
    return
  }
  let isWithinCall = true
  response.cork()
  save((error, value) => {
    if (isWithinCall && !isExiting()) setImmediate(answer, response, callback, error, value)
    else answer(response, callback, error, value)
  })
  isWithinCall = false
}

function answer(response, callback, error, value) {
  try {
    callback(error, value)
  } finally {
    response.uncork()
  }
}

// The response that the request of `session` is waiting for; null if it has begun or cannot be held.
function responseOf(session) {
  const response = session?.req?.res
  const canBeHeld = typeof response?.cork === 'function' && typeof response.uncork === 'function'
  return canBeHeld && response.headersSent === false ? response : null
}

module.exports = { saveHolding }
