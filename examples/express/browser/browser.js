'use strict'

// Starts the Chromium that `run` has found, and gives it the devices of one user: each has cookies of its own.

const { chromium, devices } = require('playwright-core')

/** Starts Chromium. Whatever the test does, it is gone when it ends. */
exports.startBrowser = async function startBrowser(t) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    // The sandbox cannot be had as root, as which tests run in containers. The only pages here are our own.
    chromiumSandbox: process.getuid?.() !== 0,
  })
  t.after(() => browser.close())
  return browser
}

/** A page on a laptop, as far as the server can tell. */
exports.laptop = (browser, settings) =>
  openPage(browser, 'Desktop Chrome', { viewport: { width: 1000, height: 800 }, ...settings }, '203.0.113.24')

/** A page on a phone. */
exports.phone = (browser, settings) => openPage(browser, 'iPhone 15', settings, '2001:db8::7c1')

async function openPage(browser, device, settings, address) {
  const context = await browser.newContext({
    ...devices[device],
    // What does not depend on where the test runs. As behind a proxy: the demo believes one on its own machine.
    locale: 'en-GB',
    timezoneId: 'UTC',
    extraHTTPHeaders: { 'X-Forwarded-For': address },
    ...settings,
  })
  context.setDefaultTimeout(20_000)
  return context.newPage()
}

/** Logs in by the form. */
exports.logIn = async function logIn(page, url, name) {
  await page.goto(url)
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { name: `Hello, ${name}` }).waitFor()
}

/** Puts one into the cart, and waits until it is in there. */
exports.add = async function add(page, animal) {
  await page.getByRole('button', { name: `Add ${animal} to the cart` }).click()
  await page.getByRole('button', { name: `Remove one ${animal} from the cart` }).waitFor()
}
