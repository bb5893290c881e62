// Whether a store can be used yet, and the operations that wait until it can.
//
// While another process holds the store, operations wait up to `openTimeout` and then fail. The next one
// after that tries again, so that a process outlives a predecessor that took its time to go; the same after
// any other failure to open, since its cause may be gone. A try that no operation waits for does not keep
// the process alive, and closing ends it.
'use strict'

const { AsyncResource } = require('node:async_hooks')
const { SessileError, fromFailure } = require('./errors.js')
const native = require('./native.js')
const { expect, heed, Idling, isExiting, nextNumber, Work } = require('./requests.js')
const { settle } = require('./replies.js')

const LOCKED = 'LOCKED'

class Opening {
  // The one thing asked for on every operation.
  isOpen = false

  #handle
  #onFailure
  #onOpen
  #isTrying = false
  // Idle while it tries, and nobody waits for that.
  #idling = new Idling()
  #isClosed = false
  #hasOpened = false
  #waiting = []
  #work = new Work()

  // `onFailure` is told of failures to open that no caller of a constructor or of open() is told of; `onOpen` is called
  // when the store has opened, before what waits for that.
  constructor(handle, onFailure, onOpen) {
    this.#handle = handle
    this.#onFailure = onFailure
    this.#onOpen = onOpen
  }

  // Opens at once, or throws. If another process has the store, goes on trying in the background.
  now() {
    const answer = native.openNow(this.#handle)
    if (answer === true) {
      this.isOpen = this.#hasOpened = true
      this.#onOpen()
    } else if (answer.code === LOCKED) this.#tryIdly()
    else throw fromFailure(answer)
  }

  // Opens on a thread, and settles `reply`.
  later(reply) {
    this.#isTrying = true
    const number = nextNumber()
    expect(native.openLater(this.#handle, number), number, this.#work, (error) => {
      this.#settle(error)
      settle(reply, error)
    })
  }

  // Opens what is left of a damaged store on a thread, and settles `reply` with what could not be saved.
  salvage(reply) {
    this.#isTrying = true
    const number = nextNumber()
    const go = (error, dropped) => {
      this.#settle(error)
      settle(reply, error, dropped)
    }
    expect(native.openSalvage(this.#handle, number), number, this.#work, go, (dropped) => dropped)
  }

  // Does `operation` once the store is open, or fails `reply`. Only for a store that is not open.
  hold(reply, operation) {
    if (this.#isClosed) {
      settle(reply, new SessileError('CLOSED', 'the store is closed'))
      return
    }
    if (isExiting()) {
      const message =
        'the store was not open when the process began to exit; nothing is read or written any more'
      settle(reply, new SessileError('CLOSED', message))
      return
    }
    const go = (error) => (error === null ? operation() : settle(reply, error))
    this.#waiting.push(AsyncResource.bind(go))
    if (this.#isTrying) this.#idling.set(false)
    else this.#try()
  }

  // Takes no operation from now on. Calls `whenClosed(hasOpened)` once those that wait are under way or
  // have failed.
  close(whenClosed) {
    this.isOpen = false
    this.#isClosed = true
    if (this.#isTrying) heed(native.openCallOff(this.#handle))
    // Whoever asked for the close is owed an answer.
    this.#idling.set(false)
    this.#work.whenIdle(() => whenClosed(this.#hasOpened))
  }

  #try() {
    const number = nextNumber()
    this.#isTrying = true
    expect(native.openLater(this.#handle, number), number, this.#work, (error) => {
      this.#settle(error)
      // That the wait was called off is no failure.
      const isExpected = this.#isClosed && error?.code === `ERR_SESSILE_${LOCKED}`
      if (error !== null && !isExpected) this.#onFailure(error)
    })
  }

  #tryIdly() {
    this.#try()
    this.#idling.set(this.#isTrying)
  }

  #settle(error) {
    this.#idling.set(false)
    this.#isTrying = false
    this.#hasOpened = error === null
    this.isOpen = this.#hasOpened && !this.#isClosed
    if (this.isOpen) this.#onOpen()
    const waiting = this.#waiting
    this.#waiting = []
    for (const go of waiting) go(error)
  }
}

module.exports = { Opening }
