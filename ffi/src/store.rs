//! A store: opened, asked, written to, closed.
//!
//! Each operation is one call of the core's. What fails is kept, so that [`sessile_store_last_error`] can tell of it.

use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use sessile::{Error, Store, Timestamp, Version};

use crate::bytes::sessile_bytes;
use crate::error::{Failure, sessile_error, status};
use crate::fork::Process;
use crate::guard::{guarded, guarded_or};
use crate::handle::{OptionalOutput, Output, give, given};
use crate::options::sessile_options;
use crate::session::sessile_session;
use crate::status::sessile_status;

/// A store that is open, or was.
///
/// Any number of threads may use one at once. `sessile_store_close` may be called while others are inside a call, and
/// while cursors are open; `sessile_store_free` may not be called while another thread is inside a call on it.
pub struct sessile_store(Arc<OpenStore>);

/// What the handle and its cursors share.
pub(crate) struct OpenStore {
    pub(crate) store: Store,
    /// As given, for what is said of it once it is gone.
    path: PathBuf,
    /// Where it was opened.
    process: Process,
    last_failure: Mutex<Option<Failure>>,
}

impl OpenStore {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses what comes from a forked process, before any lock is touched; see [`crate::fork`].
    pub(crate) fn check_process(&self) -> Result<(), Error> {
        if self.process.is_this() { Ok(()) } else { Err(Error::Forked { path: self.path.clone() }) }
    }

    /// Keeps a failure for who asks for it, and returns its status.
    pub(crate) fn note(&self, failure: Failure) -> sessile_status {
        let status = failure.status();
        if !self.process.is_this() {
            return status;
        }
        let _before = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).replace(failure);
        status
    }

    fn last_failure(&self) -> Option<Failure> {
        if let Err(forked) = self.check_process() {
            return Some(forked.into());
        }
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl sessile_store {
    pub(crate) fn new(store: Store, path: PathBuf) -> Self {
        Self(Arc::new(OpenStore { store, path, process: Process::this(), last_failure: Mutex::default() }))
    }

    pub(crate) const fn shared(&self) -> &Arc<OpenStore> {
        &self.0
    }
}

/// Runs an operation on a store, and keeps its failure.
pub(crate) fn operate(
    store: Option<&sessile_store>,
    operation: impl FnOnce(&Store) -> Result<(), Error>,
) -> sessile_status {
    let result = guarded(|| {
        let open = given(store, "store")?.shared();
        open.check_process()?;
        Ok(operation(&open.store)?)
    });
    match result {
        Ok(()) => sessile_status::Ok,
        Err(failure) => store.map_or_else(|| failure.status(), |store| store.0.note(failure.clone())),
    }
}

/// Answers for an opening: the error goes to the caller, since there is no store to ask for it.
pub(crate) fn opened(
    error_out: Option<&mut MaybeUninit<*mut sessile_error>>,
    open: impl FnOnce() -> Result<(), Error>,
) -> sessile_status {
    let error_out = Output::clear(error_out, "error_out").ok();
    let result = guarded(|| Ok(open()?));
    if let (Err(failure), Some(error_out)) = (&result, error_out) {
        error_out.put(guarded_or(ptr::null_mut(), || give(sessile_error::from(failure))));
    }
    status(result)
}

/// Opens the store that `options` describe, creating it if there is none.
///
/// Blocks while what the last process left is recovered, a time bounded by `log_bytes_max`, and for up to
/// `open_timeout_ms` while another process has the store. Opening a store that this process has open already gives
/// another handle on the same store; each is closed and freed by itself.
///
/// `options` are only lent. On success `*store_out` is a store that the caller owns: end it with `sessile_store_close`
/// and `sessile_store_free`. On failure `*store_out` is NULL and `*error_out` an error that the caller owns: end it
/// with `sessile_error_free`. On success `*error_out` is NULL. `error_out` may be NULL where nobody wants the sentence.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `options` or `store_out` is NULL.
/// - `SESSILE_STATUS_INVALID_OPTION`: an option is out of its range; the error names it.
/// - `SESSILE_STATUS_NOT_A_DIRECTORY`: the path leads to something else.
/// - `SESSILE_STATUS_LOCKED`: another process has the store, or a thread of this one is still closing it.
/// - `SESSILE_STATUS_OPTIONS_CONFLICT`: this process has it open with other options.
/// - `SESSILE_STATUS_CORRUPTED`: the store is damaged; nothing was changed, the error says where.
/// - `SESSILE_STATUS_UNSUPPORTED_FORMAT`: a newer version wrote it.
/// - `SESSILE_STATUS_DISK_FULL`: there is no room for the log.
/// - `SESSILE_STATUS_IO`: the directory cannot be made, read or written.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_open(
    options: Option<&sessile_options>,
    store_out: Option<&mut MaybeUninit<*mut sessile_store>>,
    error_out: Option<&mut MaybeUninit<*mut sessile_error>>,
) -> sessile_status {
    let store_out = Output::clear(store_out, "store_out");
    opened(error_out, || {
        let store_out = store_out?;
        let options = given(options, "options")?.to_options();
        let path = options.path().to_owned();
        store_out.put(give(sessile_store::new(Store::open(options)?, path)));
        Ok(())
    })
}

