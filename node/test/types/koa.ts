// The store for koa-session, against its own types: compiled, not run.

import { deserialize, serialize } from 'node:v8'

import session = require('koa-session')

import SessileKoaStore, {
  idGenerator,
  type KoaSession,
  SessileError,
  type SessileSerializer,
  SessileStore,
} from '../../koa/index.js'

const store: SessileStore = new SessileKoaStore({
  path: './sessions',
  ttl: (data) => (data._session === true ? 3600 : 60),
})

// koa-session takes it for a store.
const options: session.CreateSessionOptions = { store, maxAge: 'session', rolling: true }
session.createSession(options, { use() {} })

// @ts-expect-error There is no such option.
new SessileStore({ path: 'p', durabilty: 'fsync' })

class Audited extends SessileStore {
  audit(): void {}
}

async function promises(ctx: object): Promise<void> {
  const opened: Audited = await Audited.open({ path: 'p' })
  opened.audit()
  const found: KoaSession | undefined = await store.get('key', 1000, { ctx, rolling: false })
  await store.set('key', { user: 'ada' }, found?._maxAge, { ctx, changed: true })
  await store.set('key', {}, 'session')
  await store.destroy('key', { ctx })
  await store.destroy('key')
  const keys: string[] = (await store.all()).map(({ id }) => id)
  keys.push()
  for await (const [key, each] of store.entries()) [key.length, each._expire]
  store.length((_error, count) => count?.toFixed())
  store.on('conflict', () => {})
  await store.close()
  // @ts-expect-error A maxAge is a number of milliseconds or 'session'.
  await store.set('key', {}, 'forever')
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
    sessions.map(({ session, created }) => [session._maxAge, created.getTime()])
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
      stringify: (data) => serialize(data._maxAge).toString('base64'),
      parse: (text) => deserialize(Buffer.from(text, 'base64')),
    },
  })
  // @ts-expect-error It makes texts.
  new SessileStore({ path: 'p', serializer: { stringify: (data) => serialize(data), parse: JSON.parse } })
  // @ts-expect-error It needs both.
  new SessileStore({ path: 'p', serializer: { stringify: JSON.stringify } })
  const serializer: SessileSerializer<KoaSession> = JSON
  serializer.stringify
}

session.createSession({ store, genid: idGenerator({ prefix: 'tenant.' }) }, { use() {} })

export { errors, events, promises, serializers }
