//! Whether the store takes writes: the one thing every write asks first.
//!
//! Poisoned is for good: the log failed and nothing written since is sure. A lack of room passes. Closed is
//! the end. The common case, all is well, costs one atomic load.

use crate::lock::Mutex;
use crate::sync::atomic::{AtomicU8, Ordering};

use crate::error::{Error, Result};

const WELL: u8 = 0;
const POISONED: u8 = 1;
const NO_ROOM: u8 = 2;
const CLOSED: u8 = 4;

/// The store's condition; shared by all threads.
#[derive(Debug, Default)]
pub(crate) struct Health {
    flags: AtomicU8,
    poison: Mutex<Option<Error>>,
    no_room: Mutex<Option<Error>>,
    closed: Mutex<Option<Error>>,
    /// Why the last checkpoint failed, until one succeeds.
    checkpoint_failure: Mutex<Option<Error>>,
}

impl Health {
    /// Why a write cannot be taken, if it cannot.
    pub(crate) fn check_write(&self) -> Result<()> {
        match self.flags.load(Ordering::Acquire) {
            WELL => Ok(()),
            flags => self.why(flags),
        }
    }

    /// Why nothing can be asked any more, if so.
    pub(crate) fn check_open(&self) -> Result<()> {
        match self.flags.load(Ordering::Acquire) & CLOSED {
            WELL => Ok(()),
            flags => self.why(flags),
        }
    }

    fn why(&self, flags: u8) -> Result<()> {
        let reasons = [(CLOSED, &self.closed), (POISONED, &self.poison), (NO_ROOM, &self.no_room)];
        for (flag, reason) in reasons {
            if flags & flag != 0
                && let Some(error) = reason.lock().clone()
            {
                return Err(error);
            }
        }
        Ok(())
    }

    pub(crate) fn poison(&self, error: Error) {
        self.poison.lock().get_or_insert(error);
        self.flags.fetch_or(POISONED, Ordering::AcqRel);
    }

    pub(crate) fn poisoned(&self) -> Option<Error> {
        let is_poisoned = self.flags.load(Ordering::Acquire) & POISONED != 0;
        is_poisoned.then(|| self.poison.lock().clone()).flatten()
    }

    /// Returns whether this is news.
    pub(crate) fn no_room(&self, error: Error) -> bool {
        let news = self.no_room.lock().replace(error).is_none();
        self.flags.fetch_or(NO_ROOM, Ordering::AcqRel);
        news
    }

    /// Whether the last checkpoint, or the committer, has found the disk full.
    pub(crate) fn found_no_room(&self) -> bool {
        self.lacks_room() || matches!(*self.checkpoint_failure.lock(), Some(Error::DiskFull { .. }))
    }

    pub(crate) fn lacks_room(&self) -> bool {
        self.flags.load(Ordering::Acquire) & NO_ROOM != 0
    }

    pub(crate) fn room_again(&self) {
        if self.flags.load(Ordering::Acquire) & NO_ROOM != 0 {
            self.flags.fetch_and(!NO_ROOM, Ordering::AcqRel);
            *self.no_room.lock() = None;
        }
    }

    pub(crate) fn close(&self, error: Error) {
        self.closed.lock().get_or_insert(error);
        self.flags.fetch_or(CLOSED, Ordering::AcqRel);
    }

    pub(crate) fn checkpoint_ended(&self, failure: Option<Error>) {
        *self.checkpoint_failure.lock() = failure;
    }

    pub(crate) fn checkpoint_failure(&self) -> Option<Error> {
        self.checkpoint_failure.lock().clone()
    }
}
