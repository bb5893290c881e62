// Each failure is a SessileError with its code, raised where the caller can act on it, with nothing lost.
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { SessileError } = require('../index.js')
const { run } = require('./support/child.js')
const { writeRaw } = require('./support/raw.js')
const { SessileStore, asStored, called, openStore, sessionOf, temporary } = require('./support/store.js')

function refusesToOpen(storePath, code, pattern) {
  assert.throws(
    () => new SessileStore({ path: storePath }),
    (error) => {
      assert.ok(error instanceof SessileError)
      assert.equal(error.name, 'SessileError')
      assert.equal(error.code, code)
      assert.match(error.message, pattern)
      return true
    }
  )
}

describe('opening', () => {
  test('a path that is a file says so', (t) => {
    const file = path.join(temporary(t), 'file')
    fs.writeFileSync(file, 'not a store')
    refusesToOpen(file, 'ERR_SESSILE_NOT_A_DIRECTORY', /is not a directory/)
    assert.equal(fs.readFileSync(file, 'utf8'), 'not a store')
  })

  test('a path whose parent is missing says so, and its code is not ENOENT', (t) => {
    const missing = path.join(temporary(t), 'missing', 'sessions')
    refusesToOpen(missing, 'ERR_SESSILE_IO', /sessions/)
    try {
      new SessileStore({ path: missing })
    } catch (error) {
      assert.equal(error.cause.code, 'ENOENT')
      assert.equal(error.cause.errno, -2)
    }
  })

  test('a directory that may not be written says so', async (t) => {
    const directory = temporary(t)
    fs.chmodSync(directory, 0o755)
    const code = `
      // Root may write everywhere; anybody else will do.
      if (process.getuid() === 0) {
        process.setgid(65534)
        process.setuid(65534)
      } else {
        require('node:fs').chmodSync(require('node:path').dirname(storePath), 0o500)
      }
      try {
        new SessileStore({ path: storePath })
      } catch (error) {
        say(error.code + ' ' + error.cause.code + ' ' + error.message)
      }
    `
    const { output, errors } = await run(t, code, path.join(directory, 'sessions'))
    assert.match(output, /^ERR_SESSILE_IO EACCES .*sessions.*denied/, errors)
  })

  test('rejects from open() as the constructor throws', async (t) => {
    const missing = path.join(temporary(t), 'missing', 'sessions')
    await assert.rejects(SessileStore.open({ path: missing }), {
      name: 'SessileError',
      code: 'ERR_SESSILE_IO',
    })
  })
})

describe('a store that is damaged', () => {
  // A store that was closed.
  async function closedStore(t) {
    const directory = path.join(temporary(t), 'sessions')
    const store = await SessileStore.open({ path: directory })
    for (let i = 0; i < 10; i++) await store.set(`id${i}`, sessionOf({ i }))
    await store.close()
    return directory
  }

  // The files of its log.
  function segmentsIn(directory) {
    const log = path.join(directory, 'log')
    return fs.readdirSync(log).map((name) => path.join(log, name))
  }

  function change(file, edit) {
    const bytes = fs.readFileSync(file)
    edit(bytes)
    fs.writeFileSync(file, bytes)
    return bytes
  }

  test('in its base is refused and left as it is', async (t) => {
    const directory = await closedStore(t)
    const base = path.join(directory, 'base.redb')
    const damaged = change(base, (bytes) => bytes.fill(0x5a))
    refusesToOpen(directory, 'ERR_SESSILE_CORRUPTED', /base\.redb.*restore a backup/)
    assert.deepEqual(fs.readFileSync(base), damaged)
  })

  test('in a session is an error of that session, named by a check, and dropped by a salvage', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const before = await SessileStore.open({ path: directory })
    for (let i = 0; i < 100; i++)
      await before.set(`id${i}`, sessionOf({ text: `content of ${i};`.repeat(20) }))
    await before.close()
    change(path.join(directory, 'base.redb'), (bytes) => {
      for (let at = bytes.indexOf('content of 7;'); at !== -1; at = bytes.indexOf('content of 7;', at + 1)) {
        bytes[at] ^= 1
      }
    })
    const damaged = await SessileStore.open({ path: directory })
    await assert.rejects(damaged.get('id7'), {
      code: 'ERR_SESSILE_CORRUPTED',
      message: /base\.redb.*checksum/,
    })
    const { damage } = await damaged.check()
    assert.ok(damage.some(({ id, file }) => id === 'id7' && file.endsWith('base.redb')))
    await damaged.close()

    const { store, dropped } = await SessileStore.salvage({ path: directory })
    t.after(() => store.close())
    assert.ok(dropped.some(({ id }) => id === 'id7'))
    assert.equal(await store.get('id7'), undefined)
    assert.equal(await store.length(), 100 - dropped.filter(({ id }) => id !== null).length)
    assert.deepEqual((await store.check()).damage, [])
  })

  test('in its log, among what was acknowledged, is refused and left as it is', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const code = `
      const store = new SessileStore({ path: storePath })
      const next = (left) => {
        if (left === 0) process.kill(process.pid, 'SIGKILL')
        else store.set('id' + left, sessionOf({ text: 'x'.repeat(500) }), () => next(left - 1))
      }
      next(50)
    `
    await run(t, code, directory)
    const [segment] = segmentsIn(directory).filter((file) => fs.readFileSync(file).includes('x'.repeat(500)))
    const damaged = change(segment, (bytes) => {
      bytes[bytes.indexOf('x'.repeat(500)) + 100] ^= 1
    })
    refusesToOpen(directory, 'ERR_SESSILE_CORRUPTED', /\.log is damaged at byte \d+.*restore a backup/)
    assert.deepEqual(fs.readFileSync(segment), damaged)
  })

  test('in a part of its log that the base has opens with a warning', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const code = `
      const store = new SessileStore({ path: storePath })
      store.set('covered', sessionOf({ text: 'c'.repeat(500) }))
        .then(() => store.flush())
        .then(() => store.set('needed', sessionOf({ text: 'n'.repeat(500) })))
        .then(() => process.kill(process.pid, 'SIGKILL'))
    `
    await run(t, code, directory)
    const [segment] = segmentsIn(directory).filter((file) => fs.readFileSync(file).includes('c'.repeat(500)))
    change(segment, (bytes) => {
      bytes[bytes.indexOf('c'.repeat(500)) + 100] ^= 1
    })
    const store = openStore(t, { path: directory })
    const warnings = []
    store.on('warning', (warning) => warnings.push(warning))
    assert.equal(await store.length(), 2)
    await store.flush()
    const [warning] = warnings
    assert.equal(warning.code, 'ERR_SESSILE_LOG_DAMAGED')
    assert.match(warning.message, /\.log is damaged at byte \d+.*nothing is lost/)
  })

  test('rejects from open()', async (t) => {
    const directory = await closedStore(t)
    change(path.join(directory, 'base.redb'), (bytes) => bytes.fill(0x5a))
    await assert.rejects(SessileStore.open({ path: directory }), { code: 'ERR_SESSILE_CORRUPTED' })
  })

  test('or rather written by a newer version is refused with both formats', async (t) => {
    const directory = await closedStore(t)
    for (const segment of segmentsIn(directory)) {
      change(segment, (bytes) => {
        // The two copies of the header: the format at byte 8, the checksum in the last four of 48 bytes.
        for (const at of [0, 2048]) {
          bytes.writeUInt32LE(99, at + 8)
          bytes.writeUInt32LE(crc32c(bytes.subarray(at, at + 44)), at + 44)
        }
      })
    }
    refusesToOpen(directory, 'ERR_SESSILE_UNSUPPORTED_FORMAT', /has format 99, this version reads up to \d+/)
  })
})

