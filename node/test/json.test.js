// A session's text is what JSON.stringify makes of it, whatever its cookie is, and nothing that was passed in changes.
'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const vm = require('node:vm')
const Cookie = require('express-session/session/cookie')
const { json } = require('../lib/json.js')

const DATE = new Date(Date.UTC(2026, 0, 31, 8))

class Patched extends Date {
  toISOString() {
    return 'when it pleases'
  }
}

// What a cookie gives JSON, which nobody may write into.
function givingJson(form) {
  return { toJSON: (key) => (typeof form === 'function' ? form(key) : deepFrozen(form)) }
}

function deepFrozen(value) {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  for (const key of Object.keys(value)) deepFrozen(value[key])
  return Object.freeze(value)
}

function cookie(expires) {
  const made = new Cookie({ maxAge: 60_000, sameSite: 'lax' })
  made.expires = expires
  return made
}

const COOKIES = {
  'a cookie of express-session': cookie(DATE),
  'one that does not expire': cookie(null),
  'one that expires at no date': cookie(new Date(Number.NaN)),
  'one that expires in the year 12000': cookie(new Date(Date.UTC(12_000, 1))),
  'one that expires before the year 0': cookie(new Date(-1e14)),
  'one whose date is text': cookie('soon'),
  "one whose date is another realm's": cookie(vm.runInNewContext('new Date(1e12)')),
  'one whose date has a text of its own': cookie(new Patched(1e12)),
  'one whose date has JSON of its own': cookie(Object.assign(new Date(1e12), { toJSON: () => 'mine' })),
  'plain data': { expires: DATE, path: '/' },
  text: 'cookie',
  nothing: null,
  undefined: undefined,
  'what gives JSON a form that is kept': givingJson({ path: '/', expires: DATE, more: { at: DATE } }),
  'what gives JSON text': givingJson('text'),
  'what gives JSON nothing': givingJson(undefined),
  'what gives JSON a list': givingJson([DATE]),
  'what gives JSON what has JSON of its own': givingJson(() => ({ a: 1, toJSON: () => 'not asked for' })),
  'what gives JSON by its key': givingJson((key) => ({ key })),
}

describe("a session's text is what JSON.stringify makes of it, where the cookie is", () => {
  for (const [name, value] of Object.entries(COOKIES)) {
    test(name, () => {
      const session = deepFrozen({ user: 'u', 7: 'seven', cookie: value, at: DATE, none: undefined })
      assert.equal(json.stringify(session), JSON.stringify(session))
    })
  }
})

test('a session may be whatever else JSON knows', () => {
  const hidden = Object.defineProperty({ user: 'u' }, 'cookie', { value: cookie(DATE) })
  const inherited = Object.assign(Object.create({ cookie: cookie(DATE) }), { user: 'u' })
  const getters = {
    cookie: cookie(DATE),
    get user() {
      return 'u'
    },
  }
  const proto = Object.assign(JSON.parse('{"__proto__":{"user":"u"}}'), { cookie: cookie(DATE) })
  const symbols = { [Symbol('user')]: 'u', cookie: cookie(DATE) }
  const own = { cookie: cookie(DATE), toJSON: () => ({ user: 'u' }) }
  const proxy = new Proxy({ cookie: cookie(DATE), user: 'u' }, {})
  for (const session of [hidden, inherited, getters, proto, symbols, own, proxy, {}]) {
    assert.equal(json.stringify(session), JSON.stringify(session))
  }
})

test('what is no session is refused, and so is what cannot be written', () => {
  const list = Object.assign([1], { cookie: cookie(DATE) })
  for (const wrong of [undefined, null, 'text', 7, list, () => {}, { toJSON: () => 'text' }]) {
    assert.throws(() => json.stringify(wrong), { code: 'ERR_SESSILE_UNSERIALIZABLE' })
  }
  const broken = givingJson(() => {
    throw new Error('expected')
  })
  for (const wrong of [{ cookie: broken }, { cookie: cookie(DATE), n: 1n }]) {
    assert.throws(() => json.stringify(wrong), { code: 'ERR_SESSILE_UNSERIALIZABLE' })
  }
})
