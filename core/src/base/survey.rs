//! Reading a whole base that may be damaged: verifying its blocks, and finding what it still has.
//!
//! Each session's id stands in two trees, that of the records and the expiry index. Where one of them cannot be read
//! to its end, the other tells which sessions are behind the damage.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::{Bound, Range};
use std::sync::Arc;

use super::layout::BLOCK_BYTES;
use super::refusal::Damage;
use super::{Base, EXPIRY, OWNERS, SESSIONS, StoredSession};
use crate::codec::Meta;
use crate::error::{Error, Result};
use crate::session::SessionId;
use crate::time::Timestamp;

/// What verifying some blocks of the base's file found.
#[derive(Debug, Default)]
pub(crate) struct VerifiedBlocks {
    /// Damage, each with its place.
    pub(crate) damaged: Vec<Error>,
    /// Blocks that do not match their checksums and that nobody has read since the file was opened: damaged, or left
    /// by a commit that a crash stopped. Reading everything the base has tells which.
    pub(crate) unsure: BTreeSet<u64>,
    /// How many bytes were read.
    pub(crate) bytes: u64,
    /// Whether the file has blocks behind these.
    pub(crate) more: bool,
}

/// A session that the base has, or an entry of the index: where the next page begins.
pub(crate) type IndexKey = (Timestamp, SessionId);

/// Some records, with what is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct RecordPage {
    pub(crate) records: u64,
    /// The last of them; `None` where there are no more.
    pub(crate) last: Option<SessionId>,
    pub(crate) damaged: Vec<(SessionId, Error)>,
}

impl Base {
    /// Verifies some blocks of the file.
    ///
    /// # Errors
    /// [`Error::Io`]; as [`Base::open`], where a failure has left the base closed.
    pub(crate) fn verify(&self, blocks: Range<u64>) -> Result<VerifiedBlocks> {
        loop {
            let file = self.block_file()?;
            let bytes = (blocks.end.min(file.blocks()).saturating_sub(blocks.start)) * BLOCK_BYTES;
            let verified = file.verify(blocks.clone());
            if !Arc::ptr_eq(&file, &self.block_file()?) {
                // The base was opened again meanwhile: what was written since has its checksums there.
                continue;
            }
            let verified = verified.map_err(|error| Error::io("read", &self.path, error))?;
            let damaged = verified.damaged.iter().map(|damage: &Damage| self.damaged(damage)).collect();
            return Ok(VerifiedBlocks { damaged, unsure: verified.unsure, bytes, more: blocks.end < file.blocks() });
        }
    }

    fn block_file(&self) -> Result<Arc<super::BlockFile>> {
        let file = self.file.lock().clone();
        if let Some(file) = file {
            return Ok(file);
        }
        self.reopen()?;
        self.file.lock().clone().ok_or_else(|| self.not_open())
    }

    /// Opens the base of a store to be salvaged, as far as that is possible.
    ///
    /// # Errors
    /// As [`Base::open`]; damage to the meta record alone is told beside it.
    pub(crate) fn open_damaged(
        storage: &Arc<dyn crate::storage::Storage>,
        directory: &std::path::Path,
        cache_bytes: u64,
    ) -> Result<(Self, Result<Meta>)> {
        let base = Self::new(storage, directory.join(super::BASE_FILE), cache_bytes);
        base.reopen()?;
        let meta = base.known_meta();
        Ok((base, meta))
    }

    /// Verifies up to `limit` records behind `after`, and that the indexes have what they name.
    pub(crate) fn check_records(&self, after: Option<&SessionId>, limit: usize) -> Result<RecordPage> {
        self.read(|transaction| {
            let (sessions, index) = (transaction.open_table(SESSIONS)?, transaction.open_table(EXPIRY)?);
            let owners = match transaction.open_table(OWNERS) {
                Err(redb::TableError::TableDoesNotExist(_)) => None,
                owners => Some(owners?),
            };
            let is_listed = |owner: &[u8], id: &SessionId| match &owners {
                Some(owners) => Ok::<_, redb::Error>(owners.get((owner, id.as_bytes()))?.is_some()),
                None => Ok(false),
            };
            let mut page = RecordPage::default();
            for item in sessions.range::<&[u8]>(bounds(Ordering::Greater, after.map(SessionId::as_bytes)))?.take(limit)
            {
                let (key, value) = item?;
                let Ok(id) = SessionId::new(key.value()) else { continue };
                match self.stored(&id, value.value()) {
                    Ok(stored) if index.get((stored.index_at.as_millis(), id.as_bytes()))?.is_none() => {
                        let error = self.corrupted(&format!("the expiry index has no entry for the session {id:?}"));
                        page.damaged.push((id.clone(), error));
                    }
                    Ok(StoredSession { owner: Some(owner), .. }) if !is_listed(owner.as_bytes(), &id)? => {
                        let error = self.corrupted(&format!("the owners' index has no entry for the session {id:?}"));
                        page.damaged.push((id.clone(), error));
                    }
                    Ok(_) => {}
                    Err(error) => page.damaged.push((id.clone(), error)),
                }
                page.records += 1;
                page.last = Some(id);
            }
            Ok(page)
        })
    }

