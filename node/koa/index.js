// The front door for koa-session: `require('sessile/koa')`.
'use strict'

const { SessileError } = require('../lib/errors.js')
const { idGenerator } = require('../lib/id-generator.js')
const { SessileStore } = require('./store.js')

// So that a default import that TypeScript has turned into a `require` is the store.
Object.defineProperty(exports, '__esModule', { value: true })
Object.assign(exports, { SessileStore, SessileError, idGenerator, default: SessileStore })
