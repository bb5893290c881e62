// What the stores for all frameworks promise alike. It names no framework, so that none has to be installed.

/** When a write is acknowledged, and so what it has survived once its callback is called. */
export type Durability = 'fsync' | 'write' | 'async'

/**
 * A serializer of the application's own, for what JSON cannot hold, or to encipher sessions. `JSON` itself is one. Both
 * are called as methods, and answer at once: a promise is an error.
 */
export interface SessileSerializer<Session> {
  /**
   * The text that is stored, well-formed Unicode. The session is a plain object, and the cookie in it as JSON has it.
   * What this throws fails the save with `ERR_SESSILE_UNSERIALIZABLE`, and is the error's `cause`.
   */
  stringify(session: Session): string
  /**
   * A new object each time, with what `stringify` was given. What this throws fails the read with
   * `ERR_SESSILE_UNREADABLE`, and is the error's `cause`.
   */
  parse(text: string): Session
}

/** How to open a store. An unknown option, a wrong type or a value out of range throws. */
export interface StoreOptions<Session> {
  /**
   * The directory that holds the sessions. Created if it is missing; its parent has to exist. A relative
   * path is relative to the process's directory when the store is made. Required.
   */
  path: string

  /**
   * How long a session lives that does not say itself when it expires, in seconds; or a function of the session
   * that returns it. Such a session is one whose cookie has no `expires` (no `maxAge`), or koa-session's with the
   * `maxAge` of `'session'`. From 0.001 to 3,153,600,000 (a hundred years). Belongs to this store object,
   * not to the directory. Default: 86400, one day.
   */
  ttl?: number | ((session: Session) => number)

  /**
   * When `set`, `destroy` and `clear` are acknowledged:
   * - `'fsync'`: on the disk; survives process kill, kernel crash and power loss;
   * - `'write'`: with the kernel, on the disk within a second; survives process kill;
   * - `'async'`: at once, or with the kernel while the disk falls behind, which has it within 10 ms; survives an exit
   *   of the process, and loses at most the last 10 ms when it is killed.
   *
   * A `touch` that moves expiry later is acknowledged at once under each. Default: `'fsync'`.
   *
   * In a listener for the process's `exit`, `get`, `set`, `touch`, `destroy` and `clear` are answered within the
   * call under each: what is acknowledged there is on the disk.
   */
  durability?: Durability

  /**
   * What makes texts of sessions and sessions of texts; see {@link SessileSerializer}. Belongs to this store object, not
   * to the directory: what is kept there already is handed to its `parse`, too. Default: JSON.
   */
  serializer?: SessileSerializer<Session>

  /**
   * Whose a session is: a function of the session, or the path of a key in it, such as `'passport.user'`. A string or a
   * number, which is the same; `undefined`, `null` and `''` are nobody. It is asked with every `set`, and a session that
   * nobody owns is found by nobody's name. At most 256 bytes of UTF-8. With it there are `sessionsOf`, `countOf` and
   * `destroyAllOf`. By default nobody owns a session.
   */
  owner?: string | ((session: Session) => string | number | bigint | null | undefined)

  /**
   * How many sessions an owner may have. A `set` that gives an owner one more ends those that came into being first, never
   * its own, and is acknowledged when they are gone. From 1 to 1,000,000; needs `owner`. By default there is no limit.
   */
  maxPerOwner?: number

  /**
   * How long a session lives at most, however often it is used, in seconds from its first `set`; beside `ttl` and
   * `cookie.maxAge`, which count from its last use. No `set` and no `touch` passes it; a session that express-session
   * regenerates begins anew, since it is another (but see its store's `keepLifetime`). From 0.001 to 3,153,600,000. By
   * default there is no such limit.
   */
  maxLifetime?: number

