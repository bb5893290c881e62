// Calls of the express-session API, without Express: what a store costs by itself.
'use strict'

const { less, more } = require('../lib/results.js')
const { ALL, candidateNamed, REFERENCE, withoutPeers } = require('../peers')
const { Candidates } = require('./candidates.js')

const RATE = more('rate', 'calls/s')
const MEMORY = less('resident memory', 'MiB')
const LENGTH = less('length()', 'ms')

const OPERATIONS = ['get', 'touch', 'set', 'destroy']
const HEAP_MIB = 12_288

// Every operation, size and number of calls on their way, at few sessions.
async function store(effort, sheet, directory) {
  const { sessions, bytes: sizes, inFlight: counts, rounds, millis, withPeers } = effort
  for (const bytes of sizes) {
    const candidates = new Candidates(sheet)
    try {
      await candidates.start(withPeers ? ALL : withoutPeers(), directory, {
        count: sessions,
        bytes,
        heapMib: HEAP_MIB,
      })
      for (const inFlight of counts) {
        for (const operation of OPERATIONS) {
          const parameters = { operation, bytes, 'in flight': inFlight, sessions }
          console.error(`store: ${operation}, ${bytes} B, ${inFlight} in flight`)
          const request = { operation, access: 'uniform', inFlight, millis }
          await measure(candidates, rounds, request, 'store', parameters, sheet)
        }
      }
    } finally {
      await candidates.end()
    }
  }
}

async function measure(candidates, rounds, request, bench, parameters, sheet) {
  const enter = (name, { operations, seconds }) => {
    sheet.add(bench, parameters, name, RATE, operations / seconds)
  }
  const onFailure = (name) => sheet.drop(bench, parameters, name)
  await candidates.inTurn(rounds, 'measure', request, enter, onFailure)
}

// At many sessions: evenly spread access, and access that is mostly to a few; memory; counting them.
async function million({ sessions, bytes: sizes, hot, inFlight, rounds, millis }, sheet, directory) {
  for (const [at, bytes] of sizes.entries()) {
    // Sizes after the first for the store that is measured and what it is measured against.
    const taking = at === 0 ? ALL : ['sessile fsync', 'sessile async', REFERENCE].map(candidateNamed)
    for (const { name } of taking.filter(({ isForMany }) => !isForMany)) {
      sheet.miss(name, `${sessions} sessions are more than it is made for`)
    }
    const candidates = new Candidates(sheet)
    try {
      const able = taking.filter(({ isForMany }) => isForMany)
      console.error(`million: ${sessions} sessions of ${bytes} B`)
      await candidates.start(able, directory, { count: sessions, bytes, heapMib: HEAP_MIB })
      const filled = { bytes, sessions }
      await candidates.inTurn(1, 'memory', {}, (name, mib) => {
        if (mib !== null) sheet.add('many sessions', filled, name, MEMORY, mib)
      })
      // Few rounds would not ask for each of the hot ones: they would measure how fast those are read for the first time.
      await candidates.inTurn(0, 'warm', { hot, inFlight })
      for (const access of ['nine in ten to the hot ones', 'uniform']) {
        for (const operation of ['get', 'touch', 'set']) {
          console.error(`million: ${operation}, ${access}`)
          const parameters = { operation, bytes, 'in flight': inFlight, sessions, access, hot }
          const request = { operation, access, hot, inFlight, millis }
          await measure(candidates, rounds, request, 'store, many sessions', parameters, sheet)
        }
      }
      // MemoryStore counts by parsing all of them: of the larger ones that would take minutes, and all memory.
      if (at > 0) continue
      await candidates.inTurn(3, 'length', {}, (name, duration) => {
        if (duration !== null) sheet.add('many sessions', filled, name, LENGTH, duration)
      })
    } finally {
      await candidates.end()
    }
  }
}

module.exports = { million, store }
