// The package as a user has it, in a place of its own.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { platformName } = require('../../lib/platform.js')
const { temporary } = require('./store.js')

const PACKAGE = path.join(__dirname, '..', '..')
const ADDON = path.join(PACKAGE, 'sessile.node')
// Of what package.json lists, what only a package has that `make package` has made.
const ONLY_PACKED = ['prebuilds', 'LICENSE-APACHE', 'LICENSE-MIT', 'LICENSE-THIRD-PARTY']

// Installs it with its addon as a checkout has it, and returns its folder.
function install(test) {
  const directory = installWithoutAddon(test)
  fs.cpSync(ADDON, path.join(directory, 'sessile.node'))
  return directory
}

// The same with a prebuilt addon for this platform, whose bytes are `bytes`.
function installPrebuilt(test, bytes = fs.readFileSync(ADDON)) {
  const directory = installWithoutAddon(test)
  const folder = path.join(directory, 'prebuilds', platformName())
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, 'sessile.node'), bytes)
  return directory
}

function installWithoutAddon(test) {
  const directory = path.join(temporary(test), 'node_modules', 'sessile')
  const { files } = require('../../package.json')
  for (const file of ['package.json', ...files]) {
    if (file === 'sessile.node' || ONLY_PACKED.includes(file)) continue
    fs.cpSync(path.join(PACKAGE, file), path.join(directory, file), { recursive: true })
  }
  return directory
}

module.exports = { ADDON, PACKAGE, install, installPrebuilt, installWithoutAddon }