describe('a session', () => {
  const circular = sessionOf()
  circular.self = circular
  const unserializable = {
    'with a cycle': circular,
    'with a BigInt': sessionOf({ count: 1n }),
    'whose toJSON throws': sessionOf({
      toJSON() {
        throw Object.assign(new Error('mine'), { code: 'ENOENT' })
      },
    }),
    'that is undefined': undefined,
    'that is null': null,
    'that is text': 'session',
    'that is a list': [],
  }
  for (const [name, session] of Object.entries(unserializable)) {
    test(`${name} is refused by the callback, and what was there stays`, async (t) => {
      const store = openStore(t)
      await store.set('id', sessionOf({ before: true }))
      const [error] = await called((callback) => store.set('id', session, callback))
      assert.ok(error instanceof SessileError)
      assert.equal(error.code, 'ERR_SESSILE_UNSERIALIZABLE')
      assert.equal((await store.get('id')).before, true)
    })
  }

  test('that cannot be turned into JSON keeps the reason as the cause', async (t) => {
    const store = openStore(t)
    await assert.rejects(store.set('id', circular), (error) => error.cause instanceof TypeError)
  })

  test('over the limit is refused with both sizes, and one at the limit is kept', async (t) => {
    const store = openStore(t, { payloadBytesMax: 1000 })
    const fill = 1000 - JSON.stringify({ cookie: {}, text: '' }).length
    await store.set('at', { cookie: {}, text: 'x'.repeat(fill) })
    assert.ok(await store.get('at'))
    await assert.rejects(store.set('over', { cookie: {}, text: 'x'.repeat(fill + 1) }), {
      code: 'ERR_SESSILE_VALUE_TOO_LARGE',
      message: /1001 bytes.*1000 bytes/,
    })
    assert.equal(await store.get('over'), undefined)
  })

  test('that something else wrote is unreadable, not unknown, and can be destroyed', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const store = openStore(t, { path: directory })
    await writeRaw(directory, 'id', 'not JSON')
    for (const json of ['not JSON', '{"cut":', '7', 'null']) {
      await writeRaw(directory, 'id', json)
      const [error, session] = await called((callback) => store.get('id', callback))
      assert.equal(error.code, 'ERR_SESSILE_UNREADABLE')
      assert.match(error.message, /destroy it/)
      assert.equal(session, undefined)
    }
    await assert.rejects(store.all(), (error) => error.sessionId === 'id' && !error.message.includes("'id'"))
    await store.destroy('id')
    assert.equal(await store.get('id'), undefined)
  })
})

describe('an error', () => {
  test('has a code that express-session does not take for "no such session"', async (t) => {
    const store = openStore(t)
    await store.close()
    const [error] = await called((callback) => store.load('id', callback))
    assert.equal(error.code, 'ERR_SESSILE_CLOSED')
  })

  test('in the background is a process warning where nobody listens, and an event where somebody does', async (t) => {
    const { report } = require('../lib/reports.js')
    const store = openStore(t)
    const warned = new Promise((resolve) => process.once('warning', resolve))
    const error = new SessileError('DISK_FULL', 'no room')
    report(store, error)
    report(store, error)
    const warning = await warned
    assert.equal(warning.code, 'ERR_SESSILE_DISK_FULL')
    const heard = []
    store.on('error', (given) => heard.push(given))
    report(store, error)
    assert.deepEqual(heard, [error])
  })

  test('can be printed and sent on like any other', async (t) => {
    const store = openStore(t)
    const [error] = await called((callback) => store.set('', asStored(sessionOf()), callback))
    assert.match(String(error), /^SessileError: a session id has 1 to 256 bytes/)
    assert.match(error.stack, /^SessileError: /)
  })
})

function crc32c(bytes) {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return ~crc >>> 0
}
