'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { startDemo, sessionsDirFor, Visitor, viewsOn, cartOn, devicesOn } = require('./demo')

const LIMIT = { timeout: 120_000 }

const PHONE = {
  userAgent:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ' +
    'Version/18.6 Mobile/15E148 Safari/604.1',
  address: '2001:db8::7c1',
}

/** A user who has logged in on a laptop, then on a phone. */
async function logInTwice(url, name) {
  const [laptop, phone] = [new Visitor(url), new Visitor(url, null, PHONE)]
  await laptop.logIn(name)
  await phone.logIn(name)
  return [laptop, phone]
}

/** What the visitor's page lists, by the names of the devices. */
async function namesFor(visitor) {
  return devicesOn((await visitor.home()).text).map(({ name }) => name)
}

async function isLoggedIn(visitor) {
  return viewsOn((await visitor.home()).text) !== null
}

/** The handle of the only other device, as the page has it in its form. */
async function handleOfOther(visitor) {
  const others = devicesOn((await visitor.home()).text).filter(({ isThis }) => !isThis)
  assert.equal(others.length, 1)
  return others[0].handle
}

test('a user sees the devices where they are logged in, and which of them this is', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const asked = Date.now()
  const [laptop, phone] = await logInTwice(url, 'Ada')
  await new Visitor(url).logIn('Grace')

  for (const [visitor, other] of [
    [laptop, phone],
    [phone, laptop],
  ]) {
    const devices = devicesOn((await visitor.home()).text)
    assert.deepEqual(
      devices.map(({ name, address, isThis }) => ({ name, address, isThis })),
      [
        { name: 'Chrome on Linux', address: '203.0.113.24', isThis: visitor === laptop },
        { name: 'Safari on iPhone', address: '2001:db8::7c1', isThis: visitor === phone },
      ]
    )
    for (const { isThis, handle, times } of devices) {
      assert.equal(handle === null, isThis, 'the page logs others out; itself by the button at its top')
      assert.equal(times.length, isThis ? 1 : 2)
      for (const moment of times) assert.ok(moment >= asked && moment <= Date.now(), String(moment))
    }
    assert.match((await other.home()).text, /Hello, Ada</)
  }
})

test('a device that is used is seen later by the others', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const [laptop, phone] = await logInTwice(url, 'Ada')
  const lastSeen = async () => devicesOn((await laptop.home()).text).find(({ isThis }) => !isThis).times[1]
  const before = await lastSeen()
  while ((await lastSeen()) === before) await phone.home()
  assert.ok((await lastSeen()) > before)
})

test('no page tells a session id, neither its own nor that of another device', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const [laptop, phone] = await logInTwice(url, 'Ada')
  const { text } = await laptop.home()
  assert.equal(devicesOn(text).length, 2)
  for (const visitor of [laptop, phone]) {
    assert.ok(visitor.sessionId.length >= 32)
    for (let end = 8; end <= visitor.sessionId.length; end++) {
      assert.ok(!text.includes(visitor.sessionId.slice(end - 8, end)), 'a part of an id is in the page')
    }
  }
})

test('a device that another logs out is logged out, also after kill -9', LIMIT, async (t) => {
  const sessionsDir = sessionsDirFor(t)
  const demo = await startDemo(t, sessionsDir)
  const [laptop, phone] = await logInTwice(demo.url, 'Ada')
  await laptop.post('/devices/log-out', { device: await handleOfOther(laptop) })
  await demo.kill()

  const { url } = await startDemo(t, sessionsDir)
  assert.equal(await isLoggedIn(new Visitor(url, phone.cookie)), false)
  assert.deepEqual(await namesFor(new Visitor(url, laptop.cookie)), ['Chrome on Linux'])
})

test(
  'all other devices are logged out, also after kill -9; this one and other users are not',
  LIMIT,
  async (t) => {
    const sessionsDir = sessionsDirFor(t)
    const demo = await startDemo(t, sessionsDir)
    const [laptop, phone] = await logInTwice(demo.url, 'Ada')
    const [third, grace] = [new Visitor(demo.url), new Visitor(demo.url)]
    await third.logIn('Ada')
    await grace.logIn('Grace')
    await phone.post('/devices/log-out-others')
    await demo.kill()

    const { url } = await startDemo(t, sessionsDir)
    for (const { cookie } of [laptop, third]) assert.equal(await isLoggedIn(new Visitor(url, cookie)), false)
    assert.deepEqual(await namesFor(new Visitor(url, phone.cookie)), ['Safari on iPhone'])
    assert.equal(await isLoggedIn(new Visitor(url, grace.cookie)), true)
  }
)

