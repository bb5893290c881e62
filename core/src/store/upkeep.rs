//! What nobody has to call: flushing, reaping, copies, verification, figures, and listening to what happens by itself.

use std::path::Path;
use std::sync::Arc;

use super::Store;
use crate::check::CheckReport;
use crate::endings::{EndCause, Listener};
use crate::error::{Error, Result};
use crate::events::{Event, Subscription};
use crate::stats::Stats;

impl Store {
    /// Blocks until everything called before is durable and in the base, so that the next open has nothing
    /// to replay.
    ///
    /// # Errors
    /// [`Error::Poisoned`], [`Error::DiskFull`], [`Error::Io`]: nothing is lost, it is in the log.
    pub fn flush(&self) -> Result<()> {
        self.0.open_engine()?.flush()
    }

    /// Blocks until everything called before is durable in the log, and acknowledged: quick, unlike [`Store::flush`]. Of
    /// touches only what is written of them; see [`crate::Options::touch_after`].
    /// What waits for a lookup of its session in the base is waited for.
    ///
    /// # Errors
    /// [`Error::Poisoned`], [`Error::DiskFull`]
    pub fn sync(&self) -> Result<()> {
        self.0.open_engine()?.sync()
    }

    /// Blocks until everything that has expired is removed, and returns how many sessions that were.
    /// Nobody has to call it: the store reaps by itself.
    ///
    /// # Errors
    /// As [`Store::flush`].
    pub fn reap(&self) -> Result<u64> {
        let engine = self.0.open_engine()?;
        // What was written just now may not be known to the reaper yet. What cannot be looked up keeps it from nothing
        // else.
        if let Err(error) = engine.settle() {
            tracing::warn!(%error, "a session could not be looked up before reaping");
        }
        let ticket = engine.doorbell.ask_reap();
        engine.doorbell.wait_reap(ticket)
    }

    /// Writes a copy of the store into `directory`, which must not exist, while the store goes on. Blocks.
    ///
    /// The copy is a store of its own. It has everything that was acknowledged before the call; it appears
    /// under its name only once it is complete and durable.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a directory that exists; as [`Store::flush`].
    pub fn backup(&self, directory: &Path) -> Result<()> {
        let engine = self.0.open_engine()?;
        if engine.storage.kind(directory).map_err(|error| Error::io("look at", directory, error))?.is_some() {
            return Err(crate::backup::exists_already(directory));
        }
        self.flush()?;
        crate::backup::backup(engine, directory)
    }

    /// Verifies everything the store has on the disk: each block of the base against its checksum, each record, that
    /// the indexes have what the records name, and the log as far as it is written. Lists all damage found; the
    /// store is as usable as before. Blocks, for as long as reading all of it takes; other operations go on meanwhile.
    ///
    /// What the operating system keeps in memory is verified as it has it there.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Forked`]; [`Error::Io`] where the disk cannot be read. Damage is no error of the
    /// check: it is in the report.
    pub fn check(&self) -> Result<CheckReport> {
        crate::check::check(self.0.open_engine()?)
    }

    /// The store's figures.
    #[must_use]
    pub fn stats(&self) -> Stats {
        crate::maintenance::gauges(self.engine());
        self.engine().counters.snapshot()
    }

    /// Has `observer` called, on the completion thread, with what happens in the background.
    pub fn subscribe<F>(&self, observer: F) -> Subscription
    where
        F: Fn(&Event) + Send + Sync + 'static,
    {
        self.engine().observers.subscribe(Arc::new(observer))
    }

    /// Listens for sessions that end by `cause`, from now on: each waits in the [`Listener`] with its last content
    /// until it is taken, as it does in everybody else's who listens. `notify` is called on the completion thread when
    /// there is one after there was none.
    ///
    /// Each that ends while somebody listens is told of at least once: more than once where a crash, a failure of the
    /// disk or an end without [`Store::close`] has its removal done again. [`Store::clear`] tells of none, also of those
    /// that were destroyed right before it and were not in memory; nor does a damaged record. Expired sessions are told
    /// of as the reaper comes by, or when their id is set or destroyed: a moment later, ten minutes later after the clock
    /// has jumped; those that have expired while no process had the store from a second after opening on. Of a session
    /// that ends within moments of a set that had to look it up, `created_at` may be that set's.
    ///
    /// While nobody listens it costs nothing. While somebody does, a destroy of a session that is not in memory reads
    /// it, as it does anyway to keep count; and where 4 MiB or 10,000 expired sessions wait to be taken, the reaper
    /// waits as well, and what has expired stays on the disk, unseen, but for [`Store::reap`] and on a full disk. One
    /// step of the reaper may add up to 16 MiB to that. A `notify` that is on its way when the listener is dropped is
    /// called still.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Forked`]
    pub fn listen<F>(&self, cause: EndCause, notify: F) -> Result<Listener>
    where
        F: Fn() + Send + Sync + 'static,
    {
        let engine = self.0.open_engine()?;
        let (endings, doorbell) = (Arc::clone(&engine.table.endings), Arc::clone(&engine.doorbell));
        Ok(Listener::new(cause, Box::new(notify), endings, doorbell))
    }
}
