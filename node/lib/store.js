// The session store for express-session.
//
// It converts and hands on: what a session is to Express is JSON text and an expiry to the store. Reads see
// a write from the moment it was called; `durability` decides what a write has survived once its callback
// is called. An answer that is at hand is given without leaving the call, since express-session then sends
// its response in one piece.
'use strict'

const { differs, expiryOf, formOf } = require('./cookie.js')
const { fromFailure, invalidArgument, invalidOption } = require('./errors.js')
const { fromJson, toJson, unserializable } = require('./json.js')
const native = require('./native.js')
const { Opening } = require('./opening.js')
const { checkOptions, lifetime, toNative } = require('./options.js')
const { Continuation, Deferred, promiseOf, replyTo, settle } = require('./replies.js')
const { report } = require('./reports.js')
const {
  acknowledge,
  enter,
  expect,
  figures,
  leave,
  nextNumber,
  pend,
  port,
  Request,
  Work,
} = require('./requests.js')
const scan = require('./scan.js')
const { Store } = require('./session-base.js')

// Set while open() constructs a store, which then opens on a thread.
let isOpeningLater = false

class SessileStore extends Store {
  #ttl
  #ttlMs
  #number
  #handle
  #opening
  #work = new Work()
  #closing = null
  // The cookie of each session as it was loaded: a request may change it and nothing else, and then only
  // `touch` is called.
  #loaded = new WeakMap()
  // Touches that are still reading what they are to change, by id: a write in between outdates the read.
  // That covers this store object; a write by another one, as in another worker thread, can still fall
  // between the read and the write. Only a write on condition, in the store itself, could exclude that.
  #rereads = new Map()
  #report = (error) => report(this, error)
  #page = (after, limit, withPayloads) => this.#readPage(after, limit, withPayloads)

