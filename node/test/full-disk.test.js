// An app whose disk fills up: saves are refused with a code, reads go on, nothing crashes, and it heals by itself.
//
// The disk is a tmpfs in a mount namespace of its own, which ends with the processes in it.
'use strict'

const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const path = require('node:path')
const { describe, test } = require('node:test')
const { atEnd } = require('./support/end.js')
const { temporary } = require('./support/store.js')

const APP = path.join(__dirname, 'support', 'full-disk-app.js')
const DISK_FULL = 'ERR_SESSILE_DISK_FULL'
// Longer than anything takes but a hang.
const PATIENCE_MS = 60_000

// A shell in the namespace: it mounts the disk, puts something on it, and runs what it is told until it has ended.
const SHELL = `
  mount -t tmpfs -o size=24m tmpfs "$1" || exit 1
  head -c 12582912 /dev/zero >"$1/ballast"
  echo mounted
  while read -r line; do
    if [ "$line" = free ]; then rm "$1/ballast"; else "$2" "$3" "$1" $line; fi
    echo "ended"
  done
`

const probed = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { encoding: 'utf8' })
const skip =
  probed.status === 0 ? false : `no disk can be mounted here: ${probed.stderr ?? probed.error}`.trim()

class SmallDisk {
  #shell
  #lines = []
  #wake = () => {}
  #cookies = new Map()
  #origin
  pid

  constructor(t) {
    this.#shell = spawn('unshare', ['-rm', 'sh', '-c', SHELL, 'sh', temporary(t), process.execPath, APP])
    let rest = ''
    this.#shell.stdout.setEncoding('utf8').on('data', (data) => {
      const lines = (rest + data).split('\n')
      rest = lines.pop()
      this.#lines.push(...lines)
      this.#wake()
    })
    this.#shell.stderr.pipe(process.stderr)
    atEnd(t, () => {
      if (this.pid !== undefined) process.kill(this.pid, 'SIGKILL')
      this.#shell.stdin.end()
      return new Promise((resolve) => this.#shell.once('close', resolve))
    })
  }

  async #line() {
    while (this.#lines.length === 0) {
      await new Promise((resolve, reject) => {
        const timer = setTimeout(reject, PATIENCE_MS, new Error('the app said nothing for a minute'))
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.#lines.shift()
  }

  async expect(line) {
    assert.equal(await this.#line(), line)
  }

  tell(line) {
    this.#shell.stdin.write(`${line}\n`)
  }

  // Starts the app; undefined, or the code with which its store refused to be opened.
  async start(argument = 'listener') {
    this.tell(argument)
    const [word, value, , pid] = (await this.#line()).split(' ')
    if (word === 'refused') {
      await this.expect('ended')
      return value
    }
    assert.equal(word, 'serving')
    this.#origin = `http://127.0.0.1:${value}`
    this.pid = Number(pid)
    return undefined
  }

  async kill() {
    process.kill(this.pid, 'SIGKILL')
    this.pid = undefined
    await this.expect('ended')
  }

  async get(url, cookie) {
    const response = await fetch(this.#origin + url, { headers: cookie === undefined ? {} : { cookie } })
    return { status: response.status, text: await response.text(), cookies: response.headers.getSetCookie() }
  }

  // Logs a user in; the code with which it was refused, if it was.
  async login(user) {
    const { status, text, cookies } = await this.get(`/login/${user}`)
    if (status === 200) {
      this.#cookies.set(user, cookies[0].split(';')[0])
      return undefined
    }
    assert.equal(status, 503, text)
    return text
  }

  // Everybody who was told to be logged in, is.
  async check() {
    for (const [user, cookie] of this.#cookies) assert.equal((await this.get('/who', cookie)).text, user)
  }

  // Logs users in until one is refused.
  async fill() {
    for (let i = 0; ; i++) {
      const code = await this.login(`user${i}`)
      if (code === undefined) continue
      assert.equal(code, DISK_FULL)
      assert.ok(i > 50, `only ${i} fitted`)
      return
    }
  }
}

describe('an app on a full disk', { skip }, () => {
  test('refuses saves with a code, goes on reading, tells of it, and heals by itself', async (t) => {
    const disk = new SmallDisk(t)
    await disk.expect('mounted')
    assert.equal(await disk.start(), undefined)
    await disk.fill()
    await disk.check()
    for (let i = 0; i < 5; i++) assert.ok([undefined, DISK_FULL].includes(await disk.login(`late${i}`)))
    await disk.check()
    let deadline = Date.now() + PATIENCE_MS
    const events = async () => JSON.parse((await disk.get('/events')).text)
    while ((await events()).length === 0) {
      assert.ok(Date.now() < deadline, 'nobody was told in the background')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.deepEqual([...new Set(await events())], [DISK_FULL])
    assert.equal((await disk.get('/free')).text, 'freed')
    // Nobody reopens anything.
    deadline = Date.now() + PATIENCE_MS
    for (let i = 0; i < 50; i++) {
      while ((await disk.login(`again${i}`)) !== undefined) {
        assert.ok(Date.now() < deadline, 'it did not heal')
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    await disk.check()
  })

  test('that is killed there has every session it told of when there is room again', async (t) => {
    const disk = new SmallDisk(t)
    await disk.expect('mounted')
    // Without a listener for its error events, too, it does not crash.
    assert.equal(await disk.start('no-listener'), undefined)
    await disk.fill()
    await disk.check()
    await disk.kill()
    // There may be room enough to open it, or not; then it says so.
    const code = await disk.start('no-listener')
    assert.ok([undefined, DISK_FULL].includes(code), code)
    if (code === undefined) {
      await disk.check()
      await disk.kill()
    }
    disk.tell('free')
    await disk.expect('ended')
    assert.equal(await disk.start(), undefined)
    await disk.check()
    assert.equal(await disk.login('last'), undefined)
    await disk.check()
  })
})
