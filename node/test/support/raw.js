// What the package itself would not write: for tests of what it makes of that.
'use strict'

const assert = require('node:assert/strict')
const native = require('../../lib/native.js')
const { checkOptions, toNative } = require('../../lib/options.js')
const { Deferred } = require('../../lib/replies.js')
const { Work, acknowledge, nextNumber, port } = require('../../lib/requests.js')

// Keeps `text` as the session `id`, through the addon and in the store that is open there; `options` are that store's.
async function writeRaw(directory, id, text, options = {}) {
  const handle = native.storeNew(port, toNative(checkOptions({ path: directory, ...options })), 0)
  assert.equal(native.openNow(handle), true)
  const written = new Deferred()
  const number = nextNumber()
  acknowledge(native.set(handle, id, text, 0, 0, number), number, new Work(), written)
  await written.promise
}

module.exports = { writeRaw }
