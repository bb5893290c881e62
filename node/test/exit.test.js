// How a process ends: an idle store does not keep it alive, pending work does, and what was acknowledged is
// there afterwards, whichever way it went.
'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const path = require('node:path')
const { describe, test } = require('node:test')
const { run, runUnder, start } = require('./support/child.js')
const { openStore, sessionOf, temporary } = require('./support/store.js')

function place(t) {
  return path.join(temporary(t), 'sessions')
}

async function countIn(t, directory) {
  return openStore(t, { path: directory }).length()
}

describe('an idle store', () => {
  test('lets the process end', async (t) => {
    const { code, errors } = await run(t, 'new SessileStore({ path: storePath })', place(t))
    assert.deepEqual({ code, errors }, { code: 0, errors: '' })
  })

  test('that has worked lets the process end', async (t) => {
    const work = `
      const store = new SessileStore({ path: storePath, durability: 'write' })
      store.set('id', sessionOf()).then(() => store.length()).then((count) => say('count ' + count))
    `
    const { code, output } = await run(t, work, place(t))
    assert.deepEqual({ code, output }, { code: 0, output: 'count 1\n' })
  })

  test('that nobody can reach any more is closed with the garbage', async (t) => {
    const work = `
      require('node:v8').setFlagsFromString('--expose-gc')
      const gc = require('node:vm').runInNewContext('gc')
      new SessileStore({ path: storePath, durability: 'fsync' })
      const reopen = (left) => {
        gc()
        try {
          // A conflict while the first one is open.
          new SessileStore({ path: storePath, durability: 'async' })
          say('closed')
        } catch (error) {
          if (left > 0) setTimeout(reopen, 20, left - 1)
          else say(error.code)
        }
      }
      setTimeout(reopen, 20, 50)
    `
    const { code, output } = await run(t, work, place(t))
    assert.deepEqual({ code, output }, { code: 0, output: 'closed\n' })
  })
})

describe('pending work', () => {
  for (const [name, operation] of Object.entries({
    set: "store.set('id', sessionOf(), done)",
    length: 'store.length(done)',
    flush: 'store.flush(done)',
    close: 'store.close(done)',
    open: "SessileStore.open({ path: storePath + '2' }).then(() => done(null), done)",
  })) {
    test(`keeps the process alive until it is done: ${name}`, async (t) => {
      const work = `
        const store = new SessileStore({ path: storePath })
        const done = (error) => say('done ' + error)
        ${operation}
      `
      const { code, output } = await run(t, work, place(t))
      assert.deepEqual({ code, output }, { code: 0, output: 'done null\n' })
    })
  }

  test('keeps the process alive where a store that listened was collected before', async (t) => {
    const work = `
      require('node:v8').setFlagsFromString('--expose-gc')
      const gc = require('node:vm').runInNewContext('gc')
      const registry = new FinalizationRegistry(() => {
        clearInterval(collecting)
        finalize(20)
      })
      const collecting = setInterval(gc, 1)
      // What the addon held of the store goes in turns of their own.
      const finalize = (left) => {
        gc()
        if (left > 0) setImmediate(finalize, left - 1)
        else new SessileStore({ path: storePath }).length().then((count) => say('count ' + count))
      }
      const leave = () => {
        const store = new SessileStore({ path: storePath })
        registry.register(store.on('expired', () => {}).on('destroyed', () => {}))
      }
      leave()
    `
    const { code, output } = await run(t, work, place(t))
    assert.deepEqual({ code, output }, { code: 0, output: 'count 0\n' })
  })
})

