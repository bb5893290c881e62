//! What the table knows about one session, and how that relates to the base.
//!
//! A clean entry equals the base's record and may be dropped at any time. A dirty one is the only place,
//! besides the log, where its change is: it stays until a checkpoint has committed that very change.

use crate::codec::{Created, Operation};
use crate::numbers::to_u64;
use crate::session::{Owner, Payload, Session, SessionId, Version};
use crate::table::Untold;
use crate::time::Timestamp;

/// One session in the table.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) content: Content,
    pub(crate) base: InBase,
    pub(crate) dirty: Dirty,
    /// The number of the last operation on the session; 0 for a tombstone the reaper left.
    pub(crate) changed: u64,
    /// Whether the operation that gave the session its expiry waits for the disk, as a set does and a touch that
    /// moves expiry earlier; one that moves it later does not.
    pub(crate) expiry_waits: bool,
    /// When the shard's due set or the base's expiry index will bring this session up; `None`: never.
    pub(crate) filed_at: Option<Timestamp>,
    /// What a listener is to be told of what the base has, once that was looked up.
    pub(crate) untold: Option<Box<Untold>>,
    /// Whether the shard's list of dirty ids has it.
    pub(crate) listed: bool,
    /// Whether the shard's ring for eviction has it.
    pub(crate) ringed: bool,
    /// Whether it was read since the ring last came by.
    pub(crate) referenced: bool,
}

/// What a session is, as of its last operation.
#[derive(Debug)]
pub(crate) enum Content {
    /// A session, living or expired and not yet reaped.
    Live(Live),
    /// A replayed touch of a session that only the base has; void if the base does not have it.
    Touched { expires_at: Timestamp },
    /// A tombstone: there is no such session, whatever the base says.
    Gone,
}

/// The content of a session.
#[derive(Debug)]
pub(crate) struct Live {
    /// `None`: dropped to save memory, the base has it. Only for sessions that are clean or only touched.
    pub(crate) payload: Option<Payload>,
    /// Known, or to be inherited from what the base has.
    pub(crate) created: Created,
    /// The expiry that a replayed touch gave the base's session before this one was set, if the log says of
    /// this one that it inherits.
    pub(crate) touched_before: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
    /// The expiry that the log has, or the base: touches may have moved it by a little since.
    pub(crate) written_until: Timestamp,
    /// The time that no expiry passes; [`Timestamp::MIN`]: none.
    pub(crate) deadline: Timestamp,
    pub(crate) owner: Option<Owner>,
    pub(crate) version: u64,
    /// The first version of this session that memory knows of: one between it and `version` is an earlier state of the
    /// same session, and one before it of the same or of another that had the id.
    pub(crate) known_since: u64,
}

/// What a set gives a session.
#[derive(Debug, Clone)]
pub(crate) struct NewContent {
    pub(crate) payload: Payload,
    pub(crate) expires_at: Timestamp,
    /// [`Timestamp::MIN`]: none, or that of the session it goes on with.
    pub(crate) deadline: Timestamp,
    pub(crate) owner: Option<Owner>,
}

impl NewContent {
    /// The set as the log has it.
    pub(crate) fn operation<'a>(&'a self, id: &'a [u8], created: Created) -> Operation<'a> {
        let Self { payload, expires_at, deadline, owner } = self;
        let (expires_at, deadline) = (expires_at.as_millis(), deadline.as_millis());
        match owner {
            None if deadline == 0 => Operation::Set { id, created, expires_at, payload },
            owner => {
                let owner = owner.as_ref().map_or([].as_slice(), Owner::as_bytes);
                Operation::SetWith { id, created, expires_at, deadline, owner, payload }
            }
        }
    }
}

/// The earlier of an expiry and a deadline, if there is one.
pub(crate) fn within(expires_at: Timestamp, deadline: Timestamp) -> Timestamp {
    if deadline == Timestamp::MIN { expires_at } else { expires_at.min(deadline) }
}

/// What the base holds for the session, as of the last commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InBase {
    /// Not looked up yet.
    Unknown,
    /// Nothing that counts.
    Absent,
    /// A record, in the expiry index under this time.
    Present { index_at: Timestamp },
}

/// What a checkpoint has to do for the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dirty {
    Clean,
    /// Only the expiry differs from the base's.
    Expiry,
    /// All of it.
    Whole,
}

/// Bytes of memory an entry accounts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Charge {
    pub(crate) cached: u64,
    pub(crate) pinned: u64,
}

