// The stores whose sessions are imported: what they have written, and that who is logged in there stays logged in.
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { promisify } = require('node:util')
const express = require('express')
const session = require('express-session')
const { createClient } = require('redis')
const FileStore = require('session-file-store')(session)
const BetterStore = require('better-sqlite3-session-store')(session)
const { serve } = require('./support/browser.js')
const { atEnd } = require('./support/end.js')
const { missingRedis, startRedis } = require('./support/redis.js')
const { openStore, sessionOf, temporary } = require('./support/store.js')
const { application, own, sessile, sessionsIn } = require('./support/tool.js')

const HOUR = 3_600_000
const SECRET = 'one that stays what it was'
// What to do is said there: the documentation is not in the package.
const SEALED = /are encrypted.*has no key.*each as a line .*`sessile import lines`\n$/

const BETTER_SQLITE3 = path.join(__dirname, 'support', 'better-sqlite3.js')
const SQLITE = { 'better-sqlite3': { code: `module.exports = require(${JSON.stringify(BETTER_SQLITE3)})` } }
const NODE_SQLITE_MISSING = isThere('node:sqlite') ? false : `Node ${process.version} has no node:sqlite`

function isThere(name) {
  try {
    require(name)
    return true
  } catch {
    return false
  }
}

// Imports from `words`, and resolves to the sessions that are then in the store; all of them have to be taken.
async function importedFrom(t, directory, ...words) {
  const { code, errors } = await sessile(t, directory, ['import', ...words, '--to', 'new'])
  assert.equal(code, 0, errors)
  return sessionsIn(path.join(directory, 'new'))
}

async function refusal(t, directory, ...words) {
  const { code, errors } = await sessile(t, directory, ['import', ...words, '--to', 'new'])
  assert.equal(code, 2, errors)
  return errors
}

// An app whose users log in, on a store that can be exchanged for another.
function app(sessions) {
  const served = express()
  served.use((request, response, next) => {
    const options = { secret: SECRET, resave: false, saveUninitialized: false, cookie: { maxAge: HOUR } }
    session({ ...options, store: sessions.store })(request, response, next)
  })
  served.get('/login', (request, response) => {
    request.session.user = 'ada'
    response.redirect('/')
  })
  served.get('/logout', (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.redirect('/')))
  })
  served.get('/', (request, response) => response.send(request.session.user ?? 'nobody'))
  return served
}

// Logs somebody in at an app on `old`, imports by `words`, and lets the same app go on with the same browser.
async function staysLoggedIn(t, directory, old, ...words) {
  const sessions = { store: old }
  const open = await serve(t, app(sessions).listen(0, '127.0.0.1'))
  const [ada, bob] = [open(), open()]
  assert.equal((await ada('/login')).text, 'ada')
  assert.equal((await bob('/')).text, 'nobody')
  await importedFrom(t, directory, ...words)
  sessions.store = openStore(t, { path: path.join(directory, 'new') })
  assert.equal((await ada('/')).text, 'ada')
  assert.equal((await bob('/')).text, 'nobody')
  assert.equal((await ada('/logout')).text, 'nobody')
}

function fileStore(directory, options = {}) {
  return new FileStore({ path: path.join(directory, 'old'), reapInterval: -1, logFn: () => {}, ...options })
}

function put(store, id, data) {
  return promisify(store.set.bind(store))(id, data)
}

