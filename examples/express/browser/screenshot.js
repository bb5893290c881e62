'use strict'

// Writes the picture of the demo that the README shows: a visitor with two devices, whose session has outlived
// the server, while others use the shop.

const { startDemo, sessionsDirFor, Visitor } = require('../test/demo')
const { startBrowser, laptop, phone, logIn, add } = require('./browser')

const NAME = 'Grace Hopper'
const OTHERS = 24
const VISITS = 50

async function takeScreenshot(t, file) {
  const sessionsDir = sessionsDirFor(t)
  const browser = await startBrowser(t)
  const [large, small] = [await laptop(browser, { deviceScaleFactor: 2 }), await phone(browser)]

  const first = await startDemo(t, sessionsDir)
  await logIn(small, first.url, NAME)
  await logIn(large, first.url, NAME)
  for (const animal of ['Acorn barnacle', 'Brain coral', 'Acorn barnacle']) await add(large, animal)
  await first.kill()

  const second = await startDemo(t, sessionsDir)
  await Promise.all(Array.from({ length: OTHERS }, (_, i) => visit(new Visitor(second.url), `Visitor ${i}`)))
  await small.goto(second.url)
  await large.goto(second.url)
  await large.screenshot({ path: file, fullPage: true })
}

async function visit(visitor, name) {
  await visitor.logIn(name)
  for (let i = 0; i < VISITS; i++) await visitor.home()
}

const cleanups = []
takeScreenshot({ after: (cleanup) => cleanups.unshift(cleanup) }, process.argv[2]).finally(async () => {
  for (const cleanup of cleanups) await cleanup()
})
