// What the package promises, checked against express-session's own types by test/types.

import { type SessionData, Store } from 'express-session'
import type {
  Callback,
  ResultCallback,
  SessileDamage,
  SessileEvents,
  SessileListener,
  StoreMethods,
  StoreOptions,
} from './common.js'

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
} from './common.js'

/** How to open a store. An unknown option, a wrong type or a value out of range throws. */
export interface SessileStoreOptions extends StoreOptions<SessionData> {
  /**
   * Whether `maxLifetime` counts on where express-session regenerates a session (`req.session.regenerate`, passport's
   * login): then the new session ends when the old one would have. Needs `maxLifetime`. Default: `false`.
   */
  keepLifetime?: boolean
}

/**
 * A session store for express-session that keeps sessions in a directory of this machine.
 *
 * Each method takes a callback, or returns a promise where there is none. Reads see a write from the moment
 * it was called, whatever the durability. A callback whose answer is at hand is called before the method
 * returns, but for those of `set` and `touch` where Express has a response to send: that is held until the session is
 * saved, and until the turn of the event loop ends. An open store does not keep the process alive; operations that are not finished do. Worker threads
 * that open the same path share one store.
 *
 * Events: `error` tells of a failure that no callback and no promise could report, such as one in the
 * background. Where nobody listens it is a process warning, once for each code. A save that fails at the end
 * of a response is none of these: express-session has a callback and hands the error to `next`, so that the
 * error middleware gets it, with `res.headersSent` set: the client has its response already. `warning` tells of
 * what is no failure: a clock that was moved, damage that cost nothing. `conflict` tells, with a
 * {@link SessileConflict}, of a save that another request stood in the way of. `expired` and `destroyed` tell of sessions
 * that are no more, in batches, each a list of at most 100 {@link SessileEndedSession}: at least once, as long as the
 * process lives, of each that ends while somebody listens, and of those that have expired while no process had the
 * store, if somebody listens within a second of its opening. While nobody listens they cost nothing. `clear` tells of
 * none.
 */
export declare class SessileStore extends Store {
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

  /** Reads a session; undefined where there is none, or it has expired. */
  get(id: string): Promise<SessionData | undefined>
  get(id: string, callback: ResultCallback<SessionData | null>): void

  /**
   * Keeps a session, until its `cookie.expires` or for `ttl`. An object that this store has read, or that
   * express-session has made of one, goes back to the session that was read: where others have changed that since,
   * the option `conflict` decides, and where it is gone nothing is kept. Any other object replaces what is there.
   * Fails where the id is empty, over 256 bytes of UTF-8 or not well-formed, or the session is no JSON.
   */
  set(id: string, session: SessionData): Promise<void>
  set(id: string, session: SessionData, callback: Callback | undefined): void

  /**
   * Moves a session's expiry, and keeps its cookie if that was changed. Creates nothing where there is no
   * such session.
   */
  touch(id: string, session: SessionData): Promise<void>
  touch(id: string, session: SessionData, callback: Callback | undefined): void

  /** Removes a session. That there is none is no error. */
  destroy(id: string): Promise<void>
  destroy(id: string, callback: Callback | undefined): void

  /**
   * Reads every living session into one array. Each has its `id`, not enumerable, unless there is an `id` among
   * its own data, which stays. For many sessions use `entries`.
   */
  all(): Promise<Array<SessionData & { readonly id: string }>>
  all(callback: ResultCallback<Array<SessionData & { readonly id: string }>>): void

  /** Removes every session. */
  clear(): Promise<void>
  clear(callback: Callback | undefined): void

  /** Counts the living sessions. */
  length(): Promise<number>
  length(callback: ResultCallback<number>): void

  // Each has typed listeners for the store's own events, and takes others as an EventEmitter does.
  on<Event extends keyof SessileEvents<SessionData>>(
    event: Event,
    listener: SessileListener<SessionData, Event>
  ): this
  on(event: string | symbol, listener: (...args: any[]) => void): this
  once<Event extends keyof SessileEvents<SessionData>>(
    event: Event,
    listener: SessileListener<SessionData, Event>
  ): this
  once(event: string | symbol, listener: (...args: any[]) => void): this
  addListener<Event extends keyof SessileEvents<SessionData>>(
    event: Event,
    listener: SessileListener<SessionData, Event>
  ): this
  addListener(event: string | symbol, listener: (...args: any[]) => void): this
  prependListener<Event extends keyof SessileEvents<SessionData>>(
    event: Event,
    listener: SessileListener<SessionData, Event>
  ): this
  prependListener(event: string | symbol, listener: (...args: any[]) => void): this
  prependOnceListener<Event extends keyof SessileEvents<SessionData>>(
    event: Event,
    listener: SessileListener<SessionData, Event>
  ): this
  prependOnceListener(event: string | symbol, listener: (...args: any[]) => void): this
}

export interface SessileStore extends StoreMethods<SessionData> {}