/// Closes the store: moves every change into the base, waits until the callbacks of all asynchronous writes have run,
/// and lets go of the directory. Blocks.
///
/// Afterwards every call on the handle and its cursors returns `SESSILE_STATUS_CLOSED`; closing again does nothing and
/// succeeds at once. The handle itself stays until `sessile_store_free`. Other threads may be inside calls meanwhile:
/// each returns what it would have, or `SESSILE_STATUS_CLOSED`. With several handles on one store in a process, the
/// last to be closed does all this, and the others only end themselves. A second close of the same handle does not wait
/// for the first either.
///
/// Do not hold a lock that a callback takes. In a callback it does not wait for that one nor for the callbacks behind
/// it, which still run.
///
/// Whatever the status but these, the store is closed:
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL.
/// - `SESSILE_STATUS_FORKED`: this is a child of the process that opened the store, whose store is not affected.
///
/// It is closed all the same with these:
///
/// - `SESSILE_STATUS_DISK_FULL`, `SESSILE_STATUS_IO`, `SESSILE_STATUS_CORRUPTED`: the changes could not be moved into
///   the base; nothing that was acknowledged is lost, it is in the log and the next open finds it.
/// - `SESSILE_STATUS_POISONED`: the log had failed, and the outcome of the writes that were in flight then is
///   unknown.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_close(store: Option<&sessile_store>) -> sessile_status {
    operate(store, Store::close)
}

/// Ends a handle. NULL is nothing to end.
///
/// No other thread may be inside a call on it, nor, if it is still open, on one of its cursors. A store that is still
/// open is closed without the work of `sessile_store_close`: what was called is made durable in the log, which the next
/// open replays, and a failure to do so has nobody to tell. Cursors that are open on it stay valid handles, and return
/// `SESSILE_STATUS_CLOSED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_free(store: Option<Box<sessile_store>>) {
    guarded_or((), || drop(store));
}

/// What the last call that failed on this store, or on one of its cursors, had to say.
///
/// For a sentence that a log can hold, right after a call has failed. `*error_out` is an error that the caller owns and
/// ends with `sessile_error_free`: a copy, which later calls do not change. NULL if no call has failed yet. Where
/// several threads use the store it is the last failure of any of them: compare `sessile_error_status` with what the
/// call returned. What an asynchronous write failed with is told to its callback, not here.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` or `error_out` is NULL.
///
/// It succeeds on a store that is closed, too.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_last_error(
    store: Option<&sessile_store>,
    error_out: Option<&mut MaybeUninit<*mut sessile_error>>,
) -> sessile_status {
    let error_out = Output::clear(error_out, "error_out");
    status(guarded(|| {
        let (error_out, store) = (error_out?, given(store, "store")?);
        if let Some(failure) = store.0.last_failure() {
            error_out.put(give(sessile_error::from(&failure)));
        }
        Ok(())
    }))
}

