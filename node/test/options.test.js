// Options are taken strictly: a wrong one is an error that names it, before anything is touched on disk.
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { atEnd } = require('./support/end.js')
const { SessileStore, openStore, sessionOf, temporary } = require('./support/store.js')

const MIB = 1024 * 1024

function refuses(t, options, type, pattern) {
  const directory = path.join(temporary(t), 'sessions')
  assert.throws(
    () => new SessileStore({ path: directory, ...options }),
    (error) => {
      assert.equal(error.constructor, type)
      assert.match(error.message, pattern)
      assert.equal(error.code, 'ERR_SESSILE_INVALID_OPTION')
      return true
    }
  )
  assert.equal(fs.existsSync(directory), false)
}

describe('names', () => {
  test('an unknown option is a TypeError that lists the options', (t) => {
    refuses(t, { colour: 'red' }, TypeError, /unknown option 'colour'.*durability/)
  })

  test('a misspelt option is a TypeError that suggests the near one', (t) => {
    refuses(t, { durabilty: 'fsync' }, TypeError, /unknown option 'durabilty'; did you mean 'durability'\?/)
    refuses(t, { TTL: 5 }, TypeError, /unknown option 'TTL'; did you mean 'ttl'\?/)
    refuses(t, { cachebytes: 5 }, TypeError, /did you mean 'cacheBytes'\?/)
    refuses(t, { checkPointInterval: 5 }, TypeError, /did you mean 'checkpointInterval'\?/)
  })

  test('an option that Object.prototype has is unknown too', (t) => {
    refuses(t, { toString: 1 }, TypeError, /unknown option 'toString'/)
  })

  test('an option that is undefined has its default', (t) => {
    openStore(t, { ttl: undefined, durability: undefined })
  })

  test('options that are no object are a TypeError', () => {
    for (const options of [undefined, null, 'sessions', 7]) {
      assert.throws(() => new SessileStore(options), {
        name: 'TypeError',
        code: 'ERR_SESSILE_INVALID_OPTION',
      })
    }
  })

  test('the options object is not changed', (t) => {
    const options = Object.freeze({ path: path.join(temporary(t), 'sessions') })
    openStore(t, options)
    assert.deepEqual(Object.keys(options), ['path'])
  })
})

describe('path', () => {
  test('is required', () => {
    assert.throws(() => new SessileStore({}), { name: 'TypeError', message: /option 'path' is required/ })
  })

  test('is a string that an operating system can take', () => {
    for (const value of ['', 7, null, 'a\0b', 'a\ud800']) {
      assert.throws(() => new SessileStore({ path: value }), { name: 'TypeError', message: /option 'path'/ })
    }
  })

  test('relative is relative to the directory at the time', async (t) => {
    const directory = temporary(t)
    const before = process.cwd()
    process.chdir(directory)
    atEnd(t, () => process.chdir(before))
    const store = openStore(t, { path: 'sessions' })
    await store.set('id', sessionOf())
    assert.ok(fs.statSync(path.join(directory, 'sessions')).isDirectory())
  })
})

describe('ttl', () => {
  test('zero, negative, NaN and infinite lifetimes are refused, not replaced', (t) => {
    for (const ttl of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 101 * 365 * 86400]) {
      refuses(t, { ttl }, RangeError, /option 'ttl' is from 0.001/)
    }
  })

  test('what is neither a number nor a function is a TypeError', (t) => {
    for (const ttl of ['86400', null, {}, true]) refuses(t, { ttl }, TypeError, /option 'ttl'/)
  })
})

describe('durability', () => {
  test('is one of three words', (t) => {
    refuses(
      t,
      { durability: 'none' },
      RangeError,
      /option 'durability' is 'fsync', 'write' or 'async', not 'none'/
    )
    refuses(t, { durability: true }, TypeError, /option 'durability'/)
    for (const durability of ['fsync', 'write', 'async']) openStore(t, { durability })
  })
})

describe('sizes and durations', () => {
  const ranges = {
    cacheBytes: [-1, 1.5],
    dirtyBytes: [MIB - 1],
    baseCacheBytes: [MIB - 1],
    logBytesMax: [4 * MIB - 1, 65536 * MIB + 1],
    payloadBytesMax: [0, 16 * MIB + 1],
    checkpointInterval: [0, 0.09, 86401],
    touchAfter: [-1, 86401],
    scrubInterval: [-1, 0.5, 8640001],
    scrubBytesPerSecond: [0, 65535, 1024 * MIB + 1],
    openTimeout: [-1, 86401],
  }
  for (const [name, values] of Object.entries(ranges)) {
    test(`${name} out of range is a RangeError that names it`, (t) => {
      for (const value of values) refuses(t, { [name]: value }, RangeError, new RegExp(`option '${name}'`))
    })

    test(`${name} that is no number is a TypeError that names it`, (t) => {
      refuses(t, { [name]: '64mb' }, TypeError, new RegExp(`option '${name}'`))
    })
  }

  test('a scrub is off, or between its bounds', (t) => {
    for (const scrubInterval of [0, 1, 8640000]) openStore(t, { scrubInterval })
    for (const scrubBytesPerSecond of [65536, 1024 * MIB]) openStore(t, { scrubBytesPerSecond })
  })

  test('a log that cannot hold four of the largest sessions is refused', (t) => {
    refuses(t, { logBytesMax: 8 * MIB }, RangeError, /logBytesMax.*at least four times payloadBytesMax/)
    openStore(t, { logBytesMax: 8 * MIB, payloadBytesMax: 2 * MIB })
  })

  test('open rejects wrong options as the constructor throws them', async () => {
    await assert.rejects(SessileStore.open({ path: 'p', durabilty: 1 }), { name: 'TypeError' })
  })
})

describe('options of a store that is open already', () => {
  test('another store-wide option is a conflict that names it', (t) => {
    const directory = path.join(temporary(t), 'sessions')
    openStore(t, { path: directory, durability: 'fsync' })
    assert.throws(() => openStore(t, { path: directory, durability: 'write' }), {
      code: 'ERR_SESSILE_OPTIONS_CONFLICT',
      message: /durability/,
    })
  })

  test('the conflict names it as Node does', (t) => {
    const directory = path.join(temporary(t), 'cache_bytes')
    openStore(t, { path: directory })
    assert.throws(() => openStore(t, { path: directory, cacheBytes: 0 }), {
      message: /cache_bytes is already open in this process with another cacheBytes;/,
    })
  })

  test('another ttl is none: it belongs to the store object', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const long = openStore(t, { path: directory, ttl: 3600 })
    const short = openStore(t, { path: directory, ttl: 0.001 })
    await long.set('long', sessionOf())
    await short.set('short', sessionOf())
    await new Promise((resolve) => setTimeout(resolve, 5))
    assert.ok(await short.get('long'))
    assert.equal(await long.get('short'), undefined)
  })
})
