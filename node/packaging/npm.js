// Runs npm, the one that runs this script, and what it installs: with nothing of this machine but Node.
'use strict'

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

// npm sets it for the scripts that it runs.
const { npm_execpath: NPM } = process.env

// An environment in which there is Node to be found and nothing else, no compiler above all, and no settings of the
// user's: `home` is a folder to use for it.
function bareEnvironment(home) {
  const directory = process.platform === 'win32' ? path.dirname(process.execPath) : path.join(home, 'bin')
  if (process.platform !== 'win32') {
    fs.mkdirSync(directory, { recursive: true })
    fs.symlinkSync(process.execPath, path.join(directory, 'node'))
  }
  const tools = fs
    .readdirSync(directory)
    .filter((name) => /^(cargo|rustc|cc|gcc|clang|cl|make)(\.exe)?$/.test(name))
  if (tools.length > 0) throw new Error(`${directory} should have nothing but Node, and has ${tools}`)
  const { SystemRoot, ComSpec, TMPDIR, TEMP } = process.env
  return defined({
    PATH: directory,
    HOME: home,
    USERPROFILE: home,
    npm_config_cache: path.join(home, 'npm-cache'),
    // By which npm starts a command, and which is not found by the PATH.
    npm_config_script_shell: process.platform === 'win32' ? ComSpec : '/bin/sh',
    SystemRoot,
    TMPDIR,
    TEMP,
  })
}

function defined(variables) {
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined))
}

// What npm prints. It asks no registry. What npm is told comes first, since `exec` hands on all that follows its command.
function npm(args, options) {
  if (NPM === undefined) throw new Error('this script needs npm: run it by `make package`')
  return node([NPM, '--offline', '--ignore-scripts', '--no-audit', '--no-fund', ...args], options)
}

function node(args, options) {
  const { status, signal, error, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    ...options,
  })
  if (error !== undefined) throw error
  if (status !== 0) {
    throw new Error(`node ${args.join(' ')} has failed with ${signal ?? status}:\n${stdout}${stderr}`)
  }
  return stdout
}

module.exports = { bareEnvironment, node, npm }
