// A callback is called exactly once, what it throws is its own, and no chain of answers grows the stack.
'use strict'

const assert = require('node:assert/strict')
const { AsyncLocalStorage } = require('node:async_hooks')
const path = require('node:path')
const { describe, test } = require('node:test')
const { run } = require('./support/child.js')
const { called, openStore, sessionOf, temporary } = require('./support/store.js')

describe('a callback', () => {
  test('is called exactly once by every operation', async (t) => {
    const store = openStore(t)
    const counts = {}
    const count = (name) => () => {
      counts[name] = (counts[name] ?? 0) + 1
    }
    store.set('id', sessionOf(), count('set'))
    store.get('id', count('get'))
    store.touch('id', sessionOf(), count('touch'))
    store.all(count('all'))
    store.length(count('length'))
    store.flush(count('flush'))
    store.reap(count('reap'))
    store.stats(count('stats'))
    store.backup(path.join(temporary(t), 'copy'), count('backup'))
    store.destroy('id', count('destroy'))
    store.clear(count('clear'))
    store.set('id', undefined, count('failing set'))
    await called((callback) => store.close(callback))
    store.close(count('close'))
    store.get('id', count('late get'))
    await new Promise(setImmediate)
    assert.deepEqual(counts, {
      set: 1,
      get: 1,
      touch: 1,
      all: 1,
      length: 1,
      flush: 1,
      reap: 1,
      stats: 1,
      backup: 1,
      destroy: 1,
      clear: 1,
      'failing set': 1,
      close: 1,
      'late get': 1,
    })
  })

  test('that is not a function is a TypeError, and nothing is done', async (t) => {
    const store = openStore(t)
    for (const callback of [null, 7, {}, 'callback']) {
      assert.throws(() => store.set('id', sessionOf(), callback), {
        name: 'TypeError',
        code: 'ERR_SESSILE_INVALID_ARGUMENT',
      })
    }
    assert.equal(await store.get('id'), undefined)
  })

  test('replaces the promise', (t) => {
    const store = openStore(t)
    assert.equal(
      store.get('id', () => {}),
      undefined
    )
    assert.ok(store.get('id') instanceof Promise)
  })

  test('runs within the call where the answer is at hand', async (t) => {
    const store = openStore(t, { durability: 'async' })
    // The first set of an id has to look for what the disk knows of it.
    await store.set('id', sessionOf())
    const order = []
    store.set('id', sessionOf(), () => order.push('set'))
    store.get('id', () => order.push('get'))
    store.touch('id', sessionOf(), () => order.push('touch'))
    order.push('returned')
    assert.deepEqual(order, ['set', 'get', 'touch', 'returned'])
  })

  test('keeps its asynchronous context, at once or later', async (t) => {
    const store = openStore(t, { durability: 'fsync' })
    const context = new AsyncLocalStorage()
    const seen = await context.run('request', async () => [
      await called((callback) => store.set('id', sessionOf(), callback)).then(() => context.getStore()),
      await new Promise((resolve) => store.set('id', sessionOf(), () => resolve(context.getStore()))),
      await new Promise((resolve) => store.length(() => resolve(context.getStore()))),
      await new Promise((resolve) => store.get('id', () => resolve(context.getStore()))),
    ])
    assert.deepEqual(seen, ['request', 'request', 'request', 'request'])
  })
})

describe('what a callback throws', () => {
  const throwing = (call) => `
    const store = new SessileStore({ path: storePath, durability: 'fsync' })
    let calls = 0
    process.on('uncaughtException', (error) => say('uncaught ' + error.message + ' after ' + calls))
    store.set('id', sessionOf(), () => {
      const callback = () => { calls++; throw new Error('mine') }
      try { ${call} } catch { say('thrown out of the call') }
    })
    process.on('exit', () => say('calls ' + calls))
  `
  const calls = {
    'a get answered at once': "store.get('id', callback)",
    'a set answered later': "store.set('id', sessionOf(), callback)",
    'an operation on a thread': 'store.length(callback)',
    'a set that fails': "store.set('', sessionOf(), callback)",
    'all, which works with promises': 'store.all(callback)',
    'close, which works with promises': 'store.close(callback)',
  }
  for (const [name, call] of Object.entries(calls)) {
    test(`is uncaught and calls nothing again: ${name}`, async (t) => {
      const { code, output } = await run(t, throwing(call), path.join(temporary(t), 'sessions'))
      assert.equal(output, 'uncaught mine after 1\ncalls 1\n')
      assert.equal(code, 0)
    })
  }

  test('does not keep the other answers of its batch from being given', async (t) => {
    const code = `
      const store = new SessileStore({ path: storePath, durability: 'fsync' })
      let answered = 0
      process.on('uncaughtException', () => {})
      for (let i = 0; i < 20; i++) store.set('id' + i, sessionOf(), () => { answered++; throw new Error('mine') })
      process.on('exit', () => say('answered ' + answered))
    `
    const { output } = await run(t, code, path.join(temporary(t), 'sessions'))
    assert.equal(output, 'answered 20\n')
  })
})

describe('a chain of answers', () => {
  test("of 30,000 gets in each other's callbacks does not grow the stack", async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf())
    const stackTraceLimit = Error.stackTraceLimit
    Error.stackTraceLimit = 1000
    t.after(() => {
      Error.stackTraceLimit = stackTraceLimit
    })
    let deepest = 0
    await new Promise((resolve, reject) => {
      let left = 30_000
      const next = (error) => {
        if (left % 37 === 0) deepest = Math.max(deepest, new Error('depth').stack.split('\n').length)
        if (error) reject(error)
        else if (left-- === 0) resolve()
        else store.get('id', next)
      }
      next(null)
    })
    assert.ok(deepest < 300, `the stack was ${deepest} calls deep`)
  })

  test('of 30,000 sets under async does not grow the stack', async (t) => {
    const store = openStore(t, { durability: 'async' })
    await new Promise((resolve, reject) => {
      let left = 30_000
      const next = (error) => {
        if (error) reject(error)
        else if (left-- === 0) resolve()
        else store.set('id', sessionOf(), next)
      }
      next(null)
    })
  })

  test('lets the event loop turn', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf())
    let timers = 0
    const timer = setInterval(() => timers++, 0)
    const end = Date.now() + 30
    await new Promise((resolve) => {
      const next = () => (Date.now() > end ? resolve() : store.get('id', next))
      next()
    })
    clearInterval(timer)
    assert.ok(timers > 0)
  })
})

describe('without a callback', () => {
  test('a failure rejects the promise', async (t) => {
    const store = openStore(t)
    await assert.rejects(store.set('', sessionOf()), { code: 'ERR_SESSILE_INVALID_ID' })
  })

  test('req.session.destroy() that fails is reported by the error event and ends nothing', async (t) => {
    const store = openStore(t)
    const reported = new Promise((resolve) => store.on('error', resolve))
    await store.close()
    // express-session passes the callback on that its caller left out.
    store.destroy('id', undefined)
    assert.equal((await reported).code, 'ERR_SESSILE_CLOSED')
  })
})
