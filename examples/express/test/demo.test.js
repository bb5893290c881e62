'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const { test } = require('node:test')
const { startDemo, failDemo, sessionsDirFor, Visitor, viewsOn, cartOn } = require('./demo')

const LIMIT = { timeout: 120_000 }

test('a visitor logs in by name, is counted, and keeps a cart', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const ada = new Visitor(url)
  const before = await ada.home()
  assert.match(before.text, /<form class="login"/)
  assert.equal(ada.cookie, null, 'nobody gets a cookie before logging in')

  await ada.logIn('Ada')
  const first = await ada.home()
  assert.match(first.text, /<h1>Hello, Ada<\/h1>/)
  assert.equal(viewsOn(first.text), 1)
  assert.equal(viewsOn((await ada.home()).text), 2)

  for (const item of ['mussel', 'mussel', 'coral']) await ada.post('/cart/add', { item })
  assert.deepEqual(cartOn((await ada.home()).text), { 'Blue mussel': 2, 'Brain coral': 1 })
  for (const item of ['mussel', 'coral', 'coral', 'no such animal']) await ada.post('/cart/remove', { item })
  assert.deepEqual(cartOn((await ada.home()).text), { 'Blue mussel': 1 })
})

test('two visitors do not see each other', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const [ada, grace] = [new Visitor(url), new Visitor(url)]
  await Promise.all([ada.logIn('Ada'), grace.logIn('Grace')])
  await ada.post('/cart/add', { item: 'oyster' })
  const page = await grace.home()
  assert.match(page.text, /Hello, Grace/)
  assert.deepEqual(cartOn(page.text), {})
  assert.doesNotMatch(page.text, /Ada/)
})

test(
  'the page after a login knows the visitor even before the login is answered in full',
  LIMIT,
  async (t) => {
    const { url } = await startDemo(t, sessionsDirFor(t))
    for (let round = 1; round <= 20; round++) {
      const ada = new Visitor(url)
      const redirect = await ada.request('POST', '/login', { name: `Ada ${round}` })
      const page = await ada.home()
      await redirect.arrayBuffer()
      assert.match(page.text, new RegExp(`Hello, Ada ${round}<`))
    }
  }
)

test('a login changes the session id, so that nobody can plant one', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const ada = new Visitor(url)
  await ada.logIn('Mallory')
  const planted = ada.cookie
  await ada.logIn('Ada')
  assert.notEqual(ada.cookie, planted)
  assert.equal(viewsOn((await new Visitor(url, planted).home()).text), null)
})

test('a logout sticks, also after kill -9', LIMIT, async (t) => {
  const sessionsDir = sessionsDirFor(t)
  const demo = await startDemo(t, sessionsDir)
  const ada = new Visitor(demo.url)
  await ada.logIn('Ada')
  const { cookie } = ada
  await ada.post('/logout')
  assert.equal(ada.cookie, null, 'the cookie is taken back')
  assert.equal(viewsOn((await new Visitor(demo.url, cookie).home()).text), null)

  await demo.kill()
  const again = await startDemo(t, sessionsDir)
  assert.equal(viewsOn((await new Visitor(again.url, cookie).home()).text), null)
})

test('a form on a page from elsewhere neither logs in nor out', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const ada = new Visitor(url)
  await ada.logIn('Ada')
  for (const from of ['cross-site', 'same-site']) {
    for (const [path, form] of [
      ['/login', { name: 'Mallory' }],
      ['/logout', {}],
      ['/cart/add', { item: 'mussel' }],
      ['/devices/log-out-others', {}],
    ]) {
      const response = await ada.request('POST', path, form, { 'sec-fetch-site': from })
      assert.equal(response.status, 403, `${path} ${from}`)
      assert.deepEqual(response.headers.getSetCookie(), [])
      await response.arrayBuffer()
    }
  }
  const page = await ada.home()
  assert.match(page.text, /Hello, Ada</)
  assert.deepEqual(cartOn(page.text), {})

  for (const from of ['same-origin', 'none']) {
    const response = await ada.request('POST', '/cart/add', { item: 'mussel' }, { 'sec-fetch-site': from })
    assert.equal(response.status, 303)
    await response.arrayBuffer()
  }
  const link = await ada.request('GET', '/', undefined, { 'sec-fetch-site': 'cross-site' })
  assert.deepEqual(cartOn(await link.text()), { 'Blue mussel': 2 })
})

