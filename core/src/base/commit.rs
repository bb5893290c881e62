//! Writing the base: whole batches, each one durable quick-repair transaction, sorted by key.

use redb::{Database, ReadableTable, Table, WriteTransaction};

use super::growth::Growth;
use super::{Base, EXPIRY, Latch, META, META_KEY, SESSIONS};
use crate::codec::{Malformed, Meta, Record, encode_meta, encode_record};
use crate::error::{Error, Result};
use crate::session::SessionId;
use crate::sweep::{Change, ChangeKind};
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
        let (payload, created_at, expires_at, version) = match &change.kind {
            ChangeKind::Gone => {
                sessions.remove(id.as_bytes())?;
                index.moved(id, change.index_at, None);
                return Ok(Committed::Removed);
            }
            ChangeKind::Whole { payload, created_at, expires_at, version } => {
                (payload.clone(), *created_at, *expires_at, *version)
            }
            ChangeKind::Expiry { expires_at } => {
                let stored = match sessions.get(id.as_bytes())? {
                    Some(value) => self.stored(id, value.value()),
                    None => Err(self.corrupted(&format!("the session {id:?} is missing"))),
                };
                match stored {
                    Ok(stored) => (stored.payload, stored.created_at, *expires_at, stored.version),
                    Err(error) => return Ok(Committed::Damaged(error)),
                }
            }
        };
        // A due index entry is filed again; one that still lies ahead does for any later expiry.
        let index_at = change.index_at.filter(|at| *at <= expires_at && *at > now).unwrap_or(expires_at);
        let record = Record { created_at, expires_at, version, index_at, payload: &payload };
        encode_record(id, &record, bytes).map_err(|Malformed(reason)| redb::Error::Corrupted(reason))?;
        sessions.insert(id.as_bytes(), bytes.as_slice())?;
        index.moved(id, change.index_at, Some(index_at));
        Ok(Committed::Stored { index_at })
    }

    /// Removes what salvage found unreadable.
    pub(crate) fn remove_damaged(&self, ids: &[SessionId]) -> Result<()> {
        let changes: Vec<Change> = ids.iter().map(|id| Change::removal(id.clone(), None)).collect();
        self.commit(&Batch { changes: &changes, ..Batch::default() }).map(drop)
    }
}

/// Changes of the expiry index, gathered so that they can be made in its own order.
#[derive(Default)]
struct IndexChanges {
    removed: Vec<(Timestamp, SessionId)>,
    added: Vec<(Timestamp, SessionId)>,
}

impl IndexChanges {
    fn moved(&mut self, id: &SessionId, from: Option<Timestamp>, to: Option<Timestamp>) {
        if from == to {
            return;
        }
        self.removed.extend(from.map(|from| (from, id.clone())));
        self.added.extend(to.map(|to| (to, id.clone())));
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
        Ok(())
    }
}
