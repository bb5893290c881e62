//! A walk over all sessions, which holds nothing of the store between its pages.
//!
//! A cursor does not keep a store open: the store may be closed or freed before it.

use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::vec;

use sessile::{Error, Owner, Session, SessionId, Store};

use crate::bytes::sessile_bytes;
use crate::error::status;
use crate::guard::{guarded, guarded_or};
use crate::handle::{Output, give, given};
use crate::session::sessile_session;
use crate::status::sessile_status;
use crate::store::{OpenStore, operate, sessile_store};

/// Sessions that are read from the store at a time.
const PAGE_LEN: usize = 64;

/// A walk over all sessions of a store, in order of their ids' bytes, or over those of an owner.
///
/// Several threads may share one; each session then goes to one of them.
pub struct sessile_cursor {
    store: Weak<OpenStore>,
    path: PathBuf,
    place: Mutex<Place>,
}

/// Where the walk is.
#[derive(Default)]
struct Place {
    page: vec::IntoIter<(SessionId, Session)>,
    /// The last id of the page.
    after: Option<SessionId>,
    is_last: bool,
    /// Whose sessions alone.
    owner: Option<Owner>,
}

impl Place {
    fn next(&mut self, store: &Store) -> Result<Option<(SessionId, Session)>, Error> {
        loop {
            if let Some(found) = self.page.next() {
                return Ok(Some(found));
            }
            if self.is_last {
                return Ok(None);
            }
            if let Some(owner) = &self.owner {
                self.page = store.sessions_of(owner)?.into_iter();
                self.is_last = true;
                continue;
            }
            let page = store.scan(self.after.as_ref(), PAGE_LEN)?;
            self.page = page.sessions.into_iter();
            self.is_last = page.next.is_none();
            self.after = page.next;
        }
    }
}

/// Begins a walk over all sessions, in order of their ids' bytes.
///
/// Nothing is held in the store meanwhile: sessions may come, change and go. One that lives through the whole walk is
/// seen exactly once; one that comes or goes meanwhile may be seen or not. Sessions are read 64 at a time, fewer where
/// they are large, and each is given as it was then.
///
/// `*cursor_out` is a cursor that the caller owns and ends with `sessile_cursor_close`; NULL on failure.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL.
/// - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_cursor_open(
    store: Option<&sessile_store>,
    cursor_out: Option<&mut MaybeUninit<*mut sessile_cursor>>,
) -> sessile_status {
    let cursor_out = Output::clear(cursor_out, "cursor_out");
    operate(store, |open| {
        cursor_out?.put(cursor(store, open, Place::default())?);
        Ok(())
    })
}

/// Begins a walk over the living sessions of `owner`, the oldest first.
///
/// All of them are read by the first `sessile_cursor_next`, and given as they were then: every `set` and `destroy` that
/// was called before counts, whatever the durability. That takes as long as reading that owner's sessions does, however
/// many there are of others.
///
/// `*cursor_out` is a cursor that the caller owns and ends with `sessile_cursor_close`; NULL on failure.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL, or the owner is empty or too long.
/// - `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_cursor_open_of(
    store: Option<&sessile_store>,
    owner: sessile_bytes,
    cursor_out: Option<&mut MaybeUninit<*mut sessile_cursor>>,
) -> sessile_status {
    let cursor_out = Output::clear(cursor_out, "cursor_out");
    operate(store, |open| {
        let place = Place { owner: Some(owner.to_owner()?), ..Place::default() };
        cursor_out?.put(cursor(store, open, place)?);
        Ok(())
    })
}

/// A cursor on a store that is open.
fn cursor(store: Option<&sessile_store>, open: &Store, place: Place) -> Result<*mut sessile_cursor, Error> {
    let store = given(store, "store")?.shared();
    open.check_open()?;
    let path = store.path().to_owned();
    Ok(give(sessile_cursor { store: Arc::downgrade(store), path, place: Mutex::new(place) }))
}

/// Reads the next session. Blocks on reading the disk, once in 64 sessions or so.
///
/// `*session_out` is a copy that the caller owns and ends with `sessile_session_free`; `sessile_session_id` says which
/// it is. At the end of the walk the status is `SESSILE_STATUS_OK` and `*session_out` is NULL; so it stays. After a
/// failure `*session_out` is NULL as well, and the next call tries again at the same place.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL.
/// - `SESSILE_STATUS_CORRUPTED`: a damaged record is in the way.
/// - `SESSILE_STATUS_IO`: the disk could not be read.
/// - `SESSILE_STATUS_CLOSED`: the store was closed or freed.
/// - `SESSILE_STATUS_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_cursor_next(
    cursor: Option<&sessile_cursor>,
    session_out: Option<&mut MaybeUninit<*mut sessile_session>>,
) -> sessile_status {
    let session_out = Output::clear(session_out, "session_out");
    let store = cursor.and_then(|cursor| cursor.store.upgrade());
    let result = guarded(|| {
        let (session_out, cursor) = (session_out?, given(cursor, "cursor")?);
        let store = store.as_ref().ok_or_else(|| Error::Closed { path: cursor.path.clone() })?;
        store.check_process()?;
        store.store.check_open()?;
        let found = cursor.place.lock().unwrap_or_else(PoisonError::into_inner).next(&store.store)?;
        if let Some((id, session)) = found {
            session_out.put(give(sessile_session::new(id, session)));
        }
        Ok(())
    });
    let status = match (result, &store) {
        (Err(failure), Some(store)) => store.note(failure),
        (result, _) => status(result),
    };
    // The last that holds the store where another thread has freed it meanwhile, and then what ends it.
    guarded_or(status, || {
        drop(store);
        status
    })
}

/// Ends a walk, at its end or before. Sessions that it gave stay valid. NULL is nothing to end.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_cursor_close(cursor: Option<Box<sessile_cursor>>) {
    guarded_or((), || drop(cursor));
}