describe('from session-file-store', () => {
  test('who is logged in stays logged in', async (t) => {
    const directory = temporary(t)
    await staysLoggedIn(t, directory, fileStore(directory), 'session-file-store', 'old')
  })

  test('a session lives from its last use on, for its maxAge or the ttl', async (t) => {
    const directory = temporary(t)
    const store = fileStore(directory)
    await put(store, 'a', { ...sessionOf({ user: 1 }, HOUR) })
    await put(store, 'b', { ...sessionOf({ user: 1 }) })
    for (const id of ['a', 'b']) age(path.join(directory, 'old', `${id}.json`), HOUR / 2)
    await put(store, 'old', { ...sessionOf() })
    age(path.join(directory, 'old', 'old.json'), 3 * HOUR)
    const words = ['session-file-store', 'old', '--to', 'new', '--ttl', '7200', '--owner', 'user']
    const before = Date.now()
    const { code, output } = await sessile(t, directory, ['import', ...words])
    assert.equal(code, 0)
    assert.match(output, /: 2, 2 of them.*\nskipped: 1 expired/)
    const kept = openStore(t, { path: path.join(directory, 'new'), owner: 'user' })
    const found = Object.fromEntries((await kept.sessionsOf(1)).map(({ id, expires }) => [id, expires]))
    assert.ok(Math.abs(found.a - (before + HOUR / 2)) < 5000)
    assert.ok(Math.abs(found.b - (before + 1.5 * HOUR)) < 5000)
    assert.equal((await kept.get('a')).__lastAccess, undefined)
  })

  test('files are told by the extension, and others are left alone', async (t) => {
    const directory = temporary(t)
    await put(fileStore(directory, { fileExtension: '.session' }), 'a', sessionOf())
    fs.writeFileSync(path.join(directory, 'old', 'notes.txt'), 'not a session')
    fs.writeFileSync(path.join(directory, 'old', '.session'), '')
    const found = await importedFrom(t, directory, 'session-file-store', 'old', '--extension', '.session')
    assert.deepEqual(Object.keys(found), ['a'])
  })

  test('a file that is damaged is told of, and the others are imported', async (t) => {
    const directory = temporary(t)
    const store = fileStore(directory)
    await put(store, 'a', sessionOf())
    for (const [id, text] of [
      ['empty', ''],
      ['zeros', '\0'.repeat(200)],
      ['half', '{"user":"secret-of-ada'],
      ['null', 'null'],
      ['odd', '{"cookie":{},"__lastAccess":"x"}'],
    ])
      fs.writeFileSync(path.join(directory, 'old', `${id}.json`), text)
    fs.mkdirSync(path.join(directory, 'old', 'folder.json'))
    const { code, output, errors } = await sessile(
      t,
      directory,
      'import session-file-store old --to new'.split(' ')
    )
    assert.equal(code, 1)
    assert.match(output, /: 1\n.*\nfailed: 6\n/)
    assert.match(errors, /expires at what is not a time/)
    assert.equal(errors.match(/is not JSON/g).length, 3)
    assert.match(errors, /cannot be read \(EISDIR\)/)
    assert.doesNotMatch(errors, /secret-of-ada/)
  })

  for (const [name, crypto] of [
    ['as it is by default', {}],
    ['as ASN.1', { use_asn1: true }],
  ]) {
    test(`what is encrypted, ${name}, is refused`, async (t) => {
      const directory = temporary(t)
      const secret = 'A long secret with 1 number and more!'
      const options = { secret, crypto: { use_scrypt: true, ...crypto } }
      await put(fileStore(directory, options), 'a', sessionOf({ user: 'ada' }))
      assert.match(await refusal(t, directory, 'session-file-store', 'old'), SEALED)
    })
  }

  test('a directory that is not there is refused', async (t) => {
    assert.match(await refusal(t, temporary(t), 'session-file-store', 'old'), /'old' cannot be read: ENOENT/)
  })
})

// Makes what is in `file` look last used so much longer ago.
function age(file, byMs) {
  const kept = JSON.parse(fs.readFileSync(file, 'utf8'))
  kept.__lastAccess -= byMs
  fs.writeFileSync(file, JSON.stringify(kept))
}

