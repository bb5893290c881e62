// Makes RESULTS.md and its charts of the results beside it. By itself: node report DIRECTORY
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { readAll } = require('../lib/results.js')
const { charts } = require('./charts.js')
const { markdown } = require('./markdown.js')
const { overview } = require('./overview.js')
const { judge } = require('./targets.js')

const ORDER = [
  'http',
  'store',
  'million',
  'stall',
  'durable',
  'gets',
  'written',
  'sustained',
  'expiry',
  'opening',
  'scale',
]

// Writes the report and returns its file's name.
function report(directory) {
  const results = readAll(path.join(directory, 'results'))
  results.sort((one, other) => ORDER.indexOf(one.part) - ORDER.indexOf(other.part))
  const cells = results.flatMap((result) => result.cells)
  const pictures = charts(
    cells,
    results.flatMap((result) => result.series)
  )
  const place = path.join(directory, 'charts')
  // Those of an earlier report would stay, and nobody would know that they are old.
  fs.rmSync(place, { recursive: true, force: true })
  fs.mkdirSync(place, { recursive: true })
  const judged = judge(cells)
  if (judged.some(({ score }) => score !== undefined)) {
    fs.writeFileSync(path.join(place, 'targets.svg'), overview(judged))
  }
  for (const { file, content } of pictures) fs.writeFileSync(path.join(place, file), content)
  const text = path.join(directory, 'RESULTS.md')
  fs.writeFileSync(text, markdown({ results, judged, pictures }))
  return text
}

if (require.main === module) {
  console.error(report(path.resolve(process.argv[2] ?? path.join(__dirname, '..', '..'))))
}

module.exports = { report }
