// The events `expired` and `destroyed`: what sessions that are no more were last, in batches.
//
// What it keeps true: a store that nobody listens to does nothing for it. A batch is small enough to be parsed in
// passing, and the next is asked for when the event loop has come round, so that a million sessions which expire at once
// hold up no request; they wait on the disk. Listening is no reason for the process to live, nor for the store.
'use strict'

const { clearImmediate, setImmediate } = require('node:timers')
const { fromFailure } = require('./errors.js')
const native = require('./native.js')
const { Continuation } = require('./replies.js')
const { heed, Idling, nextNumber, pend, Request, Work } = require('./requests.js')
const { readable } = require('./scan.js')
const { fromText } = require('./serializer.js')

const ENDINGS = ['expired', 'destroyed']

// How many values the addon gives of each session.
const FIELDS = 4

// What a store tells by one of the two events.
class Endings {
  #handle
  #isExpired
  #toSession
  #hasListeners
  #emit
  #report
  #isListening = false
  // Idle while a batch is waited for, which may never come.
  #idling = new Idling()
  // Set while the next batch is about to be asked for.
  #asking = null
  // Set once the store has closed: what is there is all that will come.
  #whenTold = null

  // `dialect` is the framework's, see cookie-dialect.js, and `serializer` the store's; `hasListeners()` says whether
  // somebody listens still, `emit(sessions)` tells them, and `report` is told of what cannot be read.
  constructor(event, { handle, dialect, serializer, hasListeners, emit, report }) {
    this.#handle = handle
    this.#isExpired = event === 'expired'
    this.#toSession = (_, text, expiresAt) => fromText(text, expiresAt, serializer, dialect)
    this.#hasListeners = hasListeners
    this.#emit = emit
    this.#report = report
  }

  // Tells from now on, of a store that is open.
  listen() {
    if (this.#isListening) return
    const answer = native.listen(this.#handle, this.#isExpired)
    if (answer !== true) {
      this.#report(fromFailure(answer))
      return
    }
    this.#isListening = true
    this.#ask()
  }

  // Tells what there is still of a store that has closed, and then calls `whenTold`.
  finish(whenTold) {
    if (!this.#isListening) {
      whenTold()
      return
    }
    this.#whenTold = whenTold
    // Whoever asked for the close is owed its answer.
    this.#idling.set(false)
    heed(native.finishListening(this.#handle, this.#isExpired))
    if (this.#asking !== null) {
      clearImmediate(this.#asking)
      this.#ask()
    }
  }

  #ask() {
    this.#asking = null
    const number = nextNumber()
    const answer = native.ended(this.#handle, this.#isExpired, number)
    if (answer !== false) {
      heed(answer)
      this.#stop()
      return
    }
    const self = new WeakRef(this)
    const idling = this.#idling
    // An empty batch comes as well where the store was collected meanwhile, and nobody is left to be told.
    const go = (_, batch) => {
      idling.set(false)
      self.deref()?.#tell(batch)
    }
    pend(number, new Request(new Work(), new Continuation(go), (batch) => batch))
    this.#idling.set(this.#whenTold === null)
  }

  // There is an empty batch once nothing will come any more.
  #tell(batch) {
    if (batch.length === 0 || !this.#hasListeners()) {
      this.#stop()
      return
    }
    const sessions = this.#sessionsIn(batch)
    if (sessions.length > 0) this.#emit(sessions)
    this.#asking = setImmediate(() => this.#ask())
    if (this.#whenTold === null) this.#asking.unref()
  }

  #sessionsIn(batch) {
    const sessions = []
    for (let i = 0; i < batch.length; i += FIELDS) {
      const [id, text, expiresAt, createdAt] = batch.slice(i, i + FIELDS)
      try {
        const session = readable(this.#toSession, id, text, expiresAt)
        sessions.push({ id, session, created: new Date(createdAt), expires: new Date(expiresAt) })
      } catch (error) {
        this.#report(error)
      }
    }
    return sessions
  }

  #stop() {
    this.#isListening = false
    heed(native.unlisten(this.#handle, this.#isExpired))
    this.#whenTold?.()
  }
}

module.exports = { ENDINGS, Endings }
