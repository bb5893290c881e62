// `sessile import` and `sessile export`: what becomes of sessions, whichever store they come from.
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { enciphering, structured } = require('./support/serializers.js')
const { SessileStore, openStore, temporary } = require('./support/store.js')
const { sessile, sessionsIn } = require('./support/tool.js')

const HOUR = 3_600_000
const ID = 'Zq3bXk9_not-to-be-shown_Zq3bXk9!'

function cookieOf(expires = null, maxAge = null) {
  return { originalMaxAge: maxAge, expires, httpOnly: true, path: '/' }
}

function inAnHour() {
  return new Date(Date.now() + HOUR).toISOString()
}

function linesOf(...values) {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('')
}

// Imports lines, and resolves to what was printed and the store's directory.
async function imported(t, lines, words = [], directory = temporary(t)) {
  const to = path.join(directory, 'sessions')
  return { ...(await sessile(t, directory, ['import', 'lines', '-', '--to', to, ...words], lines)), to }
}

describe('an imported session', () => {
  test('is what it was, with keys of any kind', async (t) => {
    const session = { cookie: cookieOf(inAnHour(), HOUR), 'ключ 🗝': [1, null, { deep: true }], __proto: 1 }
    const { code, output, to } = await imported(t, linesOf({ id: 'a', session }))
    assert.equal(code, 0, output)
    assert.deepEqual(await sessionsIn(to), { a: session })
  })

  test('expires when the source says, and its cookie says the same', async (t) => {
    const [stale, expires] = [new Date(Date.now() - HOUR).toISOString(), inAnHour()]
    const { to } = await imported(
      t,
      linesOf({ id: 'touched', session: { cookie: cookieOf(stale, HOUR) }, expires })
    )
    const { touched } = await sessionsIn(to)
    assert.equal(touched.cookie.expires, expires)
    assert.equal(touched.cookie.originalMaxAge, HOUR)
  })

  test('expires with its cookie where the source does not say', async (t) => {
    const expires = inAnHour()
    const { to } = await imported(t, linesOf({ id: 'a', session: { cookie: cookieOf(expires) } }))
    const store = openStore(t, { path: to, owner: () => 'all' })
    await store.set('other', { cookie: cookieOf() })
    assert.equal((await store.get('a')).cookie.expires, expires)
  })

  test('without any expiry lives as long as the source, or else --ttl, says', async (t) => {
    const expires = Date.now() + HOUR
    const lines = linesOf(
      { id: 'by the source', session: { cookie: cookieOf(), user: 1 }, expires },
      { id: 'by the ttl', session: { cookie: cookieOf(), user: 1 } }
    )
    const before = Date.now()
    const { to } = await imported(t, lines, ['--ttl', '7200', '--owner', 'user'])
    const after = Date.now()
    const store = openStore(t, { path: to, owner: 'user' })
    const [first, second] = (await store.sessionsOf(1)).sort((one, other) => one.expires - other.expires)
    assert.equal(first.expires.getTime(), expires)
    assert.ok(second.expires >= before + 2 * HOUR && second.expires <= after + 2 * HOUR)
  })

  test('is skipped and counted where it has expired', async (t) => {
    const past = Date.now() - 1
    const lines = linesOf(
      { id: 'a', session: { cookie: cookieOf(inAnHour()) }, expires: past },
      { id: 'b', session: { cookie: cookieOf(new Date(past).toISOString()) } },
      { id: 'c', session: { cookie: cookieOf() } }
    )
    const { code, output, to } = await imported(t, lines)
    assert.equal(code, 0)
    assert.match(output, /imported into .*: 1\nskipped: 2 expired, 0 there already\nfailed: 0\n/)
    assert.deepEqual(Object.keys(await sessionsIn(to)), ['c'])
  })

  test('is found by its owner', async (t) => {
    const lines = linesOf(
      { id: 'a', session: { cookie: cookieOf(), passport: { user: 7 } } },
      { id: 'b', session: { cookie: cookieOf() } }
    )
    const { output, to } = await imported(t, lines, ['--owner', 'passport.user'])
    assert.match(output, /imported into .*: 2, 1 of them with an owner/)
    const store = openStore(t, { path: to, owner: 'passport.user' })
    assert.deepEqual(
      (await store.sessionsOf(7)).map(({ id }) => id),
      ['a']
    )
  })

  test('leaves alone what is in the store already, unless it is to replace it', async (t) => {
    const directory = temporary(t)
    const store = await SessileStore.open({ path: path.join(directory, 'sessions') })
    await store.set('a', { cookie: cookieOf(), from: 'the application' })
    await store.close()
    const lines = linesOf({ id: 'a', session: { cookie: cookieOf(), from: 'the source' } })
    const first = await imported(t, lines, [], directory)
    assert.match(first.output, /: 0\nskipped: 0 expired, 1 there already/)
    assert.equal((await sessionsIn(first.to)).a.from, 'the application')
    const second = await imported(t, lines, ['--overwrite'], directory)
    assert.match(second.output, /: 1\nskipped: 0 expired, 0 there already/)
    assert.equal((await sessionsIn(first.to)).a.from, 'the source')
  })

  for (const [where, between] of [
    ['close together', 0],
    ['far apart', 500],
  ]) {
    test(`that comes more than once, ${where}, is the first; with --overwrite it is the last`, async (t) => {
      const twice = (from) => ({ id: 'twice', session: { cookie: cookieOf(), from } })
      const others = Array.from({ length: between }, (_, i) => ({
        id: `${i}`,
        session: { cookie: cookieOf() },
      }))
      const lines = linesOf(twice('first'), ...others, twice('second'), twice('last'))
      const first = await imported(t, lines)
      assert.match(
        first.output,
        new RegExp(`: ${between + 1}\\nskipped: 0 expired, 2 there already\\nfailed: 0\\n`)
      )
      assert.equal((await sessionsIn(first.to)).twice.from, 'first')
      const last = await imported(t, lines, ['--overwrite'])
      assert.match(
        last.output,
        new RegExp(`: ${between + 3}\\nskipped: 0 expired, 0 there already\\nfailed: 0\\n`)
      )
      assert.equal((await sessionsIn(last.to)).twice.from, 'last')
    })
  }

  test('may expire at the last time that there is', async (t) => {
    const expires = 8.64e15
    const { code, errors, to } = await imported(
      t,
      linesOf({ id: 'a', session: { cookie: cookieOf(inAnHour()) }, expires })
    )
    assert.equal(code, 0, errors)
    assert.equal((await sessionsIn(to)).a.cookie.expires, new Date(expires).toISOString())
  })

  test("of koa-session's is known by what it has instead of a cookie", async (t) => {
    const session = { user: 'ada', _expire: Date.now() + HOUR, _maxAge: HOUR }
    const { code, to } = await imported(t, linesOf({ id: 'a', session }))
    assert.equal(code, 0)
    const { SessileStore: Store } = require('../koa/index.js')
    const store = openStore(t, { path: to }, Store)
    assert.deepEqual(await store.get('a'), session)
  })

  test('may be as large as a store takes, and so may the others beside it', async (t) => {
    const pad = 'x'.repeat(15_000_000)
    const lines = Array.from({ length: 4 }, (_, i) => ({ id: `${i}`, session: { cookie: cookieOf(), pad } }))
    const { code, output, errors } = await imported(t, linesOf(...lines))
    assert.equal(code, 0, errors)
    assert.match(output, /: 4\n/)
  })
})

