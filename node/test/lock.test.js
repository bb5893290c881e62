// While another process has the store, nothing blocks: operations wait, and then fail with a clear error.
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { run, start } = require('./support/child.js')
const { SessileStore, called, openStore, sessionOf, temporary } = require('./support/store.js')

const HOLDER = `
  SessileStore.open({ path: storePath }).then(async (store) => {
    await store.set('theirs', sessionOf({ by: 'the other process' }))
    say('open')
    process.stdin.once('data', () => store.close().then(() => process.exit()))
  })
`

// Another process that has the store at the returned path.
async function held(t) {
  const directory = path.join(temporary(t), 'sessions')
  const holder = start(t, HOLDER, directory)
  await holder.says('open')
  return { directory, holder }
}

describe('a store that another process has', () => {
  test('is made at once, and its operations wait until the other lets go', async (t) => {
    const { directory, holder } = await held(t)
    const begun = performance.now()
    const store = openStore(t, { path: directory, openTimeout: 30 })
    const read = store.get('theirs')
    const written = store.set('mine', sessionOf({ by: 'this process' }))
    assert.ok(performance.now() - begun < 1000)
    holder.tell('close')
    assert.equal((await read).by, 'the other process')
    await written
    assert.equal((await store.get('mine')).by, 'this process')
  })

  test('is handed over when the other is killed', async (t) => {
    const { directory, holder } = await held(t)
    const store = openStore(t, { path: directory, openTimeout: 30 })
    const read = store.get('theirs')
    await holder.kill()
    assert.equal((await read).by, 'the other process')
  })

  test('fails operations with ERR_SESSILE_LOCKED after openTimeout, once each, and emits one error', async (t) => {
    const { directory } = await held(t)
    const store = openStore(t, { path: directory, openTimeout: 0.1 })
    const events = []
    store.on('error', (error) => events.push(error.code))
    const answers = await Promise.all([
      called((callback) => store.get('theirs', callback)),
      called((callback) => store.set('mine', sessionOf(), callback)),
      called((callback) => store.length(callback)),
    ])
    for (const [error] of answers) {
      assert.equal(error.code, 'ERR_SESSILE_LOCKED')
      assert.ok(error.message.includes(directory))
    }
    await new Promise(setImmediate)
    assert.deepEqual(events, ['ERR_SESSILE_LOCKED'])
  })

  test('is tried again by the operation after the one that failed', async (t) => {
    const { directory, holder } = await held(t)
    const store = openStore(t, { path: directory, openTimeout: 0.05 })
    store.on('error', () => {})
    await assert.rejects(store.get('theirs'), { code: 'ERR_SESSILE_LOCKED' })
    holder.tell('close')
    await holder.ended
    assert.equal((await store.get('theirs')).by, 'the other process')
  })

  test('without a listener for errors takes nothing down', async (t) => {
    const { directory } = await held(t)
    const store = openStore(t, { path: directory, openTimeout: 0 })
    await assert.rejects(store.get('theirs'), { code: 'ERR_SESSILE_LOCKED' })
  })

  test('rejects open() after openTimeout', async (t) => {
    const { directory } = await held(t)
    await assert.rejects(SessileStore.open({ path: directory, openTimeout: 0.05 }), {
      code: 'ERR_SESSILE_LOCKED',
    })
  })

  test('can be closed while it waits, which fails what waits at once and is no error event', async (t) => {
    const { directory } = await held(t)
    const store = openStore(t, { path: directory, openTimeout: 3600 })
    const events = []
    store.on('error', (error) => events.push(error.code))
    const read = assert.rejects(store.get('theirs'), { code: 'ERR_SESSILE_LOCKED' })
    await store.close()
    await read
    await assert.rejects(store.get('theirs'), { code: 'ERR_SESSILE_CLOSED' })
    assert.deepEqual(events, [])
  })

  test('lets the process end at once while nothing waits for it', async (t) => {
    const { directory } = await held(t)
    const idle = 'new SessileStore({ path: storePath, openTimeout: 3600 })'
    const { code, errors } = await run(t, idle, directory)
    assert.deepEqual({ code, errors }, { code: 0, errors: '' })
  })

  test('lets a worker thread end at once while nothing waits for it', async (t) => {
    const { directory } = await held(t)
    const work = `
      const code = 'new (require(' + JSON.stringify(process.argv[2]) + ').SessileStore)(' +
        JSON.stringify({ path: storePath, openTimeout: 3600 }) + ')'
      new (require('node:worker_threads').Worker)(code, { eval: true }).on('exit', (code) => say('ended ' + code))
    `
    const { output } = await run(t, work, directory, path.join(__dirname, '..'))
    assert.equal(output, 'ended 0\n')
  })

  test('keeps the process alive while an operation waits for it, and not after', async (t) => {
    const { directory } = await held(t)
    const work = `
      const store = new SessileStore({ path: storePath, openTimeout: 0.2 })
      store.on('error', () => {})
      store.get('theirs', (error) => say(error.code))
    `
    const { output } = await run(t, work, directory)
    assert.equal(output, 'ERR_SESSILE_LOCKED\n')
  })

  test('is tried again after a failure of another kind', async (t) => {
    const { directory, holder } = await held(t)
    const store = openStore(t, { path: directory, openTimeout: 0 })
    store.on('error', () => {})
    await assert.rejects(store.get('theirs'), { code: 'ERR_SESSILE_LOCKED' })
    holder.tell('close')
    await holder.ended
    fs.renameSync(directory, `${directory}.away`)
    fs.writeFileSync(directory, 'in the way')
    await assert.rejects(store.get('theirs'), { code: 'ERR_SESSILE_NOT_A_DIRECTORY' })
    fs.rmSync(directory)
    fs.renameSync(`${directory}.away`, directory)
    assert.equal((await store.get('theirs')).by, 'the other process')
  })

  test('keeps a session as it was when set was called', async (t) => {
    const { directory, holder } = await held(t)
    const store = openStore(t, { path: directory, openTimeout: 30 })
    const session = sessionOf({ step: 1 })
    const written = store.set('mine', session)
    session.step = 2
    holder.tell('close')
    await written
    assert.equal((await store.get('mine')).step, 1)
  })
})
