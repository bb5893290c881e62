/*
 * sessile: an embedded, crash-safe session store.
 *
 *   sessile_options *options = sessile_options_new("./sessions");
 *   sessile_store *store;
 *   sessile_error *error;
 *   if (sessile_store_open(options, &store, &error) != SESSILE_STATUS_OK) {
 *     fprintf(stderr, "%s\n", sessile_error_message(error));
 *     sessile_error_free(error);
 *   }
 *   sessile_options_free(options);
 *
 * CAVEATS, before anything else
 *
 * One process at a time has a store. Another one that opens it waits for `open_timeout_ms`, then gets
 * SESSILE_STATUS_LOCKED. Within a process all who open the same directory share one store. The lock ends with the
 * process, however it ends.
 *
 * Local disks only. Not on NFS or SMB, nor on what a container or a virtual machine mounts over them.
 *
 * Fork. The store's threads are not in a forked child: there every call on a handle from before returns
 * SESSILE_STATUS_FORKED, and freeing it does nothing to the parent's store. If the parent ends without closing the
 * store, a child that did not exec holds the lock until it ends as well. Do not fork while another thread is opening or
 * closing a store that the child is to open: its attempt may never return. Best open stores after forking.
 *
 * Signals. No function may be called from a signal handler. Handle a signal by telling a thread, which closes the
 * store. The store's threads have the signal mask of the thread that opens it: a program that waits for signals in one
 * thread (sigwait, signalfd) blocks them before it opens, or they may end the process in a thread of the store's.
 *
 * Close before the process ends. Returning from main, exit and _exit are to an open store what a kill is: it loses
 * nothing that was acknowledged as durable, which with SESSILE_DURABILITY_ASYNC is not the last 10 ms.
 *
 * Do not unload the library (dlclose) while a store is open: its threads run in it.
 *
 * Payloads are on the disk as they were given, not encrypted, and may stay there for a while after `destroy`.
 *
 * CONVENTIONS
 *
 * Status. Functions that can fail return a sessile_status; zero is success. A session that is not there is no failure:
 * a function that looks for one gives NULL. After a failure, sessile_store_last_error has the sentence for a log.
 *
 * Arguments come before outputs. Outputs end in `_out`; they are set to NULL or zero before anything else happens, so
 * that after a failure they never hold something old. Those of one call are different places, and no arguments of the
 * same call. A NULL where something is needed, a number that is none of an
 * enum's, a text that is not UTF-8: SESSILE_STATUS_INVALID_ARGUMENT, never a crash. Enums are passed as plain integers.
 *
 * Pointers. What is not NULL has to point to what is asked for: to a handle that this library gave and that was not
 * freed, to writable places for outputs, which may hold anything before, to as many readable bytes as `len` says. That
 * is all that cannot be checked.
 *
 * Ownership. Handles are the caller's, from the call that gives them to the `_free` or `_close` of their type, which
 * takes NULL. What is lent instead says for how long. Arguments are only read during the call, and copied where they
 * have to last. Nothing from this library is to be given to free().
 *
 * Units end the names: `_ms` are milliseconds (points in time since 1970-01-01T00:00:00Z), `_bytes` and `len` are
 * bytes.
 *
 * Panics. A defect inside the library becomes SESSILE_STATUS_PANIC, and never unwinds into the caller. A report of it
 * goes to stderr.
 *
 * THREADS
 *
 * Any number of threads may call functions on a handle that they take as `const` at the same time, and all functions
 * that take none. A handle that is taken without `const` is for one thread during the call: sessile_options while they
 * are set up, and whatever is freed. Callbacks run on a thread of the store: see sessile_callback.
 *
 * Durability, recovery and limits are described in docs/durability.md, with the same names.
 */


#ifndef SESSILE_H
#define SESSILE_H

/* Generated from ffi/src by `make header`; a change made here is lost. */

#include <stddef.h>
#include <stdint.h>

/**
 * The version of the binary interface that this header describes.
 *
 * It is raised when something that programs were built against changes or goes away, never when something is
 * added. It ends the shared library's name (`libsessile.so.1`), so that the dynamic linker keeps apart what does
 * not fit. A program that loads the library itself compares this with `sessile_abi_version()`.
 */
#define SESSILE_ABI_VERSION 1

/**
 * The longest id of a session, in bytes.
 */
#define SESSILE_ID_LEN_MAX 256

/**
 * The longest owner, in bytes.
 */
#define SESSILE_OWNER_LEN_MAX 256

/**
 * What became of a call.
 *
 * Zero is success. The others are the same table as in Rust (`ErrorCode`) and Node (`ERR_SESSILE_*`), and
 * permanent: no number ever changes its meaning. Later versions may add numbers; treat one that you do not know as
 * a failure. `sessile_status_message` has a sentence for each; `sessile_store_last_error` has the one that says
 * what happened to what.
 */
