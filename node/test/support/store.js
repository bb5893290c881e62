// Stores for tests: each in a directory of its own, closed and removed when its test ends.
'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { SessileStore } = require('../../index.js')
const { atEnd } = require('./end.js')

// A directory for the test alone.
function temporary(test) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'sessile-node-test-'))
  atEnd(test, () => fs.rmSync(directory, { recursive: true, force: true }))
  return directory
}

// A store for the test alone, for express-session or of the class `Store`. `options` may name the path of another
// test's store to share it.
function openStore(test, options = {}, Store = SessileStore) {
  const directory = options.path === undefined ? temporary(test) : undefined
  const store = new Store({ path: path.join(directory ?? '', 'sessions'), ...options })
  atEnd(test, () => store.close().catch(() => {}))
  return store
}

// A session as express-session hands it to a store, living for `maxAge` ms or, without one, for the ttl.
function sessionOf(data = {}, maxAge = null) {
  return {
    cookie: {
      originalMaxAge: maxAge,
      expires: maxAge === null ? null : new Date(Date.now() + maxAge),
      httpOnly: true,
      path: '/',
    },
    ...data,
  }
}

// The same session as express-session hands it to touch: nothing in its cookie differs but when it expires.
function extended(session, maxAge) {
  return { ...session, cookie: { ...session.cookie, expires: new Date(Date.now() + maxAge) } }
}

// What a session is after it went through JSON.
function asStored(session) {
  return JSON.parse(JSON.stringify(session))
}

// Resolves to the arguments of the callback that `start` is given.
function called(start) {
  return new Promise((resolve) => start((...values) => resolve(values)))
}

// Everything that an asynchronous iterator yields.
async function listed(values) {
  const list = []
  for await (const value of values) list.push(value)
  return list
}

module.exports = { SessileStore, asStored, called, extended, listed, openStore, sessionOf, temporary }