describe('a session that cannot be imported', () => {
  const BROKEN = [
    'not JSON',
    '{"id":7}',
    JSON.stringify({ id: `${ID}1`, session: 'text' }),
    JSON.stringify({ id: `${ID}2`, session: { user: 'secret-of-ada' } }),
    JSON.stringify({ id: `${ID}3`, session: { cookie: {} }, expires: 'secret-of-ada' }),
    JSON.stringify({ id: `${ID}4`.repeat(100), session: { cookie: {} } }),
    JSON.stringify({ id: `${ID}5`, session: { cookie: {}, user: { id: 1 } } }),
  ]
  const GOOD = JSON.stringify({ id: 'good', session: { cookie: cookieOf() } })

  test('is told of and counted, and the others are imported', async (t) => {
    const { code, output, errors, to } = await imported(t, [...BROKEN, GOOD].join('\n'), ['--owner', 'user'])
    assert.equal(code, 1)
    assert.match(output, /imported into .*: 1, 0 of them with an owner\n.*\nfailed: 7\n/)
    const told = errors.trim().split('\n')
    assert.equal(told.length, 7, errors)
    assert.match(errors, /^line 1 is no object of JSON/m)
    assert.match(errors, /^line 2 is no object of JSON with an id/m)
    assert.match(errors, /^session Zq3bXk… is not an object$/m)
    assert.match(errors, /^session Zq3bXk… has no cookie/m)
    assert.match(errors, /^session Zq3bXk… expires at what is not a time$/m)
    assert.match(errors, /^session Zq3bXk… was refused: .*ERR_SESSILE_INVALID_ID/m)
    assert.match(errors, /^session Zq3bXk… was refused: option 'owner' gives what is neither/m)
    assert.deepEqual(Object.keys(await sessionsIn(to)), ['good'])
  })

  test('shows neither its id nor what is in it', async (t) => {
    const { errors } = await imported(t, BROKEN.join('\n'), ['--owner', 'user'])
    assert.doesNotMatch(errors, /not-to-be-shown|secret-of-ada/)
  })

  test('ends the import with --strict', async (t) => {
    const { code, output, errors } = await imported(t, BROKEN.join('\n'), ['--strict'])
    assert.equal(code, 1)
    assert.match(output, /failed: 1\n/)
    assert.equal(errors.trim().split('\n').length, 1)
  })

  test('is shown only where there are not too many', async (t) => {
    const { output, errors } = await imported(t, 'nothing\n'.repeat(100))
    assert.match(output, /failed: 100\n/)
    assert.equal(errors.trim().split('\n').length, 21)
  })
})

