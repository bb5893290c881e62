// The packages by which sessions are read from elsewhere. This package depends on none of them: they are the
// application's, in whose directory the tool is run.
'use strict'

const { createRequire } = require('node:module')
const path = require('node:path')
const { Refusal } = require('./refusal.js')

// The first of the packages `names` that is there and works, as { name, client }. `reader` is what needs it.
function loadClient(reader, names) {
  const directory = process.cwd()
  const requireThere = createRequire(path.join(directory, 'package.json'))
  const reasons = []
  for (const name of names) {
    try {
      return { name, client: requireThere(name) }
    } catch (error) {
      if (error.code === 'ERR_UNKNOWN_BUILTIN_MODULE')
        reasons.push(`${name} is not in Node ${process.version}`)
      else if (isMissing(error, name)) reasons.push(`${name} is not installed`)
      else reasons.push(`${name} does not work here (${firstLine(error)})`)
    }
  }
  throw new Refusal(
    `reading ${reader} needs ${names.join(' or ')}, and in ${directory} ${reasons.join(', ')}; run this in the ` +
      `application's directory, or \`npm install --no-save ${names[0]}\` there first`
  )
}

// What a package that is there lacks is missing by another name.
function isMissing(error, name) {
  return error.code === 'MODULE_NOT_FOUND' && error.message.includes(`'${name}'`)
}

function firstLine(error) {
  return String(error?.message ?? error).split('\n')[0]
}

module.exports = { firstLine, loadClient }
