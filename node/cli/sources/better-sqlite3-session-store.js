// The table of better-sqlite3-session-store: a text of JSON for each session, and when it expires as a text.
//
// A touch moves `expire` and leaves the session as it is, so that `expire` is what counts.
'use strict'

const { fromJson, recordOf } = require('../record.js')
const { rowsOf } = require('../sqlite.js')

const TABLE = 'sessions'

async function* records(location) {
  const rows = rowsOf('better-sqlite3-session-store', location, TABLE, ['sid', 'expire', 'sess'])
  for await (const { sid, expire, sess } of rows) {
    yield recordOf(sid, () => ({ session: fromJson(sess), expiresAtMs: Date.parse(expire) }))
  }
}

module.exports = {
  name: 'better-sqlite3-session-store',
  location: '<file>',
  summary: "its client's database; needs better-sqlite3, sqlite3 or Node 22.13",
  options: {},
  records,
}
