//! Sets on condition: a session is replaced only while it has the version that its writer read.
//!
//! Whoever read a session and writes it back later is told whether somebody else wrote it meanwhile, and whether it is
//! the same session still: one that was destroyed, has expired or was cleared is not brought back. The decision is made
//! under the shard's lock, with what memory and base say together; what is not in memory is looked up first.

use std::sync::Arc;

use super::{Table, WriteContext};
use crate::entry::{Content, Entry, Live, NewContent};
use crate::error::{Error, Result};
use crate::progress::Deferred;
use crate::sequencer::{Haste, Start};
use crate::session::{SessionId, Version};
use crate::shard::{Shard, Waiter};

/// A set that waits for its session to be looked up, and the version on condition of which it is.
pub(crate) struct ConditionalSet {
    pub(crate) content: NewContent,
    pub(crate) version: Version,
    pub(crate) write: WriteContext,
}

/// What became of a conditional set within the call.
pub(crate) enum SetIf {
    /// It is done, under this number.
    At(u64),
    /// The session has to be looked up first.
    Deferred(Arc<Deferred>),
}

impl Table {
    /// Stores a session if its version is the one named.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::Gone`]; or nothing is taken any more.
    pub(crate) fn set_if(
        &self,
        id: &SessionId,
        content: NewContent,
        version: Version,
        write: &WriteContext,
    ) -> Result<SetIf> {
        let mut shard = self.lock(id);
        self.check_not_ended()?;
        let is_unknown = match shard.entries.get(id) {
            None => !self.clear_pending(),
            // Nobody has looked yet whether it goes on with the session that the base has.
            Some(entry @ Entry { content: Content::Live(live), .. }) => {
                !entry.is_resolved() && version.get() < live.known_since
            }
            Some(entry) => matches!(entry.content, Content::Touched { .. }),
        };
        if !is_unknown {
            return self.set_read(&mut shard, id, content, version, write).map(SetIf::At);
        }
        let deferred = Arc::new(Deferred::default());
        // As of a touch: when its session is found, those that it was called with have long been sent.
        let haste = Haste { start: Start::AtOnce, ..write.haste };
        let set = ConditionalSet { content, version, write: WriteContext { haste, ..write.clone() } };
        self.mark(&mut shard, id).waiters.push(Waiter::SetIf { set, deferred: Arc::clone(&deferred) });
        Ok(SetIf::Deferred(deferred))
    }

    /// The same for a session of which memory has all that there is to know; a session without an entry is none.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::Gone`]
    pub(crate) fn set_read(
        &self,
        shard: &mut Shard,
        id: &SessionId,
        content: NewContent,
        version: Version,
        write: &WriteContext,
    ) -> Result<u64> {
        let Version(read) = version;
        match shard.entries.get(id) {
            Some(Entry { content: Content::Live(live), .. }) if live.expires_at > write.now => {
                live.check_version(read)?;
            }
            _ => return Err(Error::Gone { version: read }),
        }
        Ok(self.set_in(shard, id, content, write))
    }
}

impl Live {
    /// # Errors
    /// As [`Table::set_read`].
    const fn check_version(&self, version: u64) -> Result<()> {
        if version == self.version {
            Ok(())
        } else if version >= self.known_since {
            Err(Error::Conflict { version })
        } else {
            // Of a session before this one, or before it came into memory: that a logout sticks counts for more than
            // a change which nobody can tell from a change of the session before.
            Err(Error::Gone { version })
        }
    }
}
