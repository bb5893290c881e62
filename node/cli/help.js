// What `--help` prints.
'use strict'

const sources = require('./sources/index.js')

const WIDTH = 30

function overview() {
  return `Usage: sessile <command>

  import    bring the sessions of another store into one of sessile's
  export    write a store's sessions to the standard output, as lines of JSON

  sessile <command> --help tells more; sessile --version, which version this is.

Exit codes: 0, all was done; 1, some sessions could not be taken along, each of which was told of; 2, the command was
wrong, or failed before its end.
`
}

function importHelp({ OPTIONS }) {
  const kinds = [...sources.values()].map(
    ({ name, location, summary, options }) =>
      `  ${name} ${location}\n      ${summary}\n${listed(options, '      ')}`
  )
  return `Usage: sessile import <store> <where> --to <directory> [options]

Imports the sessions of another store, so that who is logged in stays logged in: the application keeps its secret and its
cookie's name. No process may have the store open meanwhile. Run it once, before the application is started on the store:
whoever has logged out since would be logged in again. Sessions are written as JSON, which the parse() of an option
serializer has to read as well.

Stores, where they are, and their own options:
${kinds.join('')}
Options:
${listed(OPTIONS, '  ')}`
}

function exportHelp() {
  return `Usage: sessile export <directory>

Writes the sessions of the store in <directory>, or of a backup of it, to the standard output: on each line
{ "id", "session", "expires" }. An id logs somebody in, so keep what it writes from others. No process may have the store
open meanwhile. A session that a serializer of the application's own has kept is told of and counted as failed: only the
application can read it.
`
}

function listed(options, indent) {
  return Object.entries(options)
    .map(([name, { value, help }]) => {
      const usage = value === undefined ? `--${name}` : `--${name} ${value}`
      return `${indent}${usage.padEnd(WIDTH - indent.length)}${help}\n`
    })
    .join('')
}

module.exports = { overview, importHelp, exportHelp }
