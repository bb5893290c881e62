//! What is told of a session that a write ends, by those who listen for it.
//!
//! A session that memory has is told of when the write is called. What only the base can tell, because the session was
//! never in memory or its payload left it, is noted in the entry and told of by the lookup that the write has made: no
//! checkpoint takes the record away before that.

use super::Table;
use crate::base::StoredSession;
use crate::codec::Created;
use crate::endings::EndCause;
use crate::entry::{Content, Entry, Live, within};
use crate::session::{Session, SessionId};
use crate::time::Timestamp;

/// What is still to be told of a record of the base, once it is found, by the entry that stands in its way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Untold {
    /// It is a session that has ended, by its own expiry or by what was called then.
    Found { at: Timestamp },
    /// It is the content of a session that has ended so, and whose expiry it was.
    As { cause: EndCause, expires_at: Timestamp },
    /// It is a session that had expired before another with its id was set, if it is not that one's beginning.
    Before(Heir),
}

/// A session that was set while nobody knew what the base has under its id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heir {
    set_at: Timestamp,
    version: u64,
    touched_before: Option<Timestamp>,
}

impl Heir {
    /// The heir that a session is, as long as its record was not looked up.
    pub(crate) const fn of(live: &Live) -> Option<Self> {
        let Created::Inherited(set_at) = live.created else { return None };
        let set_at = Timestamp::from_millis(set_at);
        Some(Self { set_at, version: live.version, touched_before: live.touched_before })
    }

    /// Whether it goes on with the session that was found.
    pub(crate) fn goes_on_with(self, found: &StoredSession) -> bool {
        let alive_until = within(self.touched_before.unwrap_or(found.expires_at), found.deadline);
        // A checkpoint may have committed this very set before a crash: then it knew.
        alive_until > self.set_at || found.version >= self.version
    }
}

/// What is about to take a session's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Set,
    Destroy,
}

impl Table {
    /// Tells of the session that a write at `now` ends, and returns what the base has to be asked for that.
    pub(super) fn tell_before(
        &self,
        id: &SessionId,
        entry: Option<&Entry>,
        by: By,
        now: Timestamp,
    ) -> Option<Box<Untold>> {
        if !self.endings.are_any_wanted() {
            return None;
        }
        let Some(entry) = entry else {
            // Of what a set finds its own lookup tells.
            return (by == By::Destroy && !self.clear_pending()).then(|| Box::new(Untold::Found { at: now }));
        };
        let live = match &entry.content {
            Content::Live(live) => live,
            Content::Touched { expires_at } => {
                let (cause, expires_at) = (EndCause::of(*expires_at, now), *expires_at);
                return (by == By::Destroy).then(|| Box::new(Untold::As { cause, expires_at }));
            }
            Content::Gone => return entry.untold.clone(),
        };
        let cause = EndCause::of(live.expires_at, now);
        if by == By::Set && cause != EndCause::Expired {
            return entry.untold.clone();
        }
        self.tell_of(id, live, cause).or_else(|| entry.untold.clone())
    }

    /// Tells of a session in memory that has ended, and returns what the base has to be asked for that.
    pub(crate) fn tell_of(&self, id: &SessionId, live: &Live, cause: EndCause) -> Option<Box<Untold>> {
        let Some(payload) = &live.payload else {
            let expires_at = live.expires_at;
            return self.endings.are_wanted(cause).then(|| Box::new(Untold::As { cause, expires_at }));
        };
        self.endings.tell(cause, id, || live.session(payload));
        Heir::of(live).map(|heir| Box::new(Untold::Before(heir)))
    }

    /// Tells of what a lookup found under `id`, where a write has left that to it.
    pub(crate) fn tell_of_found(&self, id: &SessionId, untold: Untold, found: &StoredSession) {
        let (cause, expires_at) = match untold {
            Untold::Found { at } => (EndCause::of(found.expires_at, at), found.expires_at),
            Untold::As { cause, expires_at } => (cause, expires_at),
            Untold::Before(heir) if heir.goes_on_with(found) => return,
            Untold::Before(heir) => (EndCause::Expired, heir.touched_before.unwrap_or(found.expires_at)),
        };
        self.endings.tell(cause, id, || Session { expires_at, ..found.session() });
    }
}
