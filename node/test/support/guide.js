// The code of docs/node.md, as an application that has copied it: its pieces are run as they stand there.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { start } = require('./child.js')
const { PACKAGE } = require('./installed.js')
const { temporary } = require('./store.js')

const page = fs.readFileSync(path.join(PACKAGE, '..', 'docs', 'node.md'), 'utf8')

// The pieces by the name of the file that their first line says.
const pieces = new Map()
for (const [, code] of page.matchAll(/^```(?:js|ts|ini)\n(.*?)^```$/gms)) {
  const name = /^(?:\/\/|#) (\S+)\n/.exec(code)?.[1]
  if (name !== undefined) pieces.set(path.basename(name), code)
}

// A directory with the pieces of these names, and all packages that they may need.
function application(t, ...names) {
  const directory = temporary(t)
  const modules = path.join(directory, 'node_modules')
  fs.mkdirSync(modules)
  for (const name of fs.readdirSync(path.join(PACKAGE, 'node_modules')))
    fs.symlinkSync(path.join(PACKAGE, 'node_modules', name), path.join(modules, name))
  fs.symlinkSync(PACKAGE, path.join(modules, 'sessile'))
  for (const name of names) {
    if (!pieces.has(name)) throw new Error(`docs/node.md has no piece that begins with '// ${name}'`)
    fs.writeFileSync(path.join(directory, name), pieces.get(name))
  }
  return directory
}

// What a piece runs after: it listens on a port of the loopback that the system picks, instead of its own, and says which.
const ON_ANY_PORT = `
  process.chdir(process.argv[1])
  const { Server } = require('node:net')
  const { listen } = Server.prototype
  Server.prototype.listen = function (_, ...rest) {
    this.once('listening', () => say('port ' + this.address().port + '.'))
    return listen.call(this, { port: 0, host: '127.0.0.1' }, ...rest)
  }
`

// Runs the piece of this name in its application's directory.
function runPiece(t, directory, name, after = '') {
  const code = `${ON_ANY_PORT}\nconst piece = require(process.argv[1] + '/${name}')\n${after}`
  return start(t, code, directory)
}

// Runs the piece of this name, which serves; resolves with its process and its origin.
async function servePiece(t, directory, name) {
  const child = runPiece(t, directory, name)
  await child.says('.\n')
  return { child, origin: `http://127.0.0.1:${/port (\d+)/.exec(child.output)[1]}` }
}

module.exports = { application, page, pieces, runPiece, servePiece }
