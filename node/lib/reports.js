// Failures that no callback and no promise can tell anybody of, and warnings.
//
// A store must never take the process down: an `error` event that nobody listens for would, and is a
// process warning instead, once for each code.
'use strict'

const { throwLater } = require('./replies.js')

const warned = new Set()

// Tells of a failure by the store's `error` event.
function report(store, error) {
  tell(store, 'error', error)
}

// Tells of something that is not a failure by the store's `warning` event.
function warn(store, error) {
  tell(store, 'warning', error)
}

// Tells of a conflict between two requests by the store's `conflict` event; who does not listen is not told.
function tellOfConflict(store, conflict) {
  emit(store, 'conflict', conflict)
}

// Tells of sessions that are no more by the store's event of that name.
function tellOfEnded(store, event, sessions) {
  emit(store, event, sessions)
}

function tell(store, event, error) {
  if (store.listenerCount(event) === 0) warnOnce(error)
  else emit(store, event, error)
}

function emit(store, event, what) {
  try {
    store.emit(event, what)
  } catch (thrown) {
    throwLater(thrown)
  }
}

function warnOnce(error) {
  if (warned.has(error.code)) return
  warned.add(error.code)
  process.emitWarning(error.message, { type: 'SessileWarning', code: error.code })
}

module.exports = { report, tellOfConflict, tellOfEnded, warn }
