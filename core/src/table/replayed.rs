//! Applying to the table what the log had, when a store is opened.

use super::Table;
use crate::codec::{Created, Operation};
use crate::entry::{Content, Dirty, Entry, InBase};
use crate::error::Result;
use crate::session::{Payload, SessionId};
use crate::time::Timestamp;

impl Table {
    /// Applies an operation that the log had. Nothing is known of the base yet, and nobody else is there.
    pub(crate) fn replay(&self, number: u64, operation: &Operation<'_>) -> Result<()> {
        match operation {
            Operation::Clear => {
                let mut shards: Vec<_> = self.shards.iter().map(|shard| shard.lock()).collect();
                drop(self.wipe(&mut shards, number));
            }
            Operation::Set { id, created, expires_at, payload } => {
                let id = SessionId::new(id)?;
                let mut shard = self.lock(&id);
                let mut new = self.successor(shard.entries.get(&id), Timestamp::MIN);
                new.created = match created {
                    Created::Inherited(at) if new.base != InBase::Unknown => Created::At(*at),
                    created => *created,
                };
                let expires_at = Timestamp::from_millis(*expires_at);
                self.install(&mut shard, &id, new, Payload::from(*payload), expires_at, number);
            }
            Operation::Touch { id, expires_at } => {
                let id = SessionId::new(id)?;
                let expires_at = Timestamp::from_millis(*expires_at);
                self.replay_touch(&id, expires_at, number);
            }
            Operation::Destroy { id } => {
                let id = SessionId::new(id)?;
                self.bury(&mut self.lock(&id), &id, number);
            }
        }
        Ok(())
    }

    fn replay_touch(&self, id: &SessionId, touched_until: Timestamp, number: u64) {
        let mut shard = self.lock(id);
        match shard.entries.get(id) {
            Some(Entry { content: Content::Gone, .. }) => return,
            None if self.clear_pending() => return,
            _ => {}
        }
        shard.change(id, &self.budget, |entry| {
            match &mut entry.content {
                Content::Live(live) => live.expires_at = touched_until,
                content => *content = Content::Touched { expires_at: touched_until },
            }
            entry.dirty = entry.dirty.max(Dirty::Expiry);
            entry.changed = number;
        });
    }
}
