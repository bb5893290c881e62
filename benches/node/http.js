// Requests per second of an Express 5 app, against MemoryStore: 64 keep-alive connections, 1,000 logged-in
// users, a read-only page and one that changes the session. The servers are processes of their own and take
// turns.
'use strict'

const { fork } = require('node:child_process')
const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')
const { machine, print } = require('./figures.js')

const USERS = 1000
const CONNECTIONS = 64
const MILLIS = 3000
const ROUNDS = 5

function serve(kind, directory) {
  const express = require('../../node/node_modules/express')
  const session = require('../../node/node_modules/express-session')
  const { SessileStore } = require('../../node')
  const store =
    kind === 'memory' ? new session.MemoryStore() : new SessileStore({ path: directory, durability: kind })
  const app = express()
  const options = { resave: false, saveUninitialized: false, cookie: { maxAge: 3_600_000 } }
  app.use(session({ store, secret: 'measured', ...options }))
  app.get('/login', (request, response) => {
    request.session.user = request.query.name
    request.session.cart = [1, 2, 3]
    request.session.filler = 'x'.repeat(100)
    response.send('in')
  })
  app.get('/read', (request, response) => response.send(request.session.user))
  app.get('/write', (request, response) => {
    request.session.views = (request.session.views ?? 0) + 1
    response.send(request.session.user)
  })
  const server = app.listen(0, '127.0.0.1', () => process.send(server.address().port))
  process.on('disconnect', () => process.exit())
}

function get(agent, port, url, cookie) {
  return new Promise((resolve, reject) => {
    const headers = cookie ? { cookie } : {}
    const request = http.get({ agent, host: '127.0.0.1', port, path: url, headers }, (response) => {
      response.resume()
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`${url} answered ${response.statusCode}`))
        else resolve(response.headers['set-cookie']?.[0].split(';')[0])
      })
    })
    request.on('error', reject)
  })
}

async function start(kind, directory) {
  const child = fork(__filename, [kind, directory])
  const port = await new Promise((resolve) => child.once('message', resolve))
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const logins = Array.from({ length: USERS }, (_, user) => get(agent, port, `/login?name=user${user}`))
  return { child, port, agent, cookies: await Promise.all(logins) }
}

async function load({ agent, port, cookies }, url) {
  const end = performance.now() + MILLIS
  let done = 0
  const client = async (at) => {
    for (let user = at; performance.now() < end; user += CONNECTIONS) {
      await get(agent, port, url, cookies[user % USERS])
      done += 1
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, at) => client(at)))
  return (done * 1000) / MILLIS
}

async function main() {
  machine()
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'sessile-bench-'))
  const servers = {}
  for (const kind of ['fsync', 'write', 'async', 'memory']) {
    const name = kind === 'memory' ? 'MemoryStore' : `sessile ${kind}`
    servers[name] = await start(kind, path.join(directory, kind))
  }
  for (const url of ['/read', '/write']) {
    const figures = {}
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const [name, server] of Object.entries(servers)) {
        const rate = await load(server, url)
        if (round > 0) (figures[name] ??= []).push(rate)
      }
    }
    print(url === '/read' ? 'read-only request' : 'request that changes the session', 'requests/s', figures)
  }
  for (const { child, agent } of Object.values(servers)) {
    agent.destroy()
    child.disconnect()
  }
  fs.rmSync(directory, { recursive: true })
}

if (process.argv.length > 3) serve(process.argv[2], process.argv[3])
else main()
