//! The sessions of an owner: listed, counted and removed together.
//!
//! What memory and base list for the owner is only where to look: each session is read, and counts as what it is then.
//! That takes as long as reading that owner's sessions does, however many there are of others.

use std::collections::BTreeSet;

use super::Store;
use crate::error::{Error, Result};
use crate::numbers::to_u64;
use crate::progress::Commit;
use crate::session::{Owner, Session, SessionId};

/// What is listed for an owner: its living sessions, the oldest first, and what cannot be read.
type Owned = (Vec<(SessionId, Session)>, Vec<(SessionId, Error)>);

impl Store {
    /// The living sessions of `owner`, the oldest first. Blocks on reading from disk what is not in memory.
    ///
    /// As of the moment of the call: a `set` that was called before counts, whatever the durability, and so does a
    /// `destroy`. Takes as long as reading that owner's sessions does, however many there are of others.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn sessions_of(&self, owner: &Owner) -> Result<Vec<(SessionId, Session)>> {
        let (sessions, unreadable) = self.owned(owner)?;
        match unreadable.into_iter().next() {
            None => Ok(sessions),
            Some((_, error)) => Err(error),
        }
    }

    /// The same, and beside it what is listed for the owner and cannot be read.
    fn owned(&self, owner: &Owner) -> Result<Owned> {
        let engine = self.0.open_engine()?;
        // Memory first: what leaves it meanwhile is in the base by then.
        let mut ids: BTreeSet<SessionId> = engine.table.budget.owners.of(owner).into_iter().collect();
        if !engine.table.clear_pending() {
            ids.extend(engine.base.owned_by(owner)?);
        }
        let (mut sessions, mut unreadable) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            match self.get(&id) {
                Ok(found) => {
                    let found = found.filter(|session| session.owner.as_ref() == Some(owner));
                    sessions.extend(found.map(|session| (id, session)));
                }
                Err(error) => unreadable.push((id, error)),
            }
        }
        sessions.sort_by_key(|(_, session)| session.created_at);
        Ok((sessions, unreadable))
    }

    /// How many living sessions `owner` has. Blocks as [`Store::sessions_of`] does, and takes as long.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn count_of(&self, owner: &Owner) -> Result<u64> {
        Ok(to_u64(self.sessions_of(owner)?.len()))
    }

    /// Removes the sessions of `owner` but for `except`, and returns how many that were, once all of it is
    /// acknowledged. Blocks as [`Store::sessions_of`] does, and until then.
    ///
    /// Those that there are at the moment of the call: one that comes meanwhile stays, and one that changes hands
    /// meanwhile may go as well. One that is listed for the owner and whose record is damaged goes, too.
    ///
    /// # Errors
    /// As [`Store::get`] and [`Store::destroy`]; what could be removed is gone then.
    pub fn destroy_all_of(&self, owner: &Owner, except: Option<&SessionId>) -> Result<u64> {
        let (sessions, unreadable) = self.owned(owner)?;
        let failure = unreadable.iter().find(|(_, error)| !matches!(error, Error::Corrupted { .. }));
        let failure = failure.map(|(_, error)| error.clone());
        let damaged = unreadable.into_iter().filter(|(_, error)| matches!(error, Error::Corrupted { .. }));
        let ids = sessions.into_iter().map(|(id, _)| id).chain(damaged.map(|(id, _)| id));
        let destroyed = self.destroy_each(ids.filter(|id| Some(id) != except))?;
        failure.map_or(Ok(destroyed), Err)
    }

    /// Removes the sessions of `owner` that came into being first until `count_max` are left, `keep` among them, and
    /// returns how many that were. Blocks as [`Store::destroy_all_of`] does.
    ///
    /// One that cannot be read is left out of account: somebody who logs in is not to be kept from it by the damage of
    /// another session.
    ///
    /// # Errors
    /// As [`Store::destroy`]; [`Error::Io`] and [`Error::Corrupted`] where the owner's list cannot be read.
    pub fn keep_newest_of(&self, owner: &Owner, count_max: usize, keep: Option<&SessionId>) -> Result<u64> {
        let (mut sessions, _unreadable) = self.owned(owner)?;
        let over = sessions.len().saturating_sub(count_max);
        sessions.retain(|(id, _)| Some(id) != keep);
        sessions.truncate(over);
        self.destroy_each(sessions.into_iter().map(|(id, _)| id))
    }

    fn destroy_each(&self, ids: impl Iterator<Item = SessionId>) -> Result<u64> {
        let commits: Vec<Commit> = ids.map(|id| self.destroy(&id)).collect::<Result<_>>()?;
        self.send_gathered();
        let count = to_u64(commits.len());
        commits.into_iter().try_for_each(Commit::wait)?;
        Ok(count)
    }
}
