// The same names for a CommonJS module, as an application requires them: by the package's name.

import sessile = require('sessile')
import fastify = require('sessile/fastify')
import koa = require('sessile/koa')

const store: sessile.SessileStore = new sessile.SessileStore({ path: './sessions' })
const koaStore: koa.SessileStore = new koa.default({ path: './sessions' })
const fastifyStore: fastify.SessileStore = new fastify.default({ path: './sessions' })
const isOurs = (error: unknown): boolean => error instanceof koa.SessileError
store.on('conflict', ({ keys }) => keys.join())
koaStore.on('expired', (sessions) => sessions.map(({ session }) => session._expire))

export = { fastifyStore, isOurs, koaStore, store }
