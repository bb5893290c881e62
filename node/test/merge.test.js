// Two changes of one session become one session, by its top-level keys.
'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { cookieDialect } = require('../lib/cookie-dialect.js')
const { json } = require('../lib/json.js')
const { koaDialect } = require('../koa/dialect.js')
const { isUnchanged, merge } = require('../lib/merge.js')

const COOKIE = { originalMaxAge: 1000, expires: '2030-01-01T00:00:00.000Z', httpOnly: true, path: '/' }

function merged(base, mine, theirs, dialect = cookieDialect) {
  const { session, keys } = merge(JSON.stringify(base), JSON.stringify(mine), theirs, json, dialect)
  return { session: JSON.stringify(session), keys }
}

describe('a merge', () => {
  for (const [what, base, mine, theirs, expected, keys = []] of [
    ['keeps what each has added', {}, { a: 1 }, { b: 2 }, { b: 2, a: 1 }],
    ['keeps what each has changed', { a: 0, b: 0 }, { a: 1, b: 0 }, { a: 0, b: 2 }, { a: 1, b: 2 }],
    ['keeps what each has deleted', { a: 0, b: 0, c: 0 }, { b: 0, c: 0 }, { a: 0, c: 0 }, { c: 0 }],
    ['keeps theirs where I did nothing', { a: 0 }, { a: 0 }, { a: 1, b: 1 }, { a: 1, b: 1 }],
    ['keeps mine where they did nothing', { a: 0 }, { b: 1 }, { a: 0 }, { b: 1 }],
    ['has mine where both have changed a key', { a: 0 }, { a: 1 }, { a: 2 }, { a: 1 }, ['a']],
    ['has mine where both have added a key', {}, { a: 1 }, { a: 2 }, { a: 1 }, ['a']],
    ['deletes what they have changed and I deleted', { a: 0 }, {}, { a: 2 }, {}, ['a']],
    ['keeps what they have deleted and I changed', { a: 0 }, { a: 1 }, {}, { a: 1 }, ['a']],
    ['is no conflict where both did the same', { a: 0, b: 0 }, { a: 1 }, { a: 1 }, { a: 1 }],
    ['compares what is in a key', { a: { x: [1] } }, { a: { x: [1] } }, { a: { x: [2] } }, { a: { x: [2] } }],
    ['keeps what they have put where I made an empty place', {}, { a: {} }, { a: { x: 1 } }, { a: { x: 1 } }],
    ['keeps what I have put where they made an empty place', {}, { a: [1] }, { a: [] }, { a: [1] }],
    ['tells an empty place from emptying it', { a: { x: 0 } }, { a: {} }, { a: { x: 1 } }, { a: {} }, ['a']],
    ['tells an empty list from an empty object', {}, { a: [] }, { a: { x: 1 } }, { a: [] }, ['a']],
    ['tells null from an empty place', {}, { a: null }, { a: { x: 1 } }, { a: null }, ['a']],
    ['tells null from nothing', { a: null }, { a: null }, {}, {}],
  ]) {
    test(what, () => {
      assert.deepEqual(merged(base, mine, theirs), { session: JSON.stringify(expected), keys })
    })
  }

  test('takes no key for the prototype', () => {
    const mine = '{"__proto__":{"isAdmin":true}}'
    const { session } = merge('{}', mine, {}, json, cookieDialect)
    assert.equal(session.isAdmin, undefined)
    assert.equal(JSON.stringify(session), mine)
  })

  test('takes the later expiry of two cookies that nobody has changed', () => {
    const cookie = (year) => ({ cookie: { ...COOKIE, expires: `${year}-01-01T00:00:00.000Z` } })
    for (const [mine, theirs] of [
      [2032, 2031],
      [2031, 2032],
    ]) {
      const expected = { session: JSON.stringify(cookie(2032)), keys: [] }
      assert.deepEqual(merged(cookie(2030), cookie(mine), cookie(theirs)), expected)
    }
  })

  test('keeps the cookie that one has changed', () => {
    const longer = { ...COOKIE, originalMaxAge: 5000, expires: '2030-02-01T00:00:00.000Z' }
    const later = { ...COOKIE, expires: '2030-03-01T00:00:00.000Z' }
    const expected = { session: JSON.stringify({ cookie: longer }), keys: [] }
    assert.deepEqual(merged({ cookie: COOKIE }, { cookie: longer }, { cookie: later }), expected)
    assert.deepEqual(merged({ cookie: COOKIE }, { cookie: later }, { cookie: longer }), expected)
  })

  test('has my cookie where both have changed it, and says so', () => {
    const mine = { cookie: { ...COOKIE, path: '/mine' } }
    const theirs = { cookie: { ...COOKIE, path: '/theirs' } }
    const expected = { session: JSON.stringify(mine), keys: ['cookie'] }
    assert.deepEqual(merged({ cookie: COOKIE }, mine, theirs), expected)
  })
})

