//! The engine: one open store, all its parts, and the steps that drive them.
//!
//! Everything the store does in the background is a step function here; [`crate::threads`] calls them in
//! loops, the simulation calls them one by one. Operations of handles come in through [`crate::store`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::lock::{Mutex, RwLock};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::channel::{Receiver, Sender};
use crate::sync::thread::{self, JoinHandle};

use crate::base::Base;
use crate::clock::TimeKeeper;
use crate::committer::{self, Attempt, Committer};
use crate::doorbell::Doorbell;
use crate::error::{Error, Result};
use crate::events::{Observers, Tasks};
use crate::health::Health;
use crate::log::Log;
use crate::lookup::{look_up, resolve};
use crate::maintenance::{self, Maintenance};
use crate::numbers::to_u64;
use crate::options::{Durability, Options};
use crate::progress::{Need, Progress};
use crate::reserve::Reserve;
use crate::sequencer::{Haste, Sequencer, Start, Urgency};
use crate::shard::Job;
use crate::stats::Counters;
use crate::storage::{Storage, StorageLock};
use crate::table::{Table, WriteContext};
use crate::time::Timestamp;

/// An open store.
pub(crate) struct Engine {
    pub(crate) options: Options,
    /// The store's directory, the one name it has in this process.
    pub(crate) path: PathBuf,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) time: TimeKeeper,
    pub(crate) table: Table,
    pub(crate) base: Base,
    pub(crate) log: Arc<Log>,
    pub(crate) reserve: Arc<Reserve>,
    pub(crate) sequencer: Arc<Sequencer>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) health: Arc<Health>,
    pub(crate) observers: Observers,
    pub(crate) tasks: Tasks,
    pub(crate) jobs: (Sender<Job>, Receiver<Job>),
    pub(crate) doorbell: Arc<Doorbell>,
    /// Whether maintenance was rung for a checkpoint since it last looked.
    pub(crate) checkpoint_rung: AtomicBool,
    /// Whether a segment is being made ahead of the committer, and when it may be tried next.
    pub(crate) preparing: AtomicBool,
    pub(crate) prepare_at_millis: AtomicU64,
    /// Held for writing while maintenance changes the base, for reading by who compares it with the table.
    pub(crate) base_gate: RwLock<()>,
    /// `None` once the store is closed.
    pub(crate) committer: Mutex<Option<Committer>>,
    /// From when on callers write what they queue themselves, monotonic milliseconds: later where the disk is slow.
    pub(crate) callers_write_from: AtomicU64,
    pub(crate) maintenance: Mutex<Maintenance>,
    pub(crate) lock: Mutex<Option<Box<dyn StorageLock>>>,
    pub(crate) process_id: u32,
    /// The millisecond in which a read last asked whether this is still the process that opened the store.
    pub(crate) process_checked_at: AtomicU64,
    pub(crate) threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Acknowledgements are delayed from this share of a full log or a full dirty budget on, in percent.
const DELAY_FROM_PERCENT: u64 = 75;
/// The delay of each batch at a full log, growing with the square of the share beyond the start.
const DELAY_AT_FULL: Duration = Duration::from_millis(20);
/// The longest delay of a batch.
const DELAY_MAX: Duration = Duration::from_millis(100);
/// A checkpoint begins at this share, in percent.
const CHECKPOINT_FROM_PERCENT: u64 = 50;

impl Engine {
    pub(crate) fn closed_error(&self) -> Error {
        Error::Closed { path: self.path.clone() }
    }

    /// Refuses what comes from a process that was forked off: the store's threads are not in it.
    pub(crate) fn check_process(&self) -> Result<()> {
        if self.is_forked() { Err(Error::Forked { path: self.path.clone() }) } else { Ok(()) }
    }

    pub(crate) fn is_forked(&self) -> bool {
        std::process::id() != self.process_id
    }

