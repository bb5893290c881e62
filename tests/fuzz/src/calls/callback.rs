//! Callbacks of asynchronous writes, and how often each was called.

use std::ffi::c_void;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use sessile_ffi::bytes::sessile_bytes;
use sessile_ffi::error::{sessile_error, sessile_error_status};
use sessile_ffi::session::{sessile_session, sessile_session_free};
use sessile_ffi::status::sessile_status;
use sessile_ffi::store::{sessile_store, sessile_store_get};

/// Nothing takes so long but what never ends.
const TOO_LONG: Duration = Duration::from_secs(20);

/// The promised callbacks of one input. Each is one of the tickets.
#[derive(Default)]
pub(super) struct Callbacks {
    called: Mutex<Vec<u32>>,
    again: Condvar,
}

/// What a callback is given.
pub(super) struct Ticket {
    callbacks: Arc<Callbacks>,
    number: usize,
    /// The store to call, or NULL.
    store: *const sessile_store,
}

impl Callbacks {
    /// What to give as `user_data`. Freed by the callback, or by whoever is told that there will be none.
    pub(super) fn ticket(self: &Arc<Self>, store: *const sessile_store) -> *mut Ticket {
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        called.push(0);
        Box::into_raw(Box::new(Ticket { callbacks: Arc::clone(self), number: called.len() - 1, store }))
    }

    /// Takes a ticket back that is not going to be used: the call was refused.
    pub(super) fn refused(&self, ticket: *mut Ticket) {
        // SAFETY: `ticket` made it, and a refused call has no callback, so that nobody else has it.
        let ticket = unsafe { Box::from_raw(ticket) };
        self.note(ticket.number);
    }

    fn note(&self, number: usize) {
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        called[number] += 1;
        assert_eq!(called[number], 1, "a callback was called twice, or after its call was refused");
        self.again.notify_all();
    }

    /// Waits until every callback was called.
    pub(super) fn wait(&self) {
        let called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |called: &mut Vec<u32>| called.contains(&0);
        let (called, waited) = self.again.wait_timeout_while(called, TOO_LONG, waiting).expect("no poisoned lock");
        drop(called);
        assert!(!waited.timed_out(), "a callback was promised and not called");
    }
}

/// The callback of every asynchronous write. With a store it reads from it.
pub(super) unsafe extern "C" fn callback(user_data: *mut c_void, status: sessile_status, error: *const sessile_error) {
    // SAFETY: `user_data` is what `ticket` made, and each write is answered once. A second call is what the address
    // sanitizer sees.
    let ticket = unsafe { Box::from_raw(user_data.cast::<Ticket>()) };
    // SAFETY: the error is lent for the call.
    let error = unsafe { error.as_ref() };
    assert_eq!(status == sessile_status::Ok, error.is_none(), "{status:?}");
    assert_eq!(sessile_error_status(error), status);
    assert_ne!(status, sessile_status::Panic);
    // SAFETY: whoever frees a store waits for the callbacks first.
    if let Some(store) = unsafe { ticket.store.as_ref() } {
        let mut session: *mut sessile_session = std::ptr::null_mut();
        let id = sessile_bytes { data: b"a".as_ptr(), len: 1 };
        super::handles::output(&mut session, |place| sessile_store_get(Some(store), id, place));
        if !session.is_null() {
            // SAFETY: it was just given to us.
            sessile_session_free(Some(unsafe { Box::from_raw(session) }));
        }
    }
    ticket.callbacks.note(ticket.number);
}