/// Reads the session, if there is one and it has not expired. Blocks only to read from disk what is not in memory.
///
/// It sees every `set`, `touch`, `destroy` and `clear` of this process from the moment that was called. No session
/// under that id, or an expired one, is no failure: the status is `SESSILE_STATUS_OK` and `*session_out` is NULL.
/// Otherwise `*session_out` is a copy that the caller owns and ends with `sessile_session_free`.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` or `session_out` is NULL, or the id's bytes are NULL with a length.
/// - `SESSILE_STATUS_INVALID_ID`: the id is empty or too long.
/// - `SESSILE_STATUS_CORRUPTED`: the session's record is damaged.
/// - `SESSILE_STATUS_IO`: the disk could not be read.
/// - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_get(
    store: Option<&sessile_store>,
    id: sessile_bytes,
    session_out: Option<&mut MaybeUninit<*mut sessile_session>>,
) -> sessile_status {
    let session_out = Output::clear(session_out, "session_out");
    operate(store, |store| {
        let (session_out, id) = (session_out?, id.to_id()?);
        if let Some(session) = store.get(&id)? {
            session_out.put(give(sessile_session::new(id, session)));
        }
        Ok(())
    })
}

/// Stores `payload` under `id` until `expires_at_ms`, in place of what was there, and blocks until that is
/// acknowledged as the store's durability says.
///
/// `expires_at_ms` is in milliseconds since 1970; 0 is the handle's `ttl_ms` from now. A time that has passed makes a
/// session that is expired already, and one beyond 8640000000000000 (the year 275760) counts as that. The bytes are
/// copied. An empty payload is one.
///
/// On `SESSILE_STATUS_OK` the session survives what the durability promises. These say that nothing was done:
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL, or bytes are NULL with a length.
/// - `SESSILE_STATUS_INVALID_ID`.
/// - `SESSILE_STATUS_VALUE_TOO_LARGE`: the payload is over `payload_bytes_max`.
/// - `SESSILE_STATUS_OVERLOADED`: too much waits for the disk.
/// - `SESSILE_STATUS_FORKED`.
///
/// With these the session may be there or not:
///
/// - `SESSILE_STATUS_POISONED`: the log failed; the outcome shows when the store was opened again.
/// - `SESSILE_STATUS_DISK_FULL`: if the write had been accepted it is in memory and is written when there is room.
/// - `SESSILE_STATUS_CLOSED`: if another thread closed the store meanwhile.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_set(
    store: Option<&sessile_store>,
    id: sessile_bytes,
    payload: sessile_bytes,
    expires_at_ms: u64,
) -> sessile_status {
    operate(store, |store| store.set(&id.to_id()?, payload.to_payload()?, expiry(expires_at_ms))?.wait())
}

/// `sessile_store_set`, if the session is still the one of `version`: nobody has set it since, it was not destroyed or
/// cleared, and it has not expired. Compared and written in one step. Blocks as `sessile_store_set` does, and to look
/// for a session that is not in memory.
///
/// For a program that reads a session, works on it and writes it back, while others may do the same: nothing that
/// another has written is lost, and a session that is gone does not come back. `version` is what
/// `sessile_session_version` says of the session as it was read, or what the last `sessile_store_set_if` gave. Versions
/// are never given twice, and hold across closing and opening; a touch changes none.
///
/// On `SESSILE_STATUS_OK` `*version_out` is the session's new version, and 0 on failure. `version_out` may be NULL.
/// With these nothing was done:
///
/// - `SESSILE_STATUS_CONFLICT`: the session was set since. Read it again, and write what becomes of both.
/// - `SESSILE_STATUS_GONE`: that session is gone, and what may be under its id is another one. Of a
///   session that stood in the log when the store was opened, a version from before the first of its sets there may
///   count as that, too.
///
/// - `SESSILE_STATUS_CORRUPTED`, `SESSILE_STATUS_IO`: the session could not be read; nothing was done.
/// - The others are those of `sessile_store_set`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_set_if(
    store: Option<&sessile_store>,
    id: sessile_bytes,
    payload: sessile_bytes,
    expires_at_ms: u64,
    version: u64,
    version_out: Option<&mut MaybeUninit<u64>>,
) -> sessile_status {
    let version_out = OptionalOutput::clear(version_out);
    operate(store, |store| {
        let (version, expires_at) = (Version::new(version), expiry(expires_at_ms));
        let commit = store.set_if(&id.to_id()?, payload.to_payload()?, expires_at, version)?;
        if let Some(written) = commit.wait_version()? {
            version_out.put(written.get());
        }
        Ok(())
    })
}

