// Which figures become pictures: those that matter most of each benchmark. The tables have all of them.
'use strict'

const { againstReference, group, kindOf, summaryOf } = require('./cells.js')
const { bars } = require('./bars.js')
const { lines } = require('./lines.js')
const { describe } = require('./numbers.js')
const { TITLES } = require('./titles.js')

// By benchmark: the metrics that are drawn, and under which parameters where not under all.
const DRAWN = {
  http: { metrics: ['rate', 'p99', 'server processor time'] },
  store: {
    metrics: ['rate'],
    isDrawn: ({ bytes, operation, 'in flight': inFlight }) =>
      (bytes === 250 && inFlight === 64) || (operation === 'set' && inFlight === 1000),
  },
  'store, many sessions': { metrics: ['rate'], isDrawn: ({ bytes }) => bytes === 250 },
  'many sessions': { metrics: ['resident memory', 'length()'] },
  'a turn of the event loop': { metrics: ['p99.9'] },
  'durable sets': { metrics: ['rate'] },
  'get in memory': { metrics: ['mean'] },
  'get from the base': { metrics: ['mean'] },
  'mass expiry': { metrics: ['p99.9'] },
  'cost by number of sessions': { metrics: ['cost'] },
}

function isDrawn({ bench, metric, parameters }) {
  const drawn = DRAWN[bench]
  return drawn?.metrics.includes(metric) && (drawn.isDrawn?.(parameters) ?? true)
}

function fileName(...words) {
  return `${words
    .join(' ')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')}.svg`
}

// The pictures of some cells and series: { bench, file, title, content } each.
function charts(cells, series) {
  const drawn = group(cells.filter(isDrawn), ({ bench, parameters, metric }) =>
    JSON.stringify([bench, parameters, metric])
  )
  return [...drawn.map((some) => barChart(some, cells)), ...series.map(lineChart)]
}

function barChart(some, cells) {
  const [{ bench, parameters, metric, unit, better }] = some
  const title = `${TITLES[bench]}: ${metric}`
  const details = describe(parameters)
  const rows = some.map((cell) => ({
    name: cell.candidate,
    kind: kindOf(cell),
    figures: summaryOf(cell),
    ratio: againstReference(cells, cell),
  }))
  const content = bars({ title, details, unit, better, rows })
  return chart({ bench, parameters, of: metric, title, details, content })
}

function lineChart({ bench, parameters, candidate, unit, step_seconds: stepSeconds, points }) {
  const title = `${TITLES[bench]}: ${candidate}`
  const details = describe(parameters)
  const content = lines({ title, details, unit, stepSeconds, points })
  return chart({ bench, parameters, of: candidate, title, details, content })
}

// A picture with its file's name, which no other picture has.
function chart({ bench, parameters, of, title, details, content }) {
  return {
    bench,
    file: fileName(bench, ...Object.values(parameters), of),
    title: `${title}, ${details}`,
    content,
  }
}

module.exports = { charts }