describe('a session that expires at what is not a time', () => {
  const COOKIE = `"cookie":${JSON.stringify(cookieOf(inAnHour()))}`
  for (const line of [
    `{"id":"a","session":{${COOKIE}},"expires":1e18}`,
    `{"id":"a","session":{${COOKIE}},"expires":1e999}`,
    `{"id":"a","session":{${COOKIE}},"expires":-1e999}`,
    `{"id":"a","session":{${COOKIE}},"expires":"+300000-01-01T00:00:00Z"}`,
    '{"id":"a","session":{"cookie":{"expires":1e18}}}',
    '{"id":"a","session":{"_expire":1e999}}',
  ]) {
    test(`as ${line.replace(COOKIE, '…')} is told of and counted, and the others are imported`, async (t) => {
      const good = JSON.stringify({ id: 'good', session: { cookie: cookieOf() } })
      const { code, output, errors, to } = await imported(t, `${line}\n${good}\n`)
      assert.equal(code, 1, errors)
      assert.equal(errors, 'session … expires at what is not a time\n')
      assert.match(output, /: 1\n.*\nfailed: 1\n/)
      assert.deepEqual(Object.keys(await sessionsIn(to)), ['good'])
    })
  }
})

describe('a trial', () => {
  test('counts what would be imported and what not, and makes no store', async (t) => {
    const lines = linesOf(
      { id: 'a', session: { cookie: cookieOf() } },
      { id: 'b', session: { cookie: cookieOf(), user: {} } },
      { id: 'c', session: { cookie: cookieOf() }, expires: 1 }
    )
    const { code, output, to } = await imported(t, lines, ['--dry-run', '--owner', 'user'])
    assert.equal(code, 1)
    // It has not looked at what is there already, and says nothing of it.
    assert.match(output, /would be imported into .*: 1, 0 of them.*\nskipped: 1 expired\nfailed: 1\n/)
    assert.ok(!fs.existsSync(to))
  })
})

describe('an import', () => {
  test('from what cannot be read fails and leaves no store behind', async (t) => {
    const directory = temporary(t)
    const { code, output, errors } = await sessile(t, directory, [
      'import',
      'lines',
      'missing',
      '--to',
      'new',
    ])
    assert.equal(code, 2)
    assert.equal(output, '')
    assert.match(errors, /^sessile: 'missing' cannot be read: ENOENT/)
    assert.ok(!fs.existsSync(path.join(directory, 'new')))
  })

  test('into a store that a process has says so', async (t) => {
    const directory = temporary(t)
    openStore(t, { path: path.join(directory, 'sessions') })
    const { code, errors } = await imported(t, linesOf({ id: 'a', session: { cookie: {} } }), [], directory)
    assert.equal(code, 2)
    assert.match(errors, /ERR_SESSILE_LOCKED/)
  })
})