/// The expiry of a `set`, where 0 stands for the store's ttl.
pub(crate) fn expiry(expires_at_ms: u64) -> Option<Timestamp> {
    (expires_at_ms != 0).then(|| Timestamp::from_millis(expires_at_ms))
}

/// Moves the session's expiry to `expires_at_ms`, as in `sessile_store_set`, but that 0 is refused. Where there is no
/// living session nothing happens, and that is a success.
///
/// A later expiry is acknowledged at once; it reaches the disk within a second, and losing it leaves the earlier
/// expiry. An earlier one blocks until it is acknowledged as the store's durability says. Blocks also to look for a
/// session that is not in memory.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL, the id's bytes are NULL with a length, or the time is 0.
/// - `SESSILE_STATUS_INVALID_ID`.
/// - `SESSILE_STATUS_CORRUPTED`, `SESSILE_STATUS_IO`: the session could not be read.
/// - `SESSILE_STATUS_OVERLOADED`, `SESSILE_STATUS_DISK_FULL`: as `sessile_store_set`, only for an earlier expiry.
/// - `SESSILE_STATUS_POISONED`, `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`: as `sessile_store_set`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_touch(
    store: Option<&sessile_store>,
    id: sessile_bytes,
    expires_at_ms: u64,
) -> sessile_status {
    operate(store, |store| store.touch(&id.to_id()?, Timestamp::from_millis(expires_at_ms))?.wait())
}

/// Removes the session, and blocks until that is acknowledged as the store's durability says: a logout that was
/// acknowledged stays one. Without a session nothing happens, and that is acknowledged in the same way.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL, or the id's bytes are NULL with a length.
/// - `SESSILE_STATUS_INVALID_ID`.
/// - `SESSILE_STATUS_OVERLOADED`, `SESSILE_STATUS_POISONED`, `SESSILE_STATUS_DISK_FULL`, `SESSILE_STATUS_CLOSED`,
///   `SESSILE_STATUS_FORKED`: as `sessile_store_set`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_destroy(store: Option<&sessile_store>, id: sessile_bytes) -> sessile_status {
    operate(store, |store| store.destroy(&id.to_id()?)?.wait())
}

/// Removes every session that there is at the moment of the call, as one operation, and blocks until that is
/// acknowledged as the store's durability says. The space on disk comes back later.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: `store` is NULL.
/// - `SESSILE_STATUS_OVERLOADED`, `SESSILE_STATUS_POISONED`, `SESSILE_STATUS_DISK_FULL`, `SESSILE_STATUS_CLOSED`,
///   `SESSILE_STATUS_FORKED`: as `sessile_store_set`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_clear(store: Option<&sessile_store>) -> sessile_status {
    operate(store, |store| store.clear()?.wait())
}

/// Counts the living sessions, exactly. May block on reading the disk.
///
/// `*len_out` is 0 on failure.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL.
/// - `SESSILE_STATUS_CORRUPTED`, `SESSILE_STATUS_IO`: the disk could not be read.
/// - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_len(
    store: Option<&sessile_store>,
    len_out: Option<&mut MaybeUninit<u64>>,
) -> sessile_status {
    let len_out = Output::clear(len_out, "len_out");
    operate(store, |store| {
        len_out?.put(store.len()?);
        Ok(())
    })
}
