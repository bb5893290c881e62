//! The reaper: removes what has expired, in bounded steps, and never what somebody still uses.
//!
//! Expiry is enforced on every read from the session itself; the reaper only takes space back. The base's
//! expiry index is kept lazily: an entry that comes due may be of a session that was touched since, and is
//! then filed again at the true expiry. An entry counts only if it is the one its record names. A session
//! whose last change is not in the base yet is left to the checkpoint.

use crate::sync::atomic::Ordering;
use std::collections::BTreeSet;

use crate::base::{Base, Batch, DueEntry};
use crate::endings::EndCause;
use crate::entry::{Content, Dirty, InBase};
use crate::error::{Error, Result};
use crate::lookup::look_up;
use crate::session::SessionId;
use crate::shard::{LookupJob, Shard};
use crate::slots::Place;
use crate::sweep::{Change, ChangeKind};
use crate::table::Table;
use crate::time::Timestamp;

/// How many index entries one step takes on.
const ENTRIES_PER_STEP: usize = 10_000;
/// A step that finds no room is followed by one this many times smaller, one that does by one twice as large.
const SMALLER: usize = 8;
/// How many due sessions of one shard are buried while its lock is held.
const BURIED_PER_LOCK: usize = 64;
/// How many sessions a step tells of that have to be read for it, and as many as fit under one lock.
const TOLD_PER_STEP: usize = 256;

/// Where the reaper stands between steps.
#[derive(Debug)]
pub(crate) struct Reaper {
    /// Every index entry before this time has been looked at since the last checkpoint.
    scanned_until: Timestamp,
    /// The last entry looked at in a scan that is not through.
    cursor: Option<(Timestamp, SessionId)>,
    /// How many index entries the next step takes on.
    entries: usize,
}

impl Default for Reaper {
    fn default() -> Self {
        Self { scanned_until: Timestamp::default(), cursor: None, entries: ENTRIES_PER_STEP }
    }
}

/// What became of the sessions that were due in memory.
#[derive(Debug, Default)]
struct Buried {
    sessions: u64,
    /// What the base has of them is still to be told.
    to_tell: Vec<LookupJob>,
    more: bool,
}

/// What one step did.
#[derive(Debug, Default)]
pub(crate) struct Reaped {
    pub(crate) sessions: u64,
    /// How late the last of them was removed, ms.
    pub(crate) lag_millis: u64,
    /// Whether more is due.
    pub(crate) more: bool,
    pub(crate) damaged: Vec<Error>,
}

impl Reaper {
    /// Looks at everything again: a checkpoint may have filed entries behind the cursor.
    pub(crate) fn rewind(&mut self) {
        *self = Self::default();
    }

    /// There was no room for the last step: the next takes on less.
    pub(crate) fn take_smaller_steps(&mut self) {
        self.entries = (self.entries / SMALLER).max(1);
    }

    /// Removes or files again what is due at `now`, up to a bound, and no further than listeners have room for it where
    /// it `heeds_listeners`.
    ///
    /// # Errors
    /// As [`Base::commit`]: the tombstones stay for the next checkpoint.
    pub(crate) fn step(&mut self, table: &Table, base: &Base, now: Timestamp, heeds_listeners: bool) -> Result<Reaped> {
        let buried = table.bury_due(now, heeds_listeners);
        // Here and now, so that the next step knows how much the listeners have to take.
        look_up(table, base, &buried.to_tell, now);
        let mut reaped = Reaped { sessions: buried.sessions, more: buried.more, ..Reaped::default() };
        let cleared = table.cleared();
        if table.clear_pending() {
            return Ok(reaped);
        }
        let due = base.due(self.scanned_until, self.cursor.as_ref(), now, self.entries)?;
        reaped.more |= due.more;
        let last = due.items.last().map(|entry| (entry.index_at, entry.id.clone()));
        let mut changes = Vec::new();
        let mut stale = Vec::new();
        for entry in due.items {
            match table.judge(&entry, now) {
                Verdict::Skip => {}
                Verdict::Stale => stale.push((entry.index_at, entry.id)),
                Verdict::Damaged(error) => reaped.damaged.push(error),
                Verdict::Change(change) => {
                    if matches!(change.kind, ChangeKind::Gone) {
                        reaped.sessions += 1;
                        reaped.lag_millis = crate::time::millis(now.saturating_since(entry.index_at));
                    }
                    changes.push(change);
                }
            }
        }
        changes.sort_unstable_by(|one: &Change, other| one.id.cmp(&other.id));
        if !changes.is_empty() || !stale.is_empty() {
            let batch = Batch { changes: &changes, stale: &stale, makes_room: true, now, ..Batch::default() };
            let committed = base.commit(&batch)?;
            for (change, committed) in changes.iter().zip(&committed) {
                table.committed(change, committed, cleared);
            }
        }
        self.entries = (self.entries * 2).min(ENTRIES_PER_STEP);
        if reaped.more {
            self.cursor = last;
        } else {
            self.cursor = None;
            self.scanned_until = Timestamp::from_millis(now.as_millis().saturating_add(1));
        }
        Ok(reaped)
    }

