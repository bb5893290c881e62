'use strict'

// The demo as people have it before them: a real browser's cookies, forms, origins and scripts.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const http = require('node:http')
const { test } = require('node:test')
const { startDemo, sessionsDirFor } = require('../test/demo')
const { startBrowser, laptop, phone, logIn, add } = require('./browser')

const LIMIT = { timeout: 60_000 }
const NAME = 'Grace Hopper'

/** What is asked to be seen is waited for; it fails when it does not come. */
const welcome = (page) => page.getByLabel('Your name').waitFor()
const hello = (page) => page.getByRole('heading', { name: `Hello, ${NAME}` }).waitFor()

/** The devices as the page lists them: name, address and mark of each. */
async function listedOn(page) {
  const rows = await page.locator('.devices tbody tr td:first-child').allInnerTexts()
  return rows.map((text) => text.replace(/\s+/g, ' '))
}

/** What the page has in the cart: how many of each animal. */
async function cartOn(page) {
  const rows = await page.getByRole('region', { name: 'Your cart' }).getByRole('listitem').allInnerTexts()
  return Object.fromEntries(rows.map((row) => [row.split('\n')[0], Number(row.match(/(\d+) ×/)[1])]))
}

/** What the browser complains of: scripts that fail, and what the page's Content-Security-Policy forbids. */
function complaintsOf(page) {
  const complaints = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  return complaints
}

test('two devices see each other, and one logs the other out', LIMIT, async (t) => {
  const browser = await startBrowser(t)
  const demo = await startDemo(t, sessionsDirFor(t))
  const [large, small] = [await laptop(browser), await phone(browser)]
  const complaints = [complaintsOf(large), complaintsOf(small)]
  await logIn(large, demo.url, NAME)
  await logIn(small, demo.url, NAME)
  await large.reload()

  assert.deepEqual(await listedOn(large), [
    'Chrome on Windows This device 203.0.113.24',
    'Safari on iPhone 2001:db8::7c1',
  ])
  assert.deepEqual(await listedOn(small), [
    'Chrome on Windows 203.0.113.24',
    'Safari on iPhone This device 2001:db8::7c1',
  ])

  await large.getByRole('button', { name: 'Log out Safari on iPhone' }).click()
  await large.getByText('it is listed here').waitFor()
  assert.deepEqual(await listedOn(large), ['Chrome on Windows This device 203.0.113.24'])

  await small.getByRole('button', { name: 'Add Blue mussel to the cart' }).click()
  await welcome(small)
  await large.reload()
  await hello(large)
  assert.deepEqual(complaints, [[], []])
})

test('after kill -9 the page goes on by itself: still logged in, with cart and devices', LIMIT, async (t) => {
  const browser = await startBrowser(t)
  const sessionsDir = sessionsDirFor(t)
  const demo = await startDemo(t, sessionsDir)
  const [large, small] = [await laptop(browser), await phone(browser)]
  await logIn(small, demo.url, NAME)
  await logIn(large, demo.url, NAME)
  for (const animal of ['Flat oyster', 'Brain coral']) await add(large, animal)
  const [cart, listed] = [await cartOn(large), await listedOn(large)]
  assert.deepEqual(cart, { 'Flat oyster': 1, 'Brain coral': 1 })

  assert.deepEqual(await demo.kill(), { code: null, killedBy: 'SIGKILL' })
  await large.getByText('The server does not answer').waitFor()
  await startDemo(t, sessionsDir, new URL(demo.url).port)
  await large.getByText('Your session has outlived the server').waitFor()
  assert.deepEqual(await cartOn(large), cart)
  assert.deepEqual(await listedOn(large), listed)
  await add(small, 'Blue mussel')
})

test('who is logged out everywhere else stays so after kill -9', LIMIT, async (t) => {
  const browser = await startBrowser(t)
  const sessionsDir = sessionsDirFor(t)
  const demo = await startDemo(t, sessionsDir)
  const [large, small] = [await laptop(browser), await phone(browser)]
  await logIn(small, demo.url, NAME)
  await logIn(large, demo.url, NAME)
  await large.getByRole('button', { name: 'Log out all others' }).click()
  await large.getByText('it is listed here').waitFor()

  await demo.kill()
  const { url } = await startDemo(t, sessionsDir)
  await small.goto(url)
  await welcome(small)
  await large.goto(url)
  await hello(large)
})

test('two tabs fill one cart at once', LIMIT, async (t) => {
  const browser = await startBrowser(t)
  const demo = await startDemo(t, sessionsDirFor(t))
  const first = await laptop(browser)
  await logIn(first, demo.url, NAME)
  const second = await first.context().newPage()
  await second.goto(demo.url)
  await Promise.all([add(first, 'Blue mussel'), add(second, 'Brain coral')])
  await first.reload()
  assert.deepEqual(await cartOn(first), { 'Blue mussel': 1, 'Brain coral': 1 })
})

test('the cookie is no script’s business, and a form on another origin ends no session', LIMIT, async (t) => {
  const browser = await startBrowser(t)
  const demo = await startDemo(t, sessionsDirFor(t))
  const [large, small] = [await laptop(browser), await phone(browser)]
  await logIn(small, demo.url, NAME)
  await logIn(large, demo.url, NAME)
  assert.equal(await large.evaluate('document.cookie'), '')

  const forms = ['/logout', '/devices/log-out-others'].map(
    (path) => `<form method="post" action="${demo.url}${path}"><button>${path}</button></form>`
  )
  const elsewhere = http.createServer((_req, res) => {
    res.setHeader('content-type', 'text/html').end(forms.join(''))
  })
  t.after(() => elsewhere.close())
  await once(elsewhere.listen(0, '127.0.0.1'), 'listening')
  const { port } = elsewhere.address()
  // Another port is the same site, so that the cookie is sent along; another name is another site.
  for (const host of ['localhost', '127.0.0.1']) {
    for (const path of ['/logout', '/devices/log-out-others']) {
      await large.goto(`http://${host}:${port}`)
      await large.getByRole('button', { name: path }).click()
      await large.getByRole('heading', { name: 'That request made no sense' }).waitFor()
    }
  }
  await large.goto(demo.url)
  assert.equal((await listedOn(large)).length, 2)
})
