// A database of SQLite, only to be read, by what the application or Node has to read it.
'use strict'

const fs = require('node:fs')
const { promisify } = require('node:util')
const { firstLine, loadClient } = require('./clients.js')
const { Refusal } = require('./refusal.js')

const ROWS_PER_PAGE = 500

const OPEN = {
  'better-sqlite3': (Database, file) => {
    const database = new Database(file, { readonly: true, fileMustExist: true })
    return { all: (sql, values) => database.prepare(sql).all(...values), close: () => database.close() }
  },
  sqlite3: async ({ Database, OPEN_READONLY }, file) => {
    const database = await new Promise((resolve, reject) => {
      const opened = new Database(file, OPEN_READONLY, (error) => (error ? reject(error) : resolve(opened)))
    })
    return {
      all: promisify(database.all.bind(database)),
      close: promisify(database.close.bind(database)),
    }
  },
  'node:sqlite': ({ DatabaseSync }, file) => {
    const database = new DatabaseSync(file, { readOnly: true })
    return { all: (sql, values) => database.prepare(sql).all(...values), close: () => database.close() }
  },
}

// Yields the rows of `table` in `file` with the given columns.
async function* rowsOf(reader, file, table, columns) {
  // Some of the packages would make one.
  if (!fs.existsSync(file)) throw new Refusal(`there is no file '${file}'`)
  const { name, client } = loadClient(reader, Object.keys(OPEN))
  const sql =
    `SELECT rowid AS position, ${columns.join(', ')} FROM ${quoted(table)} ` +
    `WHERE rowid > ? ORDER BY rowid LIMIT ${ROWS_PER_PAGE}`
  let database
  try {
    database = await OPEN[name](client, file)
    // By pages and not by one cursor, which would keep the application's checkpoints waiting.
    let position = Number.MIN_SAFE_INTEGER
    let rows
    do {
      rows = await database.all(sql, [position])
      yield* rows
      position = rows.at(-1)?.position
    } while (rows.length === ROWS_PER_PAGE)
  } catch (error) {
    throw new Refusal(`'${file}' cannot be read by ${name}: ${firstLine(error)}`)
  } finally {
    await database?.close()
  }
}

function quoted(name) {
  return `"${name.replaceAll('"', '""')}"`
}

module.exports = { rowsOf }
