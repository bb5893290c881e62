// Runs the benchmarks and writes their report: node bench.js [--quick | --smoke] [PART...]
//
// Every part's figures go into a file of their own, with when, where and of what they are; parts that are not named
// stay as they were. A complete run's are in benches/results and benches/RESULTS.md, those of the others below
// Cargo's target directory.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { engine, PARTS: ENGINE_PARTS } = require('./engine')
const { http } = require('./http')
const { EFFORTS } = require('./lib/effort.js')
const { commit, fileSystem, machine, ROOT, versions } = require('./lib/machine.js')
const { SCHEMA, Sheet, write } = require('./lib/results.js')
const { report } = require('./report')
const { stall } = require('./stall')
const { million, store } = require('./store')

const TARGET = path.resolve(ROOT, process.env.CARGO_TARGET_DIR || 'target')
const NODE_PARTS = { http, store, million, stall }
const PARTS = [...Object.keys(NODE_PARTS), ...ENGINE_PARTS]

function usage(problem) {
  console.error(`${problem}\nusage: node bench.js [--quick | --smoke] [${PARTS.join(' | ')}]...`)
  process.exit(1)
}

function parse(args) {
  let name = 'complete'
  const parts = []
  for (const arg of args) {
    if (arg === '--quick' || arg === '--smoke') name = arg.slice(2)
    else if (PARTS.includes(arg)) parts.push(arg)
    else usage(`${arg} is no part of the benchmarks`)
  }
  const wanted = parts.length > 0 ? parts : PARTS
  // Left out where an effort has no time for it.
  const able = wanted.filter((part) => !(part in NODE_PARTS) || part in EFFORTS[name])
  return { name, parts: able, programs: programs(name) }
}

// The Rust programs, which `make` builds: with optimisation where it is not only to be seen whether they run.
function programs(effort) {
  const profile = effort === 'smoke' ? 'debug' : 'release'
  const found = ['engine', 'load'].map((name) => [name, path.join(TARGET, profile, name)])
  const missing = found.find(([, file]) => !fs.existsSync(file))
  if (missing !== undefined) usage(`there is no ${missing[1]}; \`make bench\` and its like build it`)
  return Object.fromEntries(found)
}

// What is measured is the disk, so that the stores are not to be in memory.
function scratch() {
  const parent = path.resolve(process.env.BENCH_DIRECTORY || path.join(TARGET, 'benches'))
  fs.mkdirSync(parent, { recursive: true })
  const directory = fs.mkdtempSync(path.join(parent, 'stores-'))
  if (fileSystem(directory).startsWith('tmpfs')) {
    console.error(`${directory} is in memory, not on a disk; set BENCH_DIRECTORY to another place`)
  }
  process.on('exit', () => fs.rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
  return directory
}

async function measure(part, effort, directory, programs) {
  const sheet = new Sheet()
  const at = new Date().toISOString()
  const measured = { at, commit: commit(), machine: machine(directory), versions: versions() }
  const place = path.join(directory, part in NODE_PARTS ? part : 'engine')
  fs.mkdirSync(place, { recursive: true })
  if (part in NODE_PARTS) {
    await NODE_PARTS[part](EFFORTS[effort][part], sheet, place, programs)
    fs.rmSync(place, { recursive: true, force: true })
  } else {
    await engine(part, effort, sheet, place, programs)
  }
  const { settings, absent, cells, series } = sheet
  return { schema: SCHEMA, part, effort, ...measured, settings, absent, cells, series }
}

async function main() {
  const { name, parts, programs } = parse(process.argv.slice(2))
  const place = name === 'complete' ? path.join(ROOT, 'benches') : path.join(TARGET, 'benches', name)
  const directory = scratch()
  process.on('SIGINT', () => process.exit(130))
  process.on('SIGTERM', () => process.exit(143))
  const start = Date.now()
  for (const part of parts) {
    try {
      write(path.join(place, 'results'), await measure(part, name, directory, programs))
    } catch (error) {
      // The others are worth their hour all the same.
      console.error(`${part} failed: ${error.stack}`)
      process.exitCode = 1
    }
  }
  const file = report(place)
  console.error(`${Math.round((Date.now() - start) / 1000)} s; see ${file}`)
}

main()
