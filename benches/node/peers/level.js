// LevelDB by classic-level, with a store of ours on it.
'use strict'

const { missingPackage } = require('./packages.js')

async function open(directory, isSynced) {
  const { ClassicLevel } = require('classic-level')
  const { KeyValueStore, settle } = require('./key-value-store.js')
  const database = new ClassicLevel(directory)
  await database.open()
  let sync = isSynced
  const store = new KeyValueStore({
    get: (id, callback) => settle(database.get(id), callback),
    put: (id, text, callback) => settle(database.put(id, text, { sync }), callback),
    remove: (id, callback) => settle(database.del(id, { sync }), callback),
  })
  const fill = async (run) => {
    sync = false
    await run()
    sync = isSynced
  }
  return { store, processes: [], fill, close: () => database.close() }
}

function candidate(name, setting, isSynced) {
  return {
    name,
    setting,
    isDurable: isSynced,
    isForMany: true,
    missing: () => missingPackage('classic-level'),
    open: (directory) => open(directory, isSynced),
  }
}

const candidates = [
  candidate('classic-level', 'the default: acknowledged when with the kernel, never synced', false),
  candidate('classic-level, synced', 'sync on: acknowledged when on the disk', true),
]

module.exports = { candidates }