describe('from connect-redis', { skip: missingRedis() }, () => {
  async function redisStore(t, options = {}) {
    const { RedisStore } = require('connect-redis')
    const url = await startRedis(t)
    const client = createClient({ url })
    await client.connect()
    atEnd(t, () => client.destroy())
    return { url, client, store: new RedisStore({ client, ...options }) }
  }

  for (const name of ['redis', 'ioredis']) {
    test(`who is logged in stays logged in, by ${name}`, async (t) => {
      const { url, store } = await redisStore(t)
      const directory = application(t, { [name]: own(name) })
      await staysLoggedIn(t, directory, store, 'connect-redis', url)
    })

    test(`all of many sessions are found, and no others, by ${name}`, async (t) => {
      const { url, client, store } = await redisStore(t, { prefix: 'app[1]*:' })
      const directory = application(t, { [name]: own(name) })
      const ids = Array.from({ length: 1000 }, (_, i) => `id-${i}`)
      await Promise.all(ids.map((id) => store.set(id, sessionOf({ id }, HOUR))))
      await client.set('app1:other', '{"cookie":{}}')
      const found = await importedFrom(t, directory, 'connect-redis', url, '--prefix', 'app[1]*:')
      assert.deepEqual(Object.keys(found).sort(), ids.sort())
      for (const id of ids) assert.equal(found[id].id, id)
    })

    test(`a Redis that is not there is refused, by ${name}`, async (t) => {
      const directory = application(t, { [name]: own(name) })
      const errors = await refusal(t, directory, 'connect-redis', 'redis://ada:secret@127.0.0.1:1')
      assert.match(errors, /^sessile: Redis cannot be reached: .*ECONNREFUSED/)
      assert.doesNotMatch(errors, /secret/)
    })
  }

  test('a session that was touched since it was saved expires as the touch says', async (t) => {
    const { url, store } = await redisStore(t)
    const directory = application(t, { redis: own('redis') })
    await store.set('a', sessionOf({}, HOUR))
    await store.touch('a', sessionOf({}, 5 * HOUR))
    const { a } = await importedFrom(t, directory, 'connect-redis', url)
    assert.ok(Math.abs(Date.parse(a.cookie.expires) - Date.now() - 5 * HOUR) < 10_000)
  })

  test('a session that Redis keeps for ever lives as if it had just been used', async (t) => {
    const { url, client } = await redisStore(t)
    const directory = application(t, { redis: own('redis') })
    const past = new Date(Date.now() - HOUR).toISOString()
    await client.set('sess:a', JSON.stringify({ cookie: { originalMaxAge: 2 * HOUR, expires: past } }))
    const { a } = await importedFrom(t, directory, 'connect-redis', url)
    assert.ok(Math.abs(Date.parse(a.cookie.expires) - Date.now() - 2 * HOUR) < 10_000)
  })

  test('what is no session is told of, and the others are imported', async (t) => {
    const { url, client, store } = await redisStore(t)
    const directory = application(t, { redis: own('redis') })
    await store.set('a', sessionOf())
    await client.hSet('sess:hash', 'field', 'value')
    await client.set('sess:text', 'text')
    await client.set('sess:empty', '')
    const words = ['import', 'connect-redis', url, '--to', 'new']
    const { code, output, errors } = await sessile(t, directory, words)
    assert.equal(code, 1)
    assert.match(output, /: 1\n.*\nfailed: 3\n/)
    assert.match(errors, /is not a text in Redis/)
  })
})

test('connect-redis is not read without a client, and the error says what to install', async (t) => {
  const errors = await refusal(t, application(t), 'connect-redis', 'redis://127.0.0.1:1')
  assert.match(errors, /needs redis or ioredis.*redis is not installed.*`npm install --no-save redis`/)
})

describe('from better-sqlite3-session-store', () => {
  test('who is logged in stays logged in', async (t) => {
    const directory = application(t, SQLITE)
    const client = new (require(BETTER_SQLITE3))(path.join(directory, 'old.db'))
    atEnd(t, () => client.close())
    await staysLoggedIn(t, directory, betterStore(client), 'better-sqlite3-session-store', 'old.db')
  })

  test('the same by node:sqlite', { skip: NODE_SQLITE_MISSING }, async (t) => {
    const directory = application(t)
    const client = new (require('node:sqlite').DatabaseSync)(path.join(directory, 'old.db'))
    atEnd(t, () => client.close())
    await staysLoggedIn(t, directory, betterStore(client), 'better-sqlite3-session-store', 'old.db')
  })

  test('a session that was touched since it was saved expires as the touch says', async (t) => {
    const directory = application(t, SQLITE)
    const client = new (require(BETTER_SQLITE3))(path.join(directory, 'old.db'))
    const store = betterStore(client)
    await put(store, 'a', sessionOf({}, HOUR))
    const touched = sessionOf({}, 5 * HOUR)
    await promisify(store.touch.bind(store))('a', touched)
    client.close()
    const { a } = await importedFrom(t, directory, 'better-sqlite3-session-store', 'old.db')
    assert.equal(a.cookie.expires, touched.cookie.expires.toISOString())
  })
})

// Its timer is one that would keep the process alive, and has no off.
function betterStore(client) {
  const { setInterval } = globalThis
  globalThis.setInterval = (...given) => setInterval(...given).unref()
  try {
    return new BetterStore({ client })
  } finally {
    globalThis.setInterval = setInterval
  }
}

