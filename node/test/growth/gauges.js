// What must not grow however long a process lives, how it is read, and by how much it may seem to grow.
//
// A leak that matters keeps something for each operation, and the least of that is a small object: about 100 bytes with
// what points to it. Over 12,000 requests, which a test has time for, that is 1.2 MB; compiled code, feedback and the
// heap's own tables were seen to vary by a tenth of that once they were warm. So the heap may grow by 512 KiB, and over a
// million operations by 8 bytes for each, which is 8 MB where the least leak is 100. Descriptors, threads, the event
// loop's handles and the package's own objects are counted one by one: a few may be on their way out in any sample, and
// more than that is a leak, however many operations it took. The objects show what the heap's noise hides where there are
// few operations. Resident memory is the allocators' affair, whose pools grow and shrink by megabytes, and is judged where
// there are enough operations.
'use strict'

const fs = require('node:fs')
const v8 = require('node:v8')
const { SessileStore } = require('../../index.js')
const { Origin } = require('../../lib/origin.js')
const { Request, nextNumber } = require('../../lib/requests.js')

const KIB = 1024
const MIB = 1024 * KIB

// What holds the rest: no other object of the package's lives for long without one of these.
const OWN = [SessileStore, Origin, Request]

const WHOLE = { noise: 4, perOperation: 0 }
// Looked for among all objects of the heap, which takes a tenth of a second for each class.
const SOUGHT = { ...WHOLE, isCostly: true, needs: v8.queryObjects }
const BYTES = { unit: 'KiB', scale: KIB, noise: 512 * KIB, perOperation: 8 }

// More than any load has requests pending.
const NUMBERS_PENDING = 100

const ROUNDS_OF_COLLECTION = 3
const WAIT_FOR_THREADS_MS = 500

const GAUGES = [
  { name: 'heap', ...BYTES, read: () => process.memoryUsage().heapUsed },
  { name: 'external memory', ...BYTES, read: () => process.memoryUsage().external },
  { name: "sessile's objects", ...SOUGHT, read: () => OWN.map(countOf).reduce((sum, count) => sum + count) },
  { name: 'weak references', ...SOUGHT, read: () => countOf(WeakRef) },
  // The one that would be given next: no more than were once pending together, if each is given again.
  { name: 'request numbers', noise: NUMBERS_PENDING, perOperation: 0, read: nextNumber },
  { name: "event loop's handles", ...WHOLE, read: () => process.getActiveResourcesInfo().length },
  { name: 'exit listeners', noise: 0, perOperation: 0, read: () => process.listenerCount('exit') },
  {
    name: 'file descriptors',
    ...WHOLE,
    read: () => entriesIn('/proc/self/fd'),
    needs: isThere('/proc/self/fd'),
  },
  { name: 'threads', ...WHOLE, read: countThreads, needs: isThere('/proc/self/task') },
  {
    name: 'resident memory',
    unit: 'MiB',
    scale: MIB,
    noise: 16 * MIB,
    perOperation: 8,
    isForLongRuns: true,
    read: () => process.memoryUsage.rss(),
  },
]

function isThere(path) {
  return fs.existsSync(path) ? path : undefined
}

function entriesIn(directory) {
  return fs.readdirSync(directory).length
}

function countThreads() {
  return isThere('/proc/self/task') ? entriesIn('/proc/self/task') : 0
}

function countOf(Class) {
  return v8.queryObjects(Class, { format: 'count' })
}

const isHere = (gauge) => !('needs' in gauge) || gauge.needs !== undefined

// What can be read on this system and by this version of Node, and what cannot.
const PRESENT = GAUGES.filter(isHere)
const MISSING = GAUGES.filter((gauge) => !isHere(gauge)).map(({ name }) => name)

// Lets go of what nobody reaches: what a finalizer lets go of is garbage of the next round. Before the last round waits for
// threads that are on their way out, which nobody tells of, until there are no more than `threads`.
async function settle(threads = Number.POSITIVE_INFINITY) {
  for (let round = 0; round < ROUNDS_OF_COLLECTION; round++) await collect()
  const end = Date.now() + WAIT_FOR_THREADS_MS
  while (countThreads() > threads && Date.now() < end) await new Promise(setImmediate)
  await collect()
}

async function collect() {
  await new Promise(setImmediate)
  global.gc()
}

// The gauges' figures by name; those that are costly to read only where the sample is `isFull`.
async function sample(before, isFull) {
  await settle(before?.threads)
  const gauges = PRESENT.filter(({ isCostly }) => isFull || !isCostly)
  return Object.fromEntries(gauges.map(({ name, read }) => [name, read()]))
}

module.exports = { GAUGES: PRESENT, MISSING, sample, settle }
