// The same names for an ES module, as an application imports them: by the package's name.

import { SessileError, SessileStore } from 'sessile'
import FastifyStore, { type SessileStore as NamedFastifyStore } from 'sessile/fastify'
import KoaStore, { type KoaSession, type SessileStore as NamedKoaStore } from 'sessile/koa'

const store: SessileStore = new SessileStore({ path: './sessions' })
const isOurs = (error: unknown): error is SessileError => error instanceof SessileError

const koaStore: NamedKoaStore = new KoaStore({ path: './sessions' })
const fastifyStore: NamedFastifyStore = new FastifyStore({ path: './sessions' })
const told: KoaSession[] = []
koaStore.on('destroyed', (sessions) => told.push(...sessions.map(({ session }) => session)))
fastifyStore.on('conflict', ({ keys }) => keys.join())

export { fastifyStore, isOurs, koaStore, store }
