// connect-redis on a Redis of its own, on a free port of this machine, with an append-only file. It is started and
// ended with the store.
'use strict'

const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const { missingPackage } = require('./packages.js')

const HOST = '127.0.0.1'

function missing() {
  const { error } = spawnSync('redis-server', ['--version'])
  if (error !== undefined) return 'there is no redis-server (Debian: apt-get install redis-server)'
  return missingPackage('redis') ?? missingPackage('connect-redis')
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.on('error', reject)
    server.listen(0, HOST, () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

async function startServer(directory, appendfsync) {
  fs.mkdirSync(directory, { recursive: true })
  const port = await freePort()
  const settings = {
    port,
    bind: HOST,
    dir: directory,
    logfile: 'redis.log',
    save: '',
    appendonly: 'yes',
    appendfsync,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`])
  const server = spawn('redis-server', args, { stdio: 'ignore' })
  const end = () => server.kill()
  process.on('exit', end)
  return { server, port, end }
}

async function open(directory, appendfsync) {
  const { createClient } = require('redis')
  const { RedisStore } = require('connect-redis')
  const { server, port, end } = await startServer(directory, appendfsync)
  const client = createClient({ socket: { host: HOST, port } })
  // While the server starts, the client is refused and tries again.
  client.on('error', () => {})
  await client.connect()
  const [, number] = (await client.info('server')).match(/process_id:(\d+)/)
  if (Number(number) !== server.pid) throw new Error(`another Redis has port ${port}`)
  const close = async () => {
    await client.close()
    const ended = new Promise((resolve) => server.once('exit', resolve))
    end()
    await ended
  }
  return { store: new RedisStore({ client }), processes: [server.pid], fill: (run) => run(), close }
}

const SETTINGS = {
  everysec: 'AOF everysec: synced within 1 s, acknowledged before',
  always: 'AOF always: acknowledged when on the disk',
}

const candidates = Object.entries(SETTINGS).map(([appendfsync, setting]) => ({
  name: `connect-redis, ${appendfsync}`,
  setting,
  isDurable: appendfsync === 'always',
  isForMany: true,
  missing,
  open: (directory) => open(directory, appendfsync),
}))

module.exports = { candidates }