test('a name is shown as text, whatever it contains', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const ada = new Visitor(url)
  await ada.logIn('<script>"&\'</script> 𝒜da')
  const { text } = await ada.home()
  assert.match(text, /Hello, &lt;script&gt;&quot;&amp;&#39;&lt;\/script&gt; 𝒜da</)
  assert.doesNotMatch(text, /<script>/)
})

test('a missing or endless name is refused in words', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  for (const [name, words] of [
    ['', /enter a name/],
    ['  ', /enter a name/],
    ['A'.repeat(41), /at most 40/],
  ]) {
    const response = await new Visitor(url).request('POST', '/login', { name })
    assert.equal(response.status, 400)
    assert.match(await response.text(), words)
  }
})

test('without a session there is no cart, and no way to break one', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const stranger = new Visitor(url)
  await stranger.post('/cart/add', { item: 'mussel' })
  await stranger.post('/logout')
  assert.equal((await stranger.home()).status, 200)

  const ada = new Visitor(url)
  await ada.logIn('Ada')
  for (const item of ['__proto__', 'toString', '']) await ada.post('/cart/add', { item })
  await ada.post('/cart/burn', { item: 'mussel' })
  assert.deepEqual(cartOn((await ada.home()).text), {})
})

test('the page shows when the session expires, and /figures what the store does', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const ada = new Visitor(url)
  await ada.logIn('Ada')
  const asked = Date.now()
  const { text } = await ada.home()
  const [, expires] = text.match(/This device is logged out <time datetime="([^"]*)">/)
  const weekMs = 7 * 24 * 60 * 60 * 1000
  assert.ok(Date.parse(expires) >= asked + weekMs && Date.parse(expires) <= Date.now() + weekMs, expires)
  const figures = await (await ada.request('GET', '/figures')).json()
  const value = (id) => figures.find((figure) => figure.id === id).value
  assert.equal(value('sessions'), '1')
  assert.ok(Number(value('writes')) >= 2)
  assert.ok(Number(value('syncs')) >= 1)
  for (const { id, value, remark } of figures) {
    assert.doesNotMatch(`${value} ${remark}`, /NaN|undefined|null|Infinity/, id)
  }
})

test('neither scripts and other sites nor other users of the machine get at a session', LIMIT, async (t) => {
  const sessionsDir = sessionsDirFor(t)
  const { url } = await startDemo(t, sessionsDir)
  const response = await new Visitor(url).request('POST', '/login', { name: 'Ada' })
  assert.match(response.headers.get('set-cookie'), /^demo\.sid=.*; HttpOnly; SameSite=Lax$/)
  assert.equal(fs.statSync(`${sessionsDir}.secret`).mode & 0o777, 0o600)
  assert.equal(fs.statSync(sessionsDir).mode & 0o777, 0o700)
})

test(
  'kill -9 under load: everybody is still logged in, with every page view that was answered',
  LIMIT,
  async (t) => {
    const sessionsDir = sessionsDirFor(t)
    const users = Array.from({ length: 8 }, (_, i) => ({ name: `User ${i}`, cookie: null, answered: 0 }))
    const cart = { 'Acorn barnacle': 1, 'Flat oyster': 2 }

    for (let round = 0; round < 4; round++) {
      const demo = await startDemo(t, sessionsDir)
      for (const user of users) {
        user.visitor = new Visitor(demo.url, user.cookie)
        if (round === 0) {
          await user.visitor.logIn(user.name)
          for (const item of ['barnacle', 'oyster', 'oyster']) await user.visitor.post('/cart/add', { item })
        }
        const { text } = await user.visitor.home()
        assert.match(text, new RegExp(`Hello, ${user.name}<`), `round ${round}`)
        assert.deepEqual(cartOn(text), cart)
        // One more for this visit; and one that was under way when the server died may count or not.
        const lost = viewsOn(text) - user.answered - 1
        assert.ok(lost === 0 || lost === 1, `round ${round}: ${user.answered} answered, now ${viewsOn(text)}`)
        user.answered = viewsOn(text)
      }
      if (round === 0) assert.doesNotMatch((await new Visitor(demo.url).home()).text, /outlived/)

      await killUnderLoad(demo, users, 150 + 50 * round)
    }
  }
)