describe('what was acknowledged is there after', () => {
  const endings = {
    'the end of the program': '',
    'process.exit': 'process.exit(0)',
    'process.exit in the callback of another operation': 'store.length(() => process.exit(0)); return',
    'an uncaught error': "throw new Error('expected')",
    'an unhandled rejection': "Promise.reject(new Error('expected')); return",
    'a terminated worker': null,
  }
  for (const durability of ['fsync', 'write', 'async']) {
    for (const [name, ending] of Object.entries(endings)) {
      if (ending === null) continue
      test(`${name}, under ${durability}`, async (t) => {
        const directory = place(t)
        const work = `
          const store = new SessileStore({ path: storePath, durability: '${durability}' })
          let acknowledged = 0
          const each = () => {
            if (++acknowledged < 100) return
            say('acknowledged')
            ;(() => { ${ending} })()
          }
          for (let i = 0; i < 100; i++) store.set('id' + i, sessionOf({ i }), each)
        `
        const { output, signal } = await run(t, work, directory)
        assert.equal(output, 'acknowledged\n')
        assert.equal(signal, null)
        assert.equal(await countIn(t, directory), 100)
      })
    }

    if (durability !== 'async') {
      test(`SIGKILL, under ${durability}`, async (t) => {
        const directory = place(t)
        const work = `
          const store = new SessileStore({ path: storePath, durability: '${durability}' })
          let acknowledged = 0
          const each = () => {
            if (++acknowledged === 500) process.kill(process.pid, 'SIGKILL')
          }
          for (let i = 0; i < 500; i++) store.set('id' + i, sessionOf({ i }), each)
        `
        const { signal } = await run(t, work, directory)
        assert.equal(signal, 'SIGKILL')
        assert.equal(await countIn(t, directory), 500)
      })
    }
  }

  test('process.exit with writes that are still pending, which are written too', async (t) => {
    const directory = place(t)
    const work = `
      const store = new SessileStore({ path: storePath })
      for (let i = 0; i < 100; i++) store.set('id' + i, sessionOf({ i }), () => {})
      process.exit(0)
    `
    const { code } = await run(t, work, directory)
    assert.equal(code, 0)
    assert.equal(await countIn(t, directory), 100)
  })

  test('process.exit while the store is closing, under async', async (t) => {
    // So much that the closing is not done by the time the process is gone, and so little that nothing of it is held back
    // on a busy machine. Only writes over sessions that are in memory are acknowledged before the loop goes on, and so
    // before anything is written.
    const work = `
      const store = new SessileStore({ path: storePath, durability: 'async' })
      const ids = Array.from({ length: 120 }, (_, i) => 'id' + i)
      const big = 'x'.repeat(30000)
      Promise.all(ids.map((id) => store.set(id, sessionOf()))).then(() => {
        const acknowledged = []
        for (const id of ids) store.set(id, sessionOf({ big }), (error) => error ?? acknowledged.push(id))
        store.close()
        say(acknowledged.join())
        process.exit(0)
      })
    `
    const directory = place(t)
    for (let round = 0; round < 4; round++) {
      const each = `${directory}${round}`
      const { output } = await run(t, work, each)
      const acknowledged = output.trim().split(',')
      assert.equal(acknowledged.length, 120, output)
      const store = openStore(t, { path: each })
      for (const id of acknowledged) assert.ok((await store.get(id)).big, id)
    }
  })

  test('SIGKILL of a writer at work, for every write it told of', async (t) => {
    const directory = place(t)
    const work = `
      const store = new SessileStore({ path: storePath, durability: 'write' })
      let i = 0
      const next = () => {
        const mine = i++
        store.set('id' + mine, sessionOf(), () => { say('#' + mine + '.'); next() })
      }
      for (let k = 0; k < 8; k++) next()
    `
    const writer = start(t, work, directory)
    await writer.says('#200.')
    await writer.kill()
    const store = openStore(t, { path: directory })
    const told = [...writer.output.matchAll(/#(\d+)\./g)].map(([, i]) => i)
    assert.ok(told.length > 200)
    for (const i of told) assert.ok(await store.get(`id${i}`), `id${i}`)
  })
})

// The event loop does not come round again: what is not answered within the call is never answered.
describe('in a listener for the exit itself', () => {
  // With sessions in its base, and none in memory once it is opened again.
  async function withSessions(t) {
    const directory = place(t)
    const store = openStore(t, { path: directory })
    const ids = Array.from({ length: 3000 }, (_, i) => `id${i}`)
    await Promise.all(ids.map((id) => store.set(id, sessionOf({ text: 'x'.repeat(300) }))))
    await store.close()
    return directory
  }

  for (const durability of ['fsync', 'write', 'async']) {
    for (const registered of ['before the store was made', 'after it']) {
      test(`a set is acknowledged and there after, under ${durability}, ${registered}`, async (t) => {
        const directory = place(t)
        const work = `
          let store
          const listen = () => process.on('exit', () => {
            store.set('last', sessionOf(), (error) => say('acknowledged ' + error))
          })
          if (${registered.startsWith('before')}) listen()
          store = new SessileStore({ path: storePath, durability: '${durability}' })
          if (${registered.startsWith('after')}) listen()
          process.exit(0)
        `
        const { output } = await run(t, work, directory)
        assert.equal(output, 'acknowledged null\n')
        assert.ok(await openStore(t, { path: directory }).get('last'))
      })
    }
  }

  test('a save by a request whose response is held is acknowledged', async (t) => {
    const directory = place(t)
    const work = `
      const store = new SessileStore({ path: storePath, durability: 'write' })
      process.on('exit', () => {
        const response = { headersSent: false, cork: () => say('held'), uncork: () => say('let go') }
        const session = Object.defineProperty(sessionOf(), 'req', { value: { res: response } })
        store.set('last', session, (error) => say('acknowledged ' + error))
      })
      process.exit(0)
    `
    const { output } = await run(t, work, directory)
    assert.equal(output, 'held\nacknowledged null\nlet go\n')
    assert.ok(await openStore(t, { path: directory }).get('last'))
  })

  test('writes whose sessions take long to be looked up are acknowledged, under async', async (t) => {
    const directory = await withSessions(t)
    const work = `
      const store = new SessileStore({ path: storePath, durability: 'async' })
      process.on('exit', () => {
        store.set('last', sessionOf(), (error) => say('set ' + error))
        store.destroy('id1000', (error) => say('destroyed ' + error))
      })
      process.exit(0)
    `
    const base = path.join(directory, 'base.redb')
    const slowly =
      'strace -f -qq -o /dev/null -e trace=pread64 -e inject=pread64:delay_enter=100000 -P'.split(' ')
    const { error, status } = spawnSync(slowly[0], [...slowly.slice(1), base, 'true'])
    if (error !== undefined || status !== 0) {
      t.skip('strace is not installed, or may not trace here')
      return
    }
    const { output } = await runUnder(t, [...slowly, base], work, directory)
    assert.equal(output, 'set null\ndestroyed null\n')
    const store = openStore(t, { path: directory })
    assert.ok(await store.get('last'))
    assert.equal(await store.get('id1000'), undefined)
  })

  test('a get, and a touch with another cookie, of sessions that are not in memory are done', async (t) => {
    const directory = await withSessions(t)
    const work = `
      const store = new SessileStore({ path: storePath })
      process.on('exit', () => {
        store.get('id1000', (error, session) => say('got ' + error + ' ' + session.text.length))
        const session = { ...sessionOf(), cookie: { originalMaxAge: null, expires: null, path: '/other' } }
        store.touch('id2000', session, (error) => say('touched ' + error))
      })
      process.exit(0)
    `
    const { output } = await run(t, work, directory)
    assert.equal(output, 'got null 300\ntouched null\n')
    const { cookie, text } = await openStore(t, { path: directory }).get('id2000')
    assert.deepEqual([cookie.path, text.length], ['/other', 300])
  })

  test('a set that finds no room says so, under async', async (t) => {
    const directory = place(t)
    const work = `
      const store = new SessileStore({ path: storePath, durability: 'async' })
      process.on('exit', () => {
        const big = 'x'.repeat(50000)
        for (let i = 0; i < 60; i++) {
          store.set('id' + i, sessionOf({ big }), (error) => say('id' + i + ' ' + (error?.code ?? 'kept')))
        }
      })
    `
    // Files of 2 MiB at most: the log's first segment, and no other.
    const confined = ['sh', '-c', 'ulimit -f 4096; exec "$@"', 'sh']
    const { output } = await runUnder(t, confined, work, directory)
    const answers = output.trim().split('\n')
    assert.equal(answers.length, 60)
    const store = openStore(t, { path: directory })
    const kept = answers.filter((answer) => answer.endsWith(' kept')).map((answer) => answer.split(' ')[0])
    assert.ok(kept.length > 0 && kept.length < 60, output)
    for (const id of kept) assert.ok(await store.get(id), id)
  })

  test('what is called on a store that is not open fails', async (t) => {
    const directory = place(t)
    const holder = openStore(t, { path: directory })
    await holder.set('theirs', sessionOf())
    const work = `
      const store = new SessileStore({ path: storePath, openTimeout: 3600 })
      process.on('exit', () => {
        store.set('last', sessionOf(), (error) => say('set ' + error.code))
        store.get('theirs', (error) => say('got ' + error.code))
      })
      process.exit(0)
    `
    const { output } = await run(t, work, directory)
    assert.equal(output, 'set ERR_SESSILE_CLOSED\ngot ERR_SESSILE_CLOSED\n')
  })
})
