// What the store is meant to reach, and whether it does. A target is judged by the median, of ratios where it is one:
// of the ratios of figures that were taken in the same round. A median that misses by a hair has missed.
'use strict'

const { ALL } = require('../peers')
const { compare, select, summaryOf } = require('./cells.js')
const { label } = require('./numbers.js')

const MEMORY_STORE = 'MemoryStore'
const DURABILITIES = ['fsync', 'write', 'async']

// `score`: by how much a figure is better than the limit, from 1 up, or worse, below.
const atLeast = (limit) => ({ sign: '≥', limit, score: (value) => value / limit })
const atMost = (limit) => ({ sign: '≤', limit, score: (value) => limit / value })
// Shown beside the targets, without being one.
const stated = {}

// A target: its words, its limit, its unit, and how its figure is found among all cells.
function times(title, limit, wanted, other) {
  return { title, ...limit, unit: '×', find: (cells) => compare(cells, wanted, other) }
}

function figure(title, limit, unit, wanted) {
  const find = (cells) => select(cells, wanted).map(summaryOf)[0]
  return { title, ...limit, unit, find }
}

function httpTargets() {
  const of = (request, durability, metric) => {
    return {
      bench: 'http',
      metric,
      candidate: `sessile ${durability}`,
      parameters: { request, users: 1000, connections: 64 },
    }
  }
  const other = { candidate: MEMORY_STORE }
  const read = 'read-only request'
  const write = 'request that changes the session'
  return [
    ...DURABILITIES.flatMap((durability) => [
      times(`Express, ${read}, ${durability}: rate`, atLeast(1.1), of(read, durability, 'rate'), other),
      times(`Express, ${read}, ${durability}: p99`, atMost(1), of(read, durability, 'p99'), other),
    ]),
    times(`Express, ${write}, fsync: rate`, atLeast(0.95), of(write, 'fsync', 'rate'), other),
    times(`Express, ${write}, write: rate`, atLeast(1.05), of(write, 'write', 'rate'), other),
    times(`Express, ${write}, async: rate`, atLeast(1.05), of(write, 'async', 'rate'), other),
  ]
}

function storeTargets() {
  const few = (operation) => ({ operation, bytes: 250, 'in flight': 64, sessions: 10_000 })
  const many = (operation, access) => ({ operation, bytes: 250, sessions: 1_000_000, access })
  const hot = 'nine in ten to the hot ones'
  const other = { candidate: MEMORY_STORE }
  const rate = (bench, parameters) => ({ bench, metric: 'rate', candidate: 'sessile async', parameters })
  const limits = { get: [1, 1.3], touch: [2.5, 4], set: [0.8, 1] }
  const filled = { bytes: 250, sessions: 1_000_000 }
  const held = (metric) => ({
    bench: 'many sessions',
    metric,
    candidate: 'sessile async',
    parameters: filled,
  })
  return [
    ...Object.entries(limits).flatMap(([operation, [ofFew, ofMany]]) => [
      times(`${operation}, async, 10,000 sessions`, atLeast(ofFew), rate('store', few(operation)), other),
      times(
        `${operation}, async, 1,000,000 sessions, nine in ten to 50,000`,
        atLeast(ofMany),
        rate('store, many sessions', many(operation, hot)),
        other
      ),
      times(
        `${operation}, async, 1,000,000 sessions, uniform`,
        stated,
        rate('store, many sessions', many(operation, 'uniform')),
        other
      ),
    ]),
    times('memory, 1,000,000 sessions of 250 B', atMost(0.3), held('resident memory'), other),
    figure('length() at 1,000,000 sessions', atMost(1), 'ms', held('length()')),
    bestDurablePeer(few('set')),
    times(
      'durable set, 1,000 in flight, against the set in memory',
      atLeast(0.6),
      {
        bench: 'store',
        metric: 'rate',
        candidate: 'sessile fsync',
        parameters: { ...few('set'), 'in flight': 1000 },
      },
      other
    ),
  ]
}

function bestDurablePeer(parameters) {
  const wanted = { bench: 'store', metric: 'rate', candidate: 'sessile fsync', parameters }
  const names = ALL.filter(({ name, isDurable }) => isDurable && !name.startsWith('sessile')).map(
    ({ name }) => name
  )
  const find = (cells) => {
    const peers = names.flatMap((candidate) => select(cells, { ...wanted, candidate }))
    if (peers.length === 0) return undefined
    peers.sort((one, other) => summaryOf(other).middle - summaryOf(one).middle)
    return compare(cells, wanted, { candidate: peers[0].candidate })
  }
  return { title: 'durable set, 64 in flight, against the best durable peer', ...atLeast(4), unit: '×', find }
}

