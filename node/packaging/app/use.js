// What an application does with a store, whichever of the package's front doors it comes by: a session is there, also
// after the store was closed and opened again, until it is destroyed.
'use strict'

const assert = require('node:assert/strict')

async function use(door, SessileStore, path) {
  const first = await SessileStore.open({ path })
  await first.set('id', { cookie: { originalMaxAge: null }, user: 'ada' })
  assert.equal((await first.get('id')).user, 'ada')
  await first.close()
  const second = await SessileStore.open({ path })
  assert.equal((await second.get('id')).user, 'ada')
  await second.destroy('id')
  assert.equal(await second.length(), 0)
  await second.close()
  console.log(`${door} works`)
}

module.exports = { use }
