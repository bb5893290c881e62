// Whether a store can be used yet, and the operations that wait until it can.
//
// While another process holds the store, operations wait up to `openTimeout` and then fail. The next one
// after that tries again, so that a process outlives a predecessor that took its time to go.
'use strict'

const { AsyncResource } = require('node:async_hooks')
const { SessileError, fromFailure } = require('./errors.js')
const native = require('./native.js')
const { expect, nextNumber, Work } = require('./requests.js')
const { settle } = require('./replies.js')

const LOCKED = 'LOCKED'

class Opening {
  // The one thing asked for on every operation.
  isOpen = false

  #handle
  #onFailure
  #isTrying = false
  #isClosed = false
  #hasOpened = false
  // Why the store cannot be used, as the addon said it.
  #failure = null
  #waiting = []
  #work = new Work()

  // `onFailure` is told of failures to open that no caller of a constructor or of open() is told of.
  constructor(handle, onFailure) {
    this.#handle = handle
    this.#onFailure = onFailure
  }

  // Opens at once, or throws. If another process has the store, goes on trying in the background.
  now() {
    const answer = native.openNow(this.#handle)
    if (answer === true) this.isOpen = this.#hasOpened = true
    else if (answer.code === LOCKED) this.#try()
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

  // Does `operation` once the store is open, or fails `reply`. Only for a store that is not open.
  hold(reply, operation) {
    if (this.#isClosed) {
      settle(reply, new SessileError('CLOSED', 'the store is closed'))
      return
    }
    if (this.#failure !== null && this.#failure.code !== `ERR_SESSILE_${LOCKED}`) {
      settle(reply, this.#failure)
      return
    }
    const go = (error) => (error === null ? operation() : settle(reply, error))
    this.#waiting.push(AsyncResource.bind(go))
    if (!this.#isTrying) this.#try()
  }

  // Takes no operation from now on. Calls `whenClosed(hasOpened)` once those that wait are under way or
  // have failed.
  close(whenClosed) {
    this.isOpen = false
    this.#isClosed = true
    this.#work.whenIdle(() => whenClosed(this.#hasOpened))
  }

  #try() {
    const number = nextNumber()
    this.#isTrying = true
    expect(native.openLater(this.#handle, number), number, this.#work, (error) => {
      this.#settle(error)
      if (error !== null) this.#onFailure(error)
    })
  }

  #settle(error) {
    this.#isTrying = false
    this.#failure = error
    this.#hasOpened = error === null
    this.isOpen = this.#hasOpened && !this.#isClosed
    const waiting = this.#waiting
    this.#waiting = []
    for (const go of waiting) go(error)
  }
}

module.exports = { Opening }
