// docs/node.md says what is so: its table has every option, and its pieces of code do what it says of them.
'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { OPTIONS } = require('../lib/options.js')
const { browser } = require('./support/browser.js')
const { application, page, pieces, runPiece, servePiece } = require('./support/guide.js')
const { PACKAGE } = require('./support/installed.js')
const { SessileStore, sessionOf } = require('./support/store.js')

const UNITS = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
]

function inBytes(value) {
  const [unit, size] = UNITS.find(([, size]) => value >= size && value % size === 0) ?? []
  return unit === undefined ? String(value) : `${value / size} ${unit}`
}

function defaultOf({ default: value, unit }) {
  if (value === undefined) return ''
  if (typeof value === 'string') return `\`'${value}'\``
  return unit === 'bytes' ? inBytes(value) : String(value)
}

// What the page has to say of an option whose range the options' table has.
function rangeOf({ min, max, unit, values }) {
  if (values !== undefined) return values.map((value) => `\`'${value}'\``).join(', ')
  if (unit === undefined) return undefined
  const name = unit === 'bytes' ? inBytes : String
  return max === Number.MAX_SAFE_INTEGER
    ? `${unit}, from ${name(min)}`
    : `${unit}, ${name(min)} to ${name(max)}`
}

describe('the table of options', () => {
  const rows = new Map(
    [...page.matchAll(/^\| `(\w+)` \| (.*?) ?\| (.*?) ?\| .+ \|$/gm)].map(([, name, initial, range]) => [
      name,
      { initial, range },
    ])
  )

  test('has every option, and no other', () => {
    assert.deepEqual([...rows.keys()].sort(), Object.keys(OPTIONS).sort())
  })

  for (const [name, option] of Object.entries(OPTIONS)) {
    test(`has the default and the range of ${name}`, () => {
      assert.equal(rows.get(name).initial, defaultOf(option))
      const range = rangeOf(option)
      if (range !== undefined) assert.equal(rows.get(name).range, range)
    })
  }
})