enum sessile_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Done.
   */
  SESSILE_STATUS_OK = 0,
  /**
   * An argument is not one that the function accepts: NULL where something is needed, a text that is not UTF-8, a
   * number out of range. Nothing was done; the program has to be corrected.
   */
  SESSILE_STATUS_INVALID_ARGUMENT = 1,
  /**
   * An option is outside its range. Seen when the store is opened.
   */
  SESSILE_STATUS_INVALID_OPTION = 2,
  /**
   * A session's id is empty or longer than `SESSILE_ID_LEN_MAX`.
   */
  SESSILE_STATUS_INVALID_ID = 3,
  /**
   * The payload is larger than the option `payload_bytes_max` allows. Nothing was done.
   */
  SESSILE_STATUS_VALUE_TOO_LARGE = 4,
  /**
   * Another process, or another copy of this library in this process, has the store open, and did not close it
   * within `open_timeout_ms`.
   */
  SESSILE_STATUS_LOCKED = 5,
  /**
   * The store is open in this process with other options.
   */
  SESSILE_STATUS_OPTIONS_CONFLICT = 6,
  /**
   * What is on the disk is not what was written there. Restore a backup, or open the store with
   * `sessile_store_open_salvage`.
   */
  SESSILE_STATUS_CORRUPTED = 7,
  /**
   * The store was written by a newer version of sessile. It is left as it is.
   */
  SESSILE_STATUS_UNSUPPORTED_FORMAT = 8,
  /**
   * Writing or syncing the log failed. **The outcome of the writes in flight is unknown**, and no further write is
   * accepted; reads go on. Check the disk, close the store and open it again.
   */
  SESSILE_STATUS_POISONED = 9,
  /**
   * There is no room on the disk. A write that was accepted before stays in memory and is written when there is
   * room; others are refused until then.
   */
  SESSILE_STATUS_DISK_FULL = 10,
  /**
   * Changes arrive faster than the disk takes them. Nothing was done; try again later.
   */
  SESSILE_STATUS_OVERLOADED = 11,
  /**
   * The store was closed. Of a write that another thread's `sessile_store_close` overtook, the outcome is unknown.
   */
  SESSILE_STATUS_CLOSED = 12,
  /**
   * The store was opened before a `fork` and is used in the child. Open it again there, once the parent has closed
   * it.
   */
  SESSILE_STATUS_FORKED = 13,
  /**
   * The store's path leads to something that is not a directory.
   */
  SESSILE_STATUS_NOT_A_DIRECTORY = 14,
  /**
   * The operating system refused an operation.
   */
  SESSILE_STATUS_IO = 15,
  /**
   * A defect in sessile: please report it with the error's message.
   */
  SESSILE_STATUS_INTERNAL = 16,
  /**
   * The session was set since the version that a conditional write named. Nothing was done: read it again, and write
   * what becomes of both.
   */
  SESSILE_STATUS_CONFLICT = 17,
  /**
   * The session of the version that a conditional write named was destroyed, has expired or was cleared. Nothing was
   * done, and there is nothing to write to.
   */
  SESSILE_STATUS_GONE = 18,
  /**
   * A defect in sessile that was caught at this boundary. The store goes on; the outcome of the call is unknown.
   * Please report it with the error's message.
   */
  SESSILE_STATUS_PANIC = 1000,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum sessile_status sessile_status;
#else
typedef uint32_t sessile_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * When a write is acknowledged, and so what it survives.
 */
enum sessile_durability
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Once it is on the disk (`fdatasync` returned): survives a killed process, a kernel crash and power loss. The
   * default.
   */
  SESSILE_DURABILITY_FSYNC = 0,
  /**
   * Once it is with the kernel, and synced within a second: survives a killed process; a power loss takes at most
   * the last second.
   */
  SESSILE_DURABILITY_WRITE = 1,
  /**
   * Once it is in memory, written within 10 ms and synced within a second: a killed process loses at most the last
   * 10 ms, a power loss at most the last second. Ending the process without closing the store counts as killing it.
   */
  SESSILE_DURABILITY_ASYNC = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum sessile_durability sessile_durability;
#else
typedef uint32_t sessile_durability;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Why a session is no more.
 */
enum sessile_end_cause
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Its time was over.
   */
  SESSILE_END_CAUSE_EXPIRED = 0,
  /**
   * It was removed, by `sessile_store_destroy` or with others of its owner.
   */
  SESSILE_END_CAUSE_DESTROYED = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum sessile_end_cause sessile_end_cause;
#else
typedef uint32_t sessile_end_cause;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a check went through and found. It never changes: any number of threads may read it.
 */
typedef struct sessile_check_report sessile_check_report;

/**
 * A walk over all sessions of a store, in order of their ids' bytes, or over those of an owner.
 *
 * Several threads may share one; each session then goes to one of them.
 */
typedef struct sessile_cursor sessile_cursor;

/**
 * What a salvage could not save, one item for each place. It never changes: any number of threads may read it.
 */
typedef struct sessile_dropped sessile_dropped;

/**
 * What went wrong, in a sentence: what happened, to what, and what to do about it.
 *
 * It never changes: any number of threads may read it at once. Whoever gets one by an `error_out` owns it, and ends
 * it with `sessile_error_free`.
 */
typedef struct sessile_error sessile_error;

/**
 * The sessions that have ended since it was opened, and that it has not given yet.
 *
 * Several threads may share one; each session then goes to one of them.
 */
typedef struct sessile_listener sessile_listener;

/**
 * How to open a store. Lent to `sessile_store_open`, which copies what it needs. Options are for one thread at
 * a time.
 */
typedef struct sessile_options sessile_options;

/**
 * A session as it was when it was read.
 *
 * It is the caller's, independent of the store: it stays valid, and unchanged, when the session is overwritten or
 * destroyed and when the store is closed and freed, until `sessile_session_free`. Any number of threads may read it
 * at once.
 */
typedef struct sessile_session sessile_session;

/**
 * A store that is open, or was.
 *
 * Any number of threads may use one at once. `sessile_store_close` may be called while others are inside a call, and
 * while cursors are open; `sessile_store_free` may not be called while another thread is inside a call on it.
 */
typedef struct sessile_store sessile_store;

/**
 * Some bytes: a session's id, its owner, or its payload. Not text: any value may occur, and no zero ends them.
 *
 * As an argument they are only read during the call. `len` 0 is no bytes, whatever `data` is; NULL with another
 * `len` is refused.
 */
typedef struct sessile_bytes {
  /**
   * The first of the bytes.
   */
  const uint8_t *data;
  /**
   * How many there are.
   */
  size_t len;
} sessile_bytes;

/**
 * What `sessile_store_set_with` is to know besides the payload. Zero is the default of every field: begin with
 * `sessile_set_options set_options = {0};`.
 *
 * Later versions may add fields at the end.
 */
typedef struct sessile_set_options {
  /**
   * When the session expires, in milliseconds since 1970; 0 is the handle's `ttl_ms` from now.
   */
  uint64_t expires_at_ms;
  /**
   * The time that no expiry of the session passes, neither this one nor that of a later set or touch, in
   * milliseconds since 1970; 0 is none. It is taken from the set that creates the session, or the first that names
   * one, and stays as long as the session lives.
   */
  uint64_t deadline_ms;
  /**
   * Only where the session has this version, as `sessile_store_set_if`; 0 is in any case.
   */
  uint64_t version;
  /**
   * Whose session it is: up to `SESSILE_OWNER_LEN_MAX` bytes of any value. None: nobody's, also where it was
   * somebody's before.
   */
  struct sessile_bytes owner;
} sessile_set_options;

