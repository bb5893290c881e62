// A session store on a database of keys and values, as short as it can be, since there is none for LMDB and none
// that is kept up for LevelDB. Its cost is theirs, not this file's: one JSON text for each session, written and read
// as MemoryStore does; a touch reads and writes, since they have no other way to change part of a value.
'use strict'

const { Store } = require('express-session')

class KeyValueStore extends Store {
  #database

  // `database` has get, put and remove, each of a callback.
  constructor(database) {
    super()
    this.#database = database
  }

  get(id, callback) {
    this.#database.get(id, (error, text) => {
      if (error) return callback(error)
      if (text === undefined) return callback()
      const session = JSON.parse(text)
      const { expires } = session.cookie
      if (expires && new Date(expires) <= Date.now()) return callback()
      callback(null, session)
    })
  }

  set(id, session, callback) {
    this.#database.put(id, JSON.stringify(session), callback)
  }

  touch(id, session, callback) {
    this.get(id, (error, stored) => {
      if (error || stored === undefined) return callback(error)
      stored.cookie = session.cookie
      this.set(id, stored, callback)
    })
  }

  destroy(id, callback) {
    this.#database.remove(id, callback)
  }
}

// Hands a promise's outcome to a callback, which may throw as any callback may.
function settle(promise, callback) {
  promise.then(
    (value) => process.nextTick(callback, null, value),
    (error) => process.nextTick(callback, error)
  )
}

module.exports = { KeyValueStore, settle }