test('the devices are listed after kill -9 as they were before', LIMIT, async (t) => {
  const sessionsDir = sessionsDirFor(t)
  const demo = await startDemo(t, sessionsDir)
  const [laptop] = await logInTwice(demo.url, 'Ada')
  const before = devicesOn((await laptop.home()).text)
  await demo.kill()
  const { url } = await startDemo(t, sessionsDir)
  assert.deepEqual(devicesOn((await new Visitor(url, laptop.cookie).home()).text), before)
})

test('nobody ends the session of somebody else', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const [laptop, phone] = await logInTwice(url, 'Ada')
  const handle = await handleOfOther(laptop)
  const [grace, stranger] = [new Visitor(url), new Visitor(url)]
  await grace.logIn('Grace')

  for (const visitor of [grace, stranger]) {
    await visitor.post('/devices/log-out', { device: handle })
    await visitor.post('/devices/log-out-others')
  }
  // Nor does anything but a handle name a device, not even to its own user.
  for (const device of [phone.sessionId, '', 'undefined', '__proto__']) {
    await laptop.post('/devices/log-out', { device })
  }
  await laptop.post('/devices/log-out')
  for (const visitor of [laptop, phone, grace]) assert.equal(await isLoggedIn(visitor), true)
})

test('a device can log itself out by its handle', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const [laptop, phone] = await logInTwice(url, 'Ada')
  await laptop.post('/devices/log-out', { device: await handleOfOther(phone) })
  assert.equal(await isLoggedIn(laptop), false)
  assert.deepEqual(await namesFor(phone), ['Safari on iPhone'])
})

test('a login on a sixth device logs out the first', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const devices = Array.from({ length: 6 }, () => new Visitor(url))
  for (const device of devices) await device.logIn('Ada')
  assert.equal(await isLoggedIn(devices[0]), false)
  assert.equal((await namesFor(devices[5])).length, 5)
  for (const device of devices.slice(1)) assert.equal(await isLoggedIn(device), true)
})

test('a request under way does not bring back a session that another device ends', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  for (let round = 0; round < 20; round++) {
    const [laptop, phone] = await logInTwice(url, `Ada ${round}`)
    await Promise.all([
      ...Array.from({ length: 8 }, () => phone.home()),
      laptop.post('/devices/log-out-others'),
      ...Array.from({ length: 8 }, () => phone.home()),
    ])
    assert.deepEqual(await namesFor(laptop), ['Chrome on Linux'], `round ${round}`)
    assert.equal(await isLoggedIn(phone), false, `round ${round}`)
  }
})

test('what one tab puts into the cart stays there while others load the page', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  const ada = new Visitor(url)
  await ada.logIn('Ada')
  for (let round = 1; round <= 20; round++) {
    await Promise.all([
      ...Array.from({ length: 4 }, () => ada.home()),
      ada.post('/cart/add', { item: 'mussel' }),
      ...Array.from({ length: 4 }, () => ada.home()),
      ada.post('/cart/add', { item: 'coral' }),
    ])
    assert.deepEqual(cartOn((await ada.home()).text), { 'Blue mussel': round, 'Brain coral': round })
  }
})

test('a browser is listed by what it says of itself, as text, or as unknown', LIMIT, async (t) => {
  const { url } = await startDemo(t, sessionsDirFor(t))
  for (const [userAgent, name] of [
    ['', 'Unknown browser'],
    ['something', 'Unknown browser'],
    ['<b>Bold</b>/1.0 (<i>) ', '&lt;b&gt;Bold&lt;/b&gt;'],
    [`${'x'.repeat(8000)}/1.0 (y)`, 'Unknown browser'],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0',
      'Firefox on macOS',
    ],
  ]) {
    const ada = new Visitor(url, null, { userAgent })
    await ada.logIn(`Ada with ${userAgent.slice(0, 20)}`)
    assert.deepEqual(await namesFor(ada), [name])
  }
})
