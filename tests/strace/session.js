// The same as session.c in Node: what it says means the same, with error codes for statuses and 0 for success.
'use strict'

const assert = require('node:assert/strict')
const { writeSync } = require('node:fs')
const path = require('node:path')
const { SessileStore } = require(path.join(__dirname, '..', '..', 'node'))

const IDS = 8
const CALLS = 48
const PAYLOAD = 20000

const [, , mode, storePath] = process.argv
const say = (line) => writeSync(1, `${line}\n`)
const codeOf = (error) => {
  if (error === null || error === undefined) return '0'
  assert.match(String(error.code), /^ERR_SESSILE_/, error.stack)
  assert.ok(error.message.length > 20, error.message)
  return error.code
}

// A session as express-session hands it over, by its number.
const sessionOf = (number) => ({
  cookie: { originalMaxAge: null, expires: null, path: '/' },
  number,
  content: String(number).repeat(PAYLOAD).slice(0, PAYLOAD),
})

// Every callback is called exactly once.
const called = (start) =>
  new Promise((resolve) => {
    let calls = 0
    start((...values) => {
      assert.equal(++calls, 1, 'a callback was called twice')
      resolve(values)
    })
  })

async function step(name, start) {
  const [error] = await called(start)
  say(`step ${name} ${codeOf(error)}`)
}

function open() {
  try {
    const store = new SessileStore({
      path: storePath,
      payloadBytesMax: 1024 * 1024,
      logBytesMax: 4 * 1024 * 1024,
      cacheBytes: 0,
      openTimeout: 20,
    })
    store.on('error', (error) => say(`event error ${codeOf(error)}`))
    say('step open 0')
    return store
  } catch (error) {
    say(`step open ${codeOf(error)}`)
    return undefined
  }
}

async function look(store, id, word) {
  const [error, session] = await called((done) => store.get(`id${id}`, done))
  if (session)
    assert.deepEqual({ ...session, cookie: undefined }, { ...sessionOf(session.number), cookie: undefined })
  say(`${word} id${id} ${session?.number ?? 0} ${codeOf(error)}`)
}

async function write() {
  const store = open()
  if (store === undefined) return
  for (let number = 1; number <= CALLS; number++) {
    const id = `id${number % IDS}`
    const destroys = number % 7 === 0
    say(`call ${number} ${id} ${destroys ? 'destroy' : 'set'}`)
    const [error] = await called((done) => {
      if (destroys) store.destroy(id, done)
      else store.set(id, sessionOf(number), done)
    })
    say(error ? `failed ${number} ${codeOf(error)}` : `done ${number}`)
    // Whatever failed, reads go on.
    await look(store, number % IDS, 'seen')
    if (number % 16 === 0) await step('flush', (done) => store.flush(done))
    if (number === 24) await step('backup', (done) => store.backup(`${storePath}-copy`, done))
  }
  await step('close', (done) => store.close(done))
}

async function check() {
  const store = open()
  if (store === undefined) process.exit(1)
  say(`len ${await store.length()}`)
  for (let id = 0; id < IDS; id++) await look(store, id, 'has')
  await store.set('id of its own', sessionOf(0))
  await store.destroy('id of its own')
  await store.close()
}

const run = mode === 'write' ? write : check
run().catch((error) => {
  console.error(error)
  process.exit(1)
})
