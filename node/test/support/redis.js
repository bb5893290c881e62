// A Redis for one test, in a directory of its own, on a free port of this machine.
'use strict'

const { spawn, spawnSync } = require('node:child_process')
const net = require('node:net')
const { createInterface } = require('node:readline')
const { atEnd } = require('./end.js')
const { temporary } = require('./store.js')

const HOST = '127.0.0.1'

// Why there can be no Redis here; false where there can.
function missingRedis() {
  const { error } = spawnSync('redis-server', ['--version'])
  return error === undefined ? false : 'there is no redis-server (Debian: apt-get install redis-server)'
}

// Starts a Redis, and returns its URL.
async function startRedis(test) {
  const port = await freePort()
  const settings = { port, bind: HOST, dir: temporary(test), save: '', appendonly: 'no' }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`])
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise((resolve) => server.once('exit', resolve))
  atEnd(test, () => {
    server.kill()
    return ended
  })
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.includes('Ready to accept connections')) return `redis://${HOST}:${port}`
  }
  throw new Error('redis-server has ended before it was ready')
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject)
    server.listen(0, HOST, () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

module.exports = { missingRedis, startRedis }