  /**
   * What becomes of a session that another request has changed since this one read it, when this one saves it:
   * - `'merge'`: both keep what they have changed of its top-level keys, deletions included; of a key that both have
   *   changed the later save has it, unless both have added it and one has an empty object or array there;
   * - `'overwrite'`: the later save has all of it, as with other stores;
   * - `'reject'`: the later save fails with `ERR_SESSILE_CONFLICT`.
   *
   * The event `conflict` tells of it where something of another's is overwritten or refused. Under each, a session that
   * was destroyed, was cleared, or has expired since it was read is not brought back: such a save does nothing, is
   * acknowledged, and is told of by the event. Default: `'merge'`.
   */
  conflict?: 'merge' | 'overwrite' | 'reject'

  /** Memory for sessions that are unchanged on disk, in bytes; 0 keeps none. Default: 64 MiB. */
  cacheBytes?: number

  /**
   * Memory for changes that are not in the base yet, in bytes, above which acknowledgements are delayed; at
   * twice as much, or when more than an eighth of `logBytesMax` waits to be written to the log, a `set` fails
   * with `ERR_SESSILE_OVERLOADED`. At least 1 MiB. Default: 64 MiB.
   */
  dirtyBytes?: number

  /** Memory for the pages of the base, in bytes. At least 1 MiB. Default: 4 MiB. */
  baseCacheBytes?: number

  /**
   * The bound of the log on disk, in bytes, which also bounds the time to open after a crash. From 4 MiB to
   * 64 GiB, and at least four times `payloadBytesMax`. Default: 64 MiB.
   */
  logBytesMax?: number

  /**
   * The largest session, in bytes of its JSON, or of its serializer's text; a larger one fails with `ERR_SESSILE_VALUE_TOO_LARGE`. From 1 byte
   * to 16 MiB. Default: 16 MiB.
   */
  payloadBytesMax?: number

  /**
   * How long a change stays in the log alone before a checkpoint moves it into the base, in seconds. From
   * 0.1 to 86400. Default: 60.
   */
  checkpointInterval?: number

  /**
   * By how much touches may move a session's expiry before that is written to the log, in seconds, so that a session in
   * constant use costs the disk next to nothing; 0 writes each. In memory the expiry is exact, and a checkpoint takes it
   * along, of which there is one when the store closes; an end without `close` before that leaves it earlier by less
   * than this. Never more than half of the time that is left. From 0 to 86400. Default: a hundredth of the time that is
   * left, and at most a minute.
   */
  touchAfter?: number

  /**
   * How long after one another the passes begin in which all of the base is verified in the background, in
   * seconds; 0 never does. The first comes after ten minutes at the latest; damage that is found is an `error`
   * event. 0, or from 1 to 8640000. Default: 86400, a day.
   */
  scrubInterval?: number

  /** How much of the base such a pass reads at most, in bytes per second. From 65536 to 1 GiB. Default: 8 MiB. */
  scrubBytesPerSecond?: number

  /**
   * How long to wait for another process to let go of the store, in seconds; 0 does not wait. Belongs to
   * this store object. From 0 to 86400. Default: 5.
   */
  openTimeout?: number
}

