// The same names for an ES module.

import FastifyStore, { type SessileStore as NamedFastifyStore } from '../../fastify/index.mjs'
import { SessileError, SessileStore } from '../../index.mjs'
import KoaStore, { type SessileStore as NamedKoaStore } from '../../koa/index.mjs'

const store: SessileStore = new SessileStore({ path: './sessions' })
const isOurs = (error: unknown): error is SessileError => error instanceof SessileError

const koaStore: NamedKoaStore = new KoaStore({ path: './sessions' })
const fastifyStore: NamedFastifyStore = new FastifyStore({ path: './sessions' })

export { fastifyStore, isOurs, koaStore, store }
