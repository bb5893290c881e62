// Medians and spreads, and the line that says where they were taken.
'use strict'

const os = require('node:os')

function median(figures) {
  const sorted = [...figures].sort((one, other) => one - other)
  return { middle: sorted[sorted.length >> 1], least: sorted[0], most: sorted[sorted.length - 1] }
}

// Prints the candidates' figures and the ratio of each to the last, which is what it is measured against.
function print(title, unit, figures) {
  console.log(`\n${title}`)
  const reference = median(Object.values(figures).at(-1)).middle
  for (const [name, values] of Object.entries(figures)) {
    const { middle, least, most } = median(values)
    const ratio = (middle / reference).toFixed(2)
    const spread = `${least.toFixed(2)} to ${most.toFixed(2)}, ${values.length} runs`
    console.log(`  ${name.padEnd(24)} ${middle.toFixed(2).padStart(10)} ${unit}  × ${ratio}  (${spread})`)
  }
}

function machine() {
  const cpu = os.cpus()[0]?.model ?? 'unknown processor'
  console.log(`${new Date().toISOString()}, Node ${process.version}, ${os.cpus().length} × ${cpu}`)
}

module.exports = { machine, median, print }
