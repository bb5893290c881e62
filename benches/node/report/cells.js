// Finding cells, and comparing them.
'use strict'

const { ratios, summary } = require('../lib/statistics.js')

// What each benchmark's candidates are measured against; of others there is nothing to compare with.
const REFERENCES = {
  http: 'MemoryStore',
  store: 'MemoryStore',
  'store, many sessions': 'MemoryStore',
  'many sessions': 'MemoryStore',
  'a turn of the event loop': 'MemoryStore',
  'durable sets': 'bare disk, the same batches',
  'get in memory': 'redb alone',
  'get from the base': 'redb alone',
  'mass expiry': 'before they expire',
  'cost by number of sessions': '10000 sessions',
}

function isOurs(name) {
  return name.startsWith('sessile') || name === 'while they are reaped' || /^\d+ sessions$/.test(name)
}

function kindOf({ bench, candidate }) {
  if (candidate === REFERENCES[bench]) return 'reference'
  return isOurs(candidate) ? 'ours' : 'other'
}

// The cells with these fields, and at least these parameters.
function select(cells, { parameters = {}, ...fields }) {
  const has = (object, wanted) => Object.entries(wanted).every(([name, value]) => object[name] === value)
  return cells.filter((cell) => has(cell, fields) && has(cell.parameters, parameters))
}

// The ratios of one cell to the one that is found like it but for these fields; undefined where either is missing.
function compare(cells, wanted, other) {
  const [[one], [against]] = [select(cells, wanted), select(cells, { ...wanted, ...other })]
  if (one === undefined || against === undefined) return undefined
  const compared = ratios(one.figures, against.figures)
  return compared.count > 0 ? compared : undefined
}

// How a cell compares with its benchmark's reference.
function againstReference(cells, { bench, parameters, metric, candidate }) {
  const reference = REFERENCES[bench]
  if (reference === undefined) return undefined
  return compare(cells, { bench, parameters, metric, candidate }, { candidate: reference })
}

// Cells that belong together, in the order of the first of each.
function group(cells, keyOf) {
  const groups = new Map()
  for (const cell of cells) {
    const key = keyOf(cell)
    if (!groups.has(key)) groups.set(key, [])
    groups.get(key).push(cell)
  }
  return [...groups.values()]
}

const summaryOf = ({ figures }) => summary(figures)

module.exports = { againstReference, compare, group, kindOf, REFERENCES, select, summaryOf }
