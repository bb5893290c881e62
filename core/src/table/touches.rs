//! Touches: a session's expiry moves, and nothing else of it.
//!
//! One that extends is acknowledged at once, and may be lost; it is not even logged where it moves the expiry by little
//! beyond what log or base have. One that shortens is a write like any other. Of a session that is not in memory it
//! waits for the lookup, and creates nothing where that finds none.

use std::sync::Arc;
use std::time::Duration;

use super::{Table, WriteContext};
use crate::entry::{Content, Dirty, Entry, within};
use crate::error::Result;
use crate::progress::Deferred;
use crate::sequencer::{Haste, Queued, Start, Urgency};
use crate::session::SessionId;
use crate::shard::{Shard, Waiter};
use crate::time::{Timestamp, millis};

/// Unless the options say otherwise, no expiry is earlier after a crash by more than a hundredth of the time that was
/// left, nor by more than this.
const TOUCH_AFTER_MAX_MILLIS: u64 = 60_000;

/// What became of a touch within the call.
pub(crate) enum Touched {
    /// It is done, or there was nothing to touch.
    Done,
    /// It moved expiry earlier and is acknowledged like any write.
    At(u64),
    /// The session has to be looked up first.
    Deferred(Arc<Deferred>),
}

impl Table {
    /// Moves a session's expiry. Creates nothing.
    ///
    /// # Errors
    /// The refusal in `write`, of a touch that moves expiry earlier; or nothing is taken any more.
    pub(crate) fn touch(&self, id: &SessionId, expires_at: Timestamp, write: &WriteContext) -> Result<Touched> {
        let mut shard = self.lock(id);
        self.check_not_ended()?;
        Ok(match shard.entries.get(id) {
            Some(Entry { content: Content::Live(_), .. }) => {
                let number = self.touch_live(&mut shard, id, expires_at, write)?;
                number.map_or(Touched::Done, Touched::At)
            }
            Some(Entry { content: Content::Gone, .. }) => Touched::Done,
            None if self.clear_pending() => Touched::Done,
            Some(Entry { content: Content::Touched { .. }, .. }) | None => {
                let deferred = Arc::new(Deferred::default());
                // When its session is found, those that it was called with have long been sent.
                let haste = Haste { start: Start::AtOnce, ..write.haste };
                let write = WriteContext { haste, ..write.clone() };
                let waiter = Waiter::Touch { expires_at, write, deferred: Arc::clone(&deferred) };
                self.mark(&mut shard, id).waiters.push(waiter);
                Touched::Deferred(deferred)
            }
        })
    }

    /// Touches a session whose entry is known. Returns the number to wait for, if there is one.
    ///
    /// # Errors
    /// As [`Table::touch`].
    pub(crate) fn touch_live(
        &self,
        shard: &mut Shard,
        id: &SessionId,
        expires_at: Timestamp,
        write: &WriteContext,
    ) -> Result<Option<u64>> {
        let (entry, before) = match shard.entries.get(id) {
            Some(entry @ Entry { content: Content::Live(live), .. }) => (entry, live),
            _ => return Ok(None),
        };
        if before.expires_at <= write.now {
            return Ok(None);
        }
        let expires_at = within(expires_at, before.deadline);
        if before.expires_at == expires_at {
            // Nothing to do, but whoever asks is told that it expires no later: not before that is on the disk.
            return Ok(entry.expiry_waits.then_some(entry.changed));
        }
        let extends = expires_at > before.expires_at;
        let is_slight = expires_at.saturating_since(before.written_until) < self.touch_after(write.now, expires_at);
        if extends && (write.unlogged_touches || is_slight) {
            // Not in the log: a crash leaves the earlier expiry. A checkpoint takes it along all the same.
            shard.change(id, &self.budget, |entry| {
                if let Content::Live(live) = &mut entry.content {
                    live.expires_at = expires_at;
                }
                entry.dirty = entry.dirty.max(Dirty::Expiry);
                entry.expiry_waits = false;
                entry.referenced = true;
            });
            return Ok(None);
        }
        if !extends && let Some(error) = &write.refusal {
            return Err(error.clone());
        }
        // Nobody waits for one that extends, and so nobody goes on to write it.
        let in_passing = Haste { urgency: Urgency::Lazy, start: Start::AtOnce, ..write.haste };
        let queued = Queued::Touch { id: id.clone(), expires_at };
        let number = self.sequencer.submit(queued, if extends { in_passing } else { write.haste });
        shard.change(id, &self.budget, |entry| {
            if let Content::Live(live) = &mut entry.content {
                live.write_expiry(expires_at);
            }
            entry.dirty = entry.dirty.max(Dirty::Expiry);
            entry.changed = number;
            entry.expiry_waits = !extends;
            entry.referenced = true;
        });
        Ok((!extends).then_some(number))
    }

    /// By how much a touch at `now` has to move an expiry beyond what is written, to be written itself.
    fn touch_after(&self, now: Timestamp, expires_at: Timestamp) -> Duration {
        let left = millis(expires_at.saturating_since(now));
        Duration::from_millis(match self.touch_after_millis {
            None => (left / 100).min(TOUCH_AFTER_MAX_MILLIS),
            // However much that is, a session in use is not to expire for it.
            Some(touch_after) => touch_after.min(left / 2),
        })
    }
}
