// The store for @fastify/session, against its own types: compiled, not run.

import fastifySession = require('@fastify/session')

import type { Session } from 'fastify'

import SessileFastifyStore, { SessileError, SessileStore } from '../../fastify/index.js'

declare module 'fastify' {
  interface Session {
    user: string
  }
}

const store: SessileStore = new SessileFastifyStore({
  path: './sessions',
  ttl: (data) => data.user.length,
})

// @fastify/session takes it for a store.
const options: fastifySession.FastifySessionOptions = { store, secret: 'a secret of 32 letters or more.' }
const base: fastifySession.SessionStore = store
base.get('id', (_error, _data) => {})

// @ts-expect-error There is no such option.
new SessileStore({ path: 'p', durabilty: 'fsync' })

class Audited extends SessileStore {
  audit(): void {}
}

async function promises(data: Session): Promise<void> {
  const opened: Audited = await Audited.open({ path: 'p' })
  opened.audit()
  const user: string | undefined = (await store.get('id'))?.user
  await store.set('id', data)
  await store.touch('id', data)
  await store.destroy(user ?? 'id')
  for await (const [id, each] of store.entries()) [id.length, each.user]
  await store.close()
}

function callbacks(data: Session, done?: () => void): void {
  store.get('id', (_error, found) => found?.cookie)
  store.set('id', data, done)
  store.destroy('id', done)
  store.all((_error, sessions) => sessions?.map((each) => each.id))
}

function errors(error: unknown): boolean {
  return error instanceof SessileError && error.code === 'ERR_SESSILE_CONFLICT'
}

export { callbacks, errors, options, promises }
