// The benchmarks' names for readers, in the order of the report.
'use strict'

const TITLES = {
  http: 'Express',
  store: "Calls of the store's API, 10,000 sessions",
  'store, many sessions': "Calls of the store's API, many sessions",
  'many sessions': 'Memory, and counting, with many sessions',
  'a turn of the event loop': 'Stalls of the event loop',
  'durable sets': 'Engine: durable sets',
  'get in memory': 'Engine: gets of sessions in memory',
  'get from the base': 'Engine: gets of sessions that are not in memory',
  'bytes written': 'Engine: bytes written',
  'sustained random sets': 'Engine: sustained random sets',
  'mass expiry': 'Engine: many sessions expire at once',
  'open after kill -9': 'Engine: opening after kill -9',
  'cost by number of sessions': 'Engine: what an operation costs, by how many sessions there are',
}

module.exports = { TITLES }