describe('an export', () => {
  test('is what an import makes the same store of', async (t) => {
    const directory = temporary(t)
    const session = { cookie: cookieOf(inAnHour(), HOUR), user: 'ada' }
    const lines = linesOf(
      { id: 'a', session, expires: session.cookie.expires },
      { id: 'b', session: { cookie: cookieOf(), user: 'bob' }, expires: inAnHour() }
    )
    const { to } = await imported(t, lines, [], directory)
    const first = await sessile(t, directory, ['export', to])
    assert.equal(first.code, 0, first.errors)
    assert.equal(first.output, lines)
    assert.match(first.errors, /exported from .*: 2; failed: 0/)
    await sessile(t, directory, ['import', 'lines', '-', '--to', 'again'], first.output)
    assert.equal((await sessile(t, directory, ['export', 'again'])).output, lines)
  })

  test("takes a session's touches along", async (t) => {
    const store = openStore(t)
    const session = { cookie: { ...cookieOf(null, HOUR), expires: new Date(Date.now() + HOUR) } }
    await store.set('a', session)
    const expires = new Date(Date.now() + 2 * HOUR)
    await store.touch('a', { cookie: { ...session.cookie, expires } })
    const copy = path.join(temporary(t), 'backup')
    await store.backup(copy)
    const { output, errors } = await sessile(t, temporary(t), ['export', copy])
    const line = JSON.parse(output)
    assert.equal(line.expires, expires.toISOString(), errors)
    assert.equal(line.session.cookie.expires, expires.toISOString())
  })

  test('has no line for what a serializer has kept in another form, tells of it, and ends with 1', async (t) => {
    const FORMS = {
      structured: structured.stringify,
      sealed: enciphering().stringify,
      'JSON of it inside of more': (session) => JSON.stringify({ json: session, meta: {} }),
      'a list': (session) => JSON.stringify([session]),
      'as connect-mongo seals them': () => JSON.stringify({ ct: 'secret', hmac: 'x', cookie: {} }),
    }
    const stringify = (session) => (FORMS[session.form] ?? JSON.stringify)(session)
    const store = openStore(t, { serializer: { stringify, parse: JSON.parse } })
    const session = { cookie: cookieOf(inAnHour(), HOUR), user: 'ada' }
    for (const form of Object.keys(FORMS)) await store.set(`${ID}${form}`, { cookie: cookieOf(), form })
    await store.set('plain', session)
    const copy = path.join(temporary(t), 'backup')
    await store.backup(copy)
    const { code, output, errors } = await sessile(t, temporary(t), ['export', copy])
    assert.equal(code, 1)
    assert.equal(output, linesOf({ id: 'plain', session, expires: session.cookie.expires }))
    const told =
      "session Zq3bXk… is kept by a serializer of the application's own; have the application export it\n"
    assert.equal(errors, `${told.repeat(5)}exported from ${copy}: 1; failed: 5\n`)
  })

  test('of a directory without a store makes none', async (t) => {
    const directory = temporary(t)
    const { code, errors } = await sessile(t, directory, ['export', 'missing'])
    assert.equal(code, 2)
    assert.match(errors, /there is no store at 'missing'/)
    assert.ok(!fs.existsSync(path.join(directory, 'missing')))
  })
})

describe('the command', () => {
  const WRONG = {
    '': /a command is missing.*import.*export/s,
    improt: /no command 'improt'; did you mean 'import'\?/,
    '--hlep': /no option '--hlep'/,
    import: /needs the store to import from: connect-redis, connect-mongo, session-file-store/,
    'import conect-redis x --to y': /'conect-redis'; did you mean 'connect-redis'\?/,
    'import something x --to y': /'something'; there are connect-redis/,
    'import lines --to y': /import lines needs <file>/,
    'import lines x': /needs '--to <directory>'/,
    'import lines x z --to y': /'z' is one word too many/,
    'import lines x --to': /'--to' needs a value/,
    'import lines x --to --strict': /'--to' needs a value/,
    'import lines x --to y --dryrun': /no option '--dryrun'; did you mean '--dry-run'\?/,
    'import lines x --to y --strict=no': /'--strict' takes no value/,
    'import lines x --to y --prefix p': /'--prefix' is not an option of lines/,
    'import lines x --to y --ttl soon': /'--ttl' is from 0\.001 to 3153600000 seconds, not 'soon'/,
    'import lines x --to y --ttl 0': /'--ttl' is from 0\.001/,
    'import lines x --to y --ttl 3153600001': /'--ttl' is from 0\.001 to 3153600000/,
    'import session-file-store y --to ./y/': /'.\/y\/' is the old store's own place/,
    export: /export needs <directory>/,
  }
  for (const [words, message] of Object.entries(WRONG)) {
    test(`is refused as 'sessile ${words}', and says why`, async (t) => {
      const given = words.split(' ').filter((word) => word !== '')
      const { code, output, errors } = await sessile(t, temporary(t), given)
      assert.equal(code, 2)
      assert.equal(output, '')
      assert.match(errors, message)
    })
  }

  test('tells what there is, and which version it is', async (t) => {
    const directory = temporary(t)
    const { output } = await sessile(t, directory, ['--help'])
    assert.match(output, /import.*export.*Exit codes: 0.*1.*2/s)
    const help = await sessile(t, directory, ['import', '--help'])
    for (const name of require('../cli/sources/index.js').keys())
      assert.ok(help.output.includes(`  ${name} <`))
    for (const word of ['--to', '--ttl', '--owner', '--overwrite', '--dry-run', '--strict', '--prefix']) {
      assert.ok(help.output.includes(` ${word} `), word)
    }
    assert.match((await sessile(t, directory, ['export', '--help'])).output, /^Usage: sessile export/)
    const { output: version } = await sessile(t, directory, ['--version'])
    assert.equal(version, `${require('../package.json').version}\n`)
  })
})
