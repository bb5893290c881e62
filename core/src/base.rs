//! The base: all sessions on disk, in redb, behind the log.
//!
//! - Every commit is a quick-repair commit, so that opening after a crash takes a millisecond; there are
//!   few of them, big and sorted.
//! - Every record read is verified: a damaged one is an error, never another user's session.
//! - redb latches after an I/O error. The base is then dropped and opened again behind the table; what was
//!   being committed is committed again by whoever asked.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::lock::RwLock;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend, Table,
    TableDefinition, WriteTransaction,
};

use crate::codec::{FORMAT, Malformed, Meta, Record, decode_meta, decode_record, encode_meta, encode_record};
use crate::error::{Error, Result};
use crate::numbers::to_usize;
use crate::session::{Payload, SessionId};
use crate::storage::{Storage, StorageFile};
use crate::sweep::{Change, ChangeKind};
use crate::time::Timestamp;

const SESSIONS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("sessions");
const EXPIRY: TableDefinition<'_, (u64, &[u8]), ()> = TableDefinition::new("expiry");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const META_KEY: &str = "store";

/// The base's file in the store's directory.
pub(crate) const BASE_FILE: &str = "base.redb";
const NEW_BASE_FILE: &str = "base.redb.new";

/// A session as the base has it.
#[derive(Debug, Clone)]
pub(crate) struct StoredSession {
    pub(crate) payload: Payload,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) version: u64,
    /// Under which time the expiry index has it.
    pub(crate) index_at: Timestamp,
}

/// A record that is there: its session, or that it is damaged.
pub(crate) type Verified = Result<StoredSession>;

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

/// An entry of the expiry index that has come due, with the session it is for.
#[derive(Debug)]
pub(crate) struct DueEntry {
    pub(crate) index_at: Timestamp,
    pub(crate) id: SessionId,
    /// `None`: there is no such session any more. An error: its record is damaged.
    pub(crate) session: Result<Option<StoredSession>>,
}

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

/// The redb database and how to open it again.
pub(crate) struct Base {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    cache_bytes: u64,
    database: RwLock<Option<Database>>,
    /// redb panicked over damaged pages since it was opened.
    panicked: AtomicBool,
}

impl fmt::Debug for Base {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Base({})", self.path.display())
    }
}

impl Drop for Base {
    /// What was not closed is dropped because of an error, which may be damage.
    fn drop(&mut self) {
        abandon(self.database.get_mut().take());
    }
}

/// Lets go of a database as a killed process would. Closed in an orderly way it is written to, and redb
/// panics over damaged pages there, even while it unwinds, which ends the process. While a panic unwinds,
/// it writes nothing; the next opening finds the last commit.
fn abandon(database: Option<Database>) {
    let Some(database) = database else { return };
    let unwound: Result<(), _> = catch_unwind(AssertUnwindSafe(move || {
        let _database = database;
        resume_unwind(Box::new(()))
    }));
    debug_assert!(unwound.is_err(), "the panic was only meant to unwind");
}

#[derive(Debug)]
struct Backend(Arc<dyn StorageFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, data)
    }
}

impl Base {
    /// Creates an empty base, complete and durable under its name or not at all.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::DiskFull`]
    pub(crate) fn create(storage: &Arc<dyn Storage>, directory: &Path, cache_bytes: u64, meta: &Meta) -> Result<Self> {
        let (path, new_path) = (directory.join(BASE_FILE), directory.join(NEW_BASE_FILE));
        let failed = |error| Error::io("create", &path, error);
        if storage.kind(&new_path).map_err(failed)?.is_some() {
            storage.remove_file(&new_path).map_err(failed)?;
        }
        let file = storage.create(&new_path).map_err(failed)?;
        let base = Self::new(storage, new_path.clone(), cache_bytes);
        base.attach(file)?;
        let batch = Batch { meta: Some(*meta), ..Batch::default() };
        base.commit(&batch)?;
        base.close();
        storage.rename(&new_path, &path).map_err(failed)?;
        storage.sync_dir(directory).map_err(failed)?;
        let base = Self::new(storage, path, cache_bytes);
        base.reopen()?;
        Ok(base)
    }

