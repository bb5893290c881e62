// The declarations say what the store does: compiled, not run. Each error expected here is a promise.

import { deserialize, serialize } from 'node:v8'

import session = require('express-session')

import {
  idGenerator,
  SessileError,
  type SessileSerializer,
  SessileStore,
  type SessileStoreOptions,
} from '../../index.js'

const options: SessileStoreOptions = { path: './sessions', ttl: 3600, durability: 'write', cacheBytes: 0 }
const store = new SessileStore(options)

// express-session takes it for a store.
session({ store, secret: 'secret', resave: false, saveUninitialized: false })
const base: session.Store = store
base.get('id', (_error, _data) => {})

new SessileStore({ path: 'p', ttl: (data) => (data.cookie.originalMaxAge ?? 0) / 1000 })
// @ts-expect-error The path is required.
new SessileStore({})
// @ts-expect-error There is no such option.
new SessileStore({ path: 'p', durabilty: 'fsync' })
// @ts-expect-error There is no such durability.
new SessileStore({ path: 'p', durability: 'sometimes' })

class Audited extends SessileStore {
  audit(): void {}
}

async function promises(data: session.SessionData): Promise<void> {
  const opened: Audited = await Audited.open({ path: 'p' })
  opened.audit()
  const found: session.SessionData | undefined = await store.get('id')
  found?.cookie.expires
  await store.set('id', data)
  await store.touch('id', data)
  await store.destroy('id')
  const ids: string[] = (await store.all()).map(({ id }) => id)
  ids.push()
  for await (const id of store.ids()) id.toUpperCase()
  for await (const [id, each] of store.entries()) [id.length, each.cookie]
  const count: number = (await store.length()) + (await store.reap()) + (await store.stats()).hits
  count.toFixed()
  await store.flush()
  await store.backup('elsewhere')
  const places: number[] = (await store.check()).damage.map(({ offset }) => offset)
  const salvaged = await SessileStore.salvage({
    path: 'sessions',
    scrubInterval: 0,
    scrubBytesPerSecond: 65536,
  })
  places.push(salvaged.dropped.length, (await salvaged.store.stats()).scrubDamaged)
  await store.clear()
  await store.close()
}

function callbacks(data: session.SessionData, done?: () => void): void {
  store.get('id', (_error, found) => found?.cookie)
  store.set('id', data, done)
  store.touch('id', data, done)
  store.destroy('id', done)
  store.all((_error, sessions) => sessions?.map((each) => each.id))
  store.length((_error, count) => count?.toFixed())
  store.stats((_error, stats) => stats?.syncMicrosMax.toFixed())
  store.check((_error, report) => report?.damage[0]?.id?.length)
  store.close((error) => error)
  // @ts-expect-error A callback is a function.
  store.get('id', 7)
}

function errors(error: unknown): boolean {
  return error instanceof SessileError && error.code === 'ERR_SESSILE_LOCKED' && error.cause === undefined
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
    sessions.map(({ session, created }) => [session.cookie, created.getTime()])
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
      stringify: (data) => serialize(data.cookie).toString('base64'),
      parse: (text) => deserialize(Buffer.from(text, 'base64')),
    },
  })
  // @ts-expect-error It makes texts.
  new SessileStore({ path: 'p', serializer: { stringify: (data) => serialize(data), parse: JSON.parse } })
  // @ts-expect-error It has to answer at once.
  const late: SessileSerializer<session.SessionData>['parse'] = async (text) => JSON.parse(text)
  late('{}')
  // @ts-expect-error It needs both.
  new SessileStore({ path: 'p', serializer: { stringify: JSON.stringify } })
  const serializer: SessileSerializer<session.SessionData> = JSON
  serializer.stringify
}

function ids(): void {
  session({ store, genid: idGenerator(), secret: 's', resave: false, saveUninitialized: false })
  const ofTenant: (request?: { hostname: string }) => string = idGenerator({
    prefix: (request: { hostname: string }) => request.hostname,
  })
  ofTenant({ hostname: 'localhost' })
  // @ts-expect-error A prefix is a string, or a function that returns one.
  idGenerator({ prefix: 7 })
}

export { callbacks, errors, events, ids, promises, serializers }
