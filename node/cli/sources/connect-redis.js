// The keys of connect-redis: a text of JSON each, which Redis itself removes in time.
//
// A touch moves the key's time alone and leaves the text as it is, so that the time is what counts, and not the cookie's.
'use strict'

const { firstLine, loadClient } = require('../clients.js')
const { FOREVER, Problem, fromJson, recordOf } = require('../record.js')
const { Refusal } = require('../refusal.js')

// How many keys Redis is asked to look at for each page.
const KEYS_PER_PAGE = 200
const CONNECT_TIMEOUT_MS = 10_000

// What PTTL answers for a key that has no end, and for one that is gone.
const NO_END = -1
const GONE = -2

async function* records(location, { prefix = 'sess:' }) {
  const { command, close } = await connect(location)
  try {
    let cursor = '0'
    do {
      const page = await command([
        'SCAN',
        cursor,
        'MATCH',
        `${escaped(prefix)}*`,
        'COUNT',
        `${KEYS_PER_PAGE}`,
      ])
      cursor = String(page[0])
      // A key may come twice while Redis rearranges them. It is then there already, or with --overwrite written again.
      const found = await Promise.all(page[1].map((key) => read(command, key, prefix)))
      yield* found.filter((record) => record !== undefined)
    } while (cursor !== '0')
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal(`Redis failed: ${firstLine(error)}`)
  } finally {
    close()
  }
}

// The session of `key`; undefined where it has gone meanwhile.
async function read(command, key, prefix) {
  const id = key.slice(prefix.length)
  const [text, leftMs] = await Promise.all([command(['GET', key]).catch(wrongType), command(['PTTL', key])])
  if (leftMs === GONE || text === null) return undefined
  return recordOf(id, () => {
    if (text === undefined)
      throw new Problem('is not a text in Redis, so that something else than connect-redis wrote it')
    return { session: fromJson(text), expiresAtMs: leftMs === NO_END ? FOREVER : Date.now() + leftMs }
  })
}

function wrongType(error) {
  if (String(error?.message).startsWith('WRONGTYPE')) return undefined
  throw error
}

// A prefix as SCAN's pattern takes it.
function escaped(prefix) {
  return prefix.replace(/[\\*?[\]^-]/g, '\\$&')
}

// A connection: `command` takes the words of a command and resolves to the reply.
async function connect(location) {
  const { name, client } = loadClient('connect-redis', ['redis', 'ioredis'])
  try {
    return name === 'redis' ? await connectRedis(client, location) : await connectIoredis(client, location)
  } catch (error) {
    // Not the location, which may have a password in it.
    throw new Refusal(`Redis cannot be reached: ${firstLine(error)}`)
  }
}

async function connectRedis({ createClient }, url) {
  const socket = { reconnectStrategy: false, connectTimeout: CONNECT_TIMEOUT_MS }
  const connection = createClient({ url, socket })
  if (typeof connection.connect !== 'function')
    throw new Error('the package redis is older than its version 4')
  const failure = failureOf(connection)
  await connection.connect()
  return {
    command: (words) => connection.sendCommand(words).catch(failure),
    // It throws where the connection was lost. Version 4 has no `destroy`.
    close: () => connection.isOpen && (connection.destroy ?? connection.disconnect).call(connection),
  }
}

async function connectIoredis(Redis, url) {
  const options = { lazyConnect: true, retryStrategy: () => null, connectTimeout: CONNECT_TIMEOUT_MS }
  const connection = new Redis(url, options)
  const failure = failureOf(connection)
  await connection.connect().catch(failure)
  return {
    command: ([first, ...others]) => connection.call(first, ...others).catch(failure),
    close: () => connection.disconnect(),
  }
}

// What is thrown for a failure: what the connection has told of, rather than that it is closed since then.
function failureOf(connection) {
  let told
  connection.on('error', (error) => {
    told ??= error
  })
  return (error) => {
    throw told ?? error
  }
}

module.exports = {
  name: 'connect-redis',
  location: '<url>',
  summary: 'a Redis, such as redis://127.0.0.1:6379; needs redis 4 or later, or ioredis',
  options: { prefix: { type: 'string', value: '<sess:>', help: 'what its keys begin with' } },
  records,
}
