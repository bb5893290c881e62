#!/usr/bin/env node
// The command `sessile`.
'use strict'

const { nearest } = require('../lib/nearest.js')
const { unknown } = require('./arguments.js')
const { DONE, FAILED } = require('./exit-codes.js')
const { exportHelp, importHelp, overview } = require('./help.js')
const { Refusal } = require('./refusal.js')

const COMMANDS = {
  import: { load: () => require('./import.js'), help: importHelp },
  export: { load: () => require('./export.js'), help: exportHelp },
}

async function main([name, ...words]) {
  if (name === '--version') return print(`${require('../package.json').version}\n`)
  if (name === '--help' || name === '-h' || name === 'help') return print(overview())
  if (name === undefined) throw new Refusal(`a command is missing\n\n${overview()}`)
  if (!Object.hasOwn(COMMANDS, name)) {
    throw new Refusal(
      unknown(name.startsWith('-') ? 'option' : 'command', name, nearest(name, Object.keys(COMMANDS)))
    )
  }
  const command = COMMANDS[name]
  if (words.includes('--help') || words.includes('-h')) return print(command.help(command.load()))
  return command.load().run(words)
}

function print(text) {
  process.stdout.write(text)
  return DONE
}

function explain(error) {
  if (error instanceof Refusal) return `sessile: ${error.message}`
  if (error.code?.startsWith('ERR_SESSILE_')) return `sessile: ${error.message} (${error.code})`
  return `sessile: a defect in sessile, please report it\n${error.stack}`
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error) => {
    console.error(explain(error))
    process.exitCode = FAILED
  }
)
