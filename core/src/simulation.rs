//! The store without its threads, on a storage and a clock that a test supplies. Not a stable interface.
//!
//! A [`Simulation`] does nothing by itself: each step of committer, maintenance, readers and completions is
//! called, so that a test decides the order of everything and can stop at any operation of the storage. [`open`] gives
//! the store with its threads instead; [`formats`] reads bytes that did not come from a store.

pub mod formats;

use std::path::Path;
use std::sync::Arc;

use crate::committer;
use crate::damage::Damage;
use crate::engine::Engine;
use crate::error::Result;
use crate::maintenance;
use crate::options::Options;
use crate::recovery::{self, Surroundings, prepare_directory};
use crate::store::Store;
use crate::sync::atomic::Ordering;
use crate::table::ShardHasher;

pub use crate::base::Backend as BaseBackend;
pub use crate::clock::{Clock, SystemClock};
pub use crate::disk::Disk;
pub use crate::storage::{Kind, Storage, StorageFile, StorageLock};

/// Opens a store with all its threads, as [`Store::open`] does, but on `storage` and at `clock`'s time: for tests that
/// watch, or hold up, what a real store does to its disk.
///
/// # Errors
/// As [`Store::open`].
pub fn open(options: Options, storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Result<Store> {
    // Where a checker decides who goes on, nothing else may be random.
    let hasher = if cfg!(feature = "controlled") { ShardHasher::fixed() } else { ShardHasher::random() };
    Store::open_in(&Surroundings { storage, clock, hasher }, options)
}

/// Lets `span` pass for the store's threads that wait for no longer than some time, which they do not by
/// themselves where a checker runs them.
#[cfg(feature = "controlled")]
pub fn elapse(span: std::time::Duration) {
    crate::sync::elapse(span);
}

/// An open store whose steps are called one by one.
pub struct Simulation {
    engine: Arc<Engine>,
    store: Store,
}

impl Simulation {
    /// Opens the store on `storage` at `clock`'s time, without starting any thread. The options may be outside
    /// their ranges, so that a test can have a log of a few pages.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open(options: Options, storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::open_with(options, storage, clock, false).map(|(simulation, _)| simulation)
    }

    /// As [`Simulation::open`], optionally with salvage.
    ///
    /// # Errors
    /// As [`Store::open_salvage`].
    pub fn open_with(
        options: Options,
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        salvage: bool,
    ) -> Result<(Self, Vec<Damage>)> {
        let path = prepare_directory(storage.as_ref(), options.path())?;
        let surroundings = Surroundings { storage, clock, hasher: ShardHasher::fixed() };
        let (engine, dropped) = recovery::open(options, path, &surroundings, salvage)?;
        let store = Store::simulated(Arc::clone(&engine));
        Ok((Self { engine, store }, dropped))
    }

    /// The store, for calling operations. Those that block wait for steps that nobody makes: use commits and
    /// callbacks.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Under `write` callers write what they call themselves, or no longer, as on a disk that has been slow: then it is
    /// left to the committer.
    pub fn let_callers_write(&self, may: bool) {
        let from = if may { 0 } else { u64::MAX };
        self.engine.callers_write_from.store(from, Ordering::Relaxed);
    }

    /// One round of the committer. Returns whether it wants another one at once.
    pub fn step_committer(&self) -> bool {
        matches!(self.engine.step_committer(), committer::Next::WaitForRoom(_))
    }

    /// One step of maintenance, with whatever it waits for done by the committer. Returns whether there is
    /// more to do now.
    pub fn step_maintenance(&self) -> bool {
        match self.engine.step_maintenance() {
            maintenance::Next::Again => true,
            maintenance::Next::WaitDurable(number) => {
                if self.engine.progress.durable() < number {
                    self.engine.step_committer();
                }
                true
            }
            maintenance::Next::Wait(_) => false,
        }
    }

    /// One step of maintenance that has nothing to do: how long its thread would sleep then. `None`: it has something.
    pub fn rest_of_maintenance(&self) -> Option<std::time::Duration> {
        match self.engine.step_maintenance() {
            maintenance::Next::Wait(span) => Some(span),
            maintenance::Next::Again | maintenance::Next::WaitDurable(_) => None,
        }
    }

    /// Whether maintenance was rung for a checkpoint since it last looked.
    #[must_use]
    pub fn is_rung(&self) -> bool {
        self.engine.checkpoint_rung.load(Ordering::Relaxed)
    }

    /// Whether writes are taken: the log has not failed, and is not known to have no room.
    #[must_use]
    pub fn takes_writes(&self) -> bool {
        self.engine.health.check_write().is_ok()
    }

    /// Whether so much waits for the disk that sets are refused, and touches that extend are not logged.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        self.engine.overload().is_some()
    }

    /// Does one lookup that a read or a write waits for. Returns whether there was one.
    pub fn step_reader(&self) -> bool {
        self.engine.jobs.1.try_recv().is_ok_and(|job| self.engine.run_job(job))
    }

    /// Runs the callbacks that are ready. Returns whether there were any.
    pub fn step_completions(&self) -> bool {
        self.engine.tasks.run_queued()
    }

    /// Asks for a checkpoint; the next steps of maintenance make it. Returns what to ask
    /// [`Simulation::has_made`] for.
    pub fn ask_checkpoint(&self) -> u64 {
        self.engine.doorbell.ask_checkpoint()
    }

    /// Whether a checkpoint that was asked for has been made: [`Store::flush`] would have returned `Ok`.
    #[must_use]
    pub fn has_made(&self, checkpoint: u64) -> bool {
        self.engine.doorbell.has_made(checkpoint)
    }

    /// The number of the operation called last; of a `set`, that is the session's version.
    #[must_use]
    pub fn last_number(&self) -> u64 {
        self.engine.sequencer.last()
    }

    /// Steps everything until nothing has anything to do at this time.
    pub fn settle(&self) {
        for _ in 0..10_000 {
            // The committer first: it hands the readers what its batch waits for.
            self.step_committer();
            let mut busy = self.step_reader();
            busy |= self.step_maintenance();
            busy |= self.step_completions();
            if !busy {
                return;
            }
        }
    }

    /// Ends the store as the last handle that is dropped does. No step may be made any more.
    pub fn shut_down(&self) {
        drop(self.engine.shut_down(false));
    }

    /// Closes the store as its last handle does behind its checkpoint: the committer writes what is queued, syncs it
    /// and ends the log. Makes no checkpoint itself. No step may be made any more.
    pub fn close(&self) {
        self.engine.sequencer.close();
        while self.engine.step_committer() != committer::Next::Finished {
            while self.step_reader() {}
        }
        self.shut_down();
        self.step_completions();
    }

    /// Takes no operation from now on: what closing begins with, while calls may have passed the handle's check.
    pub fn end_operations(&self) {
        self.engine.table.refuse_operations(self.engine.closed_error());
    }

    /// Ends the completion thread's queue: the last thing that closing does to it.
    pub fn end_completions(&self) {
        self.engine.tasks.end();
    }

    /// Copies the store's base as [`Store::backup`] does, without its checkpoint.
    ///
    /// # Errors
    /// As [`Store::backup`].
    pub fn backup(&self, directory: &Path) -> Result<()> {
        crate::backup::backup(&self.engine, directory)
    }
}

impl Drop for Simulation {
    /// Lets go of the lock; nothing else is done, as after a crash.
    fn drop(&mut self) {
        *self.engine.lock.lock() = None;
    }
}
