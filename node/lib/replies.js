// How an operation's outcome reaches whoever asked: by the callback given, or by a promise.
//
// What it keeps true:
// - a callback is called exactly once. What it throws is not the operation's failure: it surfaces as an
//   uncaught exception of its own, the same whether the answer came at once or later, and never out of the
//   call that asked;
// - answers given at once do not pile up on the stack, however long a chain of them is.
'use strict'

const { invalidArgument } = require('./errors.js')

// How many callbacks may be under way inside each other before the next one waits for the event loop.
const DEPTH_MAX = 32

let depth = 0

class Deferred {
  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}

// A reply where a callback was passed on that is not there, as `req.session.destroy()` does. Nobody may be
// looking at the promise then, so that its failure must not end the process, and is reported instead.
class Unheard extends Deferred {
  constructor(report) {
    super()
    this.promise.catch(report)
  }
}

// What the package itself goes on with. Called at once, however deep, so that an operation of several steps is
// under way without a gap from its first step to its last. `go(error, value)` must not throw.
class Continuation {
  constructor(go) {
    this.go = go
  }

  resolve(value) {
    this.go(null, value)
  }

  reject(error) {
    this.go(error)
  }
}

// The reply for an operation's last argument. `isGiven` tells a callback that is undefined from none.
function replyTo(callback, isGiven, report) {
  if (typeof callback === 'function') return callback
  if (callback !== undefined) throw invalidArgument(`a callback is a function, not ${String(callback)}`)
  return isGiven ? new Unheard(report) : new Deferred()
}

// What the operation returns.
function promiseOf(reply) {
  return typeof reply === 'function' ? undefined : reply.promise
}

function settle(reply, error, value) {
  if (typeof reply !== 'function') {
    if (error === null) reply.resolve(value)
    else reply.reject(error)
  } else if (depth < DEPTH_MAX) {
    invoke(reply, error, value)
  } else {
    setImmediate(invoke, reply, error, value)
  }
}

function invoke(callback, error, value) {
  depth++
  try {
    callback(error, value)
  } catch (thrown) {
    throwLater(thrown)
  } finally {
    depth--
  }
}

// Lets an error be uncaught once what is under way has come to its end.
function throwLater(error) {
  process.nextTick(() => {
    throw error
  })
}

module.exports = { Continuation, Deferred, replyTo, promiseOf, settle, throwLater }
