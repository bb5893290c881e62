//! Writing the base: whole batches, each one durable quick-repair transaction, sorted by key.

use redb::{Database, ReadableTable, Table, WriteTransaction};

use super::growth::Growth;
use super::{Base, EXPIRY, Latch, META, META_KEY, OWNERS, SESSIONS};
use crate::codec::{Malformed, Meta, Record, encode_meta, encode_record, owner_in_record};
use crate::error::{Error, Result};
use crate::session::{Owner, SessionId};
use crate::sweep::{Change, ChangeKind, Whole};
use crate::time::Timestamp;

/// What one commit is to do.
#[derive(Debug, Default)]
pub(crate) struct Batch<'a> {
    /// Sorted by id.
    pub(crate) changes: &'a [Change],
    /// Entries of the expiry index that no record names.
    pub(crate) stale: &'a [(Timestamp, SessionId)],
    pub(crate) meta: Option<Meta>,
    /// Remove everything first.
    pub(crate) clear: bool,
    /// More is removed than written: worth the reserve where there is no room.
    pub(crate) makes_room: bool,
    /// Index entries up to this time have come due and are not kept.
    pub(crate) now: Timestamp,
}

/// What a commit did for one change.
#[derive(Debug)]
pub(crate) enum Committed {
    /// The record is there, indexed under this time.
    Stored { index_at: Timestamp },
    /// There is no record.
    Removed,
    /// The record that was to be changed is damaged; it was left alone.
    Damaged(Error),
}

impl Base {
    /// Does all of the batch in one durable transaction. Says what became of each change, in order. Where there is no
    /// room, it makes use of what the base has freed, and, for what makes room, of the reserve.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Io`], [`Error::Corrupted`]: it may have happened all the same; commit
    /// the batch again. The base is open again, if that was possible.
    pub(crate) fn commit(&self, batch: &Batch<'_>) -> Result<Vec<Committed>> {
        let mut committed = self.try_commit(batch, Growth::Ample);
        if matches!(committed, Err(Error::DiskFull { .. })) {
            committed = self.reclaim().and_then(|()| self.try_commit(batch, Growth::Sparing));
        }
        if let (Err(Error::DiskFull { .. }), true, Some(reserve)) = (&committed, batch.makes_room, &self.reserve)
            && reserve.give_up()
        {
            committed = self.reclaim().and_then(|()| self.try_commit(batch, Growth::Sparing));
        }
        committed
    }

    /// Has redb free what it could not while somebody read what was before: it does so with the next transaction.
    fn reclaim(&self) -> Result<()> {
        self.try_commit(&Batch::default(), Growth::Sparing).map(drop)
    }

    /// One transaction, begun again for as long as it needs more room in the file, and the disk has that.
    fn try_commit(&self, batch: &Batch<'_>, growth: Growth) -> Result<Vec<Committed>> {
        if !self.is_open() {
            // An earlier failure has left it so; what keeps it so is what is wrong now.
            self.reopen()?;
        }
        let before = self.blocks();
        let mut step = growth.first_step(before, batch);
        let mut may_have_happened = false;
        let error = loop {
            let opened = self.opened();
            let (error, latch) = match self.commit_once(batch, step, &mut may_have_happened) {
                Ok(committed) => {
                    // Whoever is unreadable yet will be found to be so again.
                    self.unreadable.lock().clear();
                    return Ok(committed);
                }
                Err(failure) => failure,
            };
            if latch == Latch::Grown {
                self.reopen_after(opened)?;
                step = step.saturating_mul(2);
                continue;
            }
            if latch != Latch::No
                && let Err(error) = self.reopen_after(opened)
            {
                tracing::warn!(%error, "the base could not be opened again after a failed commit");
            }
            break error;
        };
        if matches!(error, Error::DiskFull { .. })
            && !may_have_happened
            && let Err(error) = self.shrink_to(before)
        {
            tracing::warn!(%error, "the base could not be made as short again as it was before a failed commit");
        }
        Err(error)
    }

