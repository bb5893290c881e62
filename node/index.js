// The package's front door: everything a user may name, and nothing else.
'use strict'

const { SessileError } = require('./lib/errors.js')
const { SessileStore } = require('./lib/express-store.js')
const { idGenerator } = require('./lib/id-generator.js')

module.exports = { SessileStore, SessileError, idGenerator }