    /// When there will be something to look at.
    ///
    /// # Errors
    /// As the base's reads.
    pub(crate) fn next_due(&self, table: &Table, base: &Base) -> Result<Option<Timestamp>> {
        let in_memory = table.next_due();
        let in_base = if table.clear_pending() { None } else { base.next_due(self.scanned_until)? };
        Ok([in_memory, in_base].into_iter().flatten().min())
    }
}

/// What is to happen to a session whose index entry came due.
enum Verdict {
    /// Remove the record, or file it again.
    Change(Change),
    /// No record names this entry: remove the entry.
    Stale,
    /// It has changes that the base does not have: the next checkpoint decides.
    Skip,
    /// The record cannot be read.
    Damaged(Error),
}

impl Table {
    /// Turns expired sessions that the base's index does not know of into tombstones.
    fn bury_due(&self, now: Timestamp, heeds_listeners: bool) -> Buried {
        let mut buried = Buried::default();
        for shard in self.shards() {
            // Those whose records are not known yet.
            let mut later = Vec::new();
            loop {
                let is_enough = buried.to_tell.len() >= TOLD_PER_STEP || heeds_listeners && self.endings.are_held_up();
                let mut shard = shard.lock();
                let has_more = !is_enough && self.bury_some(&mut shard, now, &mut buried, &mut later);
                if !has_more {
                    buried.more |= is_enough;
                    shard.due.extend(later);
                    break;
                }
            }
        }
        buried
    }

    /// The same for a few sessions of one shard, which the caller holds. Returns whether there are more.
    fn bury_some(
        &self,
        shard: &mut Shard,
        now: Timestamp,
        buried: &mut Buried,
        later: &mut Vec<(Timestamp, Place)>,
    ) -> bool {
        for _ in 0..BURIED_PER_LOCK {
            if shard.due.first().is_none_or(|(time, _)| *time > now) {
                return false;
            }
            let Some((filed_at, place)) = shard.due.pop_first() else { return false };
            let Some((id, entry)) = shard.entries.at_mut(place) else { continue };
            if entry.filed_at != Some(filed_at) || !entry.is_dirty() {
                continue;
            }
            let Content::Live(live) = &entry.content else {
                // A tombstone: should its id be set again, that session has to be filed anew.
                entry.filed_at = None;
                continue;
            };
            if !entry.is_resolved() {
                later.push((filed_at, place));
                continue;
            }
            let id = id.clone();
            if live.expires_at > now {
                // Touched since: it is filed again.
                shard.change(&id, &self.budget, |entry| entry.filed_at = None);
                continue;
            }
            let version = live.version;
            let untold = self.tell_of(&id, live, EndCause::Expired);
            let asks = untold.is_some();
            shard.change(&id, &self.budget, |entry| {
                entry.filed_at = None;
                entry.untold = untold.or_else(|| entry.untold.take());
                entry.content = Content::Gone;
                entry.dirty = Dirty::Whole;
                // A touch that came later says nothing without the session it was of.
                entry.changed = version;
            });
            self.living.fetch_sub(1, Ordering::Relaxed);
            buried.sessions += 1;
            if asks {
                let token = self.mark(shard, &id).token;
                buried.to_tell.push(LookupJob { id, token });
            }
        }
        true
    }