/** What a store has counted since it was opened, and some figures of now. */
export interface SessileStats {
  /** Reads answered from memory. */
  hits: number
  /** Reads that had to look into the base. */
  misses: number
  /** `set` operations accepted. */
  sets: number
  /** `touch` operations accepted. */
  touches: number
  /** `destroy` operations accepted. */
  destroys: number
  /** Batches written to the log. */
  batches: number
  /** Operations in those batches. */
  batchOperations: number
  /** The largest number of operations in one batch. */
  batchOperationsMax: number
  /** Bytes written to the log. */
  logBytesWritten: number
  /** Syncs of the log. */
  syncs: number
  /** Time spent in those syncs, in microseconds. */
  syncMicros: number
  /** The longest of those syncs, in microseconds. */
  syncMicrosMax: number
  /** Checkpoints finished. */
  checkpoints: number
  /** Sessions those checkpoints moved into the base. */
  checkpointSessions: number
  /** Time spent in checkpoints, in microseconds. */
  checkpointMicros: number
  /** Checkpoints that failed and are tried again. */
  checkpointFailures: number
  /** Expired sessions removed by the reaper. */
  reaped: number
  /** How long after its expiry the session removed last was removed, in milliseconds. */
  reapLagMillis: number
  /** Unchanged sessions dropped from memory to stay within `cacheBytes`. */
  evictions: number
  /** Acknowledgements held back because the log or the changed sessions filled up. */
  delayedBatches: number
  /** Bytes of memory for unchanged sessions, now. */
  cacheBytes: number
  /** Bytes of memory for changes that are not in the base yet, now. */
  dirtyBytes: number
  /** Bytes of the log on disk, now. */
  logBytes: number
  /** Bytes of the log that no checkpoint has covered yet, now. */
  logBytesUsed: number
  /** Bytes of the base's file, now. */
  baseBytes: number
  /** Sessions in the base as of the last checkpoint, expired ones that are not removed yet included. */
  baseSessions: number
  /** Passes of the background scrub that ended. */
  scrubPasses: number
  /** Bytes of the base's file that the scrub verified. */
  scrubBytes: number
  /** Damaged places that the last pass of the scrub found. */
  scrubDamaged: number
  /** Figures that a later version may add. */
  [figure: string]: number
}

/** A part of a store that is damaged, or that a salvage could not save. */
export interface SessileDamage {
  /** The file it is in. */
  file: string
  /** Where in the file, in bytes; 0 where the place is not known. */
  offset: number
  /** The session that cannot be read for it; null where that is not one session. */
  id: string | null
  /** What was found. */
  reason: string
}

/** What a check went through and found. */
export interface SessileCheckReport {
  /** Sessions read from the base. */
  sessions: number
  /** Bytes of the base's file that were verified. */
  baseBytes: number
  /** Bytes of the log that were verified. */
  logBytes: number
  /** All damage that was found; empty: the store is sound. */
  damage: SessileDamage[]
}

/** A session of an owner. */
export interface SessileOwnedSession<Session> {
  /** It logs somebody in: show it to nobody, and compare it with `request.sessionID` to tell a user's own. */
  id: string
  /** The session, with what the application keeps in it. */
  session: Session
  /** When it came into being. */
  created: Date
  /**
   * When it was last used, as its expiry tells: that less its own maxAge, or the `ttl`. Null where
   * `maxLifetime` has cut the expiry short.
   */
  lastSeen: Date | null
  /** When it expires. */
  expires: Date
}

/** Two requests that have changed the same session, as the event `conflict` tells. */
export interface SessileConflict {
  /** The session. It logs somebody in: not for logs. */
  id: string
  /**
   * - `'dropped'`: the session was destroyed, was cleared, or has expired since it was read; nothing was saved;
   * - `'merged'`, `'overwritten'`: what another had changed in `keys` was replaced by what this request has there;
   * - `'rejected'`: nothing was saved, and the save has failed with `ERR_SESSILE_CONFLICT`.
   */
  outcome: 'dropped' | 'merged' | 'overwritten' | 'rejected'
  /** The top-level keys that both have changed, each to something else. */
  keys: string[]
}

/** A session that is no more, as the events `expired` and `destroyed` tell of it. */
export interface SessileEndedSession<Session> {
  /** The id it had. */
  id: string
  /** Its last content. */
  session: Session
  /** When it came into being. */
  created: Date
  /** When it expired, or would have. */
  expires: Date
}

/**
 * A function that returns a new id, which cannot be guessed, each time it is called, so that a session which is regenerated
 * never keeps its id: for the option `genid` of express-session and koa-session, or `idGenerator` of @fastify/session.
 * `prefix` is what ids begin with, such as a tenant's name, or a function that returns it of what the framework passes on: a
 * request, or koa-session's context. Browsers have it in their cookie: it is no place for secrets. At most 224 letters and
 * digits of ASCII and `- _ . ~ ! *`, which every framework brings through a cookie; another prefix throws.
 */
