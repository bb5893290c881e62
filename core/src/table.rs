//! The table: every session in memory that is hot, or that the base does not have yet.
//!
//! Reads see an operation from the moment it was called. Each write changes the entry, takes its number and
//! enters the committer's queue under one shard lock, so the log's order is the table's order for every
//! session. Nothing here waits for the disk: what has to be looked up in the base leaves a mark, and
//! whoever waits for it is answered later.

mod conditional;
mod ending;
mod marks;
mod replayed;
mod touches;

pub(crate) use conditional::{ConditionalSet, SetIf};
pub(crate) use ending::{Heir, Untold};
pub(crate) use touches::Touched;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::lock::{Mutex, MutexGuard};
use crate::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use crate::sync::channel::Sender;

use crate::codec::Created;
use crate::endings::Endings;
use crate::entry::{Charge, Content, Dirty, Entry, InBase, Live, NewContent, within};
use crate::error::{Error, Result};
use crate::events::{Task, Tasks};
use crate::numbers::to_u64;
use crate::progress::{Need, Progress};
use crate::sequencer::{Haste, Queued, Sequencer};
use crate::session::{Session, SessionId};
use crate::shard::{Budget, Job, LookupJob, Shard, Waiter};
use crate::stats::Counters;
use crate::time::{Timestamp, millis};
use ending::By;

/// Fewer where a checker tries orders of threads: it would mostly try those of shards that have nothing.
const SHARDS: usize = if cfg!(feature = "controlled") { 2 } else { 64 };

/// Sessions in memory.
pub(crate) struct Table {
    shards: Box<[Mutex<Shard>]>,
    hasher: ShardHasher,
    pub(crate) budget: Budget,
    touch_after_millis: Option<u64>,
    pub(crate) counters: Arc<Counters>,
    sequencer: Arc<Sequencer>,
    pub(crate) progress: Arc<Progress>,
    jobs: Sender<Job>,
    tasks: Tasks,
    pub(crate) endings: Arc<Endings>,
    tokens: AtomicU64,
    /// Lookups that wait for the committer to take the writes they are for.
    write_lookups: Mutex<Vec<LookupJob>>,
    /// How many sessions there are, expired ones that are not reaped included; unresolved entries do not
    /// count until their lookup is done.
    pub(crate) living: AtomicI64,
    /// Records of the base with a version up to this number do not count.
    cleared: AtomicU64,
    /// Up to which `clear` the base has been emptied.
    clear_applied: AtomicU64,
    /// Why nothing is taken any more.
    ended: OnceLock<Error>,
}

/// Decides which shard a session is in.
pub(crate) type ShardHasher = foldhash::fast::SeedableRandomState;

/// What a table begins with.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) cache_bytes: u64,
    /// See [`crate::Options::touch_after`].
    pub(crate) touch_after: Option<Duration>,
    pub(crate) hasher: ShardHasher,
    /// The last `clear` that the base has seen.
    pub(crate) cleared: u64,
}

/// How a write is to reach the disk, by the store's durability.
#[derive(Debug, Clone)]
pub(crate) struct WriteContext {
    pub(crate) now: Timestamp,
    pub(crate) haste: Haste,
    /// What has to have happened to it before it is acknowledged.
    pub(crate) need: Need,
    /// Too much waits for the disk: touches that extend change memory only.
    pub(crate) unlogged_touches: bool,
    /// Why a touch that moves expiry earlier cannot be taken, like any other write; asked for touches only.
    pub(crate) refusal: Option<Error>,
}