/**
 * What is called when an asynchronous write is acknowledged, or has failed.
 *
 * `user_data` is what was given with the write. `status` is what the blocking call would have returned. `error` has
 * the sentence of a failure and is lent for the duration of the callback; it is NULL on `SESSILE_STATUS_OK`.
 *
 * **Thread.** It runs on the store's completion thread, one callback at a time for each store, in the order of
 * acknowledgement; never from within the call that it answers, though possibly before that call has returned.
 *
 * **What it may do.** Every function of this library, blocking ones and `sessile_store_close` included; writes wait
 * for other threads of the store, so that there is no deadlock. But a close of another store waits for that one's
 * callbacks: two callbacks that close each other's stores wait for ever. It should be short: the callbacks behind it
 * wait. It may not call `sessile_store_free` on a store that another thread is inside a call on, and that may be the
 * very call it answers. It has to return: no `longjmp`, no C++ exception out of it, no ending of its thread.
 */
typedef void (*sessile_callback)(void *user_data, sessile_status status, const struct sessile_error *error);

/**
 * A store's figures since it was opened; bytes are of now. They are not of one instant: some may be a few operations
 * apart from others.
 *
 * Later versions add figures at the end.
 */
typedef struct sessile_stats {
  /**
   * Reads answered from memory.
   */
  uint64_t hits;
  /**
   * Reads that had to look into the base.
   */
  uint64_t misses;
  /**
   * `set` operations accepted.
   */
  uint64_t sets;
  /**
   * `touch` operations accepted.
   */
  uint64_t touches;
  /**
   * `destroy` operations accepted.
   */
  uint64_t destroys;
  /**
   * Batches written to the log.
   */
  uint64_t batches;
  /**
   * Operations in those batches.
   */
  uint64_t batch_operations;
  /**
   * The largest number of operations in one batch.
   */
  uint64_t batch_operations_max;
  /**
   * Bytes written to the log.
   */
  uint64_t log_bytes_written;
  /**
   * Syncs of the log.
   */
  uint64_t syncs;
  /**
   * Time spent in those syncs, in microseconds.
   */
  uint64_t sync_micros;
  /**
   * The longest of those syncs, in microseconds.
   */
  uint64_t sync_micros_max;
  /**
   * Checkpoints finished.
   */
  uint64_t checkpoints;
  /**
   * Sessions those checkpoints moved into the base.
   */
  uint64_t checkpoint_sessions;
  /**
   * Time spent in checkpoints, in microseconds.
   */
  uint64_t checkpoint_micros;
  /**
   * Checkpoints that failed and are tried again.
   */
  uint64_t checkpoint_failures;
  /**
   * Expired sessions removed by the reaper.
   */
  uint64_t reaped;
  /**
   * How long after its expiry the reaper removed the session it removed last, in milliseconds.
   */
  uint64_t reap_lag_millis;
  /**
   * Clean sessions dropped from memory to stay within `cache_bytes`.
   */
  uint64_t evictions;
  /**
   * Acknowledgements held back because the log or the changed sessions filled up.
   */
  uint64_t delayed_batches;
  /**
   * Bytes of memory for unchanged sessions, now.
   */
  uint64_t cache_bytes;
  /**
   * Bytes of memory for changes not yet in the base, now.
   */
  uint64_t dirty_bytes;
  /**
   * Bytes of log segments on disk, now.
   */
  uint64_t log_bytes;
  /**
   * Bytes of log that a checkpoint has not covered yet, now.
   */
  uint64_t log_bytes_used;
  /**
   * Bytes of the base's file, now.
   */
  uint64_t base_bytes;
  /**
   * Sessions in the base as of the last checkpoint, expired ones not yet reaped included.
   */
  uint64_t base_sessions;
  /**
   * Passes of the background scrub that ended.
   */
  uint64_t scrub_passes;
  /**
   * Bytes of the base's file that the scrub verified.
   */
  uint64_t scrub_bytes;
  /**
   * Damaged places that the last pass of the scrub found.
   */
  uint64_t scrub_damaged;
} sessile_stats;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library that is running, such as `"0.1.0"`. It stays valid.
 */
const char *sessile_version(void);

/**
 * The `SESSILE_ABI_VERSION` of the library that is running.
 */
uint32_t sessile_abi_version(void);

/**
 * A sentence for a status: what it means in general.
 *
 * A constant text, valid for ever, also for numbers that are no status. What happened in a particular case is in
 * the error: see `sessile_error_message`.
 */
const char *sessile_status_message(uint32_t status);

/**
 * The error's sentence, in UTF-8, ending with a zero. It may name files; it never holds a session's content.
 *
 * Valid until the error is freed. Of NULL: an empty text.
 */
const char *sessile_error_message(const struct sessile_error *error);

/**
 * The error's status: what the call that failed returned. Of NULL: `SESSILE_STATUS_OK`.
 */
sessile_status sessile_error_status(const struct sessile_error *error);

/**
 * Ends an error. NULL is nothing to end.
 */
void sessile_error_free(struct sessile_error *error);

/**
 * Options for the store in the directory `path`, everything else at its default.
 *
 * `path` is UTF-8 and ends with a zero; it is copied. The directory is created when the store is opened, if it is
 * missing; its parent has to exist.
 *
 * Returns options that the caller owns and ends with `sessile_options_free`, or NULL if `path` is NULL or not UTF-8.
 * NULL may be passed on: the setters and `sessile_store_open` refuse it.
 */
struct sessile_options *sessile_options_new(const char *path);

/**
 * When writes are acknowledged: a `SESSILE_DURABILITY_*`. Default: `SESSILE_DURABILITY_FSYNC`.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL, or `durability` is none of them; nothing was changed.
 */
sessile_status sessile_options_set_durability(struct sessile_options *options,
                                              uint32_t durability);

/**
 * How long a session lives whose `set` names no expiry, in milliseconds. From 1 ms to 100 years. Default: one day.
 *
 * It belongs to the handle: others in this process may have the same store open with another.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
 *
 * A value out of range is refused by `sessile_store_open`, with `SESSILE_STATUS_INVALID_OPTION`; so it is with every
 * option.
 */
