// The store for @fastify/session, against its own types: compiled, not run.

import { deserialize, serialize } from 'node:v8'

import fastifySession = require('@fastify/session')

import type { Session } from 'fastify'

import SessileFastifyStore, {
  SessileError,
  type SessileSerializer,
  SessileStore,
} from '../../fastify/index.js'

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

function events(): void {
  store.on('error', (error) => error.code === 'ERR_SESSILE_DISK_FULL')
  store.once('warning', (warning) => warning.message)
  store.on(
    'conflict',
    ({ outcome, keys }) =>
      `${outcome satisfies 'dropped' | 'merged' | 'overwritten' | 'rejected'} ${keys.join()}`
  )
  store.addListener('expired', (sessions) =>
    sessions.map(({ session, created }) => [session.user, created.getTime()])
  )
  store.prependListener('destroyed', (sessions) => sessions[0]?.expires.getTime())
  store.prependOnceListener('conflict', (conflict) => conflict.id.length).on('expired', () => {})
  // What an EventEmitter takes, a store takes.
  store.on('mine', (one: number, other: string) => [one, other]).off('mine', () => {})
  const emitter: NodeJS.EventEmitter = store
  emitter.on('conflict', () => {})
  // @ts-expect-error It tells of a list.
  store.on('expired', (sessions) => sessions.session)
  // @ts-expect-error There is no such outcome.
  store.on('conflict', ({ outcome }) => outcome === 'lost')
}

function serializers(): void {
  new SessileStore({ path: 'p', serializer: JSON })
  new SessileStore({
    path: 'p',
    serializer: {
      stringify: (data) => serialize(data.user).toString('base64'),
      parse: (text) => deserialize(Buffer.from(text, 'base64')),
    },
  })
  // @ts-expect-error It makes texts.
  new SessileStore({ path: 'p', serializer: { stringify: (data) => serialize(data), parse: JSON.parse } })
  // @ts-expect-error It needs both.
  new SessileStore({ path: 'p', serializer: { stringify: JSON.stringify } })
  const serializer: SessileSerializer<Session> = JSON
  serializer.stringify
}

export { callbacks, errors, events, options, promises, serializers }
