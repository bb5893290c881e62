'use strict'

// Starts the demo as a process of its own, on a port the system picks, and visits it as a browser would.

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const LAPTOP =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
const SERVER = path.join(__dirname, '..', 'server.js')

/** A place for sessions that goes when the test ends. The server makes the directory itself. */
exports.sessionsDirFor = function sessionsDirFor(t) {
  const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'sessile-demo-'))
  t.after(() => fs.rmSync(parent, { recursive: true, force: true }))
  return path.join(parent, 'sessions')
}

/** Starts the server and returns at once. Whatever the test does, the process is gone when it ends. */
function spawnDemo(t, settings) {
  const env = { ...process.env, PORT: '0', ...settings }
  delete env.SESSION_SECRET // The test's surroundings have no say in how cookies are signed.
  const child = spawn(process.execPath, [SERVER], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const demo = { child, pid: child.pid, printed: '', complaints: '', closed: once(child, 'close') }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    demo.printed += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    demo.complaints += text
  })
  t.after(async () => {
    child.kill('SIGKILL')
    await demo.closed
  })
  return demo
}

/** Starts the server, on any free port unless one is given, and waits until it says where it listens. */
exports.startDemo = async function startDemo(t, sessionsDir, port = '0') {
  const demo = spawnDemo(t, { SESSIONS_DIR: sessionsDir, PORT: port })
  const listening = new Promise((resolve) => {
    demo.child.stdout.on('data', () => {
      const url = demo.printed.match(/http:\/\/localhost:\d+/)
      if (url) resolve(url[0])
    })
  })
  const url = await Promise.race([listening, demo.closed])
  assert.equal(typeof url, 'string', `the demo ended instead of listening:\n${demo.complaints}`)
  return Object.assign(demo, {
    url,
    kill: () => stopDemo(demo, 'SIGKILL'),
    stop: () => stopDemo(demo, 'SIGTERM'),
  })
}

/** Starts a server that is expected to give up, and returns its exit code and what it complained of. */
exports.failDemo = async function failDemo(t, settings) {
  const demo = spawnDemo(t, settings)
  const [code] = await demo.closed
  return { code, complaints: demo.complaints }
}

async function stopDemo(demo, signal) {
  demo.child.kill(signal)
  const [code, killedBy] = await demo.closed
  return { code, killedBy }
}

/** A browser as far as the demo can tell: it keeps its cookie, and follows a redirect when told to. */
exports.Visitor = class Visitor {
  constructor(url, cookie = null, { userAgent = LAPTOP, address = '203.0.113.24' } = {}) {
    this.url = url
    this.cookie = cookie
    // The address as a proxy on the demo's machine would tell it.
    this.headers = { 'user-agent': userAgent, 'x-forwarded-for': address }
  }

  /** Its session's id, which only it and the server know. */
  get sessionId() {
    return decodeURIComponent(this.cookie).match(/s:([^.]*)/)[1]
  }

  /** The response as soon as its headers are there; the rest of it may still be on its way. */
  async request(method, path, form, headers = {}) {
    const response = await fetch(new URL(path, this.url), {
      method,
      redirect: 'manual',
      headers: { ...this.headers, ...headers, ...(this.cookie && { cookie: this.cookie }) },
      body: form && new URLSearchParams(form),
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';')
      this.cookie = pair.endsWith('=') ? null : pair
    }
    return response
  }

  /** The first page, whole. */
  async home() {
    const response = await this.request('GET', '/')
    return { status: response.status, text: await response.text() }
  }

  /** Posts a form, reads the whole response and checks that it leads to the first page. */
  async post(path, form = {}) {
    const response = await this.request('POST', path, form)
    await response.arrayBuffer()
    assert.equal(response.status, 303)
    assert.equal(response.headers.get('location'), '/')
  }

  logIn(name) {
    return this.post('/login', { name })
  }
}

/** How often the page says it was seen, or null for a page that greets nobody. */
exports.viewsOn = function viewsOn(text) {
  const views = text.match(/You have seen this page <strong>(\d+)<\/strong>/)
  return views && Number(views[1])
}

/** What the page shows of the cart: how many of each animal. */
exports.cartOn = function cartOn(text) {
  const rows = text.matchAll(/<b>([^<]*)<\/b><small>(\d+) × /g)
  return Object.fromEntries(Array.from(rows, ([, name, count]) => [name, Number(count)]))
}

/** The devices that the page lists. The one it was sent to has no handle, since the page logs only others out. */
exports.devicesOn = function devicesOn(text) {
  const [, rows] = text.match(/<tbody>(.*?)<\/tbody>/s)
  return rows
    .split('<tr>')
    .slice(1)
    .map((row) => ({
      name: row.match(/<b>(.*?)<\/b>/)[1],
      address: row.match(/<small>(.*?)<\/small>/)[1],
      isThis: row.includes('This device'),
      handle: row.match(/name="device" value="([^"]*)"/)?.[1] ?? null,
      times: Array.from(row.matchAll(/<time datetime="([^"]*)"/g), ([, moment]) => Date.parse(moment)),
    }))
}
