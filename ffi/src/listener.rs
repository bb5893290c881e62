//! Listening for sessions that end: each is given once, when the listener asks.
//!
//! A listener does not keep a store open, and still gives what waits in it when the store has closed.

use std::mem::MaybeUninit;
use std::path::PathBuf;

use sessile::{EndCause, Error, Listener};

use crate::error::status;
use crate::fork::Process;
use crate::guard::{guarded, guarded_or};
use crate::handle::{Output, give, given, refuse};
use crate::session::sessile_session;
use crate::status::sessile_status;
use crate::store::{operate, sessile_store};

/// Why a session is no more.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum sessile_end_cause {
    /// Its time was over.
    Expired = 0,
    /// It was removed, by `sessile_store_destroy` or with others of its owner.
    Destroyed = 1,
}

/// The sessions that have ended since it was opened, and that it has not given yet.
///
/// Several threads may share one; each session then goes to one of them.
pub struct sessile_listener {
    listener: Listener,
    process: Process,
    path: PathBuf,
}

/// Listens for sessions that end by `cause`, one of `SESSILE_END_CAUSE`, from now on, for `sessile_listener_next` to
/// give. Every listener is given each of them.
///
/// Every listener is given each session that ends, whichever handle on the store ended it, at least once: again only
/// where a crash, a failing disk or an end without `sessile_store_close` has undone its removal. What
/// `sessile_store_clear` removes is not given, nor a damaged record. Expired sessions come as the store removes them in
/// the background, a moment after their time; those that have expired while no process had the store, from a second
/// after it was opened. While nobody listens it costs nothing.
///
/// `*listener_out` is a listener that the caller owns and ends with `sessile_listener_close`; NULL on failure.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL, or `cause` is none of them.
/// - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_listener_open(
    store: Option<&sessile_store>,
    cause: u32,
    listener_out: Option<&mut MaybeUninit<*mut sessile_listener>>,
) -> sessile_status {
    let listener_out = Output::clear(listener_out, "listener_out");
    operate(store, |open| {
        let listener_out = listener_out?;
        let cause = match cause {
            0 => EndCause::Expired,
            1 => EndCause::Destroyed,
            other => return Err(refuse("cause", format!("{other} is no SESSILE_END_CAUSE"))),
        };
        let path = given(store, "store")?.shared().path().to_owned();
        let listener = open.listen(cause, || ())?;
        listener_out.put(give(sessile_listener { listener, process: Process::this(), path }));
        Ok(())
    })
}

/// Gives the session that ended first of those that wait, as it was last. Does not block: ask every now and then.
///
/// `*session_out` is the caller's and ends with `sessile_session_free`; NULL on failure, and where none waits now. Its
/// id may be another session's by now. What is not asked for waits: destroyed sessions in memory, expired ones in
/// memory up to 4 MiB or 10,000 of them and what was taken on in one step beyond that, the others on the disk, unseen
/// by everybody else. What waits can be asked for when the store has closed as well.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL.
/// - `SESSILE_STATUS_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_listener_next(
    listener: Option<&sessile_listener>,
    session_out: Option<&mut MaybeUninit<*mut sessile_session>>,
) -> sessile_status {
    let session_out = Output::clear(session_out, "session_out");
    status(guarded(|| {
        let (session_out, listener) = (session_out?, given(listener, "listener")?);
        if !listener.process.is_this() {
            return Err(Error::Forked { path: listener.path.clone() }.into());
        }
        if let Some(ended) = listener.listener.take(1, u64::MAX).into_iter().next() {
            session_out.put(give(sessile_session::new(ended.id, ended.session)));
        }
        Ok(())
    }))
}

/// Listens no longer. What it has not given is forgotten. No other thread may be inside a call on it. NULL is nothing
/// to end; in a forked child nothing is ended.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_listener_close(listener: Option<Box<sessile_listener>>) {
    guarded_or((), || {
        let Some(listener) = listener else { return };
        if listener.process.is_this() {
            drop(listener);
        } else {
            // Whoever held its locks at the fork is not here to release them.
            std::mem::forget(listener);
        }
    });
}
