// An Express app whose sessions are on a small disk that has something else on it, too. For full-disk.test.js, which
// runs it in a mount namespace of its own: full-disk-app.js DIRECTORY [no-listener]
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const express = require('express')
const session = require('express-session')
const { SessileStore } = require('../../index.js')

const [, , directory, listening] = process.argv
const ballast = path.join(directory, 'ballast')
const say = (text) => fs.writeSync(1, `${text}\n`)

function open() {
  try {
    return new SessileStore({
      path: path.join(directory, 'sessions'),
      payloadBytesMax: 1024 * 1024,
      logBytesMax: 4 * 1024 * 1024,
      cacheBytes: 100_000,
    })
  } catch (error) {
    say(`refused ${error.code}`)
    process.exit(0)
  }
}

const store = open()
const events = []
if (listening !== 'no-listener') store.on('error', (error) => events.push(error.code))

const app = express()
app.use(session({ store, secret: 'secret', resave: false, saveUninitialized: false }))
app.get('/login/:user', (request, response) => {
  request.session.user = request.params.user
  request.session.content = request.params.user.padEnd(30_000, '.')
  // Answered when it is known to be saved, or that it is not.
  request.session.save((error) => response.status(error ? 503 : 200).send(error ? error.code : 'saved'))
})
app.get('/who', (request, response) => {
  const { user = 'nobody', content = '' } = request.session
  response.send(user === 'nobody' || content === user.padEnd(30_000, '.') ? user : 'damaged')
})
app.get('/events', (request, response) => response.json(events))
app.get('/free', (request, response) => {
  fs.rmSync(ballast)
  response.send('freed')
})
app.use((error, request, response, next) => {
  response.status(500).send(error.code ?? String(error))
})
const server = app.listen(0, '127.0.0.1', () => say(`serving ${server.address().port} as ${process.pid}`))