sessile_status sessile_options_set_ttl_ms(struct sessile_options *options,
                                          uint64_t ttl_ms);

/**
 * Memory for sessions that are unchanged on disk, in bytes. 0 keeps none. Default: 64 MiB.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
 */
sessile_status sessile_options_set_cache_bytes(struct sessile_options *options, uint64_t cache_bytes);

/**
 * Memory for changes that are not yet in the base, in bytes, above which acknowledgements are delayed; above twice
 * as much a `set` is refused with `SESSILE_STATUS_OVERLOADED`. At least 1 MiB. Default: 64 MiB.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
 */
sessile_status sessile_options_set_dirty_bytes(struct sessile_options *options,
                                               uint64_t dirty_bytes);

/**
 * Memory for the base's pages, in bytes. At least 1 MiB. Default: 4 MiB.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
 */
sessile_status sessile_options_set_base_cache_bytes(struct sessile_options *options,
                                                    uint64_t base_cache_bytes);

/**
 * The log's bound on disk, in bytes, which also bounds the time to open after a crash. At least 4 MiB and four times
 * `payload_bytes_max`, at most 64 GiB. Default: 64 MiB.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
 */
sessile_status sessile_options_set_log_bytes_max(struct sessile_options *options,
                                                 uint64_t log_bytes_max);

/**
 * The largest payload that `set` accepts, in bytes. From 1 byte to 16 MiB. Default: 16 MiB.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
 */
sessile_status sessile_options_set_payload_bytes_max(struct sessile_options *options,
                                                     uint64_t payload_bytes_max);

/**
 * How long a change stays in the log alone before a checkpoint moves it into the base, in milliseconds. From 100 ms
 * to one day. Default: one minute.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
 */
sessile_status sessile_options_set_checkpoint_interval_ms(struct sessile_options *options,
                                                          uint64_t checkpoint_interval_ms);

/**
 * By how much touches may move a session's expiry before that is written to the log, in milliseconds; 0 writes each.
 * In memory the expiry is exact; an end without `sessile_store_close` may leave it earlier by less than this. Never
 * more than half of the time that is left. Up to one day. Default, without a call of this: a hundredth of the time
 * that is left, and at most a minute.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
 */
sessile_status sessile_options_set_touch_after_ms(struct sessile_options *options,
                                                  uint64_t touch_after_ms);

/**
 * How long after one another the passes begin in which all of the base is verified in the background, in milliseconds;
 * 0: never. From one second to a hundred days; the first comes after ten minutes at the latest. Default: one day.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
 */
sessile_status sessile_options_set_scrub_interval_ms(struct sessile_options *options,
                                                     uint64_t scrub_interval_ms);

/**
 * How much of the base such a pass reads at most, in bytes per second. From 64 KiB to 1 GiB. Default: 8 MiB.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
 */
sessile_status sessile_options_set_scrub_bytes_per_second(struct sessile_options *options,
                                                          uint64_t scrub_bytes_per_second);

/**
 * How long `sessile_store_open` waits for another process to let go of the store, in milliseconds; 0 does not wait.
 * Belongs to the handle. Default: 5 s, since a deploy starts the new process before the old one has gone.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
 */
sessile_status sessile_options_set_open_timeout_ms(struct sessile_options *options,
                                                   uint64_t open_timeout_ms);

/**
 * Ends options. Stores that were opened with them go on. NULL is nothing to end.
 */
void sessile_options_free(struct sessile_options *options);

/**
 * The id that the session is known by. The bytes are valid until the session is freed. Of NULL: no bytes.
 */
struct sessile_bytes sessile_session_id(const struct sessile_session *session);

/**
 * The bytes of the last `set`. They are valid until the session is freed. Of NULL, and of an empty payload: `len` is
 * 0, and `data` is not to be read.
 */
struct sessile_bytes sessile_session_payload(const struct sessile_session *session);

/**
 * The first millisecond in which the session is no longer there, in milliseconds since 1970. Of NULL: 0.
 */
uint64_t sessile_session_expires_at_ms(const struct sessile_session *session);

/**
 * When the session came into being, in milliseconds since 1970: a later `set` of the same living id keeps it. Of
 * NULL: 0.
 */
uint64_t sessile_session_created_at_ms(const struct sessile_session *session);

/**
 * Which `set` the payload comes from: a later one has a higher version, a touch keeps it. Within a store no version
 * is used twice, also across crashes. Of NULL: 0.
 */
uint64_t sessile_session_version(const struct sessile_session *session);

/**
 * Whose session it is, as its last set has said. The bytes are valid until the session is freed. Of NULL, and of
 * nobody's: no bytes.
 */
struct sessile_bytes sessile_session_owner(const struct sessile_session *session);

/**
 * The time that no expiry of the session passes, in milliseconds since 1970. Of NULL, and where there is none: 0.
 */
uint64_t sessile_session_deadline_ms(const struct sessile_session *session);

/**
 * Ends a session's copy; the session in the store is not affected. NULL is nothing to end.
 */
void sessile_session_free(struct sessile_session *session);

/**
 * Opens the store that `options` describe, creating it if there is none.
 *
 * Blocks while what the last process left is recovered, a time bounded by `log_bytes_max`, and for up to
 * `open_timeout_ms` while another process has the store. Opening a store that this process has open already gives
 * another handle on the same store; each is closed and freed by itself.
 *
 * `options` are only lent. On success `*store_out` is a store that the caller owns: end it with `sessile_store_close`
 * and `sessile_store_free`. On failure `*store_out` is NULL and `*error_out` an error that the caller owns: end it
 * with `sessile_error_free`. On success `*error_out` is NULL. `error_out` may be NULL where nobody wants the sentence.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` or `store_out` is NULL.
 * - `SESSILE_STATUS_INVALID_OPTION`: an option is out of its range; the error names it.
 * - `SESSILE_STATUS_NOT_A_DIRECTORY`: the path leads to something else.
 * - `SESSILE_STATUS_LOCKED`: another process has the store, or a thread of this one is still closing it.
 * - `SESSILE_STATUS_OPTIONS_CONFLICT`: this process has it open with other options.
 * - `SESSILE_STATUS_CORRUPTED`: the store is damaged; nothing was changed, the error says where.
 * - `SESSILE_STATUS_UNSUPPORTED_FORMAT`: a newer version wrote it.
 * - `SESSILE_STATUS_DISK_FULL`: there is no room for the log.
 * - `SESSILE_STATUS_IO`: the directory cannot be made, read or written.
 */
