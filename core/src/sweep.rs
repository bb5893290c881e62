//! What a checkpoint takes from the table, and what it tells the table afterwards.
//!
//! A change is captured with the number of the operation it shows. Its entry turns clean, or its tombstone
//! goes, only after the commit returned and only if that is still its last operation. A checkpoint of the
//! log's older half leaves alone what the other half gives again.

use crate::base::{Committed, StoredSession};
use crate::codec::Created;
use crate::entry::{Content, Dirty, InBase, Live};
use crate::lock::Mutex;
use crate::session::{Owner, Payload, SessionId};
use crate::shard::Shard;
use crate::slots::Place;
use crate::table::Table;
use crate::time::Timestamp;

/// One session's change, as the base is to have it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) id: SessionId,
    /// The number of the session's last operation when it was captured.
    pub(crate) changed: u64,
    /// Where the expiry index has the session, if the base has it.
    pub(crate) index_at: Option<Timestamp>,
    pub(crate) kind: ChangeKind,
}

#[derive(Debug, Clone)]
pub(crate) enum ChangeKind {
    /// A whole record.
    Whole(Whole),
    /// A new expiry for the record that is there.
    Expiry { expires_at: Timestamp },
    /// No record.
    Gone,
}

/// A session as a record is to have it.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    pub(crate) payload: Payload,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) deadline: Timestamp,
    pub(crate) owner: Option<Owner>,
    pub(crate) version: u64,
    pub(crate) first_version: u64,
}

impl From<StoredSession> for Whole {
    fn from(stored: StoredSession) -> Self {
        let StoredSession { payload, created_at, expires_at, deadline, owner, version, first_version, index_at: _ } =
            stored;
        Self { payload, created_at, expires_at, deadline, owner, version, first_version }
    }
}

impl ChangeKind {
    /// Whether the base has the expiry that the session has now, given that this was committed.
    fn has_expiry_of(&self, content: &Content) -> bool {
        match (self, content) {
            (Self::Whole(Whole { expires_at, .. }) | Self::Expiry { expires_at }, Content::Live(live)) => {
                *expires_at == live.expires_at
            }
            _ => true,
        }
    }
}

impl Change {
    /// The removal of a record that the table says nothing about.
    pub(crate) const fn removal(id: SessionId, index_at: Option<Timestamp>) -> Self {
        Self { id, changed: 0, index_at, kind: ChangeKind::Gone }
    }

    pub(crate) const fn is_removal(&self) -> bool {
        matches!(self.kind, ChangeKind::Gone)
    }

    /// About how many bytes the change takes in a transaction.
    pub(crate) fn bytes(&self) -> u64 {
        let payload = match &self.kind {
            ChangeKind::Whole(whole) => {
                whole.payload.len() + whole.owner.as_ref().map_or(0, |owner| owner.as_bytes().len())
            }
            _ => 0,
        };
        crate::numbers::to_u64(payload + self.id.as_bytes().len() + 64)
    }
}

/// How much of the log a checkpoint is to cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Through {
    /// All there is.
    Everything,
    /// Operations up to this number, the last one of the log's older half.
    OlderHalf(u64),
}

/// Entries of a shard that a sweep is to take. By then another session's may be in the place of one.
pub(crate) struct Listed<'a> {
    shard: &'a Mutex<Shard>,
    places: Vec<Place>,
}

impl Listed<'_> {
    pub(crate) const fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The sessions that are there now.
    pub(crate) fn ids(&self) -> Vec<SessionId> {
        let shard = self.shard.lock();
        self.places.iter().filter_map(|place| Some(shard.entries.at(*place)?.0.clone())).collect()
    }
}

/// How many entries of each shard are looked at to tell how many there are of a kind.
const SAMPLE: usize = 16;

/// How many entries are looked at while a shard's lock is held.
const ENTRIES_PER_LOCK: usize = 64;

impl Table {
    /// About how many of a hundred dirty entries the log behind `number` gives again.
    pub(crate) fn percent_replayed_after(&self, number: u64) -> u64 {
        let (mut replayed, mut all) = (0, 0);
        for shard in self.shards() {
            let shard = shard.lock();
            for place in shard.dirty.iter().step_by(shard.dirty.len() / SAMPLE + 1) {
                let Some((_, entry)) = shard.entries.at(*place) else { continue };
                all += 1;
                replayed += u64::from(entry.is_replayed_after(number));
            }
        }
        replayed * 100 / all.max(1)
    }

