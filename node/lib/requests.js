// The operations that the addon answers later: who asked, and handing the answers over in batches.
//
// There is one port to the addon in each environment: one in the main thread, one in every worker. The
// addon keeps the process alive while a request is pending, and only then.
'use strict'

const { AsyncResource } = require('node:async_hooks')
const { setImmediate } = require('node:timers')
const { fromFailure } = require('./errors.js')
const native = require('./native.js')
const { Deferred, settle } = require('./replies.js')
const { report, warn } = require('./reports.js')

// Written by the addon: of the session that `get` returned at once its expiry, its version, the first version of it
// that memory knows of, and its deadline, or of one that `set` wrote its version; then the numbers of the requests of
// a batch that were simply done.
const HEAD = 4
const figures = new Float64Array(HEAD + 256)

const port = native.portOpen(deliver, figures)

// Requests by number, and the numbers that may be given again.
const pending = []
const free = []

// Stores by the number that notices carry. Weak: a notice is no reason for a store to live.
const stores = new Map()
let lastStore = 0

// A store that was collected leaves nothing here but the listener for the process's exit, which stays from then on: the
// addon brings what such a store acknowledged to the disk on a thread, and nobody learns when that is done.
const collected = new FinalizationRegistry(forget)
let hasForgotten = false

// Whether the writes of this turn will be sent on their way.
let isSending = false

// Set when the process is leaving: the event loop will not come round again.
let exiting = false

// One pending operation.
class Request {
  // `convert(value, expiresAt, version, knownSince, deadline, id)` makes the result of what the addon answered; it may
  // throw.
  constructor(work, reply, convert, id) {
    this.work = work
    this.reply = reply
    this.convert = convert
    this.id = id
    // A callback runs in the asynchronous context of the call that it was given to.
    this.scope = reply instanceof Deferred ? null : new AsyncResource('SessileRequest')
    work.begin()
  }

  finish(failure, value, expiresAt, version, knownSince, deadline) {
    let error = null
    let result
    if (failure !== null) {
      error = fromFailure(failure)
    } else if (this.convert !== undefined) {
      try {
        result = this.convert(value, expiresAt, version, knownSince, deadline, this.id)
      } catch (thrown) {
        error = thrown
      }
    }
    if (this.scope === null) settle(this.reply, error, result)
    else this.scope.runInAsyncScope(settle, null, this.reply, error, result)
    this.work.end()
  }
}

// The operations that a store has under way, so that closing it can wait for them.
class Work {
  #count = 0
  #idle = null

  begin() {
    this.#count++
  }

  end() {
    this.#count--
    this.#check()
  }

  // Calls `idle` when there is nothing under way, which may be now.
  whenIdle(idle) {
    this.#idle = idle
    this.#check()
  }

  #check() {
    if (this.#count > 0 || this.#idle === null) return
    const idle = this.#idle
    this.#idle = null
    idle()
  }
}

// What has one request pending that may never be answered: whether that is no reason for the process to live. It is not
// part of what waits, so that it can still be taken back where that was collected meanwhile.
class Idling {
  #isIdle = false

  set(isIdle) {
    if (isIdle === this.#isIdle) return
    this.#isIdle = isIdle
    heed(native.portIdle(port, isIdle))
  }
}

// The number for the next call of the addon. It is taken only when the call's answer is "later".
function nextNumber() {
  return free.length > 0 ? free[free.length - 1] : pending.length
}

function pend(number, request) {
  if (number === pending.length) {
    pending.push(request)
  } else {
    free.pop()
    pending[number] = request
  }
}

// Does what has to follow a call of the addon that has no result: `answer` is true, false for later, or a
// failure.
function acknowledge(answer, number, work, reply) {
  if (answer === true) {
    settle(reply, null)
  } else if (answer === false) {
    pend(number, new Request(work, reply))
    sendLater()
  } else {
    settle(reply, fromFailure(answer))
  }
}

// The writes of a turn of the event loop go to the disk together, when it ends: before that nobody could be
// answered anyway, and one sync does for all. The store does not wait for more than 10 ms.
function sendLater() {
  if (isSending) return
  isSending = true
  setImmediate(send)
}

function send() {
  isSending = false
  heed(native.portSend(port))
}

// For what is called on nobody's behalf: a failure can only be a defect of the addon, and ends nothing.
function heed(answer) {
  if (answer !== true) process.emitWarning(fromFailure(answer))
}

// The same for an operation that runs on a thread of its own and so is never answered at once.
function expect(answer, number, work, reply, convert) {
  if (answer === false) pend(number, new Request(work, reply, convert))
  else settle(reply, fromFailure(answer))
}

function deliver(done, results, notices) {
  for (let i = HEAD; i < HEAD + done; i++) finish(figures[i], null, null, 0, 0, 0, 0)
  if (results !== null) {
    for (let i = 0; i < results.length; i += 3 + HEAD) {
      const [number, failure, value] = [results[i], results[i + 1], results[i + 2]]
      finish(number, failure, value, results[i + 3], results[i + 4], results[i + 5], results[i + 6])
    }
  }
  if (notices !== null) {
    for (let i = 0; i < notices.length; i += 3) notify(notices[i], notices[i + 1], notices[i + 2])
  }
}

function finish(number, failure, value, expiresAt, version, knownSince, deadline) {
  const request = pending[number]
  pending[number] = undefined
  free.push(number)
  request.finish(failure, value, expiresAt, version, knownSince, deadline)
}

function notify(number, failure, isWarning) {
  const store = stores.get(number)?.deref()
  if (store === undefined) return
  if (isWarning) warn(store, fromFailure(failure))
  else report(store, fromFailure(failure))
}

// Enters a store and returns its number.
function enter(store) {
  // Before the application's own listeners: what they call is answered within the call.
  if (stores.size === 0 && !hasForgotten) process.prependListener('exit', onExit)
  lastStore++
  stores.set(lastStore, new WeakRef(store))
  collected.register(store, lastStore)
  return lastStore
}

// Lets go of a store that was closed, or never opened.
function leave(number) {
  if (stores.delete(number) && stores.size === 0 && !hasForgotten) process.off('exit', onExit)
}

// The same for a store that nobody closed, once it was collected.
function forget(number) {
  if (stores.delete(number)) hasForgotten = true
}

// process.exit() and uncaught errors end a process without ending its environment, so that the addon
// would not learn of it.
function onExit() {
  exiting = true
  native.portExit(port)
}

function isExiting() {
  return exiting
}

module.exports = {
  Idling,
  Work,
  port,
  figures,
  nextNumber,
  pend,
  Request,
  acknowledge,
  expect,
  heed,
  enter,
  leave,
  isExiting,
}
