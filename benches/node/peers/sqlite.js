// better-sqlite3-session-store, which is synchronous: every write blocks the event loop until it is done.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { missingPackage } = require('./packages.js')

function missing() {
  const open = (Database) => new Database(':memory:').close()
  return missingPackage('better-sqlite3', open) ?? missingPackage('better-sqlite3-session-store')
}

async function open(directory, synchronous) {
  const Database = require('better-sqlite3')
  const Store = require('better-sqlite3-session-store')(require('express-session'))
  fs.mkdirSync(directory, { recursive: true })
  const client = new Database(path.join(directory, 'sessions.db'))
  client.pragma('journal_mode = WAL')
  client.pragma(`synchronous = ${synchronous}`)
  const store = new Store({ client })
  const fill = async (run) => {
    client.exec('BEGIN')
    await run()
    client.exec('COMMIT')
  }
  return { store, processes: [], fill, close: () => client.close() }
}

const SETTINGS = {
  NORMAL: 'WAL, synchronous NORMAL: synced at checkpoints, acknowledged before',
  FULL: 'WAL, synchronous FULL: acknowledged when on the disk',
}

const candidates = Object.entries(SETTINGS).map(([synchronous, setting]) => ({
  name: `better-sqlite3, ${synchronous}`,
  setting,
  isDurable: synchronous === 'FULL',
  isForMany: true,
  missing,
  open: (directory) => open(directory, synchronous),
}))

module.exports = { candidates }
