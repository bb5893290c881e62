// What the package promises for koa-session, checked against its own types by test/types.

import { EventEmitter } from 'node:events'
import type {
  SessileDamage,
  SessileEvents,
  SessileListener,
  StoreMethods,
  StoreOptions,
  WholeMethods,
} from '../common.js'

export {
  type Callback,
  type Durability,
  idGenerator,
  type ResultCallback,
  type SessileCheckReport,
  type SessileConflict,
  type SessileDamage,
  type SessileEndedSession,
  SessileError,
  type SessileErrorCode,
  type SessileEvents,
  type SessileListener,
  type SessileOwnedSession,
  type SessileSerializer,
  type SessileStats,
} from '../common.js'

/** A session as koa-session keeps it: the application's data, and when it expires. */
export interface KoaSession {
  /** When the session expires, in milliseconds since 1970. */
  _expire?: number
  /** How long it lasts from its last save on, in milliseconds. */
  _maxAge?: number
  /** Set where it ends with the browser, and there is neither `_expire` nor `_maxAge`. */
  _session?: boolean
  [key: string]: any
}

/** What koa-session tells with each call. */
export interface KoaSessionContext {
  /** The context of the request on whose behalf the call is. */
  ctx?: any
  /** The option of koa-session; not read. */
  rolling?: boolean
  /** Whether koa-session has seen a change; not read, since a save that was asked for does not tell. */
  changed?: boolean
}

/** How to open a store. An unknown option, a wrong type or a value out of range throws. */
export interface SessileStoreOptions extends StoreOptions<KoaSession> {}

/**
 * A session store for koa-session that keeps sessions in a directory of this machine.
 *
 * Reads see a write from the moment it was called, whatever the durability. A request waits for its writes before it
 * is answered, and one that fails is the request's error.
 * An open store does not keep the process alive; operations that are not finished do. Worker threads that open the
 * same path share one store.
 *
 * Events: `error` tells of a failure that no promise could report, such as one in the background. Where nobody
 * listens it is a process warning, once for each code. `warning` tells of what is no failure: a clock that was moved,
 * damage that cost nothing. `conflict` tells, with a `SessileConflict`, of a save that another request stood in
 * the way of. `expired` and `destroyed` tell, in lists of at most 100 `SessileEndedSession`, of sessions that are no
 * more: at least once of each that ends while somebody listens; while nobody does they cost nothing.
 */
export declare class SessileStore extends EventEmitter {
  /**
   * Opens the store at once, and throws what can be known at once: wrong options, a path that cannot be
   * used, damage, a newer format. While another process has the store, operations wait up to `openTimeout`
   * and then fail with `ERR_SESSILE_LOCKED`; the next operation tries again, whatever the failure was. As
   * long as no operation waits, the process can end.
   */
  constructor(options: SessileStoreOptions)

  /** Opens a store without blocking the event loop. Resolves when it is usable. */
  static open<This extends new (options: SessileStoreOptions) => SessileStore>(
    this: This,
    options: SessileStoreOptions
  ): Promise<InstanceType<This>>

  /**
   * Opens a damaged store with what is left of it. Resolves with the store and a list of what could not be saved,
   * empty if nothing was damaged. Copy the directory first: damaged records are removed, damaged parts of the log
   * stepped over, and a damaged base is set aside as `base.redb.damaged`. Sessions may come back as they were
   * earlier, and destroyed ones may come back.
   */
  static salvage<This extends new (options: SessileStoreOptions) => SessileStore>(
    this: This,
    options: SessileStoreOptions
  ): Promise<{ store: InstanceType<This>; dropped: SessileDamage[] }>

  /**
   * Reads a session; undefined where there is none, or it has expired. The request whose context is given as `ctx` goes
   * on from it when it saves under this key. `maxAge` is not read.
   */
  get(key: string, maxAge?: number | 'session', options?: KoaSessionContext): Promise<KoaSession | undefined>

  /**
   * Keeps a session until ten seconds after its `_expire`, as koa-session does; without `_expire` for `maxAge`
   * milliseconds, and with `'session'` or none for `ttl`.
   *
   * What a request (`ctx`) saves under a key that it has read, or has saved before, goes back to that session: where
   * others have changed that since, the option `conflict` decides, and where it is gone nothing is kept. If the request
   * itself has changed nothing, only the expiry moves. Without a `ctx` the same holds for an object that `get` gave; any
   * other replaces what is there.
   *
   * Fails where the key is empty, over 256 bytes of UTF-8 or not well-formed, the session is no JSON, or `maxAge` is
   * neither a finite number nor `'session'`.
   */
  set(key: string, session: object, maxAge?: number | 'session', options?: KoaSessionContext): Promise<void>

  /** Removes a session. That there is none is no error. What `ctx` saves under the key after that is another session. */
  destroy(key: string, options?: KoaSessionContext): Promise<void>

  // Each has typed listeners for the store's own events, and takes others as an EventEmitter does.
  on<Event extends keyof SessileEvents<KoaSession>>(
    event: Event,
    listener: SessileListener<KoaSession, Event>
  ): this
  on(event: string | symbol, listener: (...args: any[]) => void): this
  once<Event extends keyof SessileEvents<KoaSession>>(
    event: Event,
    listener: SessileListener<KoaSession, Event>
  ): this
  once(event: string | symbol, listener: (...args: any[]) => void): this
  addListener<Event extends keyof SessileEvents<KoaSession>>(
    event: Event,
    listener: SessileListener<KoaSession, Event>
  ): this
  addListener(event: string | symbol, listener: (...args: any[]) => void): this
  prependListener<Event extends keyof SessileEvents<KoaSession>>(
    event: Event,
    listener: SessileListener<KoaSession, Event>
  ): this
  prependListener(event: string | symbol, listener: (...args: any[]) => void): this
  prependOnceListener<Event extends keyof SessileEvents<KoaSession>>(
    event: Event,
    listener: SessileListener<KoaSession, Event>
  ): this
  prependOnceListener(event: string | symbol, listener: (...args: any[]) => void): this
}

export interface SessileStore extends StoreMethods<KoaSession>, WholeMethods<KoaSession> {}

export default SessileStore