sessile_status sessile_store_open(const struct sessile_options *options,
                                  struct sessile_store **store_out,
                                  struct sessile_error **error_out);

/**
 * Closes the store: moves every change into the base, waits until the callbacks of all asynchronous writes have run,
 * and lets go of the directory. Blocks.
 *
 * Afterwards every call on the handle and its cursors returns `SESSILE_STATUS_CLOSED`; closing again does nothing and
 * succeeds at once. The handle itself stays until `sessile_store_free`. Other threads may be inside calls meanwhile:
 * each returns what it would have, or `SESSILE_STATUS_CLOSED`. With several handles on one store in a process, the
 * last to be closed does all this, and the others only end themselves. A second close of the same handle does not wait
 * for the first either.
 *
 * Do not hold a lock that a callback takes. In a callback it does not wait for that one nor for the callbacks behind
 * it, which still run.
 *
 * Whatever the status but these, the store is closed:
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL.
 * - `SESSILE_STATUS_FORKED`: this is a child of the process that opened the store, whose store is not affected.
 *
 * It is closed all the same with these:
 *
 * - `SESSILE_STATUS_DISK_FULL`, `SESSILE_STATUS_IO`, `SESSILE_STATUS_CORRUPTED`: the changes could not be moved into
 *   the base; nothing that was acknowledged is lost, it is in the log and the next open finds it.
 * - `SESSILE_STATUS_POISONED`: the log had failed, and the outcome of the writes that were in flight then is
 *   unknown.
 */
sessile_status sessile_store_close(const struct sessile_store *store);

/**
 * Ends a handle. NULL is nothing to end.
 *
 * No other thread may be inside a call on it, nor, if it is still open, on one of its cursors. A store that is still
 * open is closed without the work of `sessile_store_close`: what was called is made durable in the log, which the next
 * open replays, and a failure to do so has nobody to tell. Cursors that are open on it stay valid handles, and return
 * `SESSILE_STATUS_CLOSED`.
 */
void sessile_store_free(struct sessile_store *store);

/**
 * What the last call that failed on this store, or on one of its cursors, had to say.
 *
 * For a sentence that a log can hold, right after a call has failed. `*error_out` is an error that the caller owns and
 * ends with `sessile_error_free`: a copy, which later calls do not change. NULL if no call has failed yet. Where
 * several threads use the store it is the last failure of any of them: compare `sessile_error_status` with what the
 * call returned. What an asynchronous write failed with is told to its callback, not here.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` or `error_out` is NULL.
 *
 * It succeeds on a store that is closed, too.
 */
sessile_status sessile_store_last_error(const struct sessile_store *store,
                                        struct sessile_error **error_out);

/**
 * Reads the session, if there is one and it has not expired. Blocks only to read from disk what is not in memory.
 *
 * It sees every `set`, `touch`, `destroy` and `clear` of this process from the moment that was called. No session
 * under that id, or an expired one, is no failure: the status is `SESSILE_STATUS_OK` and `*session_out` is NULL.
 * Otherwise `*session_out` is a copy that the caller owns and ends with `sessile_session_free`.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` or `session_out` is NULL, or the id's bytes are NULL with a length.
 * - `SESSILE_STATUS_INVALID_ID`: the id is empty or too long.
 * - `SESSILE_STATUS_CORRUPTED`: the session's record is damaged.
 * - `SESSILE_STATUS_IO`: the disk could not be read.
 * - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
 */
sessile_status sessile_store_get(const struct sessile_store *store,
                                 struct sessile_bytes id,
                                 struct sessile_session **session_out);

/**
 * Stores `payload` under `id` until `expires_at_ms`, in place of what was there, and blocks until that is
 * acknowledged as the store's durability says.
 *
 * `expires_at_ms` is in milliseconds since 1970; 0 is the handle's `ttl_ms` from now. A time that has passed makes a
 * session that is expired already, and one beyond 8640000000000000 (the year 275760) counts as that. The bytes are
 * copied. An empty payload is one.
 *
 * On `SESSILE_STATUS_OK` the session survives what the durability promises. These say that nothing was done:
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL, or bytes are NULL with a length.
 * - `SESSILE_STATUS_INVALID_ID`.
 * - `SESSILE_STATUS_VALUE_TOO_LARGE`: the payload is over `payload_bytes_max`.
 * - `SESSILE_STATUS_OVERLOADED`: too much waits for the disk.
 * - `SESSILE_STATUS_FORKED`.
 *
 * With these the session may be there or not:
 *
 * - `SESSILE_STATUS_POISONED`: the log failed; the outcome shows when the store was opened again.
 * - `SESSILE_STATUS_DISK_FULL`: if the write had been accepted it is in memory and is written when there is room.
 * - `SESSILE_STATUS_CLOSED`: if another thread closed the store meanwhile.
 */
sessile_status sessile_store_set(const struct sessile_store *store,
                                 struct sessile_bytes id,
                                 struct sessile_bytes payload,
                                 uint64_t expires_at_ms);

/**
 * `sessile_store_set`, if the session is still the one of `version`: nobody has set it since, it was not destroyed or
 * cleared, and it has not expired. Compared and written in one step. Blocks as `sessile_store_set` does, and to look
 * for a session that is not in memory.
 *
 * For a program that reads a session, works on it and writes it back, while others may do the same: nothing that
 * another has written is lost, and a session that is gone does not come back. `version` is what
 * `sessile_session_version` says of the session as it was read, or what the last `sessile_store_set_if` gave. Versions
 * are never given twice, and hold across closing and opening; a touch changes none.
 *
 * On `SESSILE_STATUS_OK` `*version_out` is the session's new version, and 0 on failure. `version_out` may be NULL.
 * With these nothing was done:
 *
 * - `SESSILE_STATUS_CONFLICT`: the session was set since. Read it again, and write what becomes of both.
 * - `SESSILE_STATUS_GONE`: that session is gone, and what may be under its id is another one. Of a
 *   session that stood in the log when the store was opened, a version from before the first of its sets there may
 *   count as that, too.
 *
 * - `SESSILE_STATUS_CORRUPTED`, `SESSILE_STATUS_IO`: the session could not be read; nothing was done.
 * - The others are those of `sessile_store_set`.
 */