    /// `may_have_happened` is set where a commit that fails does not certainly leave everything as it was.
    fn commit_once(
        &self,
        batch: &Batch<'_>,
        growth: u64,
        may_have_happened: &mut bool,
    ) -> Result<Vec<Committed>, (Error, Latch)> {
        let guard = self.database.read();
        let Some(database) = guard.as_ref() else { return Err((self.not_open(), Latch::Before)) };
        // That of the database: as long as the guard is held, no other one takes its place.
        let file = self.file.lock().clone();
        if let Some(file) = &file {
            file.begin_commit(growth);
        }
        let committed = self.guarded("write", || self.commit_to(database, batch));
        *may_have_happened |= !file.is_some_and(|file| file.is_untouched());
        committed
    }

    fn commit_to(&self, database: &Database, batch: &Batch<'_>) -> Result<Vec<Committed>, redb::Error> {
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        if batch.clear {
            transaction.delete_table(SESSIONS)?;
            transaction.delete_table(EXPIRY)?;
            transaction.delete_table(OWNERS)?;
        }
        let mut committed = Vec::with_capacity(batch.changes.len());
        let mut index = IndexChanges::default();
        {
            let mut sessions = transaction.open_table(SESSIONS)?;
            let mut bytes = Vec::new();
            for change in batch.changes {
                committed.push(self.apply(&mut sessions, change, batch.now, &mut index, &mut bytes)?);
            }
        }
        index.removed.extend(batch.stale.iter().cloned());
        index.apply(&transaction)?;
        if let Some(meta) = &batch.meta {
            let bytes = encode_meta(meta).map_err(|Malformed(reason)| redb::Error::Corrupted(reason))?;
            transaction.open_table(META)?.insert(META_KEY, bytes.as_slice())?;
        }
        transaction.commit()?;
        Ok(committed)
    }

    fn apply(
        &self,
        sessions: &mut Table<'_, &'static [u8], &'static [u8]>,
        change: &Change,
        now: Timestamp,
        index: &mut IndexChanges,
        bytes: &mut Vec<u8>,
    ) -> Result<Committed, redb::Error> {
        let id = &change.id;
        let whole = match &change.kind {
            ChangeKind::Gone => {
                let before = sessions.remove(id.as_bytes())?;
                index.owned(id, before.as_ref().map_or(&[], |record| owner_in_record(record.value())), &[]);
                index.moved(id, change.index_at, None);
                return Ok(Committed::Removed);
            }
            ChangeKind::Whole(whole) => whole.clone(),
            ChangeKind::Expiry { expires_at } => {
                let stored = match sessions.get(id.as_bytes())? {
                    Some(value) => self.stored(id, value.value()),
                    None => Err(self.corrupted(&format!("the session {id:?} is missing"))),
                };
                match stored {
                    Ok(stored) => Whole { expires_at: *expires_at, ..stored.into() },
                    Err(error) => return Ok(Committed::Damaged(error)),
                }
            }
        };
        let Whole { payload, created_at, expires_at, deadline, owner, version, first_version } = &whole;
        let (created_at, expires_at, deadline) = (*created_at, *expires_at, *deadline);
        let (version, first_version) = (*version, *first_version);
        let owner = owner.as_ref().map_or([].as_slice(), Owner::as_bytes);
        // A due index entry is filed again; one that still lies ahead does for any later expiry.
        let index_at = change.index_at.filter(|at| *at <= expires_at && *at > now).unwrap_or(expires_at);
        let record = Record { created_at, expires_at, deadline, version, first_version, index_at, owner, payload };
        encode_record(id, &record, bytes).map_err(|Malformed(reason)| redb::Error::Corrupted(reason))?;
        let before = sessions.insert(id.as_bytes(), bytes.as_slice())?;
        index.owned(id, before.as_ref().map_or(&[], |record| owner_in_record(record.value())), owner);
        index.moved(id, change.index_at, Some(index_at));
        Ok(Committed::Stored { index_at })
    }

    /// Removes what salvage found unreadable.
    pub(crate) fn remove_damaged(&self, ids: &[SessionId]) -> Result<()> {
        let changes: Vec<Change> = ids.iter().map(|id| Change::removal(id.clone(), None)).collect();
        self.commit(&Batch { changes: &changes, ..Batch::default() }).map(drop)
    }
}

