// What is known of a session object: which session it is, and as of which version.
//
// Whoever writes a session object back writes on condition of that version, so that nothing that others have written
// meanwhile is lost, and no session comes back that is gone.
//
// It is kept in a private field of the object itself, where nobody sees it, JSON does not have it, and it goes with the
// object. Measured, a WeakMap takes a fifth of a read from memory longer.
'use strict'

class Origin {
  // The writes of the object that wait for the one before them; undefined where that is done with.
  #waiting

  // `sessions` is who read or wrote the object. `text` is the session as the object had it at `version`; 0 is none.
  // `owner` is whose it was then, where anybody asks, and `cookie` its cookie's form as it was read.
  constructor(sessions, id, version, text, owner, cookie) {
    this.sessions = sessions
    this.id = id
    this.version = version
    this.text = text
    this.owner = owner
    this.cookie = cookie
    // The time that its expiry cannot pass, in milliseconds; 0: none, or that it is not known.
    this.deadline = 0
    // The session as the store has it at `version`: with more than the object, once it was merged.
    this.stored = text
  }

  get isBehind() {
    return this.stored !== this.text
  }

  // Whether the object is being written and nobody knows yet what becomes of it: as what to write it again is unknown.
  get isBusy() {
    return this.#waiting !== undefined
  }

  begin() {
    this.#waiting = []
  }

  // Calls `write` in its turn; it has to call `end`.
  wait(write) {
    this.#waiting.push(write)
  }

  end() {
    const next = this.#waiting.shift()
    if (next === undefined) this.#waiting = undefined
    else next()
  }

  // The object was written under `id`, and the session has this version now, and is `stored`.
  advance(id, version, { text, owner }, stored = text) {
    this.id = id
    this.version = version
    this.text = text
    this.owner = owner
    this.stored = stored
  }
}

// Its constructor makes nothing, so that a class that extends it can add a private field to any object.
class Itself {
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: that is its purpose
    return object
  }
}

class Marked extends Itself {
  #origin

  static mark(object, origin) {
    const marked = #origin in object ? object : new Marked(object)
    marked.#origin = origin
  }

  static originOf(object) {
    return #origin in object ? object.#origin : undefined
  }
}

// Notes the origin of `object`, in place of an earlier one.
function mark(object, origin) {
  Marked.mark(object, origin)
}

// The origin of `object` as `sessions` has noted it, if it has.
function originOf(sessions, object) {
  if (typeof object !== 'object' || object === null) return undefined
  const origin = Marked.originOf(object)
  return origin?.sessions === sessions ? origin : undefined
}

module.exports = { Origin, mark, originOf }
