// What the session stores for all frameworks have in common.
//
// They convert and hand on: what a session is to a framework is a text and an expiry to the store. Reads see
// a write from the moment it was called; `durability` decides what a write has survived once its callback
// is called. An answer that is at hand is given without leaving the call, but for Express; see held-response.js.
'use strict'

const { ENDINGS, Endings } = require('./endings.js')
const { fromFailure, invalidArgument, invalidOption } = require('./errors.js')
const native = require('./native.js')
const { Opening } = require('./opening.js')
const { Ownership, ownerArgument } = require('./owner.js')
const { checkOptions, lifetime, toNative } = require('./options.js')
const { Continuation, Deferred, promiseOf, replyTo, settle } = require('./replies.js')
const { report, tellOfConflict, tellOfEnded } = require('./reports.js')
const { acknowledge, enter, expect, leave, nextNumber, port, Work } = require('./requests.js')
const scan = require('./scan.js')
const { serializerOf } = require('./serializer.js')
const { Sessions } = require('./sessions.js')

// How many values the addon gives of each of an owner's sessions.
const OWNED_FIELDS = 6

// Set while open() constructs a store, which then opens on a thread.
let isOpeningLater = false

// How the frameworks' own classes write and load sessions; see there.
const WRITE = Symbol('write')
const LOAD = Symbol('load')
const SUCCEED = Symbol('succeed')

// How the command-line tool reads the sessions with what is not in them: when they expire.
const ROWS = Symbol('rows')