describe("a merge of koa-session's", () => {
  const lasting = (maxAge, savedAt) => ({ _expire: savedAt + maxAge, _maxAge: maxAge })
  const browserSession = { _session: true }

  for (const [what, base, mine, theirs, expected, keys = []] of [
    ['takes the later expiry, if mine', lasting(100, 0), lasting(100, 2), lasting(100, 1), lasting(100, 2)],
    ['takes the later expiry, if theirs', lasting(100, 0), lasting(100, 1), lasting(100, 2), lasting(100, 2)],
    ['keeps a maxAge that I changed', lasting(100, 0), lasting(50, 1), lasting(100, 2), lasting(50, 1)],
    ['keeps a maxAge that they changed', lasting(100, 0), lasting(100, 2), lasting(50, 1), lasting(50, 1)],
    ['says that both did', lasting(100, 0), lasting(50, 1), lasting(70, 1), lasting(50, 1), ['_maxAge']],
    ['ends with the browser if I say so', lasting(100, 0), browserSession, lasting(100, 1), browserSession],
    [
      'ends with the browser if they say so',
      lasting(100, 0),
      lasting(100, 1),
      browserSession,
      browserSession,
    ],
    ['ends with the browser as it did', browserSession, browserSession, browserSession, browserSession],
  ]) {
    test(what, () => {
      const { session, keys: told } = merged(base, mine, theirs, koaDialect)
      assert.deepEqual(JSON.parse(session), expected)
      assert.deepEqual(told, keys)
    })
  }
})

describe('a session is unchanged', () => {
  const COOKIE_LATER = { ...COOKIE, expires: '2030-02-01T00:00:00.000Z', originalExpires: COOKIE.expires }
  for (const [what, dialect, base, mine, expected] of [
    ['that is the same', cookieDialect, { a: 1 }, { a: 1 }, true],
    ['whose cookie expires later', cookieDialect, { cookie: COOKIE }, { cookie: COOKIE_LATER }, true],
    [
      'unless its cookie lasts longer',
      cookieDialect,
      { cookie: COOKIE },
      { cookie: { ...COOKIE, originalMaxAge: 2000 } },
      false,
    ],
    [
      'unless its cookie lasts shorter',
      cookieDialect,
      { cookie: COOKIE },
      { cookie: { ...COOKIE, originalMaxAge: 999 } },
      false,
    ],
    [
      'unless its cookie has lost something',
      cookieDialect,
      { cookie: { ...COOKIE, domain: 'a' } },
      { cookie: COOKIE },
      false,
    ],
    ['unless it has got a cookie', cookieDialect, {}, { cookie: COOKIE }, false],
    ['unless a key was added', cookieDialect, { cookie: COOKIE }, { cookie: COOKIE, a: 1 }, false],
    ['unless a key was removed', cookieDialect, { cookie: COOKIE, a: 1 }, { cookie: COOKIE }, false],
    ['unless something in a key was changed', cookieDialect, { a: { b: 1 } }, { a: { b: 2 } }, false],
    ['whose _expire is later', koaDialect, { _expire: 1, _maxAge: 1 }, { _expire: 2, _maxAge: 1 }, true],
    [
      'unless its _maxAge is another',
      koaDialect,
      { _expire: 1, _maxAge: 1 },
      { _expire: 1, _maxAge: 2 },
      false,
    ],
    [
      'unless it now ends with the browser',
      koaDialect,
      { _expire: 1, _maxAge: 1 },
      { _session: true },
      false,
    ],
    [
      'unless data that are called cookie were changed',
      koaDialect,
      { cookie: { expires: 1 } },
      { cookie: { expires: 2 } },
      false,
    ],
  ]) {
    test(what, () => {
      assert.equal(isUnchanged(JSON.stringify(base), JSON.stringify(mine), json, dialect), expected)
    })
  }
})
