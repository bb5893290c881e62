// The store for koa-session, against its own types: compiled, not run.

import session = require('koa-session')

import SessileKoaStore, { idGenerator, type KoaSession, SessileError, SessileStore } from '../../koa/index.js'

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

export { errors, promises }

session.createSession({ store, genid: idGenerator({ prefix: 'tenant.' }) }, { use() {} })