    /// How a write has to reach the disk, and what its caller waits for.
    pub(crate) fn write_context(&self, gathers: bool) -> WriteContext {
        let (urgency, need) = match self.options.durability {
            Durability::Fsync => (Urgency::Durable, Need::Durable),
            Durability::Write => (Urgency::Written, Need::Written),
            // Back-pressure: once the disk falls behind, even these wait until they are in the log.
            Durability::Async if self.queue_presses() => (Urgency::Written, Need::Written),
            Durability::Async if self.delay().is_some() => (Urgency::Lazy, Need::Written),
            Durability::Async => (Urgency::Lazy, Need::Nothing),
        };
        let start = match urgency {
            Urgency::Written => Start::ByCaller,
            Urgency::Lazy | Urgency::Durable if gathers => Start::Together,
            Urgency::Lazy | Urgency::Durable => Start::AtOnce,
        };
        WriteContext {
            now: self.time.now(),
            haste: Haste { urgency, start, now_millis: self.time.monotonic_millis() },
            need,
            unlogged_touches: self.overload().is_some() || self.health.check_write().is_err(),
            refusal: None,
        }
    }

    /// Far more waits for the disk than was budgeted for.
    pub(crate) fn overload(&self) -> Option<Error> {
        let dirty_bytes = self.table.budget.pinned();
        let queued_bytes = self.sequencer.queued_bytes();
        let over =
            dirty_bytes > self.options.dirty_bytes.saturating_mul(2) || queued_bytes > self.log.queued_bytes_max();
        over.then_some(Error::Overloaded { dirty_bytes: dirty_bytes.max(queued_bytes) })
    }

    /// Refuses what would be queued beyond the log's reserve, also where it takes no memory to speak of.
    pub(crate) fn check_queue(&self) -> Result<()> {
        let dirty_bytes = self.sequencer.queued_bytes();
        if dirty_bytes > self.log.queued_bytes_max().saturating_mul(2) {
            return Err(Error::Overloaded { dirty_bytes });
        }
        Ok(())
    }

    /// Whether half of what may be queued is: more would be refused soon, if nobody had to wait for it.
    pub(crate) fn queue_presses(&self) -> bool {
        self.sequencer.queued_bytes() > self.log.queued_bytes_max() / 2
    }

    /// How full the log or the dirty budget is, whichever is fuller, in percent.
    fn pressure_percent(&self) -> u64 {
        self.log.usage().percent().max(self.dirty_percent())
    }

    /// How full the budget of changed sessions is, in percent.
    pub(crate) fn dirty_percent(&self) -> u64 {
        let dirty = self.table.budget.pinned() + self.sequencer.queued_bytes();
        dirty * 100 / self.options.dirty_bytes.max(1)
    }

