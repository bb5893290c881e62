// Requests whose client goes away: before a handler that then never answers, before one that changes the session all the
// same and answers, and with half a body sent.
'use strict'

const { once } = require('node:events')
const net = require('node:net')
const express = require('express')
const session = require('express-session')
const { SessileStore } = require('../../../index.js')

const SESSIONS = 100
const IN_FLIGHT = 8
const KINDS = ['never', 'late', 'body']

// What handlers wait for: that their client has gone.
const gone = (response) => new Promise((resolve) => response.once('close', resolve))

// `reached` is told of each request that has come to its handler, and a promise of its end.
function appOn(store, reached) {
  const app = express()
  // Ids that a client may choose, so that their number is bounded: a visitor's cookie would say the same.
  const genid = (request) => request.headers.visitor
  app.use(session({ store, secret: 'secret', resave: false, saveUninitialized: true, genid }))
  app.get('/never', (request, response) => {
    request.session.last = 'never'
    reached(request, gone(response))
  })
  const answerLate = (request, response) => {
    const answer = () => {
      request.session.last = request.headers.request
      response.send('to nobody')
    }
    reached(request, gone(response).then(answer))
  }
  app.get('/late', answerLate)
  app.post('/body', answerLate)
  return app
}

async function prepare(directory) {
  const store = new SessileStore({ path: `${directory}/sessions`, durability: 'async' })
  const waiting = new Map()
  const app = appOn(store, (request, end) => waiting.get(request.headers.request)(end))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  const tallies = { never: 0, late: 0, body: 0, sessions: 0 }
  let last = 0

  async function abort() {
    const number = String(++last)
    const kind = KINDS[last % KINDS.length]
    const reached = new Promise((resolve) => waiting.set(number, (end) => resolve({ end })))
    const socket = net.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const [method, more] = kind === 'body' ? ['POST', 'Content-Length: 100\r\n'] : ['GET', '']
    const visitor = `visitor${last % SESSIONS}`
    const head = `Host: localhost\r\nVisitor: ${visitor}\r\nRequest: ${number}\r\n${more}`
    socket.write(`${method} /${kind} HTTP/1.1\r\n${head}\r\n${kind === 'body' ? 'half' : ''}`)
    const { end } = await reached
    waiting.delete(number)
    const closed = once(socket, 'close')
    socket.destroy()
    await Promise.all([end, closed])
    tallies[kind]++
  }

  async function run(count) {
    let left = count
    const one = async () => {
      while (left-- > 0) await abort()
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, one))
    tallies.sessions = await store.length()
  }

  async function end() {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
    await store.close()
  }

  return { run, tallies, end }
}

module.exports = { unit: 'request', short: 600, long: 100_000, prepare }
