// `sessile import`: what a source has goes into a store.
//
// What it keeps true:
// - a session expires when it would have expired at the source, to the millisecond, whatever its cookie says;
// - what is in the store already stays as it is, unless --overwrite is given; of two sessions with one id the first is
//   imported, or with --overwrite the last;
// - one session that cannot be imported does not keep the others from it, unless --strict is given;
// - what is counted as imported is on the disk when the command ends;
// - however many sessions there are, only a few are in memory.
'use strict'

const path = require('node:path')
const { koaDialect } = require('../koa/dialect.js')
const { expiryOf, refresh } = require('../lib/cookie.js')
const { NOBODY, Ownership } = require('../lib/owner.js')
const { nearest } = require('../lib/nearest.js')
const { lifetimeOf, parse, unknown } = require('./arguments.js')
const { DONE, INCOMPLETE } = require('./exit-codes.js')
const { pagesOf } = require('./pages.js')
const { FOREVER, Problem, checkTime, maxAgeOf } = require('./record.js')
const { Refusal } = require('./refusal.js')
const { Report } = require('./report.js')
const sources = require('./sources/index.js')
const { Target } = require('./target.js')

// How many sessions are written at once, so that they share the log's batches.
const WRITES_AT_ONCE = 64
const TTL = 86_400

// Whatever else fails would fail for every session.
const FAILURES_OF_ONE = new Set(
  ['INVALID_ID', 'INVALID_ARGUMENT', 'INVALID_OPTION', 'VALUE_TOO_LARGE', 'UNSERIALIZABLE', 'UNREADABLE'].map(
    (name) => `ERR_SESSILE_${name}`
  )
)

const OPTIONS = {
  to: {
    type: 'string',
    value: '<directory>',
    help: "the store's directory; made if it is missing. Required",
  },
  ttl: { type: 'string', value: '<seconds>', help: 'how long a session lives that does not say' },
  owner: {
    type: 'string',
    value: '<path>',
    help: 'whose a session is, as the option of the store: passport.user',
  },
  overwrite: { type: 'boolean', help: 'replace sessions that are in the store already' },
  'dry-run': {
    type: 'boolean',
    help: 'read and check everything, and write nothing; what is in the store is not looked at',
  },
  strict: { type: 'boolean', help: 'stop at the first session that cannot be imported' },
  quiet: { type: 'boolean', help: 'say nothing of the progress' },
}

class Import {
  #store
  #ownership
  #report
  #options
  #isStopped = false

  constructor(options, report) {
    this.#options = options
    this.#report = report
    this.#ownership = new Ownership(options)
  }

  // Takes all of `records`. The store is opened when the first of them are there, so that a source that cannot be read
  // does not leave an empty one behind.
  async run(records) {
    const { to, owner, isTrial } = this.#options
    for await (const page of pagesOf(records, WRITES_AT_ONCE)) {
      if (!isTrial) this.#store ??= await Target.open({ path: to, durability: 'write', owner })
      await this.#takeAll(page)
      this.#report.progress()
    }
  }

