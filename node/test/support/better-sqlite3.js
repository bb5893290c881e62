// As much of the package better-sqlite3 as this one and better-sqlite3-session-store call, on a SQLite that needs no
// compiler and no download: it is compiled to WebAssembly.
'use strict'

const { Database } = require('node-sqlite3-wasm')

class BetterDatabase {
  #database

  constructor(file, { readonly = false, fileMustExist = false } = {}) {
    this.#database = new Database(file, { readOnly: readonly, fileMustExist })
  }

  exec(sql) {
    this.#database.exec(sql)
  }

  prepare(sql) {
    const database = this.#database
    return {
      run: (...values) => database.run(sql, bound(values)),
      get: (...values) => database.get(sql, bound(values)) ?? undefined,
      all: (...values) => database.all(sql, bound(values)),
    }
  }

  close() {
    this.#database.close()
  }
}

// Values by name are asked for as @name.
function bound(values) {
  const [first] = values
  if (typeof first !== 'object' || first === null) return values
  return Object.fromEntries(Object.entries(first).map(([name, value]) => [`@${name}`, value]))
}

module.exports = BetterDatabase
