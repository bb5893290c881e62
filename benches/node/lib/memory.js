// Resident memory, of processes that may not be Node's.
'use strict'

const fs = require('node:fs')

// In MiB, of all of them together; undefined where the kernel does not tell.
function residentMib(processes) {
  let kib = 0
  for (const number of processes) {
    try {
      const status = fs.readFileSync(`/proc/${number}/status`, 'utf8')
      kib += Number(status.match(/^VmRSS:\s+(\d+)/m)[1])
    } catch {
      return undefined
    }
  }
  return kib / 1024
}

module.exports = { residentMib }