describe('from connect-sqlite3', () => {
  // The table as connect-sqlite3 makes and fills it, whose own driver cannot be had without a compiler.
  function database(directory, table, rows) {
    const made = new (require(BETTER_SQLITE3))(path.join(directory, 'sessions'))
    made.exec(`CREATE TABLE ${table} (sid PRIMARY KEY, expired, sess)`)
    made.exec('BEGIN')
    for (const row of rows) made.prepare(`INSERT INTO ${table} VALUES (?, ?, ?)`).run(...row)
    made.exec('COMMIT')
    made.close()
  }

  test('all of many sessions are found, and expire as the table says', async (t) => {
    const directory = application(t, SQLITE)
    const expires = Date.now() + 2 * HOUR
    const text = JSON.stringify(sessionOf({ user: 'ada' }, HOUR))
    database(
      directory,
      'visitors',
      Array.from({ length: 1001 }, (_, i) => [`id-${i}`, expires, text])
    )
    const found = await importedFrom(t, directory, 'connect-sqlite3', 'sessions', '--table', 'visitors')
    assert.equal(Object.keys(found).length, 1001)
    for (const { cookie } of Object.values(found))
      assert.equal(cookie.expires, new Date(expires).toISOString())
  })

  test('what is no session is told of, and the others are imported', async (t) => {
    const directory = application(t, SQLITE)
    const expires = Date.now() + HOUR
    const text = JSON.stringify(sessionOf())
    database(directory, 'sessions', [
      ['a', expires, text],
      ['b', expires, null],
      ['c', null, text],
      [null, expires, text],
      ['d', 5, text],
    ])
    const words = ['import', 'connect-sqlite3', 'sessions', '--to', 'new']
    const { code, output } = await sessile(t, directory, words)
    assert.equal(code, 1)
    assert.match(output, /: 1\nskipped: 1 expired, 0 there already\nfailed: 3\n/)
  })

  test('a file that is not there is refused, and not made', async (t) => {
    const directory = application(t, SQLITE)
    assert.match(await refusal(t, directory, 'connect-sqlite3', 'sessions'), /there is no file 'sessions'/)
    assert.ok(!fs.existsSync(path.join(directory, 'sessions')))
  })

  test('a table that is not there is refused', async (t) => {
    const directory = application(t, SQLITE)
    database(directory, 'visitors', [])
    assert.match(await refusal(t, directory, 'connect-sqlite3', 'sessions'), /no such table/)
  })
})

