//! One part of the table, under one lock: entries, marks of lookups under way, and what is due.
//!
//! A lookup's mark promises that the base's record of that id has not changed since the mark was made, and
//! that no write came between: whoever changes either gives the mark a new token, which voids what the
//! old lookup finds.

use std::collections::{BTreeSet, VecDeque};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sync::HashState as FastHasher;
use crate::sync::channel::Sender;

use crate::base::Verified;
use crate::entry::{Charge, Content, Dirty, Entry};
use crate::error::Result;
use crate::owners::Owners;
use crate::progress::Deferred;
use crate::session::{Session, SessionId};
use crate::slots::{Place, Slots};
use crate::stats::Counters;
use crate::table::{ConditionalSet, WriteContext};
use crate::time::Timestamp;

/// Somebody who waits for a lookup.
pub(crate) enum Waiter {
    /// A read, answered on the completion thread.
    Read(Box<dyn FnOnce(Result<Option<Session>>) + Send>),
    /// A read whose caller blocks.
    Blocked(Sender<Result<Option<Session>>>),
    /// A touch of a session that was not in memory.
    Touch { expires_at: Timestamp, write: WriteContext, deferred: Arc<Deferred> },
    /// A set on condition of a version, of a session that was not in memory.
    SetIf { set: ConditionalSet, deferred: Arc<Deferred> },
}

/// A lookup under way.
pub(crate) struct Lookup {
    pub(crate) token: u64,
    pub(crate) waiters: Vec<Waiter>,
    /// Numbers of writes that are not acknowledged before the lookup is done.
    pub(crate) numbers: Vec<u64>,
}

/// Work for the readers.
#[derive(Debug)]
pub(crate) enum Job {
    /// Look up these sessions.
    LookUp(Vec<LookupJob>),
    /// Look up everything that is not resolved yet.
    Settle,
    /// Fill a log segment with zeros, ahead of the committer.
    Prepare,
    /// End.
    End,
}

/// A lookup to be done.
#[derive(Debug)]
pub(crate) struct LookupJob {
    pub(crate) id: SessionId,
    pub(crate) token: u64,
}

/// What a lookup found: `None` where the base has no record that counts.
pub(crate) type LookupAnswer = Result<Option<Verified>>;

#[derive(Default)]
pub(crate) struct Shard {
    pub(crate) entries: Slots,
    pub(crate) lookups: HashMap<SessionId, Lookup, FastHasher>,
    /// Where entries are dirty, for the next checkpoint.
    pub(crate) dirty: Vec<Place>,
    /// Ids whose entries wait for what the base has.
    pub(crate) unresolved: HashSet<SessionId, FastHasher>,
    /// When dirty sessions expire, so that they are found although the base's index does not have them.
    pub(crate) due: BTreeSet<(Timestamp, Place)>,
    /// The same for those that the checkpoint under way took.
    pub(crate) due_in_sweep: BTreeSet<(Timestamp, Place)>,
    /// Where memory may be taken back, next candidate first.
    pub(crate) ring: VecDeque<Place>,
}

/// The books of all shards together: their memory, and whose changed sessions are where.
#[derive(Debug)]
pub(crate) struct Budget {
    cache_bytes_max: u64,
    cached: AtomicU64,
    pinned: AtomicU64,
    pub(crate) owners: Owners,
}

impl Budget {
    pub(crate) fn new(cache_bytes_max: u64) -> Self {
        Self { cache_bytes_max, cached: AtomicU64::new(0), pinned: AtomicU64::new(0), owners: Owners::default() }
    }

    pub(crate) fn cached(&self) -> u64 {
        self.cached.load(Ordering::Relaxed)
    }

    pub(crate) fn pinned(&self) -> u64 {
        self.pinned.load(Ordering::Relaxed)
    }

    pub(crate) fn adjust(&self, before: Charge, after: Charge) {
        move_by(&self.cached, before.cached, after.cached);
        move_by(&self.pinned, before.pinned, after.pinned);
    }
}

fn move_by(gauge: &AtomicU64, before: u64, after: u64) {
    if after > before {
        gauge.fetch_add(after - before, Ordering::Relaxed);
    } else if before > after {
        gauge.fetch_sub(before - after, Ordering::Relaxed);
    }
}

impl Shard {
    /// Changes the entry of `id`, made where it is missing, and keeps the books: memory, lists, owners, due set.
    pub(crate) fn change<T>(&mut self, id: &SessionId, budget: &Budget, change: impl FnOnce(&mut Entry) -> T) -> T {
        let (place, is_new, entry) = self.entries.entry(id);
        let before = if is_new { Charge::default() } else { entry.charge(id) };
        let owner = entry.owner_to_list().cloned();
        let changed = change(entry);
        let after = entry.charge(id);
        budget.owners.moved(id, owner.as_ref(), entry.owner_to_list());
        if entry.dirty != Dirty::Clean {
            if !entry.listed {
                entry.listed = true;
                self.dirty.push(place);
            }
            if let Content::Live(live) = &entry.content
                && entry.filed_at.is_none_or(|filed_at| live.expires_at < filed_at)
            {
                entry.filed_at = Some(live.expires_at);
                self.due.insert((live.expires_at, place));
            }
        }
        if after.cached > 0 && !entry.ringed {
            entry.ringed = true;
            self.ring.push_back(place);
        }
        if !entry.awaits_lookup() {
            self.unresolved.remove(id);
        } else if !self.unresolved.contains(id) {
            self.unresolved.insert(id.clone());
        }
        budget.adjust(before, after);
        changed
    }

    /// Forgets the entry of `id`: from now on the base decides.
    pub(crate) fn remove(&mut self, id: &SessionId, budget: &Budget) {
        if let Some(entry) = self.entries.remove(id) {
            budget.adjust(entry.charge(id), Charge::default());
            budget.owners.moved(id, entry.owner_to_list(), None);
            self.unresolved.remove(id);
            self.tidy_ring();
        }
    }

    /// Takes out of the ring what has gone, once that is the most of it: while the cache is below its budget,
    /// nothing else does.
    fn tidy_ring(&mut self) {
        let Self { ring, entries, .. } = self;
        if ring.len() <= 2 * entries.len() + 64 {
            return;
        }
        // A place that was left and taken again may stand there twice: only the first time is kept.
        ring.retain(|place| entries.at_mut(*place).is_some_and(|(_, entry)| std::mem::take(&mut entry.ringed)));
        for place in ring.iter() {
            if let Some((_, entry)) = entries.at_mut(*place) {
                entry.ringed = true;
            }
        }
        ring.shrink_to(2 * ring.len());
    }

    /// Drops unchanged sessions that were not read lately while the cache is over its budget.
    pub(crate) fn evict(&mut self, budget: &Budget, counters: &Counters) {
        let mut passes = self.ring.len() * 2;
        while budget.cached() > budget.cache_bytes_max && passes > 0 {
            passes -= 1;
            let Some(place) = self.ring.pop_front() else { return };
            let Some((id, entry)) = self.entries.at_mut(place) else { continue };
            let before = entry.charge(id);
            if before.cached == 0 {
                entry.ringed = false;
            } else if entry.referenced {
                entry.referenced = false;
                self.ring.push_back(place);
            } else if entry.dirty == Dirty::Clean {
                let id = id.clone();
                self.entries.remove(&id);
                budget.adjust(before, Charge::default());
                counters.evictions.one();
            } else {
                entry.ringed = false;
                if let Content::Live(live) = &mut entry.content {
                    live.payload = None;
                }
                let after = entry.charge(id);
                budget.adjust(before, after);
                counters.evictions.one();
            }
        }
    }
}
