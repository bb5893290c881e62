// The engine's parts, which are measured by a Rust program; see benches/src/engine.
'use strict'

const { spawn } = require('node:child_process')
const readline = require('node:readline')

const PARTS = ['durable', 'gets', 'written', 'sustained', 'expiry', 'opening', 'scale']

// What the candidates are, said once.
const SETTINGS = {
  sessile: 'fsync, the default options, called from Rust',
  'redb alone': 'a transaction for each read',
  'redb alone, a commit per batch':
    'sessions and an index of their expiry, as many sets in a commit as are in flight',
  'bare disk, the same batches': 'the same bytes appended to a file of zeros, one fdatasync for each batch',
  'waiting threads alone':
    'threads that wait until so many bytes are on the disk, one fdatasync for all of them, and no store',
}

async function engine(part, effort, sheet, directory, { engine: program }) {
  const child = spawn(program, [effort, directory, part], { stdio: ['ignore', 'pipe', 'inherit'] })
  const kill = () => child.kill()
  process.once('exit', kill)
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`the engine's ${part} ended with ${signal ?? `code ${code}`}`))
    })
  })
  const [records] = await Promise.all([recordsOf(child), ended])
  process.off('exit', kill)
  for (const { cell, series } of records) {
    if (cell !== undefined) sheet.cells.push(cell)
    if (series !== undefined) sheet.series.push(series)
  }
  const names = new Set(sheet.cells.map(({ candidate }) => candidate))
  for (const [name, setting] of Object.entries(SETTINGS)) if (names.has(name)) sheet.settings[name] = setting
}

async function recordsOf(child) {
  const records = []
  for await (const line of readline.createInterface({ input: child.stdout })) records.push(JSON.parse(line))
  return records
}

module.exports = { engine, PARTS }
