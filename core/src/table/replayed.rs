//! Applying to the table what the log had, when a store is opened.

use super::Table;
use crate::codec::{Created, Operation};
use crate::entry::{Content, Dirty, Entry, InBase, NewContent};
use crate::error::Result;
use crate::session::{Owner, Payload, SessionId};
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
                self.replay_set(id, *created, replayed(*expires_at, 0, &[], payload)?, number)?;
            }
            Operation::SetWith { id, created, expires_at, deadline, owner, payload } => {
                self.replay_set(id, *created, replayed(*expires_at, *deadline, owner, payload)?, number)?;
            }
            Operation::Touch { id, expires_at } => {
                let id = SessionId::new(id)?;
                let expires_at = Timestamp::from_millis(*expires_at);
                self.replay_touch(&id, expires_at, number);
            }
            Operation::Destroy { id } => {
                let id = SessionId::new(id)?;
                self.bury(&mut self.lock(&id), &id, number, None);
            }
        }
        Ok(())
    }

    fn replay_set(&self, id: &[u8], created: Created, content: NewContent, number: u64) -> Result<()> {
        let id = SessionId::new(id)?;
        let mut shard = self.lock(&id);
        let mut new = self.successor(shard.entries.get(&id), Timestamp::MIN);
        new.created = match created {
            Created::Inherited(at) if new.base != InBase::Unknown => Created::At(at),
            created => created,
        };
        let before = match shard.entries.get(&id) {
            Some(Entry { content: Content::Live(live), .. }) => Some(live.created),
            _ => None,
        };
        let goes_on = match (before, new.created) {
            // It was created then, or goes on with one that the base had before.
            (Some(Created::Inherited(at)), Created::At(created)) => created <= at,
            (before, created) => before == Some(created),
        };
        if !goes_on {
            // Whether the one before had expired the log does not say. A session that goes on keeps its creation time.
            new.known_since = None;
        }
        self.install(&mut shard, &id, new, content, number, None);
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
                Content::Live(live) => live.write_expiry(touched_until),
                content => *content = Content::Touched { expires_at: touched_until },
            }
            entry.dirty = entry.dirty.max(Dirty::Expiry);
            entry.changed = number;
        });
    }
}

/// What a set in the log gives its session.
fn replayed(expires_at: u64, deadline: u64, owner: &[u8], payload: &[u8]) -> Result<NewContent> {
    Ok(NewContent {
        payload: Payload::from(payload),
        expires_at: Timestamp::from_millis(expires_at),
        deadline: Timestamp::from_millis(deadline),
        owner: if owner.is_empty() { None } else { Some(Owner::new(owner)?) },
    })
}