describe('from connect-mongo', () => {
  const TEXT = JSON.stringify(sessionOf({ user: 'ada' }, HOUR))
  const EXPIRES = Date.now() + 2 * HOUR

  async function importedLines(t, ...documents) {
    const directory = temporary(t)
    fs.writeFileSync(
      path.join(directory, 'old.json'),
      documents.map((each) => `${JSON.stringify(each)}\n`).join('')
    )
    return importedFrom(t, directory, 'connect-mongo', 'old.json')
  }

  test("mongoexport's lines are read, relaxed and canonical", async (t) => {
    const found = await importedLines(
      t,
      { _id: 'relaxed', expires: { $date: new Date(EXPIRES).toISOString() }, session: TEXT },
      { _id: 'canonical', expires: { $date: { $numberLong: String(EXPIRES) } }, session: TEXT }
    )
    assert.deepEqual(Object.keys(found).sort(), ['canonical', 'relaxed'])
    for (const { user, cookie } of Object.values(found)) {
      assert.equal(user, 'ada')
      assert.equal(cookie.expires, new Date(EXPIRES).toISOString())
    }
  })

  test('a session that was written as an object is what the application had', async (t) => {
    const cookie = {
      originalMaxAge: { $numberInt: '3600000' },
      expires: { $date: { $numberLong: String(EXPIRES) } },
    }
    const session = {
      cookie,
      at: { $date: '2026-01-01T00:00:00Z' },
      big: { $numberLong: '5000000000' },
      half: { $numberDouble: '0.5' },
      user: { $oid: '507f1f77bcf86cd799439011' },
      bytes: { $binary: { base64: 'AAEC', subType: '00' } },
      list: [{ $numberInt: '7' }, null, { $other: 1 }],
    }
    const { a } = await importedLines(t, { _id: 'a', session })
    assert.ok(Math.abs(Date.parse(a.cookie.expires) - Date.now() - HOUR) < 10_000)
    const { cookie: _, ...data } = a
    assert.deepEqual(data, {
      at: '2026-01-01T00:00:00.000Z',
      big: 5_000_000_000,
      half: 0.5,
      user: '507f1f77bcf86cd799439011',
      bytes: 'AAEC',
      list: [7, null, { $other: 1 }],
    })
  })

  // By kruptein with and without ASN.1, and by the Web Crypto adapter in its encodings.
  for (const sealed of [
    JSON.stringify({ hmac: 'aGVsbG8', ct: 'd29ybGQ', iv: 'x', salt: 'y' }),
    `MIIBfQQkSWFLWGxvanNxbVpHSTF5REdSeFliQjFYMDVjRWw5bHlXZz09${'A'.repeat(40)}==`,
    'j7uB4nySblHblOo5a4FPwoG5fN9KRSOz9tFACuGkiRFwSZbriDogsbMTTn5Lhd8=',
    'f70f1031bd8e5196364249df8d18190429630a5e22a11e137a811768c88beba3',
  ]) {
    test(`what is encrypted, as ${sealed.slice(0, 8)}…, is refused`, async (t) => {
      const directory = temporary(t)
      fs.writeFileSync(path.join(directory, 'old.json'), JSON.stringify({ _id: 'a', session: sealed }))
      assert.match(await refusal(t, directory, 'connect-mongo', 'old.json'), SEALED)
    })
  }

  test('an array instead of lines is refused, and so are names beside a file', async (t) => {
    const directory = temporary(t)
    fs.writeFileSync(path.join(directory, 'old.json'), '[{"_id":"a"}]')
    assert.match(await refusal(t, directory, 'connect-mongo', 'old.json'), /without --jsonArray/)
    assert.match(
      await refusal(t, directory, 'connect-mongo', 'old.json', '--db', 'x'),
      /'old.json' is a file/
    )
  })

  // As much of the driver as is called, since there is no server to be had.
  const DRIVER = `
    const calls = []
    exports.MongoClient = class {
      constructor(url, options) { calls.push(url, Object.keys(options)) }
      async connect() { if (process.env.MONGO_FAILS) throw new Error('no server found\\nmore') }
      async close() { require('node:fs').writeFileSync('calls.json', JSON.stringify(calls)) }
      db(name) { calls.push(name ?? null); return this }
      collection(name) { calls.push(name); return this }
      async *find(filter, options) {
        calls.push(filter, options.projection)
        const expires = new Date(${EXPIRES})
        const toHexString = { toJSON: () => '507f1f77bcf86cd799439011' }
        yield { _id: 'text', expires, session: ${JSON.stringify(TEXT)} }
        yield { _id: 'object', expires, session: { cookie: { expires: new Date(0) }, user: toHexString } }
      }
    }`

  test('documents are read by the driver', async (t) => {
    const directory = application(t, { mongodb: { code: DRIVER } })
    const words = ['connect-mongo', 'mongodb://localhost/app', '--collection', 'visitors']
    const found = await importedFrom(t, directory, ...words)
    assert.equal(found.text.user, 'ada')
    assert.equal(found.object.user, '507f1f77bcf86cd799439011')
    for (const { cookie } of Object.values(found))
      assert.equal(cookie.expires, new Date(EXPIRES).toISOString())
    const calls = JSON.parse(fs.readFileSync(path.join(directory, 'calls.json'), 'utf8'))
    assert.deepEqual(calls, [
      'mongodb://localhost/app',
      ['serverSelectionTimeoutMS'],
      null,
      'visitors',
      {},
      { session: 1, expires: 1 },
    ])
  })

  test('a MongoDB that is not there is refused, without its password', async (t) => {
    const driver = `process.env.MONGO_FAILS = '1'\n${DRIVER}`
    const directory = application(t, { mongodb: { code: driver } })
    const errors = await refusal(t, directory, 'connect-mongo', 'mongodb://ada:secret@localhost')
    assert.equal(errors, 'sessile: MongoDB failed: no server found\n')
  })

  test('without the driver the error says what to install', async (t) => {
    const errors = await refusal(t, application(t), 'connect-mongo', 'mongodb://localhost')
    assert.match(errors, /needs mongodb.*`npm install --no-save mongodb`/)
  })
})