// The class of stores on `Base`, which is an EventEmitter, for sessions in `dialect`; see cookie-dialect.js.
function storeOn(Base, dialect) {
  class SessileStore extends Base {
    #ttl
    #ttlMs
    #number
    #handle
    #opening
    #work = new Work()
    #closing = null
    #serializer
    #sessions
    #ownership
    #endings = new Map()
    #report = (error) => report(this, error)
    #page = (after, limit, withPayloads) => this.#readPage(after, limit, withPayloads)
    #toOwned = (list) => this.#ownedSessions(list)
    #readSession = (id, text, expiresAt, version) => this.#sessions.read(id, text, expiresAt, version)

    constructor(options) {
      super()
      const checked = checkOptions(options)
      if (checked.keepLifetime && !dialect.regenerates) {
        const message =
          "option 'keepLifetime' is for express-session, which alone tells a store of a regeneration"
        throw invalidOption(TypeError, message)
      }
      this.#ttl = checked.ttl
      this.#ttlMs = typeof checked.ttl === 'number' ? lifetime('ttl', checked.ttl) : 0
      this.#number = enter(this)
      this.#handle = native.storeNew(port, toNative(checked), this.#number)
      this.#serializer = serializerOf(checked.serializer, dialect)
      const ownership = new Ownership(checked)
      if (ownership.isUsed) this.#ownership = ownership
      this.#sessions = new Sessions({
        handle: this.#handle,
        work: this.#work,
        dialect,
        serializer: this.#serializer,
        ttlMs: this.#ttlMs,
        conflict: checked.conflict,
        contentOf: (session, until) => this.#contentOf(session, until),
        ownership: this.#ownership,
        maxPerOwner: checked.maxPerOwner,
        tell: (conflict) => tellOfConflict(this, conflict),
      })
      for (const event of ENDINGS) this.#endings.set(event, this.#endingsOf(event))
      this.#opening = new Opening(this.#handle, this.#report, () => this.#listenForHeard())
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
      const salvaged = await SessileStore.#openLater(this, options, (opening, reply) =>
        opening.salvage(reply)
      )
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
      if (this.#opening.isOpen) this.#sessions.get(id, reply)
      else this.#opening.hold(reply, () => this.#sessions.get(id, reply))
      return promiseOf(reply)
    }

    set(id, session, callback) {
      const reply = replyTo(callback, arguments.length > 2, this.#report)
      this[WRITE](id, session, session, 0, reply)
      return promiseOf(reply)
    }

    // Writes `session` for whoever holds `holder`, on condition of what that was loaded from. It expires at `until` if it
    // does not say when itself; 0 is the ttl's.
    [WRITE](id, session, holder, until, reply) {
      let content
      let error = null
      try {
        content = this.#contentOf(session, until)
      } catch (thrown) {
        error = thrown
      }
      if (error !== null) settle(reply, error)
      else if (this.#opening.isOpen) this.#sessions.set(id, holder, content, reply)
      else this.#opening.hold(reply, () => this.#sessions.set(id, holder, content, reply))
    }

    // What a session is to be written as: its text, when it expires, and whose it is.
    #contentOf(session, until) {
      const text = this.#serializer.stringify(session)
      const expiresAt = dialect.expiryOf(session) || until || this.#ttlOf(session)
      return { text, expiresAt, until, owner: this.#ownership?.of(session) }
    }

    touch(id, session, callback) {
      const reply = replyTo(callback, arguments.length > 2, this.#report)
      let cookie
      let expiresAt
      let error = null
      try {
        cookie = this.#sessions.changedCookie(session)
        expiresAt = dialect.expiryOf(session) || this.#ttlOf(session)
      } catch (thrown) {
        error = thrown
      }
      if (error !== null) settle(reply, error)
      else if (this.#opening.isOpen) this.#sessions.touch(id, session, cookie, expiresAt, reply)
      else this.#opening.hold(reply, () => this.#sessions.touch(id, session, cookie, expiresAt, reply))
      return promiseOf(reply)
    }

    destroy(id, callback) {
      const reply = replyTo(callback, arguments.length > 1, this.#report)
      if (this.#opening.isOpen) this.#sessions.destroy(id, reply)
      else this.#opening.hold(reply, () => this.#sessions.destroy(id, reply))
      return promiseOf(reply)
    }

    sessionsOf(owner, callback) {
      const name = ownerArgument(owner)
      const reply = replyTo(callback, arguments.length > 1, this.#report)
      return this.#onThread(reply, (handle, number) => native.sessionsOf(handle, name, number), this.#toOwned)
    }

    countOf(owner, callback) {
      const name = ownerArgument(owner)
      const reply = replyTo(callback, arguments.length > 1, this.#report)
      return this.#onThread(reply, (handle, number) => native.countOf(handle, name, number), toResult)
    }

    destroyAllOf(owner, options, callback) {
      const name = ownerArgument(owner)
      const isShort = typeof options === 'function'
      const except = isShort ? undefined : exceptIn(options)
      const reply = replyTo(isShort ? options : callback, arguments.length > (isShort ? 1 : 2), this.#report)
      return this.#onThread(
        reply,
        (handle, number) => native.destroyAllOf(handle, name, except, number),
        toResult
      )
    }

    clear(callback) {
      const reply = replyTo(callback, arguments.length > 0, this.#report)
      this.#run(reply, () => {
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
      return this.#onThread(reply, (handle, number) => native.backup(handle, directory, number))
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
      scan.all(this.#page, this.#readSession).then(
        (sessions) => settle(reply, null, sessions),
        (error) => settle(reply, error)
      )
      return promiseOf(reply)
    }

    ids() {
      return scan.ids(this.#page)
    }

    entries() {
      return scan.entries(this.#page, this.#readSession)
    }

    // The living sessions as they are kept; see scan.js.
    [ROWS]() {
      return scan.rows(this.#page)
    }

    #ownedSessions(list) {
      const sessions = []
      for (let i = 0; i < list.length; i += OWNED_FIELDS) {
        const [id, text, expiresAt, version, createdAt, deadline] = list.slice(i, i + OWNED_FIELDS)
        const session = scan.readable(this.#readSession, id, text, expiresAt, version)
        const seenAt = expiresAt === deadline ? undefined : this.#seenAt(session, expiresAt)
        sessions.push({
          id,
          session,
          created: new Date(createdAt),
          lastSeen: seenAt === undefined ? null : new Date(Math.max(createdAt, Math.min(seenAt, Date.now()))),
          expires: new Date(expiresAt),
        })
      }
      return sessions
    }

    // When a session was used that expires then, in milliseconds since 1970.
    #seenAt(session, expiresAt) {
      const ttlMs = typeof this.#ttl === 'number' ? this.#ttlMs : lifetime('ttl(session)', this.#ttl(session))
      return dialect.seenAt(session, expiresAt) ?? expiresAt - ttlMs
    }

    #readPage(after, limit, withPayloads) {
      return this.#onThread(
        new Deferred(),
        (handle, number) => native.scan(handle, after, limit, withPayloads, number),
        toResult
      )
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
            this.#tellTheRest([...this.#endings.values()], () => settle(closed, error))
          }
          const number = nextNumber()
          expect(native.close(this.#handle, number), number, this.#work, new Continuation(go))
        })
      })
      return closed.promise
    }

    on(event, listener) {
      super.on(event, listener)
      return this.#heard(event)
    }

    addListener(event, listener) {
      return this.on(event, listener)
    }

    prependListener(event, listener) {
      super.prependListener(event, listener)
      return this.#heard(event)
    }

    // Sessions that end are told of while somebody listens, and cost nothing else.
    #heard(event) {
      if (this.#opening?.isOpen) this.#endings.get(event)?.listen()
      return this
    }

    #listenForHeard() {
      for (const [event, endings] of this.#endings) if (this.listenerCount(event) > 0) endings.listen()
    }

    #endingsOf(event) {
      return new Endings(event, {
        handle: this.#handle,
        dialect,
        serializer: this.#serializer,
        hasListeners: () => this.listenerCount(event) > 0,
        emit: (sessions) => tellOfEnded(this, event, sessions),
        report: this.#report,
      })
    }

    #tellTheRest([endings, ...others], whenTold) {
      if (endings === undefined) whenTold()
      else endings.finish(() => this.#tellTheRest(others, whenTold))
    }

    // Notes that a framework has made what holds a session of `data`, which a read gave.
    [LOAD](holder, data) {
      this.#sessions.load(holder, data)
    }

    // Notes that a framework has made `holder` in place of `before`, under another id.
    [SUCCEED](holder, before) {
      this.#sessions.succeed(holder, before)
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
  return SessileStore
}

// The session that `destroyAllOf` is to spare. What cannot be one would spare none, and say nothing.
function exceptIn(options) {
  if (options === undefined || options === null) return undefined
  if (typeof options !== 'object') throw invalidArgument(`options are an object, not ${String(options)}`)
  const unknown = Object.keys(options).find((name) => name !== 'except')
  if (unknown !== undefined) throw invalidArgument(`unknown option '${unknown}'; there is 'except'`)
  const { except } = options
  if (except === undefined || (typeof except === 'string' && except.isWellFormed())) return except
  throw invalidArgument(`except is the id of a session, not ${String(except)}`)
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

module.exports = { LOAD, ROWS, SUCCEED, WRITE, storeOn }