/** Every user reloads the page without pause; the server is killed at the given answer, amid all others. */
async function killUnderLoad(demo, users, answers) {
  let killed = null
  await Promise.all(
    users.map(async (user) => {
      while (killed === null) {
        // Once a response is there to its last byte, the session it was about is on the disk.
        const page = await user.visitor.home().catch(() => null)
        if (page === null) break
        assert.match(page.text, new RegExp(`Hello, ${user.name}<`))
        user.answered = viewsOn(page.text)
        answers -= 1
        if (answers === 0) killed = demo.kill()
      }
      user.cookie = user.visitor.cookie
    })
  )
  assert.deepEqual(await killed, { code: null, killedBy: 'SIGKILL' })
}

test('after a restart the page says that the session has outlived the server', LIMIT, async (t) => {
  const sessionsDir = sessionsDirFor(t)
  const demo = await startDemo(t, sessionsDir)
  const ada = new Visitor(demo.url)
  await ada.logIn('Ada')
  assert.match((await ada.home()).text, /Now kill the server/)
  await demo.kill()
  const again = await startDemo(t, sessionsDir)
  assert.match(again.printed, /\(1 in there now\)/)
  assert.match((await new Visitor(again.url, ada.cookie).home()).text, /outlived the server/)
})

test('SIGTERM ends it cleanly, even while visitors keep asking', LIMIT, async (t) => {
  const sessionsDir = sessionsDirFor(t)
  const demo = await startDemo(t, sessionsDir)
  const ada = new Visitor(demo.url)
  await ada.logIn('Ada')
  let answered = 0
  let ended = null
  for (;;) {
    const page = await ada.home().catch(() => null)
    if (page === null) break
    answered = viewsOn(page.text)
    if (answered === 50) ended = demo.stop()
  }
  assert.deepEqual(await ended, { code: 0, killedBy: null })
  assert.equal(demo.complaints, '')

  const again = await startDemo(t, sessionsDir)
  const { text } = await new Visitor(again.url, ada.cookie).home()
  assert.ok(viewsOn(text) > answered, `${viewsOn(text)} after ${answered}`)
})

test('the start names the address, the directory and the process, and how to try it', LIMIT, async (t) => {
  const sessionsDir = sessionsDirFor(t)
  const { printed, pid, url } = await startDemo(t, sessionsDir)
  for (const part of [url, sessionsDir, `kill -9 ${pid}`, 'make demo', 'still logged in']) {
    assert.ok(printed.includes(part), `${part} in\n${printed}`)
  }
})

test('a taken port is told in one sentence', LIMIT, async (t) => {
  const taken = net.createServer().listen(0, '127.0.0.1')
  t.after(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address()
  const { code, complaints } = await failDemo(t, { PORT: String(port), SESSIONS_DIR: sessionsDirFor(t) })
  assert.equal(code, 1)
  assert.match(complaints, new RegExp(`^Port ${port} is taken: .*\n$`))
})

test('a PORT that is none is told in one sentence', LIMIT, async (t) => {
  for (const PORT of ['http', '-1', '65536', '3000.5', '0x10']) {
    const { code, complaints } = await failDemo(t, { PORT, SESSIONS_DIR: sessionsDirFor(t) })
    assert.equal(code, 1)
    assert.match(complaints, /^PORT is '.*', but has to be a number from 0 to 65535.*\n$/)
  }
})

test('a directory that cannot be one is told in one sentence', LIMIT, async (t) => {
  const sessionsDir = sessionsDirFor(t)
  fs.writeFileSync(sessionsDir, 'a file')
  const { code, complaints } = await failDemo(t, { SESSIONS_DIR: sessionsDir })
  assert.equal(code, 1)
  assert.match(complaints, /^[^\n]+\n$/)
  assert.ok(complaints.includes(sessionsDir), complaints)
  assert.equal(fs.readFileSync(sessionsDir, 'utf8'), 'a file')
})
