// The documents of connect-mongo: from a MongoDB, or from a file that mongoexport has written of the collection.
//
// A touch moves the document's `expires` and leaves the session as it is, so that `expires` is what counts.
'use strict'

const { firstLine, loadClient } = require('../clients.js')
const { fromExtended } = require('../extended-json.js')
const { FOREVER, Problem, fromJson, recordOf } = require('../record.js')
const { Refusal } = require('../refusal.js')
const { linesOf } = require('../text-lines.js')

const DOCUMENTS_PER_PAGE = 200
const CONNECT_TIMEOUT_MS = 10_000

async function* records(location, { db, collection }) {
  if (/^mongodb(\+srv)?:/.test(location)) {
    for await (const document of documentsAt(location, db, collection ?? 'sessions'))
      yield documentRecord(document)
    return
  }
  if (db !== undefined || collection !== undefined) {
    throw new Refusal(`'--db' and '--collection' are for a mongodb:// URL, and '${location}' is a file`)
  }
  for await (const { number, value } of linesOf(location)) {
    if (Array.isArray(value))
      throw new Refusal(`'${location}' is one array; run mongoexport without --jsonArray`)
    const document = fromExtended(value)
    if (typeof document?._id === 'string') yield documentRecord(document)
    else yield { id: '', place: `line ${number}`, problem: 'is no document with an _id that is a text' }
  }
}

function documentRecord({ _id: id, session, expires }) {
  return recordOf(id, () => ({
    // As an object where connect-mongo was told not to write a text; what JSON has not is turned into what it has.
    session: typeof session === 'string' ? fromJson(session) : jsonOf(session),
    expiresAtMs: expires === undefined || expires === null ? FOREVER : new Date(expires).getTime(),
  }))
}

function jsonOf(session) {
  if (typeof session !== 'object') throw new Problem('is missing from its document')
  return JSON.parse(JSON.stringify(session))
}

async function* documentsAt(url, db, collection) {
  const { client } = loadClient('connect-mongo', ['mongodb'])
  let connection
  try {
    connection = new client.MongoClient(url, { serverSelectionTimeoutMS: CONNECT_TIMEOUT_MS })
    await connection.connect()
    const projection = { session: 1, expires: 1 }
    yield* connection.db(db).collection(collection).find({}, { projection, batchSize: DOCUMENTS_PER_PAGE })
  } catch (error) {
    // Not the URL, which may have a password in it.
    throw new Refusal(`MongoDB failed: ${firstLine(error)}`)
  } finally {
    await connection?.close()
  }
}

module.exports = {
  name: 'connect-mongo',
  location: '<url or file>',
  summary: "a MongoDB, mongodb://…, by the package mongodb; or mongoexport's file; - is the standard input",
  options: {
    db: { type: 'string', value: '<name>', help: "the database, if not the URL's" },
    collection: { type: 'string', value: '<sessions>', help: 'what its option collectionName is' },
  },
  records,
}
