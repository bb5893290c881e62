//! Reading the base: single records, ranges, and what has come due, all verified and bounded.

use redb::ReadableTableMetadata;

use super::{Base, EXPIRY, OWNERS, SESSIONS, StoredSession, Verified};
use crate::error::{Error, Result};
use crate::session::{Owner, SessionId};
use crate::time::Timestamp;

/// Part of what there is to read, bounded in number and in bytes, so that memory stays bounded however large
/// the sessions are.
#[derive(Debug)]
pub(crate) struct Part<T> {
    pub(crate) items: Vec<T>,
    bytes: usize,
    /// Whether the bound ended it: there is more.
    pub(crate) more: bool,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self { items: Vec::new(), bytes: 0, more: false }
    }
}

impl<T> Part<T> {
    /// A part of records ends behind the one with which it reaches this many bytes.
    const BYTES: usize = 16 * 1024 * 1024;

    fn push(&mut self, item: T, bytes: usize) {
        self.items.push(item);
        self.bytes += bytes;
    }

    /// Whether one more is too many; asked only where there is one more.
    fn is_full(&mut self, limit: usize) -> bool {
        self.more = self.items.len() >= limit || self.bytes >= Self::BYTES;
        self.more
    }
}

/// How many unreadable sessions are remembered; more are read each time they are asked for.
const UNREADABLE_MAX: usize = 10_000;

/// An entry of the expiry index that has come due, with the session it is for.
#[derive(Debug)]
pub(crate) struct DueEntry {
    pub(crate) index_at: Timestamp,
    pub(crate) id: SessionId,
    /// `None`: there is no such session any more. An error: its record is damaged.
    pub(crate) session: Result<Option<StoredSession>>,
}

impl Base {
    /// The session's record, verified. `None`: there is none.
    pub(crate) fn get(&self, id: &SessionId) -> Result<Option<Verified>> {
        if let Some(error) = self.known_unreadable(id) {
            return Err(error);
        }
        let answer = self.read(|transaction| {
            let table = transaction.open_table(SESSIONS)?;
            Ok(table.get(id.as_bytes())?.map(|value| self.stored(id, value.value())))
        });
        if let Err(error @ Error::Corrupted { .. }) = &answer {
            self.is_unreadable(id, error);
        }
        answer
    }

    /// The records of several sessions, from one snapshot, each as [`Base::get`] would answer.
    pub(crate) fn get_each<'a>(
        &self,
        ids: impl Iterator<Item = &'a SessionId> + Clone,
    ) -> Vec<Result<Option<Verified>>> {
        let answers = self.read(|transaction| {
            let table = transaction.open_table(SESSIONS)?;
            let mut answers = Vec::new();
            for id in ids.clone() {
                answers.push(match self.known_unreadable(id) {
                    Some(error) => Err(error),
                    None => Ok(table.get(id.as_bytes())?.map(|value| self.stored(id, value.value()))),
                });
            }
            Ok(answers)
        });
        // One unreadable page must not answer for all: ask for each.
        answers.unwrap_or_else(|_| ids.map(|id| self.get(id)).collect())
    }

    /// What a session's read failed with before, while its block cannot have been written anew.
    fn known_unreadable(&self, id: &SessionId) -> Option<Error> {
        self.unreadable.lock().get(id).cloned()
    }

    fn is_unreadable(&self, id: &SessionId, error: &Error) {
        let mut unreadable = self.unreadable.lock();
        if unreadable.len() < UNREADABLE_MAX {
            unreadable.insert(id.clone(), error.clone());
        }
    }

    /// Up to `limit` sessions behind `after`, in order of id, each verified.
    pub(crate) fn range(&self, after: Option<&SessionId>, limit: usize) -> Result<Part<(SessionId, Verified)>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, |id| Excluded(id.as_bytes()));
        self.read(|transaction| {
            let table = transaction.open_table(SESSIONS)?;
            let mut found = Part::default();
            for item in table.range::<&[u8]>((from, Unbounded))? {
                if found.is_full(limit) {
                    break;
                }
                let (key, value) = item?;
                let Ok(id) = SessionId::new(key.value()) else { continue };
                let session = self.stored(&id, value.value());
                found.push((id, session), value.value().len());
            }
            Ok(found)
        })
    }

    /// Up to `limit` entries of the expiry index from `from`, behind `after`, up to `now`, in order of time.
    pub(crate) fn due(
        &self,
        from: Timestamp,
        after: Option<&(Timestamp, SessionId)>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Part<DueEntry>> {
        use std::ops::Bound::{Excluded, Included};
        let start: (u64, &[u8]) = (from.as_millis(), &[]);
        let from = after.map_or(Included(start), |(time, id)| Excluded((time.as_millis(), id.as_bytes())));
        let to: std::ops::Bound<(u64, &[u8])> = Excluded((now.as_millis().saturating_add(1), &[]));
        self.read(|transaction| {
            let (index, sessions) = (transaction.open_table(EXPIRY)?, transaction.open_table(SESSIONS)?);
            let mut due = Part::default();
            for item in index.range::<(u64, &[u8])>((from, to))? {
                if due.is_full(limit) {
                    break;
                }
                let (key, _) = item?;
                let (time, id) = key.value();
                let Ok(id) = SessionId::new(id) else { continue };
                let record = sessions.get(id.as_bytes())?;
                let bytes = record.as_ref().map_or(0, |record| record.value().len());
                let session = record.map(|record| self.stored(&id, record.value())).transpose();
                due.push(DueEntry { index_at: Timestamp::from_millis(time), id, session }, bytes);
            }
            Ok(due)
        })
    }

    /// When the first entry of the expiry index from `from` on comes due.
    pub(crate) fn next_due(&self, from: Timestamp) -> Result<Option<Timestamp>> {
        let from: (u64, &[u8]) = (from.as_millis(), &[]);
        self.read(|transaction| {
            let index = transaction.open_table(EXPIRY)?;
            let first = index.range::<(u64, &[u8])>(from..)?.next().transpose()?;
            Ok(first.map(|(key, _)| Timestamp::from_millis(key.value().0)))
        })
    }

    /// The sessions that the base lists for an owner.
    pub(crate) fn owned_by(&self, owner: &Owner) -> Result<Vec<SessionId>> {
        let from: (&[u8], &[u8]) = (owner.as_bytes(), &[]);
        self.read(|transaction| {
            let owners = match transaction.open_table(OWNERS) {
                // Nobody owned anything yet.
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                owners => owners?,
            };
            let mut ids = Vec::new();
            for item in owners.range::<(&[u8], &[u8])>(from..)? {
                let (key, _) = item?;
                let (listed, id) = key.value();
                if listed != owner.as_bytes() {
                    break;
                }
                ids.extend(SessionId::new(id));
            }
            Ok(ids)
        })
    }

    /// How many records there are.
    pub(crate) fn count(&self) -> Result<u64> {
        self.read(|transaction| Ok(transaction.open_table(SESSIONS)?.len()?))
    }

    /// Bytes of the file, 0 where that cannot be told.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.storage.open(&self.path).and_then(|file| file.len()).unwrap_or_default()
    }
}
