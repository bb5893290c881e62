//! What an application may ask for and never has to: flushing, syncing, reaping, copies, figures.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::path::Path;

use sessile::Store;

use crate::handle::{self, Output, Room};
use crate::stats::sessile_stats;
use crate::status::sessile_status;
use crate::store::{operate, sessile_store};

/// Blocks until everything called before is durable and in the base, so that the next open has nothing to replay.
///
/// Nothing is lost by its failure: what was acknowledged is in the log.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL.
/// - `SESSILE_STATUS_CORRUPTED`: the base is damaged; see `sessile_store_open_salvage`.
/// - `SESSILE_STATUS_POISONED`, `SESSILE_STATUS_DISK_FULL`, `SESSILE_STATUS_IO`, `SESSILE_STATUS_CLOSED`,
///   `SESSILE_STATUS_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_flush(store: Option<&sessile_store>) -> sessile_status {
    operate(store, Store::flush)
}

/// Blocks until everything called before is durable in the log: quick, unlike `sessile_store_flush`. With
/// `SESSILE_DURABILITY_WRITE` or `SESSILE_DURABILITY_ASYNC` this is the way to be sure of a point in time.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL.
/// - `SESSILE_STATUS_POISONED`, `SESSILE_STATUS_DISK_FULL`, `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_sync(store: Option<&sessile_store>) -> sessile_status {
    operate(store, Store::sync)
}

/// Blocks until what has expired is removed from the disk, and counts it. Nobody has to call this: the store reaps by
/// itself, and no read ever sees an expired session.
///
/// `*reaped_out` is how many were removed; 0 on failure. The statuses are those of `sessile_store_flush`, and
/// `SESSILE_STATUS_INVALID_ARGUMENT` also if `reaped_out` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_reap(
    store: Option<&sessile_store>,
    reaped_out: Option<&mut MaybeUninit<u64>>,
) -> sessile_status {
    let reaped_out = Output::clear(reaped_out, "reaped_out");
    operate(store, |store| {
        reaped_out?.put(store.reap()?);
        Ok(())
    })
}

/// Writes a copy of the store into `directory`, which must not exist, while the store goes on. Blocks.
///
/// `directory` is UTF-8 and ends with a zero. The copy is a store of its own. It has everything that was acknowledged
/// before the call, and appears under its name only once it is complete and durable.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL, `directory` is not UTF-8 or exists.
/// - `SESSILE_STATUS_CORRUPTED`: a damaged record was met; there is no copy.
/// - The others are those of `sessile_store_flush`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_backup(store: Option<&sessile_store>, directory: *const c_char) -> sessile_status {
    operate(store, |store| store.backup(Path::new(handle::text(directory, "directory")?)))
}

/// Reads the store's figures. Does not block.
///
/// `stats_bytes` is `sizeof(sessile_stats)`, as the program was compiled: a library that knows more figures writes no
/// more than that, and one that knows fewer leaves 0 in those that it does not know.
///
/// On failure `*stats_out` is all zero.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: a pointer is NULL; or `stats_bytes` is 0, no multiple of 8, or more than 4096, and
///   then nothing is written.
/// - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_stats(
    store: Option<&sessile_store>,
    stats_bytes: usize,
    stats_out: *mut sessile_stats,
) -> sessile_status {
    let stats_out = Room::clear(stats_out, stats_bytes, "stats_out");
    operate(store, |store| {
        let stats_out = stats_out?;
        store.check_open()?;
        stats_out.put(&sessile_stats::from(store.stats()));
        Ok(())
    })
}
