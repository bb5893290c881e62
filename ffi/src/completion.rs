//! Writes that call back: submitted in the call, acknowledged on the store's completion thread.
//!
//! What it keeps true: a callback is called exactly once if the call returned `SESSILE_STATUS_OK`, and never if it did
//! not; and never from within the call, so that the caller may hold a lock that the callback takes.

use std::ffi::c_void;
use std::ptr;

use sessile::{Commit, Error, Store};

use crate::bytes::sessile_bytes;
use crate::error::{Failure, sessile_error};
use crate::guard::guarded_or;
use crate::handle::given;
use crate::status::sessile_status;
use crate::store::{expiry, operate, sessile_store};

/// What is called when an asynchronous write is acknowledged, or has failed.
///
/// `user_data` is what was given with the write. `status` is what the blocking call would have returned. `error` has
/// the sentence of a failure and is lent for the duration of the callback; it is NULL on `SESSILE_STATUS_OK`.
///
/// **Thread.** It runs on the store's completion thread, one callback at a time for each store, in the order of
/// acknowledgement; never from within the call that it answers, though possibly before that call has returned.
///
/// **What it may do.** Every function of this library, blocking ones and `sessile_store_close` included; writes wait
/// for other threads of the store, so that there is no deadlock. But a close of another store waits for that one's
/// callbacks: two callbacks that close each other's stores wait for ever. It should be short: the callbacks behind it
/// wait. It may not call `sessile_store_free` on a store that another thread is inside a call on, and that may be the
/// very call it answers. It has to return: no `longjmp`, no C++ exception out of it, no ending of its thread.
pub type sessile_callback =
    Option<unsafe extern "C" fn(user_data: *mut c_void, status: sessile_status, error: *const sessile_error)>;

/// A callback with what belongs to it.
#[derive(Clone, Copy)]
struct Completion {
    callback: unsafe extern "C" fn(*mut c_void, sessile_status, *const sessile_error),
    user_data: *mut c_void,
}

// SAFETY: the header says that the callback runs on another thread, and that what `user_data` points to has to bear it.
// Nothing here looks at it.
unsafe impl Send for Completion {}

impl Completion {
    fn run(self, result: Result<(), Error>) {
        let error = result.err().map(|error| guarded_or(None, || Some(sessile_error::from(&Failure::from(error)))));
        let (status, error) = match &error {
            None => (sessile_status::Ok, ptr::null()),
            Some(None) => (sessile_status::Panic, ptr::null()),
            Some(Some(error)) => (error.status(), ptr::from_ref(error)),
        };
        // SAFETY: by the header's rule this is a function of that signature that returns. `error` outlives the call.
        unsafe { (self.callback)(self.user_data, status, error) };
    }
}

/// Submits a write and has its outcome told later.
fn submit(
    store: Option<&sessile_store>,
    callback: sessile_callback,
    user_data: *mut c_void,
    write: impl FnOnce(&Store) -> Result<Commit, Error>,
) -> sessile_status {
    operate(store, |store| {
        let completion = Completion { callback: given(callback, "callback")?, user_data };
        match write(store)?.on_complete(move |result| completion.run(result)) {
            None => Ok(()),
            // Known already; told later all the same, since the caller may not be ready within the call.
            Some(Ok(())) => store.run_later(move || completion.run(Ok(()))),
            Some(Err(error)) => Err(error),
        }
    })
}

/// `sessile_store_set` that does not wait: it returns when the write is submitted and calls back when it is
/// acknowledged. Reads see it from the submission on.
///
/// The bytes are copied before it returns. On `SESSILE_STATUS_OK` `callback` is called exactly once, on another thread;
/// on any other status it is not called. `user_data` is handed to it as it is, and has to be valid until then.
/// `sessile_store_close` waits for it, and so does `sessile_store_free` of an open store; with several handles on one
/// store, those of the last one.
///
/// The statuses are those of `sessile_store_set`, returned where the write is refused, and otherwise told to the
/// callback; and:
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: also if `callback` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_set_async(
    store: Option<&sessile_store>,
    id: sessile_bytes,
    payload: sessile_bytes,
    expires_at_ms: u64,
    callback: sessile_callback,
    user_data: *mut c_void,
) -> sessile_status {
    submit(store, callback, user_data, |store| store.set(&id.to_id()?, payload.to_payload()?, expiry(expires_at_ms)))
}

/// `sessile_store_destroy` that does not wait: it returns when the removal is submitted and calls back when it is
/// acknowledged. Reads see it from the submission on.
///
/// For `callback`, `user_data` and the statuses see `sessile_store_set_async`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_destroy_async(
    store: Option<&sessile_store>,
    id: sessile_bytes,
    callback: sessile_callback,
    user_data: *mut c_void,
) -> sessile_status {
    submit(store, callback, user_data, |store| store.destroy(&id.to_id()?))
}
