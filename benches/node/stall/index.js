// How long a turn of the event loop takes while a store is at work: what else the process has to do waits for that.
//
// The loop calls a few operations in each turn and does nothing else, so that a turn that takes long was held up by
// the store, by the garbage collector or by the machine; the same loop without a store shows how much by the machine.
'use strict'

const path = require('node:path')
const { Child } = require('../lib/child.js')
const { less } = require('../lib/results.js')
const { candidateNamed, present, REFERENCE } = require('../peers')

const WORKER = path.join(__dirname, 'worker.js')
const NO_STORE = 'no store'
const OURS = ['sessile fsync', 'sessile async']
const HEAP_MIB = 12_288

const METRICS = [
  [less('p99.9', 'ms'), ({ p999 }) => p999],
  [less('median', 'ms'), ({ median }) => median],
  [less('longest', 'ms'), ({ longest }) => longest],
]

// `hold` is done in between, `reopen` gives the options of a store that is opened again.
const SITUATIONS = [
  { title: 'gets, touches and sets of sessions in use', calls: 'mix' },
  {
    title: 'sets of any session, while one checkpoint follows another',
    calls: 'set anywhere',
    isFlushing: true,
  },
  { title: 'gets of any session, with none in memory', calls: 'get anywhere', reopen: { cacheBytes: 0 } },
]
const EXPIRY = { title: 'gets, touches and sets, while all other sessions expire', calls: 'mix' }

async function stall(effort, sheet, directory) {
  sheet.settings[NO_STORE] = 'the loop alone'
  const stores = present([...OURS, REFERENCE].map(candidateNamed), sheet).map(({ name }) => name)
  for (const name of [...stores, NO_STORE]) {
    console.error(`stall: ${name}`)
    try {
      await measureSituations(name, effort, sheet, directory)
      await measureExpiry(name, effort, sheet, directory)
    } catch (error) {
      sheet.miss(name, error.message)
    }
  }
}

async function withWorker(name, place, { hot, sessions, bytes }, maxAge, measure) {
  const nodeOptions = [`--max-old-space-size=${HEAP_MIB}`]
  const child = new Child(WORKER, [], { nodeOptions })
  try {
    const candidate = name === NO_STORE ? undefined : name
    await child.ask('open', { candidate, directory: place, hotCount: hot, count: sessions })
    await child.ask('fill', { bytes, maxAge })
    await measure(child)
  } finally {
    await child.end()
  }
}

async function measureSituations(name, effort, sheet, directory) {
  const place = path.join(directory, `stall-${name}`.replaceAll(/[^\w-]+/g, '-'))
  await withWorker(name, place, effort, undefined, async (child) => {
    for (const situation of SITUATIONS) {
      const { reopen: options } = situation
      if (options !== undefined && OURS.includes(name))
        await child.ask('reopen', { directory: place, options })
      await measure(child, name, situation, effort, sheet)
    }
  })
}

async function measureExpiry(name, effort, sheet, directory) {
  const { millis, expiresAfterMillis } = effort
  const place = path.join(directory, `stall-expiry-${name}`.replaceAll(/[^\w-]+/g, '-'))
  await withWorker(name, place, effort, expiresAfterMillis, async (child) => {
    await child.ask('awaitExpiry', { before: millis / 10 })
    await measure(child, name, EXPIRY, effort, sheet)
  })
}

async function measure(child, name, { title, calls, isFlushing }, { sessions, hot, bytes, millis }, sheet) {
  const outcome = await child.ask('turn', { calls, millis, isFlushing })
  const parameters = { situation: title, 'in use': hot, sessions, bytes }
  for (const [metric, figureOf] of METRICS) {
    sheet.add('a turn of the event loop', parameters, name, metric, figureOf(outcome))
  }
}

module.exports = { stall }
