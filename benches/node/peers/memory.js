// Stores in memory, which keep nothing when the process ends.
'use strict'

const { missingPackage, nothing } = require('./packages.js')

function opened(store, close = nothing) {
  return { store, processes: [], fill: (run) => run(), close }
}

const candidates = [
  {
    name: 'MemoryStore',
    setting: "express-session's own; JSON in memory, no limit",
    isDurable: false,
    isForMany: true,
    missing: () => missingPackage('express-session'),
    open: async () => opened(new (require('express-session').MemoryStore)()),
  },
  {
    name: 'memorystore',
    setting: 'JSON in an LRU, no limit, pruned once a day',
    isDurable: false,
    isForMany: true,
    missing: () => missingPackage('memorystore'),
    open: async () => {
      const Store = require('memorystore')(require('express-session'))
      const store = new Store({ checkPeriod: 86_400_000 })
      return opened(store, () => store.stopInterval())
    },
  },
]

module.exports = { candidates }
