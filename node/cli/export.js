// `sessile export`: the sessions of a store as lines of JSON, { "id", "session", "expires" } on each, which
// `sessile import lines` reads again. What is no session in JSON is told of, and never a line.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { Readable } = require('node:stream')
const { pipeline } = require('node:stream/promises')
const { cookieDialect } = require('../lib/cookie-dialect.js')
const { json } = require('../lib/json.js')
const { parse } = require('./arguments.js')
const { DONE, INCOMPLETE } = require('./exit-codes.js')
const { Problem, checkSession } = require('./record.js')
const { Refusal } = require('./refusal.js')
const { shortened } = require('./report.js')
const { Target } = require('./target.js')

const OPTIONS = {}

const KEPT_OTHERWISE = "kept by a serializer of the application's own; have the application export it"

// Does what `words` ask for, and returns the exit code.
async function run(words) {
  const { positionals } = parse(words, OPTIONS)
  const [directory, ...others] = positionals
  if (directory === undefined) throw new Refusal('export needs <directory>, where the store is')
  if (others.length > 0) throw new Refusal(`'${others[0]}' is one word too many`)
  // Opening one that is not there would make it.
  if (!fs.existsSync(path.join(directory, 'base.redb')))
    throw new Refusal(`there is no store at '${directory}'`)
  const store = await Target.open({ path: directory })
  const counts = { exported: 0, failed: 0 }
  try {
    await pipeline(Readable.from(linesOf(store, counts)), process.stdout, { end: false })
  } catch (error) {
    if (error.code === 'EPIPE') throw new Refusal('whoever was to read the lines has gone')
    throw error
  } finally {
    await store.close()
  }
  console.error(`exported from ${directory}: ${counts.exported}; failed: ${counts.failed}`)
  return counts.failed === 0 ? DONE : INCOMPLETE
}

async function* linesOf(store, counts) {
  for await (const [id, text, expiresAt] of store.rows()) {
    const session = sessionIn(text)
    if (session === undefined) {
      counts.failed++
      console.error(`session ${shortened(id)} is ${KEPT_OTHERWISE}`)
      continue
    }
    cookieDialect.refresh(session, expiresAt)
    counts.exported++
    yield `${JSON.stringify({ id, session, expires: new Date(expiresAt).toISOString() })}\n`
  }
}

// The session that is kept as `text`; undefined where that is not JSON of one. What another serializer has made may be
// JSON as well, but then the cookie is not where this package keeps it.
function sessionIn(text) {
  try {
    const session = json.parse(text)
    checkSession(session)
    return session
  } catch (error) {
    const isOfText =
      error instanceof Problem || error instanceof Refusal || error.code === 'ERR_SESSILE_UNREADABLE'
    if (isOfText) return undefined
    throw error
  }
}

module.exports = { OPTIONS, run }