sessile_status sessile_store_set_if(const struct sessile_store *store,
                                    struct sessile_bytes id,
                                    struct sessile_bytes payload,
                                    uint64_t expires_at_ms,
                                    uint64_t version,
                                    uint64_t *version_out);

/**
 * Moves the session's expiry to `expires_at_ms`, as in `sessile_store_set`, but that 0 is refused. Where there is no
 * living session nothing happens, and that is a success.
 *
 * A later expiry is acknowledged at once; it reaches the disk within a second, and losing it leaves the earlier
 * expiry. An earlier one blocks until it is acknowledged as the store's durability says. Blocks also to look for a
 * session that is not in memory.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL, the id's bytes are NULL with a length, or the time is 0.
 * - `SESSILE_STATUS_INVALID_ID`.
 * - `SESSILE_STATUS_CORRUPTED`, `SESSILE_STATUS_IO`: the session could not be read.
 * - `SESSILE_STATUS_OVERLOADED`, `SESSILE_STATUS_DISK_FULL`: as `sessile_store_set`, only for an earlier expiry.
 * - `SESSILE_STATUS_POISONED`, `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`: as `sessile_store_set`.
 */
sessile_status sessile_store_touch(const struct sessile_store *store,
                                   struct sessile_bytes id,
                                   uint64_t expires_at_ms);

/**
 * Removes the session, and blocks until that is acknowledged as the store's durability says: a logout that was
 * acknowledged stays one. Without a session nothing happens, and that is acknowledged in the same way.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL, or the id's bytes are NULL with a length.
 * - `SESSILE_STATUS_INVALID_ID`.
 * - `SESSILE_STATUS_OVERLOADED`, `SESSILE_STATUS_POISONED`, `SESSILE_STATUS_DISK_FULL`, `SESSILE_STATUS_CLOSED`,
 *   `SESSILE_STATUS_FORKED`: as `sessile_store_set`.
 */
sessile_status sessile_store_destroy(const struct sessile_store *store,
                                     struct sessile_bytes id);

/**
 * Removes every session that there is at the moment of the call, as one operation, and blocks until that is
 * acknowledged as the store's durability says. The space on disk comes back later.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL.
 * - `SESSILE_STATUS_OVERLOADED`, `SESSILE_STATUS_POISONED`, `SESSILE_STATUS_DISK_FULL`, `SESSILE_STATUS_CLOSED`,
 *   `SESSILE_STATUS_FORKED`: as `sessile_store_set`.
 */
sessile_status sessile_store_clear(const struct sessile_store *store);

/**
 * Counts the living sessions, exactly. May block on reading the disk.
 *
 * `*len_out` is 0 on failure.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL.
 * - `SESSILE_STATUS_CORRUPTED`, `SESSILE_STATUS_IO`: the disk could not be read.
 * - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
 */
sessile_status sessile_store_len(const struct sessile_store *store, uint64_t *len_out);

/**
 * Begins a walk over all sessions, in order of their ids' bytes.
 *
 * Nothing is held in the store meanwhile: sessions may come, change and go. One that lives through the whole walk is
 * seen exactly once; one that comes or goes meanwhile may be seen or not. Sessions are read 64 at a time, fewer where
 * they are large, and each is given as it was then.
 *
 * `*cursor_out` is a cursor that the caller owns and ends with `sessile_cursor_close`; NULL on failure.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL.
 * - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
 */
sessile_status sessile_cursor_open(const struct sessile_store *store,
                                   struct sessile_cursor **cursor_out);

/**
 * Begins a walk over the living sessions of `owner`, the oldest first.
 *
 * All of them are read by the first `sessile_cursor_next`, and given as they were then: every `set` and `destroy` that
 * was called before counts, whatever the durability. That takes as long as reading that owner's sessions does, however
 * many there are of others.
 *
 * `*cursor_out` is a cursor that the caller owns and ends with `sessile_cursor_close`; NULL on failure.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL, or the owner is empty or too long.
 * - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
 */
sessile_status sessile_cursor_open_of(const struct sessile_store *store,
                                      struct sessile_bytes owner,
                                      struct sessile_cursor **cursor_out);

/**
 * Reads the next session. Blocks on reading the disk, once in 64 sessions or so.
 *
 * `*session_out` is a copy that the caller owns and ends with `sessile_session_free`; `sessile_session_id` says which
 * it is. At the end of the walk the status is `SESSILE_STATUS_OK` and `*session_out` is NULL; so it stays. After a
 * failure `*session_out` is NULL as well, and the next call tries again at the same place.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL.
 * - `SESSILE_STATUS_CORRUPTED`: a damaged record is in the way.
 * - `SESSILE_STATUS_IO`: the disk could not be read.
 * - `SESSILE_STATUS_CLOSED`: the store was closed or freed.
 * - `SESSILE_STATUS_FORKED`.
 */
sessile_status sessile_cursor_next(const struct sessile_cursor *cursor,
                                   struct sessile_session **session_out);

/**
 * Ends a walk, at its end or before. Sessions that it gave stay valid. NULL is nothing to end.
 */
void sessile_cursor_close(struct sessile_cursor *cursor);

/**
 * `sessile_store_set` with all that can be said of a session.
 *
 * `set_options_size` is `sizeof *set_options`: a program that was compiled with an earlier version of this header
 * knows fewer fields. On `SESSILE_STATUS_OK` `*version_out` is the session's new version, and 0 on failure;
 * `version_out` may be NULL.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: also if `set_options` is NULL, its size is none that it ever has, a field that
 *   this version does not know is not zero, or the owner is too long.
 * - `SESSILE_STATUS_CONFLICT`, `SESSILE_STATUS_GONE`, `SESSILE_STATUS_CORRUPTED`, `SESSILE_STATUS_IO`: with a version,
 *   as `sessile_store_set_if`.
 * - The others are those of `sessile_store_set`.
 */
