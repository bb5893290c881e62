// Walking through all sessions, page by page. Nothing is held between two pages, so that a walk may take
// as long as it likes; it stays in order while sessions come and go.
'use strict'

const { unreadable } = require('./json.js')

const PAGE_LEN = 128

// Yields the ids of the living sessions. `page(after, limit, withPayloads)` returns a promise of a page.
async function* ids(page) {
  let after = null
  do {
    const { next, sessions } = await page(after, PAGE_LEN, false)
    yield* sessions
    after = next
  } while (after !== null)
}

// Yields the living sessions as they are kept: [id, text, expiresAt, version].
async function* rows(page) {
  let after = null
  do {
    const { next, sessions } = await page(after, PAGE_LEN, true)
    for (let i = 0; i < sessions.length; i += 4) yield sessions.slice(i, i + 4)
    after = next
  } while (after !== null)
}

// Yields the living sessions as [id, session]. `read(id, text, expiresAt, version)` makes each session.
async function* entries(page, read) {
  for await (const [id, text, expiresAt, version] of rows(page)) {
    yield [id, readable(read, id, text, expiresAt, version)]
  }
}

// All living sessions as an array. Each has its `id`, as express-session's own have: not enumerable, so
// that it is not kept with the session when that is set again. A session with an `id` among its own data
// keeps that; `entries` tells which is which.
async function all(page, read) {
  const sessions = []
  for await (const [id, session] of entries(page, read)) {
    if (!Object.hasOwn(session, 'id')) Object.defineProperty(session, 'id', { value: id })
    sessions.push(session)
  }
  return sessions
}

// A session as `read` makes it; what cannot be read says which session it is.
function readable(read, id, text, expiresAt, version) {
  try {
    if (text === null) throw unreadable()
    return read(id, text, expiresAt, version)
  } catch (error) {
    // Not in the message, since logs are no place for ids that log somebody in.
    throw Object.defineProperty(error, 'sessionId', { value: id })
  }
}

module.exports = { ids, rows, entries, all, readable }
