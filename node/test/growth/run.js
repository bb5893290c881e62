// Runs loads and says what grows; ends with status 1 where something does.
//
//   node test/growth/run.js [--short] [--leak] [LOAD...]
//
// Each load has a process of its own, with --expose-gc, so that none is measured on what another has left. `--short`
// does as many operations as a test has time for; `--leak` plants leaks, to see that they are found.
'use strict'

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { leak } = require('./leaks.js')
const { hasGrown, measure } = require('./measure.js')
const { tableOf } = require('./report.js')

const LOADS = ['requests', 'unsaved', 'aborts', 'openings', 'terminations', 'collections']

// Of light-my-request, about what express-session reads; and of the function by which objects are counted.
const EXPECTED_WARNINGS = ['FST_LIGHTMYREQUEST_DEP01', 'ExperimentalWarning']

// glibc gives threads pools of their own, up to eight for each processor, which fill one by one as threads come and go.
// With a single pool resident memory says more.
const ENVIRONMENT = { ...process.env, MALLOC_ARENA_MAX: '1' }

async function one(name, isShort, isLeaking) {
  const { unit, short, long, prepare } = require(`./loads/${name}.js`)
  const warnings = []
  process.on('warning', (warning) => {
    // Too many listeners of something, for example.
    if (!EXPECTED_WARNINGS.some((word) => [warning.code, warning.name].includes(word))) warnings.push(warning)
  })
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'sessile-growth-'))
  try {
    const load = await prepare(directory)
    const afterEach = isLeaking ? leak : undefined
    const result = await measure(load, { count: isShort ? short : long, isLong: !isShort, afterEach })
    await load.end()
    console.log(tableOf(name, unit, result, load.tallies))
    for (const warning of warnings) console.log(`  warned: ${warning.message}`)
    return warnings.length > 0 || result.verdicts.some(hasGrown) ? 1 : 0
  } finally {
    fs.rmSync(directory, { recursive: true, force: true })
  }
}

function each(names, args) {
  const ends = names.map((name) => {
    const options = ['--expose-gc', '--no-warnings', __filename, ...args, name]
    const { status, signal } = spawnSync(process.execPath, options, { stdio: 'inherit', env: ENVIRONMENT })
    if (signal !== null) console.log(`${name}: ended by ${signal}`)
    return status
  })
  return ends.every((status) => status === 0) ? 0 : 1
}

async function main() {
  const options = { short: { type: 'boolean', default: false }, leak: { type: 'boolean', default: false } }
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const unknown = positionals.find((name) => !LOADS.includes(name))
  if (unknown !== undefined) throw new Error(`there is no load '${unknown}'; there are ${LOADS.join(', ')}`)
  if (global.gc === undefined) {
    const args = process.argv.slice(2).filter((word) => word.startsWith('--'))
    return each(positionals.length > 0 ? positionals : LOADS, args)
  }
  if (positionals.length !== 1) throw new Error('with --expose-gc, name one load')
  return one(positionals[0], values.short, values.leak)
}

main().then(
  (status) => process.exit(status),
  (error) => {
    console.error(error)
    process.exit(1)
  }
)
