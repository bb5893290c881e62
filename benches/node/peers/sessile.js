// This store, under each durability.
'use strict'

const SETTINGS = {
  fsync: 'acknowledged when on the disk (the default)',
  write: 'acknowledged when with the kernel; synced within 1 s',
  async: 'acknowledged at once; written within 10 ms, synced within 1 s',
}

function missing() {
  try {
    require('../../../node')
    return undefined
  } catch (error) {
    return error.message
  }
}

async function open(directory, options) {
  const { SessileStore } = require('../../../node')
  const store = await SessileStore.open({ path: directory, ...options })
  return { store, processes: [], fill: (run) => run(), close: () => store.close() }
}

const candidates = Object.entries(SETTINGS).map(([durability, setting]) => ({
  name: `sessile ${durability}`,
  setting,
  isDurable: durability === 'fsync',
  isForMany: true,
  missing,
  open: (directory, options) => open(directory, { durability, ...options }),
}))

module.exports = { candidates }