  constructor(options) {
    super()
    const checked = checkOptions(options)
    this.#ttl = checked.ttl
    this.#ttlMs = typeof checked.ttl === 'number' ? lifetime('ttl', checked.ttl) : 0
    this.#number = enter(this)
    this.#handle = native.storeNew(port, toNative(checked), this.#number)
    this.#opening = new Opening(this.#handle, this.#report)
    if (isOpeningLater) return
    try {
      this.#opening.now()
    } catch (error) {
      leave(this.#number)
      throw error
    }
  }

  // Opens a store without blocking the event loop; resolves when it is usable.
  static async open(options) {
    const { store } = await SessileStore.#openLater(this, options, (opening, reply) => opening.later(reply))
    return store
  }

  // Opens a damaged store with what is left of it; resolves with it and with what could not be saved.
  static async salvage(options) {
    const salvaged = await SessileStore.#openLater(this, options, (opening, reply) => opening.salvage(reply))
    return { store: salvaged.store, dropped: salvaged.answer }
  }

  static async #openLater(This, options, begin) {
    isOpeningLater = true
    let store
    try {
      store = new This(options)
    } finally {
      isOpeningLater = false
    }
    const opened = new Deferred()
    begin(store.#opening, opened)
    try {
      return { store, answer: await opened.promise }
    } catch (error) {
      leave(store.#number)
      throw error
    }
  }

  get(id, callback) {
    const reply = replyTo(callback, arguments.length > 1, this.#report)
    if (this.#opening.isOpen) this.#get(id, reply)
    else this.#opening.hold(reply, () => this.#get(id, reply))
    return promiseOf(reply)
  }

  #get(id, reply) {
    const number = nextNumber()
    const answer = native.get(this.#handle, id, number)
    if (answer === false) {
      pend(number, new Request(this.#work, reply, toSession))
      return
    }
    let session
    let error = null
    if (typeof answer === 'string') {
      try {
        session = fromJson(answer, figures[0])
      } catch (thrown) {
        error = thrown
      }
    } else if (answer !== null) {
      error = fromFailure(answer)
    }
    settle(reply, error, session)
  }

  set(id, session, callback) {
    const reply = replyTo(callback, arguments.length > 2, this.#report)
    let json
    let expiresAt
    let error = null
    try {
      json = toJson(session)
      expiresAt = expiryOf(session) || this.#ttlOf(session)
    } catch (thrown) {
      error = thrown
    }
    if (error !== null) settle(reply, error)
    else if (this.#opening.isOpen) this.#set(id, json, expiresAt, reply)
    else this.#opening.hold(reply, () => this.#set(id, json, expiresAt, reply))
    return promiseOf(reply)
  }

  #set(id, json, expiresAt, reply) {
    this.#outdate(id)
    const number = nextNumber()
    acknowledge(native.set(this.#handle, id, json, expiresAt, number), number, this.#work, reply)
  }

  touch(id, session, callback) {
    const reply = replyTo(callback, arguments.length > 2, this.#report)
    let cookie
    let expiresAt
    let error = null
    try {
      cookie = this.#changedCookie(session)
      expiresAt = expiryOf(session) || this.#ttlOf(session) || Date.now() + this.#ttlMs
    } catch (thrown) {
      error = thrown
    }
    if (error !== null) settle(reply, error)
    else if (this.#opening.isOpen) this.#touch(id, session, cookie, expiresAt, reply)
    else this.#opening.hold(reply, () => this.#touch(id, session, cookie, expiresAt, reply))
    return promiseOf(reply)
  }

  #touch(id, session, cookie, expiresAt, reply) {
    if (cookie === undefined) this.#move(id, expiresAt, reply)
    else this.#touchCookie(id, session, cookie, expiresAt, reply)
  }

  // The session's cookie as JSON, unless it is known to be what the session was loaded with.
  #changedCookie(session) {
    try {
      const cookie = formOf(session)
      if (cookie === undefined) return undefined
      const before = this.#loaded.get(session)
      return before === undefined || differs(before, cookie) ? cookie : undefined
    } catch (cause) {
      throw unserializable(cause)
    }
  }

  // A touch that may have more to keep than an expiry. The cookie goes into the session as it is stored
  // now, not as this request loaded it: another request may have changed that since.
  #touchCookie(id, session, cookie, expiresAt, reply) {
    const reread = { isOutdated: false }
    this.#enterReread(id, reread)
    const go = (error, stored) => {
      this.#leaveReread(id, reread)
      if (error === null && reread.isOutdated) {
        this.#touchCookie(id, session, cookie, expiresAt, reply)
        return
      }
      if (error !== null || stored === undefined) {
        settle(reply, error)
        return
      }
      let json
      try {
        json = withCookie(stored, cookie)
        this.#loaded.set(session, { ...cookie })
      } catch (thrown) {
        settle(reply, thrown)
        return
      }
      if (json === null) this.#move(id, expiresAt, reply)
      else this.#set(id, json, expiresAt, reply)
    }
    this.#get(id, new Continuation(go))
  }

  #enterReread(id, reread) {
    const others = this.#rereads.get(id)
    if (others === undefined) this.#rereads.set(id, new Set([reread]))
    else others.add(reread)
  }

  #leaveReread(id, reread) {
    const all = this.#rereads.get(id)
    all.delete(reread)
    if (all.size === 0) this.#rereads.delete(id)
  }

  #outdate(id) {
    if (this.#rereads.size === 0) return
    for (const reread of this.#rereads.get(id) ?? []) reread.isOutdated = true
  }

  #move(id, expiresAt, reply) {
    const number = nextNumber()
    acknowledge(native.touch(this.#handle, id, expiresAt, number), number, this.#work, reply)
  }

  destroy(id, callback) {
    const reply = replyTo(callback, arguments.length > 1, this.#report)
    if (this.#opening.isOpen) this.#destroy(id, reply)
    else this.#opening.hold(reply, () => this.#destroy(id, reply))
    return promiseOf(reply)
  }

  #destroy(id, reply) {
    this.#outdate(id)
    const number = nextNumber()
    acknowledge(native.destroy(this.#handle, id, number), number, this.#work, reply)
  }

  clear(callback) {
    const reply = replyTo(callback, arguments.length > 0, this.#report)
    this.#run(reply, () => {
      for (const id of this.#rereads.keys()) this.#outdate(id)
      const number = nextNumber()
      acknowledge(native.clear(this.#handle, number), number, this.#work, reply)
    })
    return promiseOf(reply)
  }

  length(callback) {
    return this.#onThread(replyTo(callback, arguments.length > 0, this.#report), native.len, toResult)
  }

  flush(callback) {
    return this.#onThread(replyTo(callback, arguments.length > 0, this.#report), native.flush)
  }

  reap(callback) {
    return this.#onThread(replyTo(callback, arguments.length > 0, this.#report), native.reap, toResult)
  }

  check(callback) {
    return this.#onThread(replyTo(callback, arguments.length > 0, this.#report), native.check, toResult)
  }

  backup(directory, callback) {
    if (typeof directory !== 'string' || directory === '') {
      throw invalidArgument(`a backup needs the path of a directory to be made, not ${String(directory)}`)
    }
    const reply = replyTo(callback, arguments.length > 1, this.#report)
    this.#run(reply, () => {
      const number = nextNumber()
      expect(native.backup(this.#handle, directory, number), number, this.#work, reply)
    })
    return promiseOf(reply)
  }

  stats(callback) {
    const reply = replyTo(callback, arguments.length > 0, this.#report)
    this.#run(reply, () => {
      const answer = native.stats(this.#handle)
      if (answer.code !== undefined) settle(reply, fromFailure(answer))
      else settle(reply, null, inCamelCase(answer))
    })
    return promiseOf(reply)
  }

  all(callback) {
    const reply = replyTo(callback, arguments.length > 0, this.#report)
    scan.all(this.#page).then(
      (sessions) => settle(reply, null, sessions),
      (error) => settle(reply, error)
    )
    return promiseOf(reply)
  }

  ids() {
    return scan.ids(this.#page)
  }

  entries() {
    return scan.entries(this.#page)
  }

  #readPage(after, limit, withPayloads) {
    const reply = new Deferred()
    this.#run(reply, () => {
      const number = nextNumber()
      const answer = native.scan(this.#handle, after, limit, withPayloads, number)
      expect(answer, number, this.#work, reply, toResult)
    })
    return reply.promise
  }

  close(callback) {
    const reply = replyTo(callback, arguments.length > 0, this.#report)
    this.#closing ??= this.#close()
    this.#closing.then(
      () => settle(reply, null),
      (error) => settle(reply, error)
    )
    return promiseOf(reply)
  }

  #close() {
    const closed = new Deferred()
    this.#opening.close((isOpen) => {
      this.#work.whenIdle(() => {
        if (!isOpen) {
          leave(this.#number)
          closed.resolve()
          return
        }
        // Left only when all is on the disk: until then an exit of the process has to see to that.
        const go = (error) => {
          if (error === null) leave(this.#number)
          settle(closed, error)
        }
        const number = nextNumber()
        expect(native.close(this.#handle, number), number, this.#work, new Continuation(go))
      })
    })
    return closed.promise
  }

  // express-session calls this for every session it loads.
  createSession(request, data) {
    const session = super.createSession(request, data)
    this.#loaded.set(session, formOf(session))
    return session
  }

  #run(reply, operation) {
    if (this.#opening.isOpen) operation()
    else this.#opening.hold(reply, operation)
  }

  #onThread(reply, call, convert) {
    this.#run(reply, () => {
      const number = nextNumber()
      expect(call(this.#handle, number), number, this.#work, reply, convert)
    })
    return promiseOf(reply)
  }

  // When a session without an expiry of its own is over; 0 leaves it to the store's ttl.
  #ttlOf(session) {
    if (typeof this.#ttl === 'number') return 0
    let seconds
    try {
      seconds = this.#ttl(session)
    } catch (cause) {
      throw invalidOption(
        TypeError,
        `option 'ttl' is a function that threw: ${String(cause?.message ?? cause)}`,
        cause
      )
    }
    return Date.now() + lifetime('ttl(session)', seconds)
  }
}

// The JSON of the stored session with `cookie` in it, or null where the cookie it has is the same.
function withCookie(stored, cookie) {
  const before = stored.cookie
  try {
    if (typeof before === 'object' && before !== null && !differs(before, cookie)) return null
  } catch (cause) {
    throw unserializable(cause)
  }
  stored.cookie = { ...before, ...cookie }
  return toJson(stored)
}

function toSession(value, expiresAt) {
  return value === null ? undefined : fromJson(value, expiresAt)
}

function toResult(value) {
  return value
}

function inCamelCase(figuresByName) {
  const entries = Object.entries(figuresByName)
  return Object.fromEntries(
    entries.map(([name, figure]) => [name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), figure])
  )
}

module.exports = { SessileStore }
