// Where, when and of what a result is: without these a figure says nothing.
'use strict'

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const ROOT = path.join(__dirname, '..', '..', '..')

// What a program says of its version, or undefined where there is none.
function say(program, ...args) {
  try {
    return execFileSync(program, args, {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return undefined
  }
}

// The commit that is measured, and whether the sources differ from it.
function commit() {
  const name = say('git', 'rev-parse', '--short=10', 'HEAD')
  if (name === undefined) return 'unknown'
  // What the benchmark itself writes is no difference.
  const changes = say('git', 'status', '--porcelain', '--', '.', ':!benches/RESULTS.md', ':!benches/results')
  return changes === '' ? name : `${name} with changes`
}

// The file system that holds a directory: the longest mount point that it is below.
function fileSystem(directory) {
  let mounts
  try {
    mounts = fs.readFileSync('/proc/mounts', 'utf8')
  } catch {
    return 'unknown'
  }
  const real = fs.realpathSync(directory)
  const holds = (point) => point === '/' || real === point || real.startsWith(`${point}/`)
  const fields = mounts.split('\n').map((line) => line.split(' '))
  const holders = fields.filter(([, point]) => point !== undefined && holds(point))
  holders.sort(([, one], [, other]) => other.length - one.length)
  const [device, , type] = holders[0] ?? ['unknown', '', 'unknown']
  return `${type} on ${device}`
}

function machine(directory) {
  const cpus = os.cpus()
  return {
    processor: cpus[0]?.model ?? 'unknown',
    cores: cpus.length,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    kernel: `${os.type()} ${os.release()}`,
    'file system': fileSystem(directory),
    'load at the beginning': os.loadavg()[0].toFixed(2),
  }
}

// Versions of what is measured, and of what it runs on.
function versions() {
  const dependencies = Object.keys(require('../package.json').devDependencies)
  const installed = dependencies
    .map((name) => [name, versionOf(name)])
    .filter(([, version]) => version !== undefined)
  const programs = {
    sessile: require('../../../node/package.json').version,
    node: process.version,
    rustc: say('rustc', '--version')?.split(' ')[1],
    'redis-server': say('redis-server', '--version')?.match(/v=(\S+)/)?.[1],
  }
  return { ...programs, ...Object.fromEntries(installed) }
}

// By its file, since not every package exports its package.json.
function versionOf(name) {
  try {
    const file = path.join(__dirname, '..', 'node_modules', name, 'package.json')
    return JSON.parse(fs.readFileSync(file, 'utf8')).version
  } catch {
    return undefined
  }
}

module.exports = { commit, fileSystem, machine, ROOT, versions }
