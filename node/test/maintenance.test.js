// What an operator does to a live store: look at its figures, flush it, back it up.
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { openStore, sessionOf, temporary } = require('./support/store.js')

describe('stats', () => {
  test('gives numbers under the names that the declarations have', async (t) => {
    const store = openStore(t)
    const stats = await store.stats()
    const declarations = fs.readFileSync(path.join(__dirname, '..', 'common.d.ts'), 'utf8')
    const declared = /interface SessileStats \{(.*?)\n\}/s.exec(declarations)[1]
    const names = [...declared.matchAll(/^ {2}(\w+): number$/gm)].map(([, name]) => name)
    assert.deepEqual(Object.keys(stats).sort(), names.sort())
    for (const figure of Object.values(stats)) assert.ok(Number.isInteger(figure))
  })

  test('counts', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf())
    await store.get('id')
    await store.get('id')
    await store.destroy('id')
    const { hits, sets, destroys } = await store.stats()
    assert.deepEqual({ hits, sets, destroys }, { hits: 2, sets: 1, destroys: 1 })
  })
})

describe('flush', () => {
  test('moves changes into the base', async (t) => {
    const store = openStore(t)
    await store.set('id', sessionOf())
    await store.flush()
    const { baseSessions, checkpoints } = await store.stats()
    assert.equal(baseSessions, 1)
    assert.ok(checkpoints >= 1)
  })
})

describe('check', () => {
  test('of a sound store finds its sessions and no damage', async (t) => {
    const store = openStore(t)
    for (let i = 0; i < 20; i++) await store.set(`id${i}`, sessionOf({ i }))
    await store.flush()
    const report = await store.check()
    assert.deepEqual(report.damage, [])
    assert.equal(report.sessions, 20)
    assert.ok(report.baseBytes > 0 && report.logBytes > 0)
  })
})

describe('backup', () => {
  test('makes a store with everything acknowledged before, and leaves the live one alone', async (t) => {
    const store = openStore(t)
    for (let i = 0; i < 20; i++) await store.set(`id${i}`, sessionOf({ i }))
    const copy = path.join(temporary(t), 'copy')
    await store.backup(copy)
    await store.set('id0', sessionOf({ i: 'later' }))
    const restored = openStore(t, { path: copy })
    assert.equal(await restored.length(), 20)
    assert.equal((await restored.get('id0')).i, 0)
    assert.equal((await store.get('id0')).i, 'later')
  })

  test('into a directory that exists is refused', async (t) => {
    const store = openStore(t)
    const existing = temporary(t)
    await assert.rejects(store.backup(existing), /./)
    assert.deepEqual(fs.readdirSync(existing), [])
  })

  test('without a directory is a TypeError', (t) => {
    const store = openStore(t)
    for (const directory of [undefined, '', 7])
      assert.throws(() => store.backup(directory), { name: 'TypeError' })
  })
})
