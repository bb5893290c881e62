// The package's front doors by require.
'use strict'

const { use } = require('./use.js')

async function main() {
  await use("require('sessile')", require('sessile').SessileStore, './sessions-1')
  await use("require('sessile/koa')", require('sessile/koa').SessileStore, './sessions-2')
  await use("require('sessile/fastify')", require('sessile/fastify').SessileStore, './sessions-3')
}

main()
