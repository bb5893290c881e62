// A response whose session is being saved: nothing of it goes out before, whatever becomes of the save, and it always
// goes out.
//
// What an app has said to the client is looked at while the save is under way: under `fsync` none is answered before the
// turn of the event loop ends.
'use strict'

const assert = require('node:assert/strict')
const { AsyncLocalStorage } = require('node:async_hooks')
const { describe, test } = require('node:test')
const express = require('express')
const session = require('express-session')
const { saveHolding } = require('../lib/held-response.js')
const { serve } = require('./support/browser.js')
const { openStore } = require('./support/store.js')

// How many bytes of responses wait in this process, when the handler of each path had answered.
function application(store) {
  const waiting = []
  const look = (response) => {
    const { socket } = response
    // Node hands on what was written when the handler is through.
    process.nextTick(() => process.nextTick(() => waiting.push(socket.writableLength)))
  }
  const app = express()
  app.use(session({ secret: 'secret', resave: false, saveUninitialized: false, store }))
  app.use((request, response, next) => {
    request.session.views = (request.session.views ?? 0) + 1
    look(response)
    next()
  })
  app.get('/text', (request, response) => response.send(`${request.session.views}`))
  app.get('/redirect', (_, response) => response.redirect('/text'))
  app.get('/large', (_, response) => response.send('x'.repeat(3_000_000)))
  app.get('/streamed', (_, response) => {
    response.write('one, ')
    response.end('two')
  })
  app.get('/saved', (request, response, next) => {
    request.session.save((error) => {
      if (error) return next(error)
      response.write('one, ')
      response.end('two')
    })
  })
  return { app, waiting }
}

async function serving(t, options) {
  const { app, waiting } = application(openStore(t, options))
  const open = await serve(t, app.listen(0, '127.0.0.1'))
  return { visit: open(), waiting }
}

describe('a response of Express', () => {
  test('is held as long as its session is being saved', async (t) => {
    const { visit, waiting } = await serving(t, { durability: 'fsync' })
    for (let views = 1; views <= 5; views++) assert.equal((await visit('/text')).text, `${views}`)
    assert.equal(waiting.length, 5)
    for (const bytes of waiting) assert.ok(bytes > 100, `${bytes} bytes waited`)
  })

  test('is held where it redirects', async (t) => {
    const { visit, waiting } = await serving(t, { durability: 'fsync' })
    assert.equal((await visit('/redirect')).text, '2')
    for (const bytes of waiting) assert.ok(bytes > 100, `${bytes} bytes waited`)
  })

  test('is held however large it is', async (t) => {
    const { visit, waiting } = await serving(t, { durability: 'fsync' })
    assert.equal((await visit('/large')).text.length, 3_000_000)
    assert.ok(waiting[0] > 3_000_000, `${waiting[0]} bytes waited`)
  })

  test('is held until the end of the turn where the session is saved within the call', async (t) => {
    const { visit, waiting } = await serving(t, { durability: 'async' })
    for (let views = 1; views <= 5; views++) assert.equal((await visit('/text')).text, `${views}`)
    for (const bytes of waiting) assert.ok(bytes > 100, `${bytes} bytes waited`)
  })

  test('is not held where it has begun', async (t) => {
    const { visit, waiting } = await serving(t, { durability: 'fsync' })
    assert.equal((await visit('/streamed')).text, 'one, two')
    assert.deepEqual(waiting, [0])
  })

  test('goes on after a save in the middle of the request', async (t) => {
    const { visit } = await serving(t, { durability: 'fsync' })
    for (let i = 0; i < 3; i++) assert.equal((await visit('/saved')).text, 'one, two')
    assert.equal((await visit('/text')).text, '4')
  })
})

describe('saving while holding', () => {
  // What is done to a response, and when its session was answered for.
  function observed({ headersSent = false } = {}) {
    const events = []
    const response = {
      headersSent,
      cork: () => events.push('held'),
      uncork: () => events.push('let go'),
    }
    return { events, session: { req: { res: response } }, callback: () => events.push('answered') }
  }

  test('lets go once the callback was called', () => {
    const { events, session, callback } = observed()
    let answer
    saveHolding(session, callback, (whenDone) => {
      answer = whenDone
    })
    assert.deepEqual(events, ['held'])
    answer(null)
    assert.deepEqual(events, ['held', 'answered', 'let go'])
  })

  test('lets go where the callback throws', () => {
    const { events, session } = observed()
    let answer
    const callback = () => {
      throw new Error('thrown by the application')
    }
    saveHolding(session, callback, (whenDone) => {
      answer = whenDone
    })
    assert.throws(() => answer(null), /thrown by the application/)
    assert.deepEqual(events, ['held', 'let go'])
  })

  test('hands an error on', async () => {
    const failure = new Error('no room')
    const given = await new Promise((resolve) => {
      saveHolding(observed().session, resolve, (whenDone) => whenDone(failure))
    })
    assert.equal(given, failure)
  })

  test('answers what is at hand when the turn ends, in the context of its call', async () => {
    const { events, session } = observed()
    const context = new AsyncLocalStorage()
    const answered = new Promise((resolve) => {
      context.run('its own', () => {
        saveHolding(
          session,
          () => {
            events.push(`answered in ${context.getStore()}`)
            setImmediate(resolve)
          },
          (whenDone) => whenDone(null)
        )
      })
    })
    assert.deepEqual(events, ['held'])
    await answered
    assert.deepEqual(events, ['held', 'answered in its own', 'let go'])
  })

  test('leaves a response alone that has begun', () => {
    const { events, session, callback } = observed({ headersSent: true })
    let answer
    saveHolding(session, callback, (whenDone) => {
      answer = whenDone
    })
    answer(null)
    saveHolding(session, callback, (whenDone) => whenDone(null))
    assert.deepEqual(events, ['answered', 'answered'])
  })

  for (const [what, session] of Object.entries({
    'no session': undefined,
    'a session that somebody made by hand': { views: 1 },
    'a request without a response': { req: {} },
    'a response that cannot be held': { req: { res: { headersSent: false } } },
  })) {
    test(`saves ${what}`, () => {
      let isAnswered = false
      let answer
      saveHolding(
        session,
        () => {
          isAnswered = true
        },
        (whenDone) => {
          answer = whenDone
        }
      )
      answer(null)
      assert.ok(isAnswered)
    })
  }
})