    /// Opens the base of an existing store.
    ///
    /// # Errors
    /// [`Error::Corrupted`], [`Error::UnsupportedFormat`], [`Error::Io`]
    pub(crate) fn open(storage: &Arc<dyn Storage>, directory: &Path, cache_bytes: u64) -> Result<(Self, Meta)> {
        let base = Self::new(storage, directory.join(BASE_FILE), cache_bytes);
        base.reopen()?;
        let meta = base.meta()?;
        if meta.format > FORMAT {
            return Err(Error::UnsupportedFormat { file: base.path.clone(), found: meta.format, supported: FORMAT });
        }
        Ok((base, meta))
    }

    fn new(storage: &Arc<dyn Storage>, path: PathBuf, cache_bytes: u64) -> Self {
        Self {
            storage: Arc::clone(storage),
            path,
            cache_bytes,
            database: RwLock::new(None),
            panicked: AtomicBool::new(false),
        }
    }

    /// Drops the database, if it is open, and opens it again.
    pub(crate) fn reopen(&self) -> Result<()> {
        self.close();
        let file = self.storage.open(&self.path).map_err(|error| Error::io("open", &self.path, error))?;
        if file.len().map_err(|error| Error::io("read", &self.path, error))? == 0 {
            return Err(self.corrupted("the file is empty"));
        }
        self.attach(file)
    }

    fn attach(&self, file: Arc<dyn StorageFile>) -> Result<()> {
        let mut database = self.database.write();
        let opened = catch_unwind(AssertUnwindSafe(|| {
            Database::builder().set_cache_size(to_usize(self.cache_bytes)).create_with_backend(Backend(file))
        }));
        *database = Some(match opened {
            Ok(Ok(database)) => database,
            Ok(Err(error)) => return Err(self.failed("open", redb::Error::from(error)).0),
            Err(_) => return Err(self.corrupted("its pages contradict each other")),
        });
        Ok(())
    }

    /// Lets go of the file.
    pub(crate) fn close(&self) {
        let database = self.database.write().take();
        if self.panicked.swap(false, Ordering::Relaxed) {
            abandon(database);
        } else if catch_unwind(AssertUnwindSafe(|| drop(database))).is_err() {
            tracing::warn!(path = %self.path.display(), "the base could not be closed in an orderly way");
        }
    }

    fn meta(&self) -> Result<Meta> {
        let bytes = self
            .read(|transaction| Ok(transaction.open_table(META)?.get(META_KEY)?.map(|value| value.value().to_vec())))?;
        let Some(bytes) = bytes else { return Err(self.corrupted("it does not say what it belongs to")) };
        decode_meta(&bytes).map_err(|Malformed(reason)| self.corrupted(&reason))
    }

