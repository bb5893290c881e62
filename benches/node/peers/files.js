// session-file-store: a file for each session, written and synced under another name, then renamed.
'use strict'

const { missingPackage } = require('./packages.js')

async function open(directory) {
  const Store = require('session-file-store')(require('express-session'))
  const store = new Store({ path: directory, ttl: 86_400, retries: 0, reapInterval: -1, logFn: () => {} })
  return { store, processes: [], fill: (run) => run(), close: () => {} }
}

const candidates = [
  {
    name: 'session-file-store',
    setting: 'no retries, no reaping; files are synced, their directory is not',
    isDurable: false,
    isForMany: false,
    missing: () => missingPackage('session-file-store'),
    open,
  },
]

module.exports = { candidates }