    /// Up to `limit` entries of the expiry index behind `after`.
    pub(crate) fn index_page(&self, after: Option<&IndexKey>, limit: usize) -> Result<Vec<IndexKey>> {
        self.index_from(Ordering::Greater, after, limit)
    }

    /// Up to `limit` entries of the expiry index that are `order` than `last`, in that order.
    fn index_from(&self, order: Ordering, last: Option<&IndexKey>, limit: usize) -> Result<Vec<IndexKey>> {
        self.read(|transaction| {
            let index = transaction.open_table(EXPIRY)?;
            let last = last.map(|(time, id)| (time.as_millis(), id.as_bytes()));
            let entries = in_order(index.range::<(u64, &[u8])>(bounds(order, last))?, order).take(limit);
            entries.map(|entry| Ok(index_key(entry?.0.value()))).filter_map(Result::transpose).collect()
        })
    }

    /// The same of the records.
    fn ids_from(&self, order: Ordering, last: Option<&SessionId>, limit: usize) -> Result<Vec<SessionId>> {
        self.read(|transaction| {
            let sessions = transaction.open_table(SESSIONS)?;
            let last = last.map(SessionId::as_bytes);
            let records = in_order(sessions.range::<&[u8]>(bounds(order, last))?, order).take(limit);
            records.map(|record| Ok(SessionId::new(record?.0.value()).ok())).filter_map(Result::transpose).collect()
        })
    }

    /// The ids of all sessions that the base names anywhere, and the damage that was in the way.
    pub(crate) fn ids(&self) -> Survey {
        let mut survey = Survey { is_complete: true, ..Survey::default() };
        let records = |order, last: Option<&SessionId>, limit| self.ids_from(order, last, limit);
        if survey.read(Ordering::Greater, records, |id| id) {
            return survey;
        }
        survey.read(Ordering::Less, records, |id| id);
        let entries = |order, last: Option<&IndexKey>, limit| self.index_from(order, last, limit);
        if !survey.read(Ordering::Greater, entries, |(_, id)| id) {
            survey.read(Ordering::Less, entries, |(_, id)| id);
            survey.is_complete = false;
        }
        survey
    }
}

/// The keys that are `order` than `last`; all of them, where there is none.
fn bounds<K>(order: Ordering, last: Option<K>) -> (Bound<K>, Bound<K>) {
    let behind = last.map_or(Bound::Unbounded, Bound::Excluded);
    if order.is_gt() { (behind, Bound::Unbounded) } else { (Bound::Unbounded, behind) }
}

/// The same items, backwards where the order says so.
fn in_order<I: DoubleEndedIterator>(mut items: I, order: Ordering) -> impl Iterator<Item = I::Item> {
    std::iter::from_fn(move || if order.is_gt() { items.next() } else { items.next_back() })
}

fn index_key((time, id): (u64, &[u8])) -> Option<IndexKey> {
    Some((Timestamp::from_millis(time), SessionId::new(id).ok()?))
}

/// The ids that a base names, as far as it can be read.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) ids: BTreeSet<SessionId>,
    pub(crate) damage: Vec<Error>,
    /// Whether one of the trees could be read from end to end.
    pub(crate) is_complete: bool,
}

impl Survey {
    const PAGE: usize = 1000;

    /// Takes pages until they end or cannot be read, or do not go on in this order; one by one where a page cannot.
    fn read<K: Clone + Ord>(
        &mut self,
        order: Ordering,
        page: impl Fn(Ordering, Option<&K>, usize) -> Result<Vec<K>>,
        id_of: impl Fn(K) -> SessionId,
    ) -> bool {
        let (mut last, mut limit) = (None, Self::PAGE);
        loop {
            match page(order, last.as_ref(), limit) {
                Ok(keys) => {
                    let Some(key) = keys.last() else { return true };
                    if last.as_ref().is_some_and(|last| key.cmp(last) != order) {
                        return false;
                    }
                    last = Some(key.clone());
                    self.ids.extend(keys.into_iter().map(&id_of));
                }
                Err(_) if limit > 1 => limit = 1,
                Err(error) => {
                    let is_known = |other: &Error| other.to_string() == error.to_string();
                    if !self.damage.iter().any(is_known) {
                        self.damage.push(error);
                    }
                    return false;
                }
            }
        }
    }
}