sessile_status sessile_store_set_with(const struct sessile_store *store,
                                      struct sessile_bytes id,
                                      struct sessile_bytes payload,
                                      const struct sessile_set_options *set_options,
                                      size_t set_options_size,
                                      uint64_t *version_out);

/**
 * Counts the living sessions of `owner`. Blocks on reading from disk what is not in memory.
 *
 * As of the call, as the walk that `sessile_cursor_open_of` begins. `*count_out` is 0 on failure.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL, or the owner is empty or too long.
 * - `SESSILE_STATUS_CORRUPTED`, `SESSILE_STATUS_IO`: a session could not be read.
 * - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
 */
sessile_status sessile_store_count_of(const struct sessile_store *store,
                                      struct sessile_bytes owner,
                                      uint64_t *count_out);

/**
 * Removes the sessions of `owner` but for `except`, and blocks until that is acknowledged as the store's durability
 * says: "log out everywhere", or everywhere else. An `except` of no bytes is none.
 *
 * Removed are those that there are at the moment of the call: one that comes meanwhile stays, and one that changes
 * hands meanwhile may go as well. One whose record is damaged goes, too. `*destroyed_out` is how many they were, 0 on
 * failure; `destroyed_out` may be NULL. After a failure some may be gone.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL, or the owner is empty or too long.
 * - `SESSILE_STATUS_INVALID_ID`: `except` is too long.
 * - `SESSILE_STATUS_CORRUPTED`, `SESSILE_STATUS_IO`: the owner's list, or a session, could not be read.
 * - The others are those of `sessile_store_destroy`.
 */
sessile_status sessile_store_destroy_all_of(const struct sessile_store *store,
                                            struct sessile_bytes owner,
                                            struct sessile_bytes except,
                                            uint64_t *destroyed_out);

/**
 * Removes the sessions of `owner` that came into being first until `count_max` are left, `keep` among them, and blocks
 * as `sessile_store_destroy_all_of` does. A `keep` of no bytes is none. A session that cannot be read is left out of
 * account.
 *
 * `*destroyed_out` and the statuses are as there.
 */
sessile_status sessile_store_keep_newest_of(const struct sessile_store *store,
                                            struct sessile_bytes owner,
                                            size_t count_max,
                                            struct sessile_bytes keep,
                                            uint64_t *destroyed_out);

/**
 * Listens for sessions that end by `cause`, one of `SESSILE_END_CAUSE`, from now on, for `sessile_listener_next` to
 * give. Every listener is given each of them.
 *
 * Every listener is given each session that ends, whichever handle on the store ended it, at least once: again only
 * where a crash, a failing disk or an end without `sessile_store_close` has undone its removal. What
 * `sessile_store_clear` removes is not given, nor a damaged record. Expired sessions come as the store removes them in
 * the background, a moment after their time; those that have expired while no process had the store, from a second
 * after it was opened. While nobody listens it costs nothing.
 *
 * `*listener_out` is a listener that the caller owns and ends with `sessile_listener_close`; NULL on failure.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL, or `cause` is none of them.
 * - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
 */
sessile_status sessile_listener_open(const struct sessile_store *store,
                                     uint32_t cause,
                                     struct sessile_listener **listener_out);

/**
 * Gives the session that ended first of those that wait, as it was last. Does not block: ask every now and then.
 *
 * `*session_out` is the caller's and ends with `sessile_session_free`; NULL on failure, and where none waits now. Its
 * id may be another session's by now. What is not asked for waits: destroyed sessions in memory, expired ones in
 * memory up to 4 MiB or 10,000 of them and what was taken on in one step beyond that, the others on the disk, unseen
 * by everybody else. What waits can be asked for when the store has closed as well.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL.
 * - `SESSILE_STATUS_FORKED`.
 */
sessile_status sessile_listener_next(const struct sessile_listener *listener,
                                     struct sessile_session **session_out);

/**
 * Listens no longer. What it has not given is forgotten. No other thread may be inside a call on it. NULL is nothing
 * to end; in a forked child nothing is ended.
 */
void sessile_listener_close(struct sessile_listener *listener);

/**
 * `sessile_store_set` that does not wait: it returns when the write is submitted and calls back when it is
 * acknowledged. Reads see it from the submission on.
 *
 * The bytes are copied before it returns. On `SESSILE_STATUS_OK` `callback` is called exactly once, on another thread;
 * on any other status it is not called. `user_data` is handed to it as it is, and has to be valid until then.
 * `sessile_store_close` waits for it, and so does `sessile_store_free` of an open store; with several handles on one
 * store, those of the last one.
 *
 * The statuses are those of `sessile_store_set`, returned where the write is refused, and otherwise told to the
 * callback; and:
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: also if `callback` is NULL.
 */
sessile_status sessile_store_set_async(const struct sessile_store *store,
                                       struct sessile_bytes id,
                                       struct sessile_bytes payload,
                                       uint64_t expires_at_ms,
                                       sessile_callback callback,
                                       void *user_data);

/**
 * `sessile_store_destroy` that does not wait: it returns when the removal is submitted and calls back when it is
 * acknowledged. Reads see it from the submission on.
 *
 * For `callback`, `user_data` and the statuses see `sessile_store_set_async`.
 */
sessile_status sessile_store_destroy_async(const struct sessile_store *store,
                                           struct sessile_bytes id,
                                           sessile_callback callback,
                                           void *user_data);

/**
 * Blocks until everything called before is durable and in the base, so that the next open has nothing to replay.
 *
 * Nothing is lost by its failure: what was acknowledged is in the log.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL.
 * - `SESSILE_STATUS_CORRUPTED`: the base is damaged; see `sessile_store_open_salvage`.
 * - `SESSILE_STATUS_POISONED`, `SESSILE_STATUS_DISK_FULL`, `SESSILE_STATUS_IO`, `SESSILE_STATUS_CLOSED`,
 *   `SESSILE_STATUS_FORKED`.
 */
