'use strict'

const number = new Intl.NumberFormat('en')
const decimal = new Intl.NumberFormat('en', { maximumFractionDigits: 2 })

/** The store's figures as people read them: each with a name, a value and a remark. */
exports.figures = function figures(stats, sessions) {
  const reads = stats.hits + stats.misses
  return [
    { id: 'sessions', name: 'Sessions', value: number.format(sessions), remark: 'alive in the store' },
    {
      id: 'reads',
      name: 'Reads',
      value: number.format(reads),
      remark: reads === 0 ? 'none yet' : `${percent(stats.hits / reads)} answered from memory`,
    },
    {
      id: 'writes',
      name: 'Writes',
      value: number.format(stats.sets + stats.destroys),
      remark: `and ${number.format(stats.touches)} touches`,
    },
    {
      id: 'syncs',
      name: 'Syncs to disk',
      value: number.format(stats.syncs),
      remark: stats.syncs === 0 ? 'none yet' : `${milliseconds(stats.syncMicros / stats.syncs)} on average`,
    },
    {
      id: 'batches',
      name: 'Writes per batch',
      value: stats.batches === 0 ? '–' : decimal.format(stats.batchOperations / stats.batches),
      remark: `${number.format(stats.batchOperationsMax)} in the largest`,
    },
    {
      id: 'dirty',
      name: 'Changed in memory',
      value: bytes(stats.dirtyBytes),
      remark: 'in the log, not yet in the base',
    },
    {
      id: 'log',
      name: 'Log',
      value: bytes(stats.logBytes),
      remark: `${bytes(stats.logBytesWritten)} written so far`,
    },
    {
      id: 'base',
      name: 'Base',
      value: bytes(stats.baseBytes),
      remark: `after ${number.format(stats.checkpoints)} ${stats.checkpoints === 1 ? 'checkpoint' : 'checkpoints'}`,
    },
  ]
}

function percent(share) {
  return `${decimal.format(Math.floor(share * 10000) / 100)} %`
}

function milliseconds(micros) {
  return `${decimal.format(micros / 1000)} ms`
}

function bytes(count) {
  if (count < 1024) return `${number.format(count)} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(Math.floor(Math.log2(count) / 10), units.length)
  return `${decimal.format(count / 1024 ** power)} ${units[power - 1]}`
}