describe('the contents', () => {
  test('lead to every section, and to no other', () => {
    const sections = [...page.matchAll(/^## (.*)$/gm)].map(([, title]) =>
      title.toLowerCase().replaceAll(' ', '-')
    )
    const contents = page.slice(0, page.indexOf('\n## '))
    assert.deepEqual(
      [...contents.matchAll(/\]\(#(.*?)\)/g)].map(([, anchor]) => anchor),
      sections
    )
    for (const [, anchor] of page.matchAll(/\]\(#(.*?)\)/g)) assert.ok(sections.includes(anchor), anchor)
  })

  test('and other pages are there', () => {
    for (const [, file] of page.matchAll(/\]\(((?!http)[^)#]+)/g))
      assert.ok(fs.existsSync(path.join(PACKAGE, '..', 'docs', file)), file)
  })
})

test('the list of methods has each that there is, and no other', () => {
  const [, list] = /^## Methods\n(.*?)^## /ms.exec(page)
  const named = [...list.matchAll(/(?<=`)(?:SessileStore\.)?(\w+)\(/g)].map(([, name]) => name)
  const own = Object.getOwnPropertyNames(Object.getPrototypeOf(SessileStore.prototype))
  // What is there for the events' sake alone.
  const others = ['constructor', 'on', 'addListener', 'prependListener']
  const methods = own.filter((name) => !others.includes(name))
  assert.deepEqual(named.sort(), [...methods, 'open', 'salvage'].sort())
})

describe('a piece of code of the page', () => {
  for (const name of ['express.js', 'koa.js', 'fastify.js', 'server.js']) {
    test(`(${name}) counts a visitor's views`, async (t) => {
      const { origin } = await servePiece(t, application(t, name, 'app.js'), name)
      const visit = browser(origin)
      for (const views of ['1 views', '2 views']) assert.equal((await visit('/')).text, views)
    })
  }

  test('(server.js) ends at SIGTERM, and another that is waiting goes on with its sessions', async (t) => {
    const directory = application(t, 'server.js', 'app.js')
    const before = await servePiece(t, directory, 'server.js')
    const after = await servePiece(t, directory, 'server.js')
    const first = await fetch(before.origin)
    const [cookie] = first.headers.getSetCookie()
    assert.equal(await first.text(), '1 views')
    const waiting = fetch(after.origin, { headers: { cookie } })
    before.child.process.kill('SIGTERM')
    assert.deepEqual(await before.child.ended, { code: 0, signal: null })
    assert.equal(await (await waiting).text(), '2 views')
    after.child.process.kill('SIGINT')
    assert.deepEqual(await after.child.ended, { code: 0, signal: null })
  })

  test('(app.test.js) passes, as a test', (t) => {
    const directory = application(t, 'app.js', 'app.test.js')
    const env = { ...process.env, TMPDIR: directory, NODE_TEST_CONTEXT: undefined }
    const before = fs.readdirSync(directory)
    const { status, stdout } = spawnSync(process.execPath, ['--test', directory], { env, encoding: 'utf8' })
    assert.equal(status, 0, stdout)
    assert.match(stdout, /pass 1\n/)
    assert.deepEqual(fs.readdirSync(directory), before)
  })

  test('(devices.js) lists the devices of a user, each of which can log the others out', async (t) => {
    const { origin } = await servePiece(t, application(t, 'devices.js'), 'devices.js')
    const visitAs = (device) => {
      const visit = browser(origin)
      const cookies = []
      return async (url, method = 'GET', body = {}) => {
        const headers = {
          'user-agent': device,
          cookie: cookies.at(-1) ?? '',
          'content-type': 'application/json',
        }
        const text = method === 'GET' ? undefined : JSON.stringify(body)
        const { response, ...answer } = await visit(url, { method, headers, body: text })
        cookies.push(...response.headers.getSetCookie().map((cookie) => cookie.split(';')[0]))
        return answer
      }
    }
    const [phone, laptop] = [visitAs('a phone'), visitAs('a laptop')]
    const ada = { name: 'ada', password: 'lovelace' }
    assert.equal((await phone('/login', 'POST', { ...ada, password: 'wrong' })).status, 401)
    assert.equal((await phone('/devices')).status, 401)
    for (const visit of [phone, laptop])
      assert.equal((await visit('/login', 'POST', ada)).text, '{"name":"ada"}')
    const devices = JSON.parse((await phone('/devices')).text)
    assert.deepEqual(
      devices.map(({ device, isThis }) => [device, isThis]),
      [
        ['a phone', true],
        ['a laptop', false],
      ]
    )
    assert.equal((await phone('/log-out-everywhere-else', 'POST')).text, '{"ended":1}')
    assert.equal((await laptop('/devices')).status, 401)
    assert.equal(JSON.parse((await phone('/devices')).text).length, 1)
    assert.equal((await phone('/logout', 'POST')).text, '{}')
    assert.equal((await phone('/devices')).status, 401)
  })

  test('(events.js) tells of conflicts, of errors, and of sessions that end', async (t) => {
    const directory = application(t, 'events.js')
    fs.appendFileSync(path.join(directory, 'events.js'), 'module.exports = store\n')
    const after = `
      const run = async (store) => {
        store.emit('error', Object.assign(new Error('a failure'), { code: 'ERR_ONE' }))
        store.emit('warning', Object.assign(new Error('a warning'), { code: 'ERR_OTHER' }))
        await store.set('id', sessionOf({ user: 'ada' }))
        const [one, other] = [await store.get('id'), await store.get('id')]
        await store.set('id', Object.assign(one, { key: 1 }))
        await store.set('id', Object.assign(other, { key: 2 }))
        await store.destroy('id')
        await store.close()
      }
      run(piece)
    `
    const child = runPiece(t, directory, 'events.js', after)
    assert.equal((await child.ended).code, 0, child.errors)
    assert.match(
      child.errors,
      /ERR_ONE a failure undefined\nERR_OTHER a warning\na session's save was merged \[ 'key' \]/
    )
    assert.match(child.output, /^destroyed ada \d{4}-.*Z \d{4}-.*Z\n$/)
  })

  test('(backup.js) makes a copy that has the sessions', async (t) => {
    const directory = application(t, 'backup.js')
    const after = `
      const run = async () => {
        const store = await SessileStore.open({ path: 'sessions' })
        await store.set('id', sessionOf({ user: 'ada' }))
        const { copy, sessions } = await piece(store, process.argv[1])
        await store.close()
        const restored = new SessileStore({ path: copy })
        say(sessions + ' ' + (await restored.get('id')).user)
        await restored.close()
      }
      run()
    `
    const child = runPiece(t, directory, 'backup.js', after)
    assert.equal((await child.ended).code, 0, child.errors)
    assert.equal(child.output, '1 ada\n')
  })

  test('(threads.js) reads in one thread what another has written', async (t) => {
    const child = runPiece(t, application(t, 'threads.js'), 'threads.js')
    assert.equal((await child.ended).code, 0, child.errors)
    assert.match(child.output, /user: 'ada'/)
  })

  test('(serializer.js) keeps what JSON cannot hold', async (t) => {
    const directory = application(t, 'serializer.js')
    const store = await require(path.join(directory, 'serializer.js'))(path.join(directory, 'sessions'))
    const riches = {
      since: new Date(0),
      cart: new Map([['tea', 2n]]),
      roles: new Set([1]),
      key: Buffer.from([255]),
    }
    await store.set('id', sessionOf(riches))
    const { cookie, ...data } = await store.get('id')
    assert.deepEqual(data, riches)
    assert.equal(cookie.path, '/')
    await store.close()
  })

  test('(app.ts) is what a strict compiler takes', (t) => {
    const directory = application(t, 'app.ts')
    const options = { strict: true, noEmit: true, target: 'es2022', module: 'nodenext', types: ['node'] }
    fs.writeFileSync(
      path.join(directory, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...options, esModuleInterop: true }, files: ['app.ts'] })
    )
    const tsc = path.join(PACKAGE, 'node_modules', 'typescript', 'bin', 'tsc')
    const { status, stdout } = spawnSync(process.execPath, [tsc, '--project', directory], {
      encoding: 'utf8',
    })
    assert.equal(status, 0, stdout)
  })

  test('(shop.service) is what systemd takes', (t) => {
    const file = path.join(application(t, 'shop.service'), 'shop.service')
    // Where Node is, differs.
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('/usr/bin/node', process.execPath))
    const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
    if (error?.code === 'ENOENT') return t.skip('systemd-analyze is not installed')
    assert.equal(stderr, '')
    assert.equal(status, 0)
  })

  test('is tried here, whichever has a name', () => {
    const tried = fs.readFileSync(__filename, 'utf8')
    for (const name of pieces.keys()) assert.ok(tried.includes(`'${name}'`), name)
  })
})
