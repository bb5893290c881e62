// LMDB by the lmdb package, with a store of ours on it. Reads are synchronous, writes are committed in batches.
'use strict'

const { missingPackage } = require('./packages.js')

async function open(directory, overlappingSync) {
  const lmdb = require('lmdb')
  const { KeyValueStore, settle } = require('./key-value-store.js')
  const database = lmdb.open({ path: directory, encoding: 'string', overlappingSync })
  const store = new KeyValueStore({
    get: (id, callback) => callback(null, database.get(id)),
    put: (id, text, callback) => settle(database.put(id, text), callback),
    remove: (id, callback) => settle(database.remove(id), callback),
  })
  store.length = (callback) => callback(null, database.getCount())
  return { store, processes: [], fill: (run) => run(), close: () => database.close() }
}

function candidate(name, setting, isOverlapping) {
  return {
    name,
    setting,
    isDurable: !isOverlapping,
    isForMany: true,
    missing: () => missingPackage('lmdb'),
    open: (directory) => open(directory, isOverlapping),
  }
}

const candidates = [
  candidate('lmdb', 'the default: acknowledged when committed, synced soon after', true),
  candidate('lmdb, synced', 'overlappingSync off: acknowledged when on the disk', false),
]

module.exports = { candidates }
