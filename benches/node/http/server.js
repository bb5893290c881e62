// One candidate behind Express 5 and express-session: a process of its own.
'use strict'

// Before NODE_ENV is set: it warns of MemoryStore in production, which is here on purpose.
const session = require('express-session')

process.env.NODE_ENV = 'production'

const express = require('express')
const { serve } = require('../lib/child.js')
const { candidateNamed } = require('../peers')

const CART = Array.from({ length: 2 }, (_, at) => ({ id: 1000 + at, name: 'A thing to be sold', count: 1 }))

let opened

function application(store) {
  const app = express()
  const options = { resave: false, saveUninitialized: false, cookie: { maxAge: 86_400_000 } }
  app.use(session({ store, secret: 'measured', ...options }))
  app.get('/login', (request, response, next) => {
    const { name } = request.query
    request.session.regenerate((error) => {
      if (error) return next(error)
      Object.assign(request.session, { user: name, views: 0, cart: CART })
      response.send(name)
    })
  })
  // Without a session there is no name, and the client notices.
  app.get('/read', (request, response) => response.send(request.session.user))
  app.get('/write', (request, response) => {
    request.session.views += 1
    response.send(request.session.user)
  })
  return app
}

// Resolves with the port, and the processes that make up the server.
async function open({ candidate, directory }) {
  opened = await candidateNamed(candidate).open(directory)
  const server = application(opened.store).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return { port: server.address().port, processes: [process.pid, ...opened.processes] }
}

serve({ open }, () => opened?.close())
