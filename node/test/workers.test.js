// Worker threads share the store of the process, and can end at any moment without harm to it.
'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const path = require('node:path')
const { describe, test } = require('node:test')
const { Worker } = require('node:worker_threads')
const { run } = require('./support/child.js')
const { atEnd } = require('./support/end.js')
const { openStore, sessionOf, temporary } = require('./support/store.js')

const PACKAGE = path.join(__dirname, '..')

function work(t, code, directory, durability = 'fsync') {
  const prelude = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { SessileStore } = require(${JSON.stringify(PACKAGE)})
    const sessionOf = (data) => ({ cookie: { expires: null }, ...data })
    const store = new SessileStore({ path: workerData.directory, durability: workerData.durability })
  `
  const worker = new Worker(prelude + code, { eval: true, workerData: { directory, durability } })
  atEnd(t, () => worker.terminate())
  return worker
}

describe('worker threads', () => {
  test("see each other's sessions and the main thread's", async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const store = openStore(t, { path: directory })
    await store.set('main', sessionOf({ by: 'main' }))
    const worker = work(
      t,
      "store.set('worker', sessionOf({ by: 'worker' })).then(() => store.get('main')).then((s) => parentPort.postMessage(s.by))",
      directory
    )
    assert.deepEqual(await once(worker, 'message'), ['main'])
    assert.equal((await store.get('worker')).by, 'worker')
  })

  test('that are idle end by themselves', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const worker = work(t, "store.set('id', sessionOf())", directory)
    const [code] = await once(worker, 'exit')
    assert.equal(code, 0)
    assert.ok(await openStore(t, { path: directory }).get('id'))
  })

  test('that call process.exit leave what they acknowledged', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const worker = work(t, "store.set('id', sessionOf(), () => process.exit(3))", directory, 'async')
    const [code] = await once(worker, 'exit')
    assert.equal(code, 3)
    assert.ok(await openStore(t, { path: directory }).get('id'))
  })

  test('that throw leave what they acknowledged', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const worker = work(
      t,
      "store.set('id', sessionOf(), () => {}); throw new Error('expected')",
      directory,
      'async'
    )
    // The error comes first; the thread lets go of the store when it exits.
    const exited = new Promise((resolve) => worker.once('exit', resolve))
    const [error] = await once(worker, 'error')
    await exited
    assert.equal(error.message, 'expected')
    assert.ok(await openStore(t, { path: directory }).get('id'))
  })

  test('that close leave the store open for the others', async (t) => {
    const directory = path.join(temporary(t), 'sessions')
    const store = openStore(t, { path: directory })
    const worker = work(t, 'store.close()', directory)
    await once(worker, 'exit')
    await store.set('id', sessionOf())
    assert.ok(await store.get('id'))
  })
})

describe('a worker that is terminated while it writes', () => {
  for (const durability of ['fsync', 'async']) {
    test(`leaves everything it acknowledged, under ${durability}, and the main thread's store usable`, async (t) => {
      const directory = path.join(temporary(t), 'sessions')
      const store = openStore(t, { path: directory, durability })
      const code = `
        let i = 0
        const next = () => {
          const id = i++
          store.set('id' + id, sessionOf(), (error) => {
            if (error === null) parentPort.postMessage(id)
            setImmediate(next)
          })
        }
        for (let k = 0; k < 4; k++) next()
      `
      const worker = work(t, code, directory, durability)
      const acknowledged = []
      await new Promise((resolve) => {
        worker.on('message', (id) => {
          acknowledged.push(id)
          if (acknowledged.length === 100) resolve()
        })
      })
      await worker.terminate()
      for (const id of acknowledged) assert.ok(await store.get(`id${id}`))
      await store.set('after', sessionOf())
      assert.ok(await store.get('after'))
    })
  }

  test('crashes nothing, again and again, with answers under way', async (t) => {
    const code = `
      const { Worker } = require('node:worker_threads')
      const worker = \`
        const { SessileStore } = require(require('node:worker_threads').workerData.package)
        const store = new SessileStore({ path: require('node:worker_threads').workerData.path })
        const next = (i) => { store.set('id' + i, { cookie: {} }, () => next(i)); store.length(() => {}) }
        for (let i = 0; i < 16; i++) next(i)
        require('node:worker_threads').parentPort.postMessage('busy')
      \`
      const round = (left) => {
        if (left === 0) return say('survived')
        const workers = [0, 1].map(() => new Worker(worker, {
          eval: true, workerData: { package: process.argv[2], path: storePath },
        }))
        Promise.all(workers.map((w) => new Promise((resolve) => w.once('message', resolve))))
          .then(() => new Promise((resolve) => setTimeout(resolve, Math.random() * 10)))
          .then(() => Promise.all(workers.map((w) => w.terminate())))
          .then(() => round(left - 1))
      }
      round(10)
    `
    const { code: exit, output, errors } = await run(t, code, path.join(temporary(t), 'sessions'), PACKAGE)
    assert.deepEqual({ exit, output }, { exit: 0, output: 'survived\n' }, errors)
  })

  test('in a process that exits meanwhile crashes nothing', async (t) => {
    const code = `
      const { Worker } = require('node:worker_threads')
      new Worker(\`
        const { SessileStore } = require(require('node:worker_threads').workerData.package)
        const store = new SessileStore({ path: require('node:worker_threads').workerData.path })
        const next = (i) => store.set('id' + i, { cookie: {} }, () => next(i))
        for (let i = 0; i < 16; i++) next(i)
        require('node:worker_threads').parentPort.postMessage('busy')
      \`, { eval: true, workerData: { package: process.argv[2], path: storePath } })
        .once('message', () => setTimeout(() => process.exit(0), 5))
    `
    const { code: exit, signal } = await run(t, code, path.join(temporary(t), 'sessions'), PACKAGE)
    assert.deepEqual({ exit, signal }, { exit: 0, signal: null })
  })
})
