// The command `sessile` for tests, as a person runs it, and stores as it leaves them.
'use strict'

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { text } = require('node:stream/consumers')
const { atEnd } = require('./end.js')
const { SessileStore, listed, temporary } = require('./store.js')

const COMMAND = path.join(__dirname, '..', '..', 'cli', 'sessile.js')

// Runs the command in `directory` with `input`, and resolves to its exit code and what it printed.
async function sessile(test, directory, words, input = '') {
  const child = spawn(process.execPath, [COMMAND, ...words], { cwd: directory })
  atEnd(test, () => child.kill('SIGKILL'))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { code, output, errors }
}

// The sessions in the store at `directory`, by their ids.
async function sessionsIn(directory, options = {}) {
  const store = await SessileStore.open({ path: directory, ...options })
  try {
    return Object.fromEntries(await listed(store.entries()))
  } finally {
    await store.close()
  }
}

// A directory as an application's, in which the packages in `links` are: by name, a place or the code of one.
function application(test, links = {}) {
  const directory = temporary(test)
  const modules = path.join(directory, 'node_modules')
  fs.mkdirSync(modules)
  for (const [name, { at, code }] of Object.entries(links)) {
    if (at !== undefined) {
      fs.symlinkSync(at, path.join(modules, name))
      continue
    }
    fs.mkdirSync(path.join(modules, name))
    fs.writeFileSync(path.join(modules, name, 'index.js'), code)
  }
  return directory
}

// A package of this one's own, to be in an application's directory.
function own(name) {
  return { at: path.join(__dirname, '..', '..', 'node_modules', name) }
}

module.exports = { application, own, sessile, sessionsIn }