function engineTargets() {
  const bare = { candidate: 'bare disk, the same batches' }
  const callers = [
    ['blocked threads', 1],
    ['blocked threads', 16],
    ['blocked threads', 64],
    ['outstanding completions', 1000],
  ]
  const durable = (metric, [caller, count]) => {
    const parameters = { callers: caller, 'in flight': count, 'in use': 10_000, sessions: 1_000_000 }
    return { bench: 'durable sets', metric, candidate: 'sessile', parameters }
  }
  const sessions = 1_000_000
  const hotSets = { workload: 'durable sets', 'in use': 10_000, sessions, seconds: 60 }
  const opened = (count) => {
    const parameters = { sessions: count }
    return { bench: 'open after kill -9', metric: 'open and first get', candidate: 'sessile', parameters }
  }
  return [
    ...callers.map((who) => {
      return times(
        `durable sets, ${who[1]} ${who[0]}, against the disk`,
        atLeast(0.8),
        durable('rate', who),
        bare
      )
    }),
    times('one lone durable set, against one fdatasync', atMost(1.25), durable('median', callers[0]), bare),
    figure(
      'log bytes of a durable set, 64 in flight',
      atMost(1.2),
      '× id + payload',
      durable('log bytes', callers[2])
    ),
    // By the device's counter: the process's counts whole folios of the page cache, not what is written.
    figure('bytes written by durable sets, 10,000 of 1,000,000 in use', atMost(2), '× id + payload', {
      bench: 'bytes written',
      metric: 'written to the device, by everybody',
      parameters: hotSets,
    }),
    figure('open after kill -9, 1,000,000 sessions', atMost(300), 'ms', opened(1_000_000)),
    figure('open after kill -9, 10,000,000 sessions', atMost(500), 'ms', opened(10_000_000)),
    figure('longest wait in 60 s of random durable sets over 1,000,000', atMost(50), 'ms', {
      bench: 'sustained random sets',
      metric: 'longest',
      parameters: { sessions, seconds: 60 },
    }),
    ...['get', 'touch', 'durable set, 64 in flight'].map((operation) => {
      const parameters = { operation, 'in use': 10_000 }
      const wanted = { bench: 'cost by number of sessions', candidate: '10000000 sessions', parameters }
      const other = { candidate: '10000 sessions' }
      return times(`${operation}: cost at 10,000,000 sessions against 10,000`, atMost(1.5), wanted, other)
    }),
  ]
}

function stallTargets() {
  const situations = [
    'gets, touches and sets of sessions in use',
    'sets of any session, while one checkpoint follows another',
    'gets of any session, with none in memory',
    'gets, touches and sets, while all other sessions expire',
  ]
  return situations.map((situation) => {
    const parameters = { situation, sessions: 1_000_000 }
    const wanted = {
      bench: 'a turn of the event loop',
      metric: 'p99.9',
      candidate: 'sessile fsync',
      parameters,
    }
    return figure(`event loop, p99.9: ${situation}`, atMost(2), 'ms', wanted)
  })
}

const TARGETS = [...httpTargets(), ...storeTargets(), ...engineTargets(), ...stallTargets()]

// Every target with what was measured, its score, and 'met', 'missed', 'stated' or 'not measured', the missed ones
// first.
function judge(cells) {
  const order = ['missed', 'met', 'stated', 'not measured']
  const judged = TARGETS.map(({ title, sign, limit, unit, score: scoreOf, find }) => {
    const measured = find(cells)
    const score = measured === undefined || limit === undefined ? undefined : scoreOf(measured.middle)
    const wanted = limit === undefined ? '' : `${sign} ${limit.toLocaleString('en-US')} ${unit}`
    return { title: label(title), wanted, unit, measured, score, verdict: verdictOn(measured, score) }
  })
  return judged.sort((one, other) => order.indexOf(one.verdict) - order.indexOf(other.verdict))
}

function verdictOn(measured, score) {
  if (measured === undefined) return 'not measured'
  if (score === undefined) return 'stated'
  return score >= 1 ? 'met' : 'missed'
}

module.exports = { judge }