export function idGenerator<Request = any>(options?: {
  prefix?: string | ((request: Request) => string)
}): (request?: Request) => string

/** What the events of a store tell. */
export interface SessileEvents<Session> {
  /** A failure that no callback and no promise could report. */
  error: [error: Error & { readonly code: SessileErrorCode }]
  /** What is no failure, such as a clock that was moved. */
  warning: [warning: SessileError]
  /** A save that another request stood in the way of. */
  conflict: [conflict: SessileConflict]
  /** Sessions that have expired, at most 100. */
  expired: [sessions: SessileEndedSession<Session>[]]
  /** Sessions that were destroyed, at most 100. */
  destroyed: [sessions: SessileEndedSession<Session>[]]
}

/** Listens to an event of a store. */
export type SessileListener<Session, Event extends keyof SessileEvents<Session>> = (
  ...told: SessileEvents<Session>[Event]
) => void

/** The codes of a {@link SessileError}, and of the `TypeError`s and `RangeError`s for wrong arguments. */
export type SessileErrorCode =
  /** An argument is not what the operation takes. */
  | 'ERR_SESSILE_INVALID_ARGUMENT'
  /** An option is unknown, of the wrong type, or out of range. */
  | 'ERR_SESSILE_INVALID_OPTION'
  /** The id is empty, over 256 bytes, or not well-formed Unicode. */
  | 'ERR_SESSILE_INVALID_ID'
  /** The session is over `payloadBytesMax`. */
  | 'ERR_SESSILE_VALUE_TOO_LARGE'
  /** Another process has the store. */
  | 'ERR_SESSILE_LOCKED'
  /** The store is open in this process with other options. */
  | 'ERR_SESSILE_OPTIONS_CONFLICT'
  /** What is on disk is not what was written there. */
  | 'ERR_SESSILE_CORRUPTED'
  /** A newer version wrote the store. */
  | 'ERR_SESSILE_UNSUPPORTED_FORMAT'
  /** Writing the log failed: open the store again. The outcome of writes in flight is unknown. */
  | 'ERR_SESSILE_POISONED'
  /** No room on the disk; heals when there is some. */
  | 'ERR_SESSILE_DISK_FULL'
  /** More changes than the disk takes; try again later. */
  | 'ERR_SESSILE_OVERLOADED'
  /** Another request has changed the session since this one read it, and the option `conflict` is `'reject'`. */
  | 'ERR_SESSILE_CONFLICT'
  /** The session is gone that was read. No caller is told: such a save is acknowledged, and an event `conflict`. */
  | 'ERR_SESSILE_GONE'
  /** The store was closed. */
  | 'ERR_SESSILE_CLOSED'
  /** The store was opened before a fork. */
  | 'ERR_SESSILE_FORKED'
  /** The path leads to something that is not a directory. */
  | 'ERR_SESSILE_NOT_A_DIRECTORY'
  /** The operating system refused something; it is the error's `cause`. */
  | 'ERR_SESSILE_IO'
  /** A defect in sessile: please report it. */
  | 'ERR_SESSILE_INTERNAL'
  /** The session cannot be turned into JSON, or into text by the option `serializer`. */
  | 'ERR_SESSILE_UNSERIALIZABLE'
  /** The session is not JSON, or not what the option `serializer` reads: something else wrote it. */
  | 'ERR_SESSILE_UNREADABLE'
  /** A warning: the machine's clock was moved. */
  | 'ERR_SESSILE_CLOCK_JUMPED'
  /** A warning: a part of the log that was not needed is damaged; nothing is lost. */
  | 'ERR_SESSILE_LOG_DAMAGED'
  /** There is no addon for this platform, or it cannot be loaded: what loading the package fails with. */
  | 'ERR_SESSILE_ADDON'

