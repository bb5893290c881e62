// The stores that are measured, each at a setting that is stated and comparable.
//
// A candidate is { name, setting, isDurable, isForMany, missing(), open(directory) }. `isDurable`: what it has
// acknowledged survives a power loss. `isForMany`: a million sessions are within what it is made for. `missing` says
// why it cannot be measured here, or nothing. `open` resolves with { store, processes, fill, close }: the processes
// that work for the store besides the one it is in; `fill(run)` runs something at which nothing has to be durable yet.
'use strict'

const files = require('./files.js')
const level = require('./level.js')
const lmdb = require('./lmdb.js')
const memory = require('./memory.js')
const redis = require('./redis.js')
const sessile = require('./sessile.js')
const sqlite = require('./sqlite.js')

// MemoryStore is what the others are measured against.
const REFERENCE = 'MemoryStore'

const OURS = sessile.candidates
const THEIRS = [
  ...memory.candidates,
  ...redis.candidates,
  ...sqlite.candidates,
  ...lmdb.candidates,
  ...level.candidates,
  ...files.candidates,
]
const ALL = [...OURS, ...THEIRS]

function candidateNamed(name) {
  const candidate = ALL.find((each) => each.name === name)
  if (candidate === undefined) throw new Error(`there is no candidate ${name}`)
  return candidate
}

// Those that take part, and the settings of those that can; what is missing is entered in the sheet.
function present(candidates, sheet) {
  return candidates.filter((candidate) => {
    const reason = candidate.missing()
    if (reason !== undefined) sheet.miss(candidate.name, reason)
    else sheet.settings[candidate.name] = candidate.setting
    return reason === undefined
  })
}

function withoutPeers() {
  return ALL.filter(({ name }) => name === REFERENCE || OURS.some((ours) => ours.name === name))
}

module.exports = { ALL, candidateNamed, present, REFERENCE, withoutPeers }
