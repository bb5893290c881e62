// Finds the addon, and says what to do where there is none.
'use strict'

const path = require('node:path')

const FILE = path.join(__dirname, '..', 'sessile.node')

function load() {
  try {
    return require(FILE)
  } catch (cause) {
    const error =
      cause.code === 'MODULE_NOT_FOUND'
        ? new Error(`sessile's addon ${FILE} is missing; run \`make build\` in its checkout`, { cause })
        : new Error(
            `sessile's addon ${FILE} could not be loaded on ${process.platform} ${process.arch} with Node ` +
              `${process.version} (${cause.message}); run \`make build\` in its checkout on this machine`,
            { cause }
          )
    error.code = 'ERR_SESSILE_ADDON'
    throw error
  }
}

module.exports = load()