/** A failed operation: what happened, to what, and what to do about it. */
export declare class SessileError extends Error {
  private constructor()
  readonly name: 'SessileError'
  /** Never `ENOENT`, which express-session would take for "no such session". */
  readonly code: SessileErrorCode
  /** What the operating system or the session's own code said, where there is such a thing. */
  readonly cause?: unknown
}

/** Called once. */
export type Callback = (error?: any) => void
/** Called once, with null and the result or with an error. */
export type ResultCallback<Result> = (error: any, result?: Result) => void

/** What express-session's own type has in another form. Without a callback each method returns a promise. */
export interface WholeMethods<Session> {
  /**
   * Reads every living session into one array. Each has its `id`, not enumerable, unless there is an `id` among
   * its own data, which stays. For many sessions use `entries`.
   */
  all(): Promise<Array<Session & { readonly id: string }>>
  all(callback: ResultCallback<Array<Session & { readonly id: string }>>): void

  /** Removes every session. */
  clear(): Promise<void>
  clear(callback: Callback | undefined): void

  /** Counts the living sessions. */
  length(): Promise<number>
  length(callback: ResultCallback<number>): void
}

/** What the stores for all frameworks can do. Without a callback each method returns a promise. */
export interface StoreMethods<Session> {
  /**
   * Reads the living sessions of an owner, the oldest first, as of the call: a `set` or `destroy` that was called before
   * counts. Takes as long as reading those sessions does, however many there are of others. Throws at once where the
   * owner is none.
   */
  sessionsOf(owner: string | number | bigint): Promise<SessileOwnedSession<Session>[]>
  sessionsOf(owner: string | number | bigint, callback: ResultCallback<SessileOwnedSession<Session>[]>): void

  /** Counts the living sessions of an owner. */
  countOf(owner: string | number | bigint): Promise<number>
  countOf(owner: string | number | bigint, callback: ResultCallback<number>): void

  /**
   * Removes the sessions of an owner, but for that whose id is `except`, and says how many that were: "log out
   * everywhere", or everywhere else. Those that there are at the moment of the call; a request that had loaded one does
   * not bring it back.
   */
  destroyAllOf(owner: string | number | bigint, options?: { except?: string }): Promise<number>
  destroyAllOf(owner: string | number | bigint, callback: ResultCallback<number>): void
  destroyAllOf(
    owner: string | number | bigint,
    options: { except?: string },
    callback: ResultCallback<number>
  ): void

  /** Walks through the ids of the living sessions, a page at a time. */
  ids(): AsyncGenerator<string, void, void>

  /**
   * Walks through the living sessions, a page at a time. One that is not JSON ends the walk with
   * `ERR_SESSILE_UNREADABLE`, and the error's `sessionId` says which.
   */
  entries(): AsyncGenerator<[id: string, session: Session], void, void>

  /** Makes every write called so far durable and moves it into the base. */
  flush(): Promise<void>
  flush(callback: Callback): void

  /** Removes what has expired from the disk now, and says how many that were. They cannot be read anyway. */
  reap(): Promise<number>
  reap(callback: ResultCallback<number>): void

  /** The store's figures. */
  stats(): Promise<SessileStats>
  stats(callback: ResultCallback<SessileStats>): void

  /**
   * Verifies everything the store has on the disk, and lists all damage it finds. Takes as long as reading all of
   * it; other operations go on meanwhile.
   */
  check(): Promise<SessileCheckReport>
  check(callback: ResultCallback<SessileCheckReport>): void

  /**
   * Copies the store, with everything acknowledged so far, into `directory`, which must not exist. Throws at
   * once where `directory` is no string or empty.
   */
  backup(directory: string): Promise<void>
  backup(directory: string, callback: Callback): void

  /**
   * Closes the store once its pending operations are done; those that wait for another process to let go of
   * it fail at once with `ERR_SESSILE_LOCKED`. Every later operation fails with `ERR_SESSILE_CLOSED`; closing
   * again is no error.
   */
  close(): Promise<void>
  close(callback: Callback): void
}
