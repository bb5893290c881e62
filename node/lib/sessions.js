// What a store does with single sessions: reading them, and writing back what was read.
//
// What it keeps true, whatever other requests do meanwhile, in this process and its worker threads:
// - a session that was destroyed, cleared or has expired is not brought back by who had read it before;
// - of two who have read the same session and changed different parts of it, neither loses a change, unless the
//   option `conflict` asks for it.
//
// Each write of what was read is on condition that the session has the version it was read at, which the store
// compares and writes in one step. Where that fails the session is read again, and what to do decided anew.
'use strict'

const { differs } = require('./cookie.js')
const { SessileError, fromFailure } = require('./errors.js')
const { unserializable } = require('./json.js')
const { isUnchanged, merge } = require('./merge.js')
const native = require('./native.js')
const { Origin, mark, originOf } = require('./origin.js')
const { NOBODY } = require('./owner.js')
const { Continuation, settle } = require('./replies.js')
const { acknowledge, expect, figures, isExiting, nextNumber, pend, Request } = require('./requests.js')
const { fromText } = require('./serializer.js')

// Where the addon writes a session's figures; see requests.js.
const EXPIRES_AT = 0
const VERSION = 1
const KNOWN_SINCE = 2
const DEADLINE = 3

// The condition of a write that has none.
const ANY_VERSION = 0

// How the addon and an error name that a condition does not hold.
const CONFLICT = 'CONFLICT'
const GONE = 'GONE'