    /// Decides about a due index entry, and leaves a tombstone where its session is to go.
    fn judge(&self, due: &DueEntry, now: Timestamp) -> Verdict {
        let stored = match &due.session {
            Err(error) => return Verdict::Damaged(error.clone()),
            Ok(None) => return Verdict::Stale,
            Ok(Some(stored)) if stored.index_at != due.index_at => return Verdict::Stale,
            Ok(Some(stored)) => stored,
        };
        let mut shard = self.lock(&due.id);
        if stored.version <= self.cleared() {
            // A clear came since the entry was read, and began the count anew.
            return Verdict::Skip;
        }
        let changed = match shard.entries.get_mut(&due.id) {
            Some(entry) if entry.is_dirty() || !entry.is_resolved() => {
                // This index entry will not come up again before the next checkpoint: the due set takes over.
                entry.filed_at = None;
                shard.change(&due.id, &self.budget, |_| ());
                return Verdict::Skip;
            }
            Some(entry) => {
                // The index entry that it was filed under is about to go.
                entry.filed_at = None;
                entry.changed
            }
            None => stored.version,
        };
        let index_at = Some(stored.index_at);
        if stored.expires_at > now {
            let kind = ChangeKind::Whole(stored.clone().into());
            return Verdict::Change(Change { id: due.id.clone(), changed, index_at, kind });
        }
        self.endings.tell(EndCause::Expired, &due.id, || stored.session());
        shard.change(&due.id, &self.budget, |entry| {
            entry.content = Content::Gone;
            entry.base = InBase::Present { index_at: stored.index_at };
            entry.dirty = Dirty::Whole;
            entry.changed = 0;
        });
        self.living.fetch_sub(1, Ordering::Relaxed);
        Verdict::Change(Change::removal(due.id.clone(), index_at))
    }

    fn next_due(&self) -> Option<Timestamp> {
        let first = |shard: &crate::lock::Mutex<Shard>| shard.lock().due.first().map(|(time, _)| *time);
        self.shards().iter().filter_map(first).min()
    }

    /// Sessions that have expired, are still counted, and that the table's own due sets know of.
    pub(crate) fn expired_in_memory(&self, now: Timestamp) -> BTreeSet<SessionId> {
        let mut expired = BTreeSet::new();
        for shard in self.shards() {
            let shard = shard.lock();
            let is_due = |(time, _): &&(Timestamp, Place)| *time <= now;
            let due = shard.due.iter().take_while(is_due);
            let due = due.chain(shard.due_in_sweep.iter().take_while(is_due));
            let there = due.filter_map(|(_, place)| shard.entries.at(*place));
            expired.extend(there.filter(|(_, entry)| entry.has_expired(now)).map(|(id, _)| id.clone()));
        }
        expired
    }

    /// How many sessions of these due index entries have expired and are still counted, those in `besides`
    /// not among them.
    pub(crate) fn count_expired(&self, due: &[DueEntry], besides: &BTreeSet<SessionId>, now: Timestamp) -> u64 {
        let expired = due.iter().filter(|due| {
            let Ok(Some(stored)) = &due.session else { return false };
            let counts = stored.index_at == due.index_at && !besides.contains(&due.id);
            counts && is_expired(&self.lock(&due.id), &due.id, now).unwrap_or(stored.expires_at <= now)
        });
        crate::numbers::to_u64(expired.count())
    }
}

/// Whether the table has the session, expired; `None` where it knows nothing.
fn is_expired(shard: &Shard, id: &SessionId, now: Timestamp) -> Option<bool> {
    shard.entries.get(id).map(|entry| entry.has_expired(now))
}