    /// Takes the places of all dirty entries, those of each shard together. What is due among them stays to be found
    /// until the sweep ends.
    pub(crate) fn begin_sweep(&self) -> Vec<Listed<'_>> {
        let mut taken = Vec::new();
        for mutex in self.shards() {
            let mut shard = mutex.lock();
            let places = std::mem::take(&mut shard.dirty);
            let mut due = std::mem::take(&mut shard.due);
            shard.due_in_sweep.append(&mut due);
            taken.push(Listed { shard: mutex, places });
        }
        taken
    }

    /// Captures the changes of these entries for a checkpoint that covers the log up to `covered`; but for those that
    /// the log behind `through` gives again: they wait for the next sweep. Returns those that have to be looked up in
    /// the base first.
    pub(crate) fn capture<'a>(
        &self,
        listed: &Listed<'a>,
        through: Through,
        covered: u64,
        changes: &mut Vec<Change>,
    ) -> Listed<'a> {
        let mut unresolved = Vec::new();
        for part in listed.places.chunks(ENTRIES_PER_LOCK) {
            let mut shard = listed.shard.lock();
            for place in part {
                let Some((id, entry)) = shard.entries.at_mut(*place) else { continue };
                if entry.awaits_lookup() {
                    unresolved.push(*place);
                    continue;
                }
                entry.listed = false;
                // Filed in the set that goes when the sweep ends; a change from now on is filed anew.
                entry.filed_at = None;
                if let Through::OlderHalf(number) = through
                    && entry.is_dirty()
                    && entry.is_replayed_after(number)
                {
                    // Lists and files it again.
                    let id = id.clone();
                    shard.change(&id, &self.budget, |_| ());
                    continue;
                }
                let index_at = match entry.base {
                    InBase::Present { index_at } => Some(index_at),
                    InBase::Absent | InBase::Unknown => None,
                };
                // What a replay behind P says of the expiry counts, and knows nothing of slight touches: a record that
                // had them would be set back by it, and whoever counts from the record would lose them twice.
                let is_replayed = entry.changed > covered;
                let kind = match (&entry.content, entry.dirty) {
                    (_, Dirty::Clean) => continue,
                    (Content::Gone | Content::Touched { .. }, _) => ChangeKind::Gone,
                    (Content::Live(live), _) => {
                        let expires_at = if is_replayed { live.written_until } else { live.expires_at };
                        match &live.payload {
                            None => ChangeKind::Expiry { expires_at },
                            Some(payload) => live.whole(payload, expires_at),
                        }
                    }
                };
                changes.push(Change { id: id.clone(), changed: entry.changed, index_at, kind });
            }
        }
        Listed { shard: listed.shard, places: unresolved }
    }

    /// Notes that a change is committed. `cleared` is what [`Table::cleared`] was when it was captured.
    pub(crate) fn committed(&self, change: &Change, committed: &Committed, cleared: u64) {
        let mut shard = self.lock(&change.id);
        if self.cleared() != cleared {
            return;
        }
        let base = match committed {
            Committed::Stored { index_at } => InBase::Present { index_at: *index_at },
            Committed::Removed => InBase::Absent,
            Committed::Damaged(_) => InBase::Present { index_at: change.index_at.unwrap_or_default() },
        };
        // A lookup that is under way may have seen the base before the commit.
        self.renew_mark(&mut shard, &change.id);
        let Some(entry) = shard.entries.get(&change.id) else { return };
        // A touch that went unlogged has no number of its own.
        let is_last = entry.changed == change.changed && change.kind.has_expiry_of(&entry.content);
        let drop_entry = is_last
            && match &entry.content {
                Content::Live(live) => live.payload.is_none(),
                Content::Touched { .. } | Content::Gone => true,
            };
        if drop_entry {
            shard.remove(&change.id, &self.budget);
            return;
        }
        if !entry.is_resolved() {
            // Written while nothing was in memory: its own lookup, renewed above, will tell.
            return;
        }
        shard.change(&change.id, &self.budget, |entry| {
            entry.base = base;
            if is_last {
                entry.dirty = Dirty::Clean;
                if let Content::Live(live) = &mut entry.content {
                    live.written_until = live.expires_at;
                }
                // One that changed since it was captured stays with the due set: the reaper passes over an index
                // entry whose session has changes.
                entry.filed_at = match base {
                    InBase::Present { index_at } => Some(index_at),
                    InBase::Absent | InBase::Unknown => None,
                };
            }
        });
        shard.evict(&self.budget, &self.counters);
    }

    /// Gives back a change that could not be committed, for the next checkpoint to take again.
    pub(crate) fn not_committed(&self, change: &Change) {
        let mut shard = self.lock(&change.id);
        if let Some(entry) = shard.entries.get(&change.id)
            && entry.is_dirty()
        {
            // Lists and files it again.
            shard.change(&change.id, &self.budget, |_| ());
        }
    }

    /// Gives back what was never captured.
    pub(crate) fn not_captured(&self, listed: &Listed<'_>) {
        for place in &listed.places {
            let mut shard = listed.shard.lock();
            if let Some((id, entry)) = shard.entries.at_mut(*place) {
                entry.listed = false;
                entry.filed_at = None;
                let id = id.clone();
                shard.change(&id, &self.budget, |_| ());
            }
        }
    }

    /// Forgets what was due among the changes of a finished or abandoned sweep.
    pub(crate) fn end_sweep(&self) {
        for shard in self.shards() {
            let due = std::mem::take(&mut shard.lock().due_in_sweep);
            drop(due);
        }
    }
}

impl Live {
    fn whole(&self, payload: &Payload, expires_at: Timestamp) -> ChangeKind {
        let created_at = match self.created {
            Created::At(at) | Created::Inherited(at) => Timestamp::from_millis(at),
        };
        ChangeKind::Whole(Whole {
            payload: payload.clone(),
            created_at,
            expires_at,
            deadline: self.deadline,
            owner: self.owner.clone(),
            version: self.version,
            first_version: self.known_since,
        })
    }
}
