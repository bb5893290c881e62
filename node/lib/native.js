// Loads the addon: the one that this checkout has built, or else the prebuilt one for this platform.
//
// There is nothing to fall back on: one that is there and does not load is an error, not a reason to try another.
'use strict'

const path = require('node:path')
const { addonIsMissing, addonDoesNotLoad } = require('./addon-errors.js')
const { platformName } = require('./platform.js')

const PACKAGE = path.join(__dirname, '..')
const BUILT_HERE = path.join(PACKAGE, 'sessile.node')
const PREBUILDS = path.join(PACKAGE, 'prebuilds')

function load() {
  const builtHere = loadIfThere(BUILT_HERE, 'run `make build-node` in its checkout on this machine')
  if (builtHere !== undefined) return builtHere
  const platform = platformName()
  const prebuilt = loadIfThere(
    path.join(PREBUILDS, platform, 'sessile.node'),
    'run `make package` in a checkout of sessile on a machine like this one, and install the package that it makes'
  )
  if (prebuilt !== undefined) return prebuilt
  throw addonIsMissing(platform, BUILT_HERE, PREBUILDS)
}

// `toBuildIt` is what to do to have one that fits. Node is asked for the file, not its file system, which Node's
// permission model would deny, other than the addon.
function loadIfThere(file, toBuildIt) {
  try {
    return require(file)
  } catch (cause) {
    if (cause.code === 'MODULE_NOT_FOUND') return undefined
    throw addonDoesNotLoad(file, cause, toBuildIt)
  }
}

module.exports = load()
