//! A session as it was read: a copy that belongs to the caller and changes no more.

use sessile::{Session, SessionId, Timestamp};

use crate::bytes::sessile_bytes;
use crate::guard::guarded_or;

/// A session as it was when it was read.
///
/// It is the caller's, independent of the store: it stays valid, and unchanged, when the session is overwritten or
/// destroyed and when the store is closed and freed, until `sessile_session_free`. Any number of threads may read it
/// at once.
pub struct sessile_session {
    id: SessionId,
    session: Session,
}

impl sessile_session {
    pub(crate) const fn new(id: SessionId, session: Session) -> Self {
        Self { id, session }
    }
}

/// The id that the session is known by. The bytes are valid until the session is freed. Of NULL: no bytes.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_session_id(session: Option<&sessile_session>) -> sessile_bytes {
    session.map_or(sessile_bytes::NONE, |session| sessile_bytes::of(session.id.as_bytes()))
}

/// The bytes of the last `set`. They are valid until the session is freed. Of NULL, and of an empty payload: `len` is
/// 0, and `data` is not to be read.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_session_payload(session: Option<&sessile_session>) -> sessile_bytes {
    session.map_or(sessile_bytes::NONE, |session| sessile_bytes::of(&session.session.payload))
}

/// The first millisecond in which the session is no longer there, in milliseconds since 1970. Of NULL: 0.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_session_expires_at_ms(session: Option<&sessile_session>) -> u64 {
    session.map_or(0, |session| session.session.expires_at.as_millis())
}

/// When the session came into being, in milliseconds since 1970: a later `set` of the same living id keeps it. Of
/// NULL: 0.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_session_created_at_ms(session: Option<&sessile_session>) -> u64 {
    session.map_or(0, |session| session.session.created_at.as_millis())
}

/// Which `set` the payload comes from: a later one has a higher version, a touch keeps it. Within a store no version
/// is used twice, also across crashes. Of NULL: 0.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_session_version(session: Option<&sessile_session>) -> u64 {
    session.map_or(0, |session| session.session.version.get())
}

/// Whose session it is, as its last set has said. The bytes are valid until the session is freed. Of NULL, and of
/// nobody's: no bytes.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_session_owner(session: Option<&sessile_session>) -> sessile_bytes {
    let owner = session.and_then(|session| session.session.owner.as_ref());
    owner.map_or(sessile_bytes::NONE, |owner| sessile_bytes::of(owner.as_bytes()))
}

/// The time that no expiry of the session passes, in milliseconds since 1970. Of NULL, and where there is none: 0.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_session_deadline_ms(session: Option<&sessile_session>) -> u64 {
    session.and_then(|session| session.session.deadline).map_or(0, Timestamp::as_millis)
}

/// Ends a session's copy; the session in the store is not affected. NULL is nothing to end.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_session_free(session: Option<Box<sessile_session>>) {
    guarded_or((), || drop(session));
}
