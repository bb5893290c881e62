//! How a store is opened: one setter for each option of the store, in its units.

use std::ffi::c_char;
use std::ptr;
use std::time::Duration;

use sessile::{Durability, Options};

use crate::error::status;
use crate::guard::{guarded, guarded_or};
use crate::handle::{give, given, refuse, text};
use crate::status::sessile_status;

/// When a write is acknowledged, and so what it survives.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum sessile_durability {
    /// Once it is on the disk (`fdatasync` returned): survives a killed process, a kernel crash and power loss. The
    /// default.
    Fsync = 0,
    /// Once it is with the kernel, and synced within a second: survives a killed process; a power loss takes at most
    /// the last second.
    Write = 1,
    /// Once it is in memory, written within 10 ms and synced within a second: a killed process loses at most the last
    /// 10 ms, a power loss at most the last second. Ending the process without closing the store counts as killing it.
    Async = 2,
}

/// How to open a store. Lent to `sessile_store_open`, which copies what it needs. Options are for one thread at
/// a time.
pub struct sessile_options(Options);

impl sessile_options {
    pub(crate) fn to_options(&self) -> Options {
        self.0.clone()
    }
}

fn change(options: Option<&mut sessile_options>, change: impl FnOnce(Options) -> Options) -> sessile_status {
    status(guarded(|| {
        let options = given(options, "options")?;
        options.0 = change(options.0.clone());
        Ok(())
    }))
}

/// Options for the store in the directory `path`, everything else at its default.
///
/// `path` is UTF-8 and ends with a zero; it is copied. The directory is created when the store is opened, if it is
/// missing; its parent has to exist.
///
/// Returns options that the caller owns and ends with `sessile_options_free`, or NULL if `path` is NULL or not UTF-8.
/// NULL may be passed on: the setters and `sessile_store_open` refuse it.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_new(path: *const c_char) -> *mut sessile_options {
    guarded_or(ptr::null_mut(), || match text(path, "path") {
        Ok(path) => give(sessile_options(Options::new(path))),
        Err(_) => ptr::null_mut(),
    })
}

/// When writes are acknowledged: a `SESSILE_DURABILITY_*`. Default: `SESSILE_DURABILITY_FSYNC`.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL, or `durability` is none of them; nothing was changed.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_set_durability(
    options: Option<&mut sessile_options>,
    durability: u32,
) -> sessile_status {
    status(guarded(|| {
        let options = given(options, "options")?;
        let durability = match durability {
            0 => Durability::Fsync,
            1 => Durability::Write,
            2 => Durability::Async,
            other => return Err(refuse("durability", format!("{other} is no SESSILE_DURABILITY")).into()),
        };
        options.0 = options.0.clone().durability(durability);
        Ok(())
    }))
}

/// How long a session lives whose `set` names no expiry, in milliseconds. From 1 ms to 100 years. Default: one day.
///
/// It belongs to the handle: others in this process may have the same store open with another.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
///
/// A value out of range is refused by `sessile_store_open`, with `SESSILE_STATUS_INVALID_OPTION`; so it is with every
/// option.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_set_ttl_ms(options: Option<&mut sessile_options>, ttl_ms: u64) -> sessile_status {
    change(options, |options| options.ttl(Duration::from_millis(ttl_ms)))
}

/// Memory for sessions that are unchanged on disk, in bytes. 0 keeps none. Default: 64 MiB.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_set_cache_bytes(
    options: Option<&mut sessile_options>,
    cache_bytes: u64,
) -> sessile_status {
    change(options, |options| options.cache_bytes(cache_bytes))
}

/// Memory for changes that are not yet in the base, in bytes, above which acknowledgements are delayed; above twice
/// as much a `set` is refused with `SESSILE_STATUS_OVERLOADED`. At least 1 MiB. Default: 64 MiB.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_set_dirty_bytes(
    options: Option<&mut sessile_options>,
    dirty_bytes: u64,
) -> sessile_status {
    change(options, |options| options.dirty_bytes(dirty_bytes))
}

/// Memory for the base's pages, in bytes. At least 1 MiB. Default: 4 MiB.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_set_base_cache_bytes(
    options: Option<&mut sessile_options>,
    base_cache_bytes: u64,
) -> sessile_status {
    change(options, |options| options.base_cache_bytes(base_cache_bytes))
}

/// The log's bound on disk, in bytes, which also bounds the time to open after a crash. At least 4 MiB and four times
/// `payload_bytes_max`, at most 64 GiB. Default: 64 MiB.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_set_log_bytes_max(
    options: Option<&mut sessile_options>,
    log_bytes_max: u64,
) -> sessile_status {
    change(options, |options| options.log_bytes_max(log_bytes_max))
}

/// The largest payload that `set` accepts, in bytes. From 1 byte to 16 MiB. Default: 16 MiB.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_set_payload_bytes_max(
    options: Option<&mut sessile_options>,
    payload_bytes_max: u64,
) -> sessile_status {
    change(options, |options| options.payload_bytes_max(payload_bytes_max))
}

/// How long a change stays in the log alone before a checkpoint moves it into the base, in milliseconds. From 100 ms
/// to one day. Default: one minute.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_set_checkpoint_interval_ms(
    options: Option<&mut sessile_options>,
    checkpoint_interval_ms: u64,
) -> sessile_status {
    change(options, |options| options.checkpoint_interval(Duration::from_millis(checkpoint_interval_ms)))
}

/// By how much touches may move a session's expiry before that is written to the log, in milliseconds; 0 writes each.
/// In memory the expiry is exact; an end without `sessile_store_close` may leave it earlier by less than this. Never
/// more than half of the time that is left. Up to one day. Default, without a call of this: a hundredth of the time
/// that is left, and at most a minute.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_set_touch_after_ms(
    options: Option<&mut sessile_options>,
    touch_after_ms: u64,
) -> sessile_status {
    change(options, |options| options.touch_after(Duration::from_millis(touch_after_ms)))
}

/// How long after one another the passes begin in which all of the base is verified in the background, in milliseconds;
/// 0: never. From one second to a hundred days; the first comes after ten minutes at the latest. Default: one day.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_set_scrub_interval_ms(
    options: Option<&mut sessile_options>,
    scrub_interval_ms: u64,
) -> sessile_status {
    change(options, |options| options.scrub_interval(Duration::from_millis(scrub_interval_ms)))
}

/// How much of the base such a pass reads at most, in bytes per second. From 64 KiB to 1 GiB. Default: 8 MiB.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_set_scrub_bytes_per_second(
    options: Option<&mut sessile_options>,
    scrub_bytes_per_second: u64,
) -> sessile_status {
    change(options, |options| options.scrub_bytes_per_second(scrub_bytes_per_second))
}

/// How long `sessile_store_open` waits for another process to let go of the store, in milliseconds; 0 does not wait.
/// Belongs to the handle. Default: 5 s, since a deploy starts the new process before the old one has gone.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_set_open_timeout_ms(
    options: Option<&mut sessile_options>,
    open_timeout_ms: u64,
) -> sessile_status {
    change(options, |options| options.open_timeout(Duration::from_millis(open_timeout_ms)))
}

/// Ends options. Stores that were opened with them go on. NULL is nothing to end.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_options_free(options: Option<Box<sessile_options>>) {
    guarded_or((), || drop(options));
}