  // At once, but those of one id one after the other, so that what becomes of them does not depend on where a page ends.
  #takeAll(page) {
    const lastOf = new Map()
    const taken = page.map((record) => {
      const before = lastOf.get(record.id)
      const current = before === undefined ? this.#take(record) : before.then(() => this.#take(record))
      lastOf.set(record.id, current)
      return current
    })
    return Promise.all(taken)
  }

  // Resolves when all that was imported is on the disk.
  async close() {
    try {
      await this.#store?.flush()
    } finally {
      await this.#store?.close()
    }
  }

  async #take(record) {
    const { id, session, expiresAtMs, problem } = record
    if (problem !== undefined) {
      this.#fail(record, problem)
      return
    }
    try {
      const until = this.#untilOf(session, expiresAtMs)
      refresh(session.cookie, until)
      if (until <= Date.now()) {
        this.#report.expired++
        return
      }
      const owner = this.#ownership.of(session)
      if (!(await this.#write(id, session, until))) {
        this.#report.existing++
        return
      }
      this.#report.imported++
      if (owner !== NOBODY) this.#report.owned++
    } catch (error) {
      if (error instanceof Problem) this.#fail(record, error.message)
      else if (FAILURES_OF_ONE.has(error.code))
        this.#fail(record, `was refused: ${error.message} (${error.code})`)
      else throw error
    }
  }

  #fail(record, problem) {
    // Others that were under way may fail as well.
    if (this.#isStopped) return
    this.#report.failure(record, problem)
    this.#isStopped = this.#options.strict === true
    if (this.#isStopped) throw new Stop()
  }

  // When the session is over, in milliseconds since 1970.
  #untilOf(session, expiresAtMs) {
    const until = this.#saidUntil(session, expiresAtMs)
    // What a cookie says has not been checked yet.
    checkTime(until)
    return until
  }

  #saidUntil(session, expiresAtMs) {
    const ttlMs = (this.#options.ttl ?? TTL) * 1000
    // As long as if it had just been used.
    if (expiresAtMs === FOREVER) return Date.now() + (maxAgeOf(session) ?? ttlMs)
    if (expiresAtMs !== undefined) return Math.max(1, Math.trunc(expiresAtMs))
    return expiryOf(session) || koaDialect.expiryOf(session) || Date.now() + ttlMs
  }

  // Writes the session, and tells whether it did.
  async #write(id, session, until) {
    if (this.#options.isTrial) return true
    // Nobody comes in between: no other process can have the store, and what else is under way has other ids.
    if (!this.#options.overwrite && (await this.#store.get(id)) !== undefined) return false
    for (;;) {
      try {
        await this.#store.put(id, session, until)
        return true
      } catch (error) {
        if (error.code !== 'ERR_SESSILE_OVERLOADED') throw error
        await this.#store.flush()
      }
    }
  }
}

// Ends the import after a failure that has been told of.
class Stop extends Error {}

// Does what `words` ask for, and returns the exit code.
async function run(words) {
  const allOptions = Object.assign({}, OPTIONS, ...[...sources.values()].map(({ options }) => options))
  const { values, positionals } = parse(words, allOptions)
  const { source, location } = sourceIn(positionals)
  check(source, location, values)
  const options = { ...values, ttl: lifetimeOf('ttl', values.ttl), isTrial: values['dry-run'] === true }
  const report = new Report(options)
  const task = new Import(options, report)
  try {
    await task.run(source.records(location, options))
  } catch (error) {
    if (!(error instanceof Stop)) {
      report.isCutShort = true
      throw error
    }
  } finally {
    await task.close()
    report.summary()
  }
  return report.failed === 0 ? DONE : INCOMPLETE
}

function sourceIn([name, location, ...others]) {
  const names = [...sources.keys()]
  if (name === undefined) throw new Refusal(`import needs the store to import from: ${names.join(', ')}`)
  const source = sources.get(name)
  if (source === undefined) {
    const similar = nearest(name, names)
    const known = similar === undefined ? `; there are ${names.join(', ')}` : ''
    throw new Refusal(unknown('store to import from called', name, similar) + known)
  }
  if (location === undefined) throw new Refusal(`import ${name} needs ${source.location}: ${source.summary}`)
  if (others.length > 0) throw new Refusal(`'${others[0]}' is one word too many`)
  return { source, location }
}

function check(source, location, values) {
  if (values.to === undefined) {
    throw new Refusal("import needs '--to <directory>', the directory that the store's option `path` names")
  }
  for (const name of Object.keys(values)) {
    if (Object.hasOwn(OPTIONS, name) || Object.hasOwn(source.options, name)) continue
    throw new Refusal(`'--${name}' is not an option of ${source.name}`)
  }
  if (path.resolve(location) === path.resolve(values.to)) {
    throw new Refusal(`'${values.to}' is the old store's own place; give the new one another`)
  }
}

module.exports = { OPTIONS, run }