impl Table {
    pub(crate) fn new(
        beginning: Beginning,
        counters: Arc<Counters>,
        sequencer: Arc<Sequencer>,
        progress: Arc<Progress>,
        jobs: Sender<Job>,
        tasks: Tasks,
    ) -> Self {
        let Beginning { cache_bytes, touch_after, hasher, cleared } = beginning;
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher,
            budget: Budget::new(cache_bytes),
            touch_after_millis: touch_after.map(millis),
            counters,
            sequencer,
            progress,
            jobs,
            endings: Arc::new(Endings::new(tasks.clone())),
            tasks,
            tokens: AtomicU64::new(1),
            write_lookups: Mutex::default(),
            living: AtomicI64::new(0),
            cleared: AtomicU64::new(cleared),
            clear_applied: AtomicU64::new(cleared),
            ended: OnceLock::new(),
        }
    }

    /// Takes no operation from now on. What was taken before is in the committer's queue, or marked as a lookup,
    /// when this returns: whoever passed the handle's check and was overtaken by a close is refused here, and not
    /// acknowledged by threads that are gone.
    pub(crate) fn refuse_operations(&self, error: Error) {
        let _first = self.ended.set(error);
        for shard in &self.shards {
            drop(shard.lock());
        }
    }

    /// For an operation: asked while its shard is held.
    fn check_not_ended(&self) -> Result<()> {
        self.ended.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    pub(crate) fn shards(&self) -> &[Mutex<Shard>] {
        &self.shards
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
    pub(crate) fn lock(&self, id: &SessionId) -> MutexGuard<'_, Shard> {
        use std::hash::BuildHasher;
        // The upper bits: the shard's own map uses the lower ones of another hash.
        let hash = self.hasher.hash_one(id) >> 32;
        self.shards[crate::numbers::to_usize(hash) % self.shards.len()].lock()
    }

    /// The number of the last `clear`.
    pub(crate) fn cleared(&self) -> u64 {
        self.cleared.load(Ordering::Acquire)
    }

    /// Whether the base still holds what a `clear` removed: then it holds nothing that counts.
    pub(crate) fn clear_pending(&self) -> bool {
        self.cleared() > self.clear_applied()
    }

    /// Up to which `clear` the base has been emptied.
    pub(crate) fn clear_applied(&self) -> u64 {
        self.clear_applied.load(Ordering::Acquire)
    }

    pub(crate) fn clear_was_applied(&self, cleared: u64) {
        self.clear_applied.fetch_max(cleared, Ordering::AcqRel);
    }

    /// The session as of now, or `None`: the promise that `waiter` will be told.
    pub(crate) fn get(
        &self,
        id: &SessionId,
        now: Timestamp,
        waiter: impl FnOnce() -> Waiter,
    ) -> Result<Option<Option<Session>>> {
        let mut shard = self.lock(id);
        self.check_not_ended()?;
        match shard.entries.get_mut(id) {
            Some(entry) => {
                let expires_at = match &entry.content {
                    Content::Live(live) => live.expires_at,
                    Content::Touched { expires_at } => *expires_at,
                    Content::Gone => return Ok(Some(None)),
                };
                if expires_at <= now {
                    return Ok(Some(None));
                }
                if let Some(session) = entry.session() {
                    entry.referenced = true;
                    return Ok(Some(Some(session)));
                }
            }
            None if self.clear_pending() => return Ok(Some(None)),
            None => {}
        }
        self.mark(&mut shard, id).waiters.push(waiter());
        Ok(None)
    }

    /// Stores a session. Returns its number, which is its version.
    pub(crate) fn set(&self, id: &SessionId, content: NewContent, write: &WriteContext) -> Result<u64> {
        let mut shard = self.lock(id);
        self.check_not_ended()?;
        Ok(self.set_in(&mut shard, id, content, write))
    }

    /// The same in the session's shard, which the caller holds.
    fn set_in(&self, shard: &mut Shard, id: &SessionId, mut content: NewContent, write: &WriteContext) -> u64 {
        let new = self.successor(shard.entries.get(id), write.now);
        // A session keeps the deadline that it has.
        content.deadline = new.deadline.if_any().unwrap_or(content.deadline);
        content.expires_at = within(content.expires_at, content.deadline);
        let untold = self.tell_before(id, shard.entries.get(id), By::Set, write.now);
        let asks = new.base == InBase::Unknown || untold.is_some();
        if asks {
            self.mark_for_write(shard, id, new.cold, write.haste);
        }
        let queued = Queued::Set { id: id.clone(), created: new.created, content: content.clone() };
        let number = self.sequencer.submit(queued, write.haste);
        self.install(shard, id, new, content, number, untold);
        if asks {
            self.await_lookup(shard, id, number);
        } else {
            self.void_touches(shard, id, number);
        }
        number
    }

    /// What a `set` at `now` takes over from the entry that stands in its place.
    fn successor(&self, entry: Option<&Entry>, now: Timestamp) -> Successor {
        let fresh = Created::At(now.as_millis());
        let inherited = Created::Inherited(now.as_millis());
        let plain = Successor {
            created: fresh,
            touched_before: None,
            known_since: None,
            deadline: Timestamp::MIN,
            base: InBase::Absent,
            more: 1,
            cold: false,
        };
        let Some(entry) = entry else {
            if self.clear_pending() {
                return plain;
            }
            return Successor { created: inherited, base: InBase::Unknown, more: 0, cold: true, ..plain };
        };
        let known = Successor { base: entry.base, more: 0, ..plain };
        match &entry.content {
            Content::Live(live) if live.expires_at > now => {
                // What is known by now is logged as known.
                let inherits = matches!(live.created, Created::Inherited(_));
                Successor {
                    created: live.created,
                    touched_before: live.touched_before.filter(|_| inherits),
                    known_since: Some(live.known_since),
                    deadline: live.deadline,
                    ..known
                }
            }
            Content::Live(_) => known,
            Content::Touched { expires_at } => {
                Successor { created: inherited, touched_before: Some(*expires_at), ..known }
            }
            Content::Gone => Successor { more: i64::from(entry.is_resolved()), ..known },
        }
    }

    fn install(
        &self,
        shard: &mut Shard,
        id: &SessionId,
        new: Successor,
        content: NewContent,
        number: u64,
        untold: Option<Box<Untold>>,
    ) {
        let NewContent { payload, expires_at, deadline, owner } = content;
        shard.change(id, &self.budget, |entry| {
            entry.content = Content::Live(Live {
                payload: Some(payload),
                created: new.created,
                touched_before: new.touched_before,
                expires_at,
                written_until: expires_at,
                deadline,
                owner,
                version: number,
                known_since: new.known_since.unwrap_or(number),
            });
            entry.base = new.base;
            entry.untold = untold;
            entry.dirty = Dirty::Whole;
            entry.changed = number;
            entry.expiry_waits = true;
            entry.referenced = true;
        });
        self.living.fetch_add(new.more, Ordering::Relaxed);
    }

    /// Removes a session. Returns the number to wait for.
    pub(crate) fn destroy(&self, id: &SessionId, write: &WriteContext) -> Result<u64> {
        let mut shard = self.lock(id);
        self.check_not_ended()?;
        let entry = shard.entries.get(id);
        let cold = entry.is_none();
        let untold = self.tell_before(id, entry, By::Destroy, write.now);
        let unknown = entry.map_or_else(|| !self.clear_pending(), |entry| !entry.is_resolved());
        let asks = unknown || untold.is_some();
        if asks {
            self.mark_for_write(&mut shard, id, cold, write.haste);
        }
        let number = self.sequencer.submit(Queued::Destroy { id: id.clone() }, write.haste);
        self.bury(&mut shard, id, number, untold);
        if asks {
            self.await_lookup(&mut shard, id, number);
        }
        Ok(number)
    }

    /// Leaves a tombstone.
    fn bury(&self, shard: &mut Shard, id: &SessionId, number: u64, untold: Option<Box<Untold>>) {
        let (base, fewer) = match shard.entries.get(id) {
            None if self.clear_pending() => (InBase::Absent, 0),
            None => (InBase::Unknown, 0),
            Some(entry) => {
                let counted = entry.is_resolved() && matches!(entry.content, Content::Live(_));
                (entry.base, i64::from(counted))
            }
        };
        shard.change(id, &self.budget, |entry| {
            entry.content = Content::Gone;
            entry.base = base;
            entry.untold = untold;
            entry.dirty = Dirty::Whole;
            entry.changed = number;
        });
        self.living.fetch_sub(fewer, Ordering::Relaxed);
    }

    /// Removes every session, in one operation with one number, while nothing else can happen.
    pub(crate) fn clear(&self, write: &WriteContext) -> Result<u64> {
        let mut shards: Vec<_> = self.shards.iter().map(|shard| shard.lock()).collect();
        self.check_not_ended()?;
        let number = self.sequencer.submit(Queued::Clear, write.haste);
        let swapped = self.wipe(&mut shards, number);
        drop(shards);
        for shard in swapped {
            for lookup in shard.lookups.into_values() {
                self.progress.resolved(&lookup.numbers);
                for waiter in lookup.waiters {
                    self.void(waiter, number);
                }
            }
        }
        Ok(number)
    }

    /// Empties all shards, which the caller holds, and returns what was in them.
    fn wipe(&self, shards: &mut [MutexGuard<'_, Shard>], number: u64) -> Vec<Shard> {
        let mut swapped = Vec::with_capacity(shards.len());
        for shard in shards {
            let before = std::mem::take(&mut **shard);
            for (id, entry) in before.entries.iter() {
                self.budget.adjust(entry.charge(id), Charge::default());
            }
            swapped.push(before);
        }
        self.budget.owners.clear();
        self.living.store(0, Ordering::Relaxed);
        self.cleared.store(number, Ordering::Release);
        swapped
    }

    /// Gives the memory back, since the store is closed. A read that was let in before goes to the base, which
    /// tells it so.
    pub(crate) fn end(&self) {
        // Otherwise it would take a clear that the base does not know of for the reason why nothing is here.
        self.clear_was_applied(self.cleared());
        for shard in &self.shards {
            let mut shard = shard.lock();
            let lookups = std::mem::take(&mut shard.lookups);
            let before = std::mem::replace(&mut *shard, Shard { lookups, ..Shard::default() });
            drop(shard);
            for (id, entry) in before.entries.iter() {
                self.budget.adjust(entry.charge(id), Charge::default());
            }
        }
        self.budget.owners.clear();
    }

    /// Has an answer given on the completion thread.
    pub(crate) fn complete_later(&self, task: Task) {
        self.tasks.push(task);
    }

    /// The number of sessions by the books: resolved ones, expired ones that are not reaped included.
    pub(crate) fn living(&self) -> u64 {
        to_u64(usize::try_from(self.living.load(Ordering::Relaxed)).unwrap_or_default())
    }
}

/// What a `set` takes over.
#[derive(Debug, Clone, Copy)]
struct Successor {
    created: Created,
    touched_before: Option<Timestamp>,
    /// As the session's that lives on; `None`: this is the first that memory knows of.
    known_since: Option<u64>,
    /// The same, [`Timestamp::MIN`]: it has none.
    deadline: Timestamp,
    base: InBase,
    /// How many more sessions there will be.
    more: i64,
    /// Nothing was in memory.
    cold: bool,
}
