// How much is measured, and for how long. `benches/src/engine/effort.rs` has the engine's.
'use strict'

const EFFORTS = {
  complete: {
    http: {
      scenarios: ['read', 'write', 'mixed', 'login'],
      users: 1000,
      connections: 64,
      // Many short rounds: the machine's speed changes from second to second by more than what is to be seen.
      rounds: 21,
      warmUpMillis: 150,
      millis: 400,
      withPeers: true,
    },
    store: {
      sessions: 10_000,
      bytes: [250, 2048, 20_480],
      inFlight: [1, 64, 1000],
      rounds: 5,
      millis: 250,
      withPeers: true,
    },
    million: { sessions: 1_000_000, bytes: [250, 2048], hot: 50_000, inFlight: 64, rounds: 5, millis: 300 },
    stall: { sessions: 1_000_000, hot: 10_000, bytes: 250, millis: 10_000, expiresAfterMillis: 80_000 },
  },
  // Fewer candidates, sizes and rounds: to see whether a change is worth a complete run.
  quick: {
    http: {
      scenarios: ['read', 'write'],
      users: 1000,
      connections: 64,
      rounds: 5,
      warmUpMillis: 150,
      millis: 350,
      withPeers: false,
    },
    store: { sessions: 10_000, bytes: [250], inFlight: [64], rounds: 3, millis: 150, withPeers: false },
    stall: { sessions: 50_000, hot: 10_000, bytes: 250, millis: 600, expiresAfterMillis: 5000 },
  },
  // Shows that everything runs, and nothing else.
  smoke: {
    http: {
      scenarios: ['read', 'write', 'mixed', 'login'],
      users: 20,
      connections: 8,
      rounds: 1,
      warmUpMillis: 20,
      millis: 100,
      withPeers: true,
    },
    store: { sessions: 200, bytes: [250], inFlight: [1, 64], rounds: 1, millis: 5, withPeers: true },
    million: { sessions: 2000, bytes: [250], hot: 100, inFlight: 64, rounds: 1, millis: 5 },
    stall: { sessions: 1000, hot: 100, bytes: 250, millis: 50, expiresAfterMillis: 500 },
  },
}

module.exports = { EFFORTS }