    /// Whether so much has changed in memory that it is time for a checkpoint, whatever the log has of it.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty_percent() >= CHECKPOINT_FROM_PERCENT
    }

    /// Rings maintenance for a checkpoint, once, for what the committer does not see.
    pub(crate) fn ring_if_dirty(&self) {
        if self.is_dirty() && !self.checkpoint_rung.swap(true, Ordering::Relaxed) {
            self.doorbell.ring();
        }
    }

    /// Whether it is time for a checkpoint, whatever its age.
    pub(crate) fn checkpoint_presses(&self) -> bool {
        self.pressure_percent() >= CHECKPOINT_FROM_PERCENT
    }

    /// How long acknowledgements are to be held back: longer and longer, never stopped in one step.
    pub(crate) fn delay(&self) -> Option<Duration> {
        let beyond = self.pressure_percent().checked_sub(DELAY_FROM_PERCENT).filter(|beyond| *beyond > 0)?;
        let share = u32::try_from(beyond).unwrap_or(u32::MAX);
        let whole = u32::try_from(100 - DELAY_FROM_PERCENT).unwrap_or(u32::MAX);
        let delay = DELAY_AT_FULL.saturating_mul(share.saturating_mul(share)) / (whole * whole);
        Some(delay.min(DELAY_MAX))
    }

    /// One round of the committer, and what follows from how full the log is now.
    pub(crate) fn step_committer(&self) -> committer::Next {
        // Before the batch, so that its lookups are done while it syncs; and after it, for what was queued
        // while it was being taken: a lookup is always ordered before its write is queued.
        self.table.send_write_lookups();
        let now_millis = self.time.monotonic_millis();
        let next = self.committer.lock().as_mut().map_or(committer::Next::Finished, |it| it.step(now_millis));
        self.table.send_write_lookups();
        // While what waits finds no room in the log, a segment made ahead would only be removed for it again.
        if !matches!(next, committer::Next::WaitForRoom(_)) {
            self.order_segment();
        }
        if self.checkpoint_presses() && !self.checkpoint_rung.swap(true, Ordering::Relaxed) {
            self.doorbell.ring();
        }
        next
    }

    /// Has what this thread has queued written: by this thread where that takes one write to a file and nothing else,
    /// since waking the committer and waiting for it takes ten times as long; else by the committer, where `gathers`
    /// together with what else comes.
    pub(crate) fn write_queued(&self, gathers: bool) {
        match self.try_write_queued() {
            Attempt::Done => {}
            Attempt::DoneAndDue => self.sequencer.wake(),
            Attempt::Left if gathers => self.sequencer.tell_of_queued(),
            Attempt::Left => self.sequencer.send_gathered(),
        }
    }

    fn try_write_queued(&self) -> Attempt {
        let begun = self.time.monotonic_millis();
        let may_write = begun >= self.callers_write_from.load(Ordering::Relaxed) && self.delay().is_none();
        // What has to be looked up is not acknowledged by being written, and lookups are cheaper together.
        if !may_write || self.table.has_write_lookups() {
            return Attempt::Left;
        }
        let Some(mut committer) = self.committer.try_lock() else { return Attempt::Left };
        let Some(committer) = &mut *committer else { return Attempt::Left };
        let attempt = committer.write_queued(begun);
        let took = self.time.monotonic_millis().saturating_sub(begun);
        if took >= SLOW_WRITE_MILLIS {
            self.callers_write_from.store(begun + took * SLOW_WRITE_REST, Ordering::Relaxed);
        }
        // Somebody else's write went along that has to be looked up, and nobody will come for it.
        if attempt == Attempt::Done && self.table.has_write_lookups() { Attempt::DoneAndDue } else { attempt }
    }

    /// One step of maintenance.
    pub(crate) fn step_maintenance(&self) -> maintenance::Next {
        self.maintenance.lock().step(self)
    }

    /// One job of the readers, with the lookups that have queued up behind it. Returns whether there will be
    /// more.
    pub(crate) fn run_job(&self, job: Job) -> bool {
        let mut job = Some(job);
        let mut lookups = Vec::new();
        while let Some(Job::LookUp(more)) = &mut job {
            lookups.append(more);
            if lookups.len() >= LOOKUPS_PER_SNAPSHOT {
                job = None;
                break;
            }
            job = self.jobs.1.try_recv().ok();
        }
        for lookups in lookups.chunks(LOOKUPS_PER_SNAPSHOT) {
            look_up(&self.table, &self.base, lookups, self.time.now());
            // Touches that were not logged may have waited for them.
            self.ring_if_dirty();
        }
        match job {
            None | Some(Job::LookUp(_)) => true,
            Some(Job::Settle) => {
                if let Err(error) = self.settle() {
                    tracing::debug!(%error, "what was replayed could not be looked up ahead");
                }
                true
            }
            Some(Job::Prepare) => {
                self.prepare_segment();
                true
            }
            Some(Job::End) => false,
        }
    }

    /// Has a segment made when none is ready, by a reader: maintenance may be in a long checkpoint.
    fn order_segment(&self) {
        let wanted = self.log.wants_segment()
            && self.time.monotonic_millis() >= self.prepare_at_millis.load(Ordering::Relaxed)
            && !self.preparing.swap(true, Ordering::Relaxed);
        if wanted {
            drop(self.jobs.0.send(Job::Prepare));
        }
    }

    fn prepare_segment(&self) {
        if let Err(error) = self.log.prepare() {
            // The committer makes one itself when it needs it, and reports if it cannot.
            tracing::debug!(%error, "no log segment could be prepared ahead");
            let later = self.time.monotonic_millis() + PREPARE_RETRY_MILLIS;
            self.prepare_at_millis.store(later, Ordering::Relaxed);
        }
        self.preparing.store(false, Ordering::Relaxed);
    }

    /// Looks up every session that was written without being in memory.
    ///
    /// # Errors
    /// As [`Base::get`]: what could not be looked up is left to the next who asks.
    pub(crate) fn settle(&self) -> Result<()> {
        for id in self.table.unresolved() {
            resolve(&self.table, &self.base, &id, self.time.now())?;
        }
        Ok(())
    }

    /// The number of living sessions.
    pub(crate) fn len(&self) -> Result<u64> {
        self.settle()?;
        let _gate = self.base_gate.read();
        let now = self.time.now();
        let in_memory = self.table.expired_in_memory(now);
        let mut expired = to_u64(in_memory.len());
        let mut last = None;
        while !self.table.clear_pending() {
            let due = self.base.due(Timestamp::MIN, last.as_ref(), now, DUE_PER_READ)?;
            expired += self.table.count_expired(&due.items, &in_memory, now);
            last = due.items.last().map(|due| (due.index_at, due.id.clone()));
            if !due.more {
                break;
            }
        }
        Ok(self.table.living().saturating_sub(expired))
    }

    /// Has everything that was called before durable in the log, and acknowledged.
    pub(crate) fn sync(&self) -> Result<()> {
        self.table.wait_for_deferred();
        let last = self.sequencer.last();
        self.sequencer.sync_through(last, false);
        self.progress.wait_acknowledged(last)
    }

    /// Has everything that was called before in the base.
    pub(crate) fn flush(&self) -> Result<()> {
        self.table.wait_for_deferred();
        let ticket = self.doorbell.ask_checkpoint();
        self.doorbell.wait_checkpoint(ticket).map(drop)
    }

    /// Ends everything. With `checkpoint` the base takes over what the log has, so that the next open has
    /// nothing to replay; without, everything is only made durable in the log.
    pub(crate) fn shut_down(&self, checkpoint: bool) -> Result<()> {
        let flushed = if let Some(error) = self.health.poisoned() {
            Err(error)
        } else if checkpoint {
            let ticket = self.doorbell.ask_checkpoint();
            self.doorbell.wait_checkpoint(ticket).map(drop)
        } else {
            Ok(())
        };
        let closed = self.closed_error();
        self.health.close(closed.clone());
        self.table.refuse_operations(closed.clone());
        self.doorbell.close(&closed);
        self.sequencer.close();
        for _ in 0..crate::threads::READERS {
            drop(self.jobs.0.send(Job::End));
        }
        let threads = std::mem::take(&mut *self.threads.lock());
        let mut completion = None;
        for thread in threads {
            if thread.thread().name() == Some(crate::threads::COMPLETION_NAME) {
                completion = Some(thread);
            } else {
                drop(thread.join());
            }
        }
        self.table.refuse_lookups(&closed);
        // A failure that comes too late for anybody to see otherwise.
        let unwritten = self.health.poisoned().map_or(Ok(()), Err);
        self.progress.fail(unwritten.clone().err().unwrap_or_else(|| closed.clone()));
        self.tasks.end();
        if let Some(thread) = completion
            && thread.thread().id() != thread::current().id()
        {
            drop(thread.join());
        }
        // Handles that are kept, as by a garbage collector that has not come by, keep no memory and no file.
        self.base.end();
        self.table.end();
        *self.committer.lock() = None;
        drop(self.sequencer.drain(Vec::new()));
        self.log.end();
        *self.lock.lock() = None;
        flushed.and(unwritten)
    }
}

/// A write within a call that takes this long is a slow one: then callers leave writing to the committer
const SLOW_WRITE_MILLIS: u64 = 2;
/// for so many times as long, and so are held up for no more than a hundredth of the time.
const SLOW_WRITE_REST: u64 = 100;
/// How many lookups share a snapshot, so that the first of them does not wait for long.
const LOOKUPS_PER_SNAPSHOT: usize = 64;
/// How long to wait after no segment could be made.
const PREPARE_RETRY_MILLIS: u64 = 1000;
/// How many due index entries are read at once.
const DUE_PER_READ: usize = 10_000;