/// Changes of the indexes, gathered so that they can be made in their own order.
#[derive(Default)]
struct IndexChanges {
    removed: Vec<(Timestamp, SessionId)>,
    added: Vec<(Timestamp, SessionId)>,
    /// By owner.
    disowned: Vec<(Box<[u8]>, SessionId)>,
    owned: Vec<(Box<[u8]>, SessionId)>,
}

impl IndexChanges {
    fn moved(&mut self, id: &SessionId, from: Option<Timestamp>, to: Option<Timestamp>) {
        if from == to {
            return;
        }
        self.removed.extend(from.map(|from| (from, id.clone())));
        self.added.extend(to.map(|to| (to, id.clone())));
    }

    /// An empty owner is none.
    fn owned(&mut self, id: &SessionId, from: &[u8], to: &[u8]) {
        if from == to {
            return;
        }
        if !from.is_empty() {
            self.disowned.push((from.into(), id.clone()));
        }
        if !to.is_empty() {
            self.owned.push((to.into(), id.clone()));
        }
    }

    fn apply(mut self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let mut index = transaction.open_table(EXPIRY)?;
        self.removed.sort_unstable();
        for (time, id) in &self.removed {
            index.remove((time.as_millis(), id.as_bytes()))?;
        }
        self.added.sort_unstable();
        for (time, id) in &self.added {
            index.insert((time.as_millis(), id.as_bytes()), ())?;
        }
        if self.disowned.is_empty() && self.owned.is_empty() {
            return Ok(());
        }
        let mut owners = transaction.open_table(OWNERS)?;
        self.disowned.sort_unstable();
        for (owner, id) in &self.disowned {
            owners.remove((&**owner, id.as_bytes()))?;
        }
        self.owned.sort_unstable();
        for (owner, id) in &self.owned {
            owners.insert((&**owner, id.as_bytes()), ())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::disk::Disk;
    use crate::session::Payload;
    use crate::storage::Storage;

    fn owned(name: &str, owner: &str) -> Change {
        let whole = Whole {
            payload: Payload::from(b"payload".as_slice()),
            created_at: Timestamp::from_millis(1),
            expires_at: Timestamp::from_millis(1 << 40),
            deadline: Timestamp::MIN,
            owner: Owner::new(owner).ok(),
            version: 1,
            first_version: 1,
        };
        Change { id: SessionId::new(name).unwrap(), changed: 1, index_at: None, kind: ChangeKind::Whole(whole) }
    }

    /// What the index has too much would not be seen in any answer, since each session is looked at itself; it would
    /// only grow.
    #[test]
    fn the_owners_index_has_what_the_records_name_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let storage: Arc<dyn Storage> = Arc::new(Disk);
        let base = Base::create(&storage, directory.path(), 1 << 16, &Meta::NEW).unwrap();
        let of = |owner: &str| base.owned_by(&Owner::new(owner).unwrap()).unwrap();
        let ids = |names: &[&str]| names.iter().map(|name| SessionId::new(name).unwrap()).collect::<Vec<_>>();
        let commit = |changes: &[Change]| drop(base.commit(&Batch { changes, ..Batch::default() }).unwrap());
        assert_eq!(of("ada"), ids(&[]), "before anybody owned anything");
        commit(&[owned("a", "ada"), owned("b", "ada"), owned("c", "")]);
        assert_eq!(of("ada"), ids(&["a", "b"]));
        commit(&[owned("a", "bob"), owned("c", "ada")]);
        assert_eq!((of("ada"), of("bob")), (ids(&["b", "c"]), ids(&["a"])));
        commit(&[Change::removal(SessionId::new("a").unwrap(), None), owned("b", "")]);
        assert_eq!((of("ada"), of("bob")), (ids(&["c"]), ids(&[])));
        base.commit(&Batch { clear: true, ..Batch::default() }).unwrap();
        assert_eq!(of("ada"), ids(&[]));
    }
}
