// Responses whose session is still being saved.
//
// What it keeps true: where the answer to a save comes later, a client sees nothing of a response before. Without that
// express-session sends all of it but the last byte ahead, since it waits only at the very end: a browser follows a
// redirect of which it has the head, and each response takes a second call of the system and is read in two pieces.
//
// Only what has not begun is held. A response that is being streamed goes on, and so does one that nothing is known of:
// it is Express that notes the response with its request.
'use strict'

// Calls `save(callback)`; until `callback` is called nothing of the response goes out to whom `session` belongs.
function saveHolding(session, callback, save) {
  let isAnswered = false
  let held = null
  save((error, value) => {
    isAnswered = true
    try {
      callback(error, value)
    } finally {
      if (held !== null) held.uncork()
    }
  })
  if (isAnswered) return
  held = responseOf(session)
  if (held !== null) held.cork()
}

// The response that the request of `session` is waiting for, if it has not begun and can be held.
function responseOf(session) {
  const response = session?.req?.res
  const canBeHeld = typeof response?.cork === 'function' && typeof response.uncork === 'function'
  return canBeHeld && response.headersSent === false ? response : null
}

module.exports = { saveHolding }
