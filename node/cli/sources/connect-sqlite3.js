// The table of connect-sqlite3: a text of JSON for each session, and when it expires in milliseconds since 1970.
//
// A touch moves `expired` and leaves the text as it is, so that `expired` is what counts.
'use strict'

const { fromJson, recordOf } = require('../record.js')
const { rowsOf } = require('../sqlite.js')

async function* records(location, { table = 'sessions' }) {
  for await (const row of rowsOf('connect-sqlite3', location, table, ['sid', 'expired', 'sess'])) {
    yield recordOf(row.sid, () => ({
      session: fromJson(row.sess),
      expiresAtMs: Number(row.expired ?? Number.NaN),
    }))
  }
}

module.exports = {
  name: 'connect-sqlite3',
  location: '<file>',
  summary: 'the database that its options `dir` and `db` name; needs better-sqlite3, sqlite3 or Node 22.13',
  options: { table: { type: 'string', value: '<sessions>', help: 'what its option table is' } },
  records,
}