    /// The session's record, verified. `None`: there is none.
    pub(crate) fn get(&self, id: &SessionId) -> Result<Option<Verified>> {
        self.read(|transaction| {
            let table = transaction.open_table(SESSIONS)?;
            Ok(table.get(id.as_bytes())?.map(|value| self.stored(id, value.value())))
        })
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
                answers.push(Ok(table.get(id.as_bytes())?.map(|value| self.stored(id, value.value()))));
            }
            Ok(answers)
        });
        // One unreadable page must not answer for all: ask for each.
        answers.unwrap_or_else(|_| ids.map(|id| self.get(id)).collect())
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

    /// Hands all sessions of one snapshot to `each`, in order of id, `len` at a time. Holds neither a lock
    /// that writers want nor more than one page in memory.
    pub(crate) fn each_page(
        &self,
        len: usize,
        each: &mut dyn FnMut(Vec<(SessionId, Result<StoredSession>)>) -> Result<()>,
    ) -> Result<()> {
        let guard = self.database.read();
        let Some(database) = guard.as_ref() else {
            return Err(self.corrupted("it could not be opened again after a failure"));
        };
        let read = || -> Result<Result<()>, redb::Error> {
            let table = database.begin_read()?.open_table(SESSIONS)?;
            let mut page = Part::default();
            for item in table.iter()? {
                let (key, value) = item?;
                let Ok(id) = SessionId::new(key.value()) else { continue };
                let session = self.stored(&id, value.value());
                page.push((id, session), value.value().len());
                if page.is_full(len)
                    && let Err(error) = each(std::mem::take(&mut page).items)
                {
                    return Ok(Err(error));
                }
            }
            Ok(if page.items.is_empty() { Ok(()) } else { each(page.items) })
        };
        self.guarded("read", read).map_err(|(error, _)| error)?
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

    /// How many records there are.
    pub(crate) fn count(&self) -> Result<u64> {
        self.read(|transaction| Ok(transaction.open_table(SESSIONS)?.len()?))
    }

    /// Bytes of the file, 0 where that cannot be told.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.storage.open(&self.path).and_then(|file| file.len()).unwrap_or_default()
    }

    /// Does all of the batch in one durable transaction. Says what became of each change, in order.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Io`], [`Error::Corrupted`]: it may have happened all the same; commit
    /// the batch again. The base is open again, if that was possible.
    pub(crate) fn commit(&self, batch: &Batch<'_>) -> Result<Vec<Committed>> {
        let result = {
            let guard = self.database.read();
            match guard.as_ref() {
                Some(database) => self.guarded("write", || self.commit_to(database, batch)),
                None => Err((self.corrupted("it could not be opened again after a failure"), true)),
            }
        };
        result.map_err(|(error, latched)| {
            if latched && let Err(error) = self.reopen() {
                tracing::warn!(%error, "the base could not be opened again after a failed commit");
            }
            error
        })
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

    fn stored(&self, id: &SessionId, bytes: &[u8]) -> Result<StoredSession> {
        let record = decode_record(id, bytes).map_err(|Malformed(reason)| {
            self.corrupted(&format!("the record of session {id:?} is not readable, {reason}"))
        })?;
        Ok(StoredSession {
            payload: Payload::from(record.payload),
            created_at: record.created_at,
            expires_at: record.expires_at,
            version: record.version,
            index_at: record.index_at,
        })
    }

    /// Runs a read on a fresh snapshot, once more after opening the base again if it had latched.
    fn read<T>(&self, read: impl Fn(&ReadTransaction) -> Result<T, redb::Error>) -> Result<T> {
        let once = || {
            let guard = self.database.read();
            match guard.as_ref() {
                Some(database) => self.guarded("read", || read(&database.begin_read()?)),
                None => Err((self.corrupted("it could not be opened again after a failure"), true)),
            }
        };
        match once() {
            Err((_, true)) => {
                self.reopen()?;
                once().map_err(|(error, _)| error)
            }
            result => result.map_err(|(error, _)| error),
        }
    }

    /// Runs an operation of redb, which panics on some damaged pages. The flag of a failure says whether
    /// the database has to be opened again.
    fn guarded<T>(
        &self,
        operation: &'static str,
        run: impl FnOnce() -> Result<T, redb::Error>,
    ) -> Result<T, (Error, bool)> {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(result) => result.map_err(|error| self.failed(operation, error)),
            Err(_) => {
                self.panicked.store(true, Ordering::Relaxed);
                Err((self.corrupted("its pages contradict each other"), true))
            }
        }
    }

    fn failed(&self, operation: &'static str, error: redb::Error) -> (Error, bool) {
        match error {
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                (self.corrupted(&error.to_string()), false)
            }
            redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                (self.corrupted("it ends before its content does"), true)
            }
            redb::Error::Io(error) => (Error::io(operation, &self.path, error), true),
            redb::Error::PreviousIo => {
                let error = io::Error::other("an earlier operation on the file failed");
                (Error::io(operation, &self.path, error), true)
            }
            redb::Error::UpgradeRequired(found) => {
                let found = u32::from(found);
                (Error::UnsupportedFormat { file: self.path.clone(), found, supported: FORMAT }, false)
            }
            error => (self.corrupted(&error.to_string()), false),
        }
    }

    fn corrupted(&self, reason: &str) -> Error {
        Error::Corrupted { file: self.path.clone(), offset: 0, reason: reason.to_owned() }
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