/// Memory of an entry besides its payload: its slot, its place in the map and in lists, allocator overhead. Measured,
/// rounded up.
const ENTRY_BYTES: u64 = 320;

/// Memory of an entry in the list of its owner's changed sessions, besides the owner's and the id's bytes.
const OWNED_BYTES: u64 = 160;

impl Entry {
    /// A new entry that nothing is known of; the caller fills in its content.
    pub(crate) const fn vacant() -> Self {
        Self {
            content: Content::Gone,
            base: InBase::Unknown,
            dirty: Dirty::Clean,
            changed: 0,
            expiry_waits: false,
            filed_at: None,
            untold: None,
            listed: false,
            ringed: false,
            referenced: false,
        }
    }

    /// Whether it is a session that has expired, and was not reaped.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        matches!(&self.content, Content::Live(live) if live.expires_at <= now)
    }

    pub(crate) const fn is_resolved(&self) -> bool {
        !matches!(self.base, InBase::Unknown)
    }

    /// Whether a lookup has still to bring something, so that no checkpoint may take the entry along before.
    pub(crate) const fn awaits_lookup(&self) -> bool {
        !self.is_resolved() || self.untold.is_some()
    }

    /// What the entry costs: dropped entries cost nothing, changed ones cannot be dropped.
    pub(crate) fn charge(&self, id: &SessionId) -> Charge {
        let listed = self.owner_to_list().map_or(0, |owner| OWNED_BYTES + to_u64(owner.as_bytes().len()));
        let entry = ENTRY_BYTES + listed + to_u64(id.as_bytes().len());
        let payload = match &self.content {
            Content::Live(live) => live.payload_bytes(),
            _ => 0,
        };
        match self.dirty {
            Dirty::Clean => Charge { cached: entry + payload, pinned: 0 },
            Dirty::Expiry => Charge { cached: payload, pinned: entry },
            Dirty::Whole => Charge { cached: 0, pinned: entry + payload },
        }
    }

    /// Whose list of changed sessions has the entry: the base may not know yet whose it is.
    pub(crate) fn owner_to_list(&self) -> Option<&Owner> {
        match (&self.content, self.dirty) {
            (_, Dirty::Clean) => None,
            (Content::Live(live), _) => live.owner.as_ref(),
            (Content::Touched { .. } | Content::Gone, _) => None,
        }
    }

    /// Whether replaying the log behind `number` gives all of the entry again, whatever is in the base: its
    /// last operation stands there, and says everything.
    pub(crate) fn is_replayed_after(&self, number: u64) -> bool {
        let last_whole = match (&self.content, self.dirty) {
            // What it inherits may hang on a touch before.
            (Content::Live(live), Dirty::Whole) if live.touched_before.is_some() => 0,
            // A touch behind it is there as well, or was not acknowledged.
            (Content::Live(live), Dirty::Whole) => live.version,
            (Content::Live(_) | Content::Touched { .. } | Content::Gone, _) => self.changed,
        };
        last_whole > number
    }

    /// The session, if all of it is known.
    pub(crate) fn session(&self) -> Option<Session> {
        match &self.content {
            Content::Live(live @ Live { payload: Some(payload), created: Created::At(_), .. }) => {
                Some(live.session(payload))
            }
            _ => None,
        }
    }
}

impl Live {
    /// Bytes of the payload that are in memory.
    ///
    /// Not inlined: the compiler would look for the payload before it looks whether there is a session, which is
    /// harmless, since it then drops what it saw, and which valgrind reports of every tombstone.
    #[inline(never)]
    fn payload_bytes(&self) -> u64 {
        to_u64(self.payload.as_ref().map_or(0, |payload| payload.len()))
    }

    /// Moves the expiry, in memory and on its way to the disk.
    pub(crate) const fn write_expiry(&mut self, expires_at: Timestamp) {
        self.expires_at = expires_at;
        self.written_until = expires_at;
    }

    /// The session with this payload, as far as it is known by now: when it came into being may still be to be looked
    /// up.
    pub(crate) fn session(&self, payload: &Payload) -> Session {
        Session {
            payload: payload.clone(),
            created_at: self.created.provisional(),
            expires_at: self.expires_at,
            version: Version(self.version),
            known_since: Version(self.known_since),
            owner: self.owner.clone(),
            deadline: self.deadline.if_any(),
        }
    }
}