class Sessions {
  #handle
  #work
  #dialect
  #serializer
  #ttlMs
  #conflict
  #contentOf
  #ownership
  #maxPerOwner
  #tell
  // A session as it is stored, with its text and its versions.
  #toStored = (text, expiresAt, version, knownSince) =>
    text === null ? undefined : { session: this.#sessionIn(text, expiresAt), text, version, knownSince }
  #toSession = (text, expiresAt, version, _, deadline, id) =>
    text === null ? undefined : this.read(id, text, expiresAt, version, deadline)

  // `dialect` is the framework's, see cookie-dialect.js; `serializer` makes the texts, see serializer.js; `ttlMs` is how
  // long a session lives that does not say, and `conflict` the option's value; `contentOf(session)` is what a session is
  // to be written as; `ownership` is undefined where nobody owns any; `tell` is told of conflicts.
  constructor({
    handle,
    work,
    dialect,
    serializer,
    ttlMs,
    conflict,
    contentOf,
    ownership,
    maxPerOwner,
    tell,
  }) {
    this.#handle = handle
    this.#work = work
    this.#dialect = dialect
    this.#serializer = serializer
    this.#ttlMs = ttlMs
    this.#conflict = conflict
    this.#contentOf = contentOf
    this.#ownership = ownership
    this.#maxPerOwner = maxPerOwner
    this.#tell = tell
  }

  // Reads the session `id`.
  get(id, reply) {
    this.#read(id, reply, this.#toSession)
  }

  // Settles `reply` with what `convert` makes of the session, or of null where there is none.
  #read(id, reply, convert) {
    const number = nextNumber()
    const answer = native.get(this.#handle, id, number)
    if (answer === false) {
      pend(number, new Request(this.#work, reply, convert, id))
      return
    }
    let result
    let error = null
    if (answer === null || typeof answer === 'string') {
      try {
        result = convert(
          answer,
          figures[EXPIRES_AT],
          figures[VERSION],
          figures[KNOWN_SINCE],
          figures[DEADLINE],
          id
        )
      } catch (thrown) {
        error = thrown
      }
    } else {
      error = fromFailure(answer)
    }
    settle(reply, error, result)
  }

  // The session that is stored as `text` at `version`, as an object that may be written back.
  read(id, text, expiresAt, version, deadline = 0) {
    const session = this.#sessionIn(text, expiresAt)
    const origin = new Origin(this, id, version, text, this.#ownerBefore(session))
    origin.deadline = deadline
    mark(session, origin)
    return session
  }

  #sessionIn(text, expiresAt) {
    return fromText(text, expiresAt, this.#serializer, this.#dialect)
  }

  // Writes `content`, which is what the object `session` is now, or what holds it: its text, its expiry, where 0 is the
  // ttl's, and whose it is.
  set(id, session, content, whenDone) {
    const origin = originOf(this, session)
    const isNewToOwner = content.owner !== undefined && content.owner !== origin?.owner
    const reply = isNewToOwner ? this.#trimmed(id, content.owner, whenDone) : whenDone
    if (origin === undefined || origin.version === ANY_VERSION || origin.id !== id) {
      this.#create(id, session, origin, content, reply)
    } else if (origin.isBusy) {
      origin.wait(() => this.#rewrite(origin, content, reply))
    } else {
      this.#saveBack(origin, content, reply)
    }
  }

  // Writes a session object back that nobody is writing yet.
  #saveBack(origin, content, reply) {
    let isChanged
    try {
      isChanged = !this.#dialect.savesUnchanged || !this.#isUnchanged(origin, content)
    } catch (thrown) {
      settle(reply, thrown)
      return
    }
    if (!isChanged) {
      this.#prolong(origin, content.expiresAt, reply)
    } else if (origin.isBehind) {
      origin.begin()
      this.#rewrite(origin, content, reply)
    } else {
      this.#replace(origin, content, reply)
    }
  }

  #isUnchanged(origin, content) {
    return isUnchanged(origin.text, content.text, this.#serializer, this.#dialect)
  }

  // Calls the addon for a set on condition of a version, of a session that has `deadline` if it has none yet.
  #call(id, { text, expiresAt, owner }, version, number, deadline = this.#ownership?.deadline()) {
    if (owner === undefined) return native.set(this.#handle, id, text, expiresAt, version, number)
    return native.setWith(this.#handle, id, text, expiresAt, version, owner, deadline, number)
  }

  // Whose a session was when it was read, where that matters: a session that somebody has had counts already.
  #ownerBefore(session) {
    return this.#maxPerOwner === undefined ? undefined : this.#ownership.of(session)
  }

  // A reply that is settled once there are no more sessions of an owner than there may be, the oldest gone first.
  // No thread of the store's answers when the process is leaving.
  #trimmed(id, owner, reply) {
    if (this.#maxPerOwner === undefined || owner === NOBODY || isExiting()) return reply
    const go = (error) => {
      if (error !== null) {
        settle(reply, error)
        return
      }
      const number = nextNumber()
      const answer = native.keepNewestOf(this.#handle, owner, id, this.#maxPerOwner, number)
      expect(answer, number, this.#work, new Continuation((failure) => settle(reply, failure)))
    }
    return new Continuation(go)
  }

  // Writes what was not read here: whatever is there gives way to it.
  #create(id, session, origin, content, reply) {
    const number = nextNumber()
    // What goes on where another session has ended keeps that one's deadline.
    const isHeir = origin?.version === ANY_VERSION && origin.deadline > 0
    const deadline = isHeir ? origin.deadline : (this.#ownership?.deadline() ?? 0)
    const answer = this.#call(id, content, ANY_VERSION, number, deadline)
    // One of express-session's own may be saved again by its request, after others have come to know of it.
    const written = origin ?? (isOfRequest(session) ? new Origin(this) : undefined)
    if (isTaken(answer) && written !== undefined) {
      written.advance(id, figures[VERSION], content)
      written.deadline = deadline
      if (origin === undefined) mark(session, written)
    }
    acknowledge(answer, number, this.#work, reply)
  }

  // Writes a session object back, if its session is still as it was read.
  #replace(origin, content, reply) {
    const number = nextNumber()
    const answer = this.#call(origin.id, content, origin.version, number)
    if (isTaken(answer) && figures[VERSION] === ANY_VERSION) {
      // It has to be looked up first. Which version it has then nobody says, but the text is known.
      origin.begin()
      const go = (error) => {
        if (refusalOf(error) !== undefined) {
          this.#rewrite(origin, content, reply)
          return
        }
        if (error === null) origin.advance(origin.id, origin.version, content)
        settle(reply, error)
        origin.end()
      }
      acknowledge(answer, number, this.#work, new Continuation(go))
    } else if (isTaken(answer)) {
      origin.advance(origin.id, figures[VERSION], content)
      acknowledge(answer, number, this.#work, reply)
    } else if (answer.code === CONFLICT || answer.code === GONE) {
      origin.begin()
      this.#rewrite(origin, content, reply)
    } else {
      settle(reply, fromFailure(answer))
    }
  }

  // Saves what nobody has changed, which is a touch; unless another has made the session last longer or shorter.
  #prolong(origin, expiresAt, reply) {
    const go = (error, stored) => {
      if (error !== null || stored === undefined) {
        settle(reply, error)
        return
      }
      let isToLast
      try {
        isToLast =
          stored.knownSince <= origin.version &&
          (stored.version === origin.version || this.#lastsAs(stored.session, origin))
      } catch (thrown) {
        settle(reply, thrown)
        return
      }
      if (isToLast) this.#move(origin.id, expiresAt, reply)
      else settle(reply, null)
    }
    this.#read(origin.id, new Continuation(go), this.#toStored)
  }

  #lastsAs(session, origin) {
    return this.#dialect.isSame(this.#serializer.parse(origin.text), session)
  }

  // There is no such session any more: whoever ended it has the last word, and this request has nothing to wait for.
  #drop(origin, reply) {
    this.#tell({ id: origin.id, outcome: 'dropped', keys: [] })
    settle(reply, null)
    origin.end()
  }

  #reject(origin, reply) {
    this.#tell({ id: origin.id, outcome: 'rejected', keys: [] })
    const message =
      'another request has changed the session since this one read it; read it again, or take another option ' +
      "'conflict' than 'reject'"
    settle(reply, new SessileError(CONFLICT, message))
    origin.end()
  }

  // Writes a session object back of which the store does not have the version, or has more than the object: on top of
  // what others have written since it was read. Its origin is busy until the outcome is known.
  #rewrite(origin, content, reply) {
    const { id } = origin
    const fail = (error) => {
      settle(reply, error)
      origin.end()
    }
    const go = (error, stored) => {
      if (error !== null) {
        fail(error)
        return
      }
      // Another session may have the id by now.
      if (stored === undefined || stored.knownSince > origin.version) {
        this.#drop(origin, reply)
        return
      }
      // Its version may be unknown, but is no other where the text is that which was written last.
      const isSame = stored.text === origin.stored
      if (!isSame && this.#conflict === 'reject') {
        this.#reject(origin, reply)
        return
      }
      let keys = []
      let both = content
      try {
        if (!isSame || origin.isBehind) {
          const merged = merge(origin.text, content.text, stored.session, this.#serializer, this.#dialect)
          keys = merged.keys
          if (this.#conflict === 'merge') both = this.#contentOf(merged.session, content.until)
        }
      } catch (thrown) {
        fail(thrown)
        return
      }
      const again = () => this.#rewrite(origin, content, reply)
      const written = (version) => origin.advance(id, version, content, both.text)
      const known = (isWritten) => {
        if (isWritten && keys.length > 0) {
          const outcome = this.#conflict === 'merge' ? 'merged' : 'overwritten'
          this.#tell({ id, outcome, keys })
        }
        origin.end()
      }
      this.#setIf(id, both, stored.version, reply, again, written, known)
    }
    this.#read(id, new Continuation(go), this.#toStored)
  }

  // Sets a session on condition of a version: `written` is told the new one before `reply` is settled, `refused` why
  // nothing was written. A new version that is not known is told as the one before. `known` is told whether it was
  // written, unless it was refused: it may have to be synced yet, and the application may be called.
  #setIf(id, content, version, reply, refused, written, known = () => {}) {
    const number = nextNumber()
    const answer = this.#call(id, content, version, number)
    if (!isTaken(answer)) {
      if (answer.code === CONFLICT || answer.code === GONE) {
        refused(answer.code)
      } else {
        settle(reply, fromFailure(answer))
        known(false)
      }
      return
    }
    if (figures[VERSION] !== ANY_VERSION) {
      written(figures[VERSION])
      acknowledge(answer, number, this.#work, reply)
      known(true)
      return
    }
    const go = (error) => {
      const code = refusalOf(error)
      if (code !== undefined) {
        refused(code)
        return
      }
      if (error === null) written(version)
      settle(reply, error)
      known(error === null)
    }
    acknowledge(answer, number, this.#work, new Continuation(go))
  }

  // The session's cookie as JSON, unless it is known to be what the session was loaded with.
  changedCookie(session) {
    try {
      const cookie = this.#dialect.cookieOf(session)
      if (cookie === undefined) return undefined
      const before = originOf(this, session)?.cookie
      return before === undefined || differs(before, cookie) ? cookie : undefined
    } catch (cause) {
      throw unserializable(cause)
    }
  }

  // Moves the expiry of a session, to 0 for the ttl's, and keeps its cookie where that is given.
  touch(id, session, cookie, expiresAt, reply) {
    if (cookie === undefined) this.#move(id, expiresAt, reply)
    else this.#touchCookie(id, session, cookie, expiresAt, reply)
  }

  // A touch that may have more to keep than an expiry. The cookie goes into the session as it is stored
  // now, not as this request loaded it: another request may have changed that since.
  #touchCookie(id, session, cookie, expiresAt, reply) {
    const go = (error, stored) => {
      if (error !== null || stored === undefined) {
        settle(reply, error)
        return
      }
      const origin = originOf(this, session)
      let text
      let owner
      try {
        text = withCookie(stored.session, cookie, this.#serializer)
        owner = this.#ownership?.of(stored.session)
      } catch (thrown) {
        settle(reply, thrown)
        return
      }
      if (text === null) {
        if (origin !== undefined) origin.cookie = { ...cookie }
        this.#move(id, expiresAt, reply)
        return
      }
      const content = { text, expiresAt, owner }
      const again = (code) => {
        if (code === GONE) settle(reply, null)
        else this.#touchCookie(id, session, cookie, expiresAt, reply)
      }
      const written = (version) => {
        if (origin !== undefined) origin.cookie = { ...cookie }
        // What the request may still save goes on from here.
        if (origin !== undefined && origin.stored === stored.text && !origin.isBehind) {
          origin.advance(id, version, content)
        }
      }
      this.#setIf(id, content, stored.version, reply, again, written)
    }
    this.#read(id, new Continuation(go), this.#toStored)
  }

  #move(id, expiresAt, reply) {
    const until = expiresAt || Date.now() + this.#ttlMs
    const number = nextNumber()
    acknowledge(native.touch(this.#handle, id, until, number), number, this.#work, reply)
  }

  // Removes a session.
  destroy(id, reply) {
    const number = nextNumber()
    acknowledge(native.destroy(this.#handle, id, number), number, this.#work, reply)
  }

  // Notes that a framework has made `session` of `data`, which a read gave; or of nothing, and that it is to be kept in
  // mind from its first write on.
  load(session, data) {
    const read = originOf(this, data)
    const cookie = this.#dialect.cookieOf(session)
    const origin =
      read === undefined
        ? new Origin(this, undefined, ANY_VERSION, undefined, undefined, cookie)
        : new Origin(this, read.id, read.version, read.text, read.owner, cookie)
    if (read !== undefined) origin.deadline = read.deadline
    mark(session, origin)
  }

  // Notes that a framework has made `session` to go on where `before` ends, if that keeps its lifetime.
  succeed(session, before) {
    const deadline = this.#ownership?.keepsLifetime ? originOf(this, before)?.deadline : 0
    if (!deadline) return
    this.load(session)
    originOf(this, session).deadline = deadline
  }
}

// The text of the stored session with `cookie` in it, or null where the cookie it has is the same.
function withCookie(stored, cookie, serializer) {
  const before = stored.cookie
  try {
    if (typeof before === 'object' && before !== null && !differs(before, cookie)) return null
  } catch (cause) {
    throw unserializable(cause)
  }
  stored.cookie = { ...before, ...cookie }
  return serializer.stringify(stored)
}

// Whether a write was taken: done, or to be acknowledged later.
function isTaken(answer) {
  return answer === true || answer === false
}

// Why a write on condition has written nothing; undefined where that is not the error.
function refusalOf(error) {
  if (error?.code === `ERR_SESSILE_${CONFLICT}`) return CONFLICT
  return error?.code === `ERR_SESSILE_${GONE}` ? GONE : undefined
}

// Whether a session object is one of express-session's own, and not what somebody made by hand.
function isOfRequest(session) {
  return typeof session.req === 'object' && session.req !== null
}

module.exports = { Sessions }
