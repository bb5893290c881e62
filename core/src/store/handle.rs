//! What a handle may do: on which engine, in which process, and whether it still may.
//!
//! What it keeps true: no operation reaches an engine that is closed, that another process opened, or whose log has
//! failed for what the operation needs of it; and the last handle that goes releases the store.

#[cfg(feature = "simulation")]
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::error::Result;
use crate::registry::Registration;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::table::WriteContext;
use crate::time::Timestamp;

pub(super) struct Handle {
    place: Place,
    /// Of sessions that are stored without an expiry.
    pub(super) ttl: Duration,
    /// Whether its writes wait for others.
    gathers: AtomicBool,
    closed: AtomicBool,
}

/// What the handle keeps open.
pub(super) enum Place {
    Registered(Registration),
    #[cfg(feature = "simulation")]
    Simulated(Arc<Engine>),
}

impl Place {
    fn engine(&self) -> &Engine {
        match self {
            Self::Registered(registration) => &registration.engine,
            #[cfg(feature = "simulation")]
            Self::Simulated(engine) => engine,
        }
    }

    fn release(&self, checkpoint: bool) -> Result<()> {
        match self {
            Self::Registered(registration) => registration.release(checkpoint),
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => Ok(()),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // In a forked child the engine is the parent's: its threads are not here, its lock is not ours.
        if self.engine().is_forked() || self.closed.load(Ordering::Acquire) {
            return;
        }
        if let Err(error) = self.place.release(false) {
            tracing::warn!(%error, "a store was dropped without being closed, and closing it failed");
        }
    }
}

impl Handle {
    pub(super) const fn new(place: Place, ttl: Duration) -> Self {
        Self { place, ttl, gathers: AtomicBool::new(false), closed: AtomicBool::new(false) }
    }

    pub(super) fn engine(&self) -> &Engine {
        self.place.engine()
    }

    pub(super) fn open_engine(&self) -> Result<&Engine> {
        let engine = self.engine();
        engine.check_process()?;
        if self.closed.load(Ordering::Acquire) {
            return Err(engine.closed_error());
        }
        engine.health.check_open()?;
        Ok(engine)
    }

    /// The engine and the time, for a read. Asking for the process costs a system call, as much as half of a
    /// read from memory, so reads ask once a millisecond: what a forked child reads until then is what its
    /// parent had.
    pub(super) fn readable_engine(&self) -> Result<(&Engine, Timestamp)> {
        let engine = self.engine();
        if self.closed.load(Ordering::Acquire) {
            return Err(engine.closed_error());
        }
        engine.health.check_open()?;
        let now = engine.time.now();
        if engine.process_checked_at.load(Ordering::Relaxed) != now.as_millis() {
            engine.check_process()?;
            engine.process_checked_at.store(now.as_millis(), Ordering::Relaxed);
        }
        Ok((engine, now))
    }

    /// For what makes room: taken on a full disk, too, while little waits for the log.
    pub(super) fn removing_engine(&self) -> Result<&Engine> {
        let engine = self.open_engine()?;
        if let Some(error) = engine.health.poisoned() {
            return Err(error);
        }
        if engine.queue_presses() {
            engine.health.check_write()?;
        }
        engine.check_queue()?;
        Ok(engine)
    }

    pub(super) fn writable_engine(&self) -> Result<&Engine> {
        let engine = self.open_engine()?;
        engine.health.check_write()?;
        Ok(engine)
    }

    pub(super) fn gather_writes(&self, gathers: bool) {
        self.gathers.store(gathers, Ordering::Relaxed);
    }

    pub(super) fn gathers(&self) -> bool {
        self.gathers.load(Ordering::Relaxed)
    }

    /// For a write that is called now.
    pub(super) fn write_context(&self, engine: &Engine) -> WriteContext {
        engine.write_context(self.gathers())
    }

    /// Closes the handle; again does nothing.
    pub(super) fn close(&self) -> Result<()> {
        self.engine().check_process()?;
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.place.release(true)
    }
}
