// Ids and sessions of any Unicode come back as they went in; ids that are none are refused or unknown.
'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { called, openStore, sessionOf } = require('./support/store.js')

const BAD_IDS = {
  empty: '',
  'over 256 bytes': 'x'.repeat(257),
  'over 256 bytes of UTF-8 in fewer characters': 'é'.repeat(129),
  'far over 256 bytes': 'x'.repeat(100_000),
  'half a surrogate pair': 'a\ud800b',
  'the other half': '\udc00',
  'halves in the wrong order': '\udc00\ud800',
  'not a string': 7,
  'an object': {},
  undefined: undefined,
}

describe('an id', () => {
  const ids = [
    'a',
    ' ',
    '\0',
    'a\0b',
    'ü',
    '日本語',
    '👩‍👩‍👧',
    '\ufffd',
    'x'.repeat(256),
    'é'.repeat(128),
    '𝄞'.repeat(64),
  ]
  for (const id of ids) {
    test(`of ${Buffer.byteLength(id)} bytes, ${JSON.stringify(id.slice(0, 12))}, is kept and listed as it is`, async (t) => {
      const store = openStore(t)
      await store.set(id, sessionOf({ id }))
      assert.equal((await store.get(id)).id, id)
      const listed = []
      for await (const each of store.ids()) listed.push(each)
      assert.deepEqual(listed, [id])
      await store.touch(id, sessionOf({}, 60_000))
      await store.destroy(id)
      assert.equal(await store.get(id), undefined)
    })
  }

  test('is not confused with one that looks the same', async (t) => {
    const store = openStore(t)
    await store.set('é', sessionOf({ form: 'composed' }))
    await store.set('e\u0301', sessionOf({ form: 'decomposed' }))
    assert.equal((await store.get('é')).form, 'composed')
    assert.equal((await store.get('e\u0301')).form, 'decomposed')
  })

  test('that is half a pair is not the replacement character', async (t) => {
    const store = openStore(t)
    await store.set('\ufffd', sessionOf())
    assert.equal(await store.get('\ud800'), undefined)
    await store.destroy('\ud800')
    assert.ok(await store.get('\ufffd'))
  })

  for (const [name, id] of Object.entries(BAD_IDS)) {
    test(`(${name}) is refused on set, unknown on get, and no matter to touch and destroy`, async (t) => {
      const store = openStore(t)
      const [error] = await called((callback) => store.set(id, sessionOf(), callback))
      assert.equal(error.code, 'ERR_SESSILE_INVALID_ID')
      assert.deepEqual(await called((callback) => store.get(id, callback)), [null, undefined])
      assert.deepEqual(await called((callback) => store.touch(id, sessionOf(), callback)), [null, undefined])
      assert.deepEqual(await called((callback) => store.destroy(id, callback)), [null, undefined])
      assert.equal(await store.length(), 0)
    })
  }
})

describe('a session', () => {
  const texts = {
    ASCII: 'plain',
    Latin: 'Zürich, São Paulo',
    'another script': 'мир 世界 שלום',
    'pairs and joiners': '👩‍👩‍👧 𝄞',
    'half a pair': 'a\ud800b',
    controls: '\0\u0001\u2028\u2029"\\',
    'a byte order mark': '\ufeffx',
  }
  for (const [name, text] of Object.entries(texts)) {
    test(`with ${name} comes back as it is, at once and from a page of a walk`, async (t) => {
      const store = openStore(t)
      await store.set('id', sessionOf({ text, [text]: 'as a key' }))
      const found = await store.get('id')
      assert.equal(found.text, text)
      assert.equal(found[text], 'as a key')
      for await (const [, session] of store.entries()) assert.equal(session.text, text)
    })
  }

  for (const length of [1, 2000, 2040, 2048, 2060, 5000, 1_000_000]) {
    test(`of ${length} characters comes back whole, in one byte each, in two, and in four`, async (t) => {
      const store = openStore(t)
      for (const character of ['x', 'é', '𝄞']) {
        await store.set('id', sessionOf({ text: character.repeat(length) }))
        assert.equal((await store.get('id')).text, character.repeat(length))
      }
    })
  }
})