sessile_status sessile_store_flush(const struct sessile_store *store);

/**
 * Blocks until everything called before is durable in the log: quick, unlike `sessile_store_flush`. With
 * `SESSILE_DURABILITY_WRITE` or `SESSILE_DURABILITY_ASYNC` this is the way to be sure of a point in time.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL.
 * - `SESSILE_STATUS_POISONED`, `SESSILE_STATUS_DISK_FULL`, `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
 */
sessile_status sessile_store_sync(const struct sessile_store *store);

/**
 * Blocks until what has expired is removed from the disk, and counts it. Nobody has to call this: the store reaps by
 * itself, and no read ever sees an expired session.
 *
 * `*reaped_out` is how many were removed; 0 on failure. The statuses are those of `sessile_store_flush`, and
 * `SESSILE_STATUS_INVALID_ARGUMENT` also if `reaped_out` is NULL.
 */
sessile_status sessile_store_reap(const struct sessile_store *store,
                                  uint64_t *reaped_out);

/**
 * Writes a copy of the store into `directory`, which must not exist, while the store goes on. Blocks.
 *
 * `directory` is UTF-8 and ends with a zero. The copy is a store of its own. It has everything that was acknowledged
 * before the call, and appears under its name only once it is complete and durable.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL, `directory` is not UTF-8 or exists.
 * - `SESSILE_STATUS_CORRUPTED`: a damaged record was met; there is no copy.
 * - The others are those of `sessile_store_flush`.
 */
sessile_status sessile_store_backup(const struct sessile_store *store,
                                    const char *directory);

/**
 * Reads the store's figures. Does not block.
 *
 * `stats_bytes` is `sizeof(sessile_stats)`, as the program was compiled: a library that knows more figures writes no
 * more than that, and one that knows fewer leaves 0 in those that it does not know.
 *
 * On failure `*stats_out` is all zero.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: a pointer is NULL; or `stats_bytes` is 0, no multiple of 8, or more than 4096, and
 *   then nothing is written.
 * - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
 */
sessile_status sessile_store_stats(const struct sessile_store *store,
                                   size_t stats_bytes,
                                   struct sessile_stats *stats_out);

/**
 * Verifies everything that the store has on the disk: each block of the base against its checksum, each record, the
 * expiry index, and the log as far as it is written. Blocks, for as long as reading all of it takes; other operations
 * go on meanwhile.
 *
 * `*report_out` is a report that the caller owns and ends with `sessile_check_report_free`; NULL on failure. Damage is
 * no failure of the check: it is in the report.
 *
 * - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL.
 * - `SESSILE_STATUS_IO`, `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
 */
sessile_status sessile_store_check(const struct sessile_store *store,
                                   struct sessile_check_report **report_out);

/**
 * How many sessions of the base could be read. Of NULL: 0.
 */
uint64_t sessile_check_report_sessions(const struct sessile_check_report *report);

/**
 * How many damaged places and sessions were found; 0: the store is sound. Of NULL: 0.
 */
size_t sessile_check_report_len(const struct sessile_check_report *report);

/**
 * The file that damage `index` is in, in UTF-8, valid until the report is freed. An empty text where there is no such
 * damage.
 */
const char *sessile_check_report_file(const struct sessile_check_report *report,
                                      size_t index);

/**
 * Where in its file damage `index` is, in bytes; 0 where the place is not known or there is no such damage.
 */
uint64_t sessile_check_report_offset_bytes(const struct sessile_check_report *report, size_t index);

/**
 * The id of the session that cannot be read for damage `index`, valid until the report is freed. No bytes where it is
 * a part of a file that is damaged, or there is no such damage.
 */
struct sessile_bytes sessile_check_report_id(const struct sessile_check_report *report,
                                             size_t index);

/**
 * What damage `index` is, in UTF-8, valid until the report is freed. An empty text where there is no such damage.
 */
const char *sessile_check_report_reason(const struct sessile_check_report *report,
                                        size_t index);

/**
 * Ends a report. NULL is nothing to end.
 */
void sessile_check_report_free(struct sessile_check_report *report);

/**
 * Opens a damaged store with what is left of it, and lists what could not be saved.
 *
 * **Copy the directory first**: damaged records are removed, damaged parts of the log stepped over, and an unreadable
 * base is set aside as `base.redb.damaged`. Sessions may come back as they were earlier, and destroyed ones may come
 * back.
 *
 * As `sessile_store_open`; and `*dropped_out` is a list that the caller owns and ends with
 * `sessile_dropped_free`, empty if nothing was damaged, NULL on failure.
 *
 * - `SESSILE_STATUS_CORRUPTED`: only for what cannot be worked around.
 * - `SESSILE_STATUS_LOCKED`: also if this process has the store open.
 */
sessile_status sessile_store_open_salvage(const struct sessile_options *options,
                                          struct sessile_store **store_out,
                                          struct sessile_dropped **dropped_out,
                                          struct sessile_error **error_out);

/**
 * How many items the list has. Of NULL: 0.
 */
size_t sessile_dropped_len(const struct sessile_dropped *dropped);

/**
 * The file that item `index` was in, in UTF-8, valid until the list is freed. An empty text where there is no such
 * item.
 */
const char *sessile_dropped_file(const struct sessile_dropped *dropped,
                                 size_t index);

/**
 * Where in its file item `index` was, in bytes; 0 where the place is not known or there is no such item.
 */
uint64_t sessile_dropped_offset_bytes(const struct sessile_dropped *dropped, size_t index);

/**
 * The id of the session that item `index` is about, valid until the list is freed. No bytes where it is about a part
 * of a file, or there is no such item.
 */
struct sessile_bytes sessile_dropped_id(const struct sessile_dropped *dropped,
                                        size_t index);

/**
 * What was found at item `index`, in UTF-8, valid until the list is freed. An empty text where there is no such item.
 */
const char *sessile_dropped_reason(const struct sessile_dropped *dropped,
                                   size_t index);

/**
 * Ends a list. NULL is nothing to end.
 */
void sessile_dropped_free(struct sessile_dropped *dropped);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SESSILE_H */
