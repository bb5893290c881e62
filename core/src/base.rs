//! The base: all sessions on disk, in redb, behind the log.
//!
//! - Every commit is a quick-repair commit, so that opening after a crash takes a millisecond; there are
//!   few of them, big and sorted.
//! - Every block read from the file is verified, and every record read: a damaged one is an error, never another
//!   user's session, and never "there is none".
//! - redb latches after an I/O error. The base is then dropped and opened again behind the table; what was
//!   being committed is committed again by whoever asked.

mod block_file;
mod commit;
mod growth;
mod header;
mod layout;
mod locks;
mod overlay;
mod read;
mod refusal;
mod sums;
mod survey;
mod unverified;

pub(crate) use commit::{Batch, Committed};
pub(crate) use layout::BLOCK_BYTES;
pub(crate) use read::{DueEntry, Part};
pub(crate) use survey::IndexKey;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::lock::{Mutex, RwLock};
use block_file::{BlockFile, Trust};
use overlay::Overlay;
use redb::{Database, ReadTransaction, ReadableDatabase, StorageBackend, TableDefinition};
use refusal::{Damage, Grown, Refusal};

use crate::codec::{FORMAT, Malformed, Meta, decode_meta, decode_record};
use crate::error::{Error, Result};
use crate::numbers::to_usize;
use crate::reserve::Reserve;
use crate::session::{Payload, SessionId};
use crate::storage::{Storage, StorageFile};
use crate::time::Timestamp;

const SESSIONS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("sessions");
const EXPIRY: TableDefinition<'_, (u64, &[u8]), ()> = TableDefinition::new("expiry");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const META_KEY: &str = "store";

/// The base's file in the store's directory.
pub(crate) const BASE_FILE: &str = "base.redb";
/// A base that is not complete yet, or not installed.
pub(crate) const NEW_BASE_FILE: &str = "base.redb.new";

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

/// The redb database and how to open it again.
pub(crate) struct Base {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    cache_bytes: u64,
    /// What may be given up for a commit that finds no room; a copy has none.
    reserve: Option<Arc<Reserve>>,
    database: RwLock<Option<Database>>,
    /// What the database reads from.
    file: Mutex<Option<Arc<BlockFile>>>,
    /// Which blocks are read whatever their checksums say: none but in a salvage.
    trust: Mutex<Trust>,
    /// Sessions that were found to be unreadable: each try would make redb unusable for a moment.
    unreadable: Mutex<BTreeMap<SessionId, Error>>,
    /// redb panicked over damaged pages since it was opened.
    panicked: AtomicBool,
    /// Held while the database is opened or let go of, which two at once must not do. `true`: it stays closed.
    ended: Mutex<bool>,
    /// How often the database was opened.
    opened: AtomicU64,
}

/// Whether an operation's failure was one after which redb answers nothing until it is opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Latch {
    No,
    /// It was, and came from a block that reads the same the next time.
    Damage,
    /// It was, and the file has grown meanwhile: the same finds more room there.
    Grown,
    /// It was.
    Now,
    /// One before it was, perhaps of another thread.
    Before,
}

impl Latch {
    /// How often what failed is tried again. Each time, other threads may have met damage before.
    const fn retries(self) -> u32 {
        match self {
            Self::No | Self::Damage | Self::Grown => 0,
            Self::Now => 1,
            Self::Before => 16,
        }
    }
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

/// What redb has of the file.
#[derive(Debug)]
pub struct Backend(Arc<BlockFile>);

impl Backend {
    /// The base's file as redb sees it: for tests that change what is in a base by redb's own means.
    ///
    /// # Errors
    /// `InvalidData` for a file that is damaged or of a newer format, or the disk's own.
    #[cfg(feature = "simulation")]
    pub fn open(file: Arc<dyn StorageFile>) -> io::Result<Self> {
        match BlockFile::open(file, Trust::Verified) {
            Ok(file) => Ok(Self(Arc::new(file))),
            Err(Refusal::Damage(damage)) => Err(damage.into()),
            Err(Refusal::NewerFormat(format)) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, format!("format {format} is not known")))
            }
            Err(Refusal::Io(error)) => Err(error),
        }
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

impl Base {
    /// Creates an empty base, complete and durable under its name or not at all.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::DiskFull`]
    pub(crate) fn create(storage: &Arc<dyn Storage>, directory: &Path, cache_bytes: u64, meta: &Meta) -> Result<Self> {
        Self::begin(storage, directory, cache_bytes, meta)?.install(directory)
    }

    /// Creates an empty base under a name that no open looks for, to be filled and then installed.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::DiskFull`]
    pub(crate) fn begin(storage: &Arc<dyn Storage>, directory: &Path, cache_bytes: u64, meta: &Meta) -> Result<Self> {
        let new_path = directory.join(NEW_BASE_FILE);
        let failed = |error| Error::io("create", directory.join(BASE_FILE), error);
        if storage.kind(&new_path).map_err(failed)?.is_some() {
            storage.remove_file(&new_path).map_err(failed)?;
        }
        let file = storage.create(&new_path).map_err(failed)?;
        let base = Self::new(storage, new_path, cache_bytes);
        base.attach(file)?;
        base.commit(&Batch { meta: Some(*meta), ..Batch::default() })?;
        Ok(base)
    }

    /// Gives a base that is complete its name, durably, and opens it there.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub(crate) fn install(self, directory: &Path) -> Result<Self> {
        self.close();
        let path = directory.join(BASE_FILE);
        let failed = |error| Error::io("create", &path, error);
        self.storage.rename(&self.path, &path).map_err(failed)?;
        self.storage.sync_dir(directory).map_err(failed)?;
        let base = Self::new(&self.storage, path.clone(), self.cache_bytes);
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
        let meta = base.known_meta()?;
        Ok((base, meta))
    }

    /// The meta record, of a format that this version reads.
    fn known_meta(&self) -> Result<Meta> {
        let meta = self.meta()?;
        if meta.format > FORMAT {
            return Err(Error::UnsupportedFormat { file: self.path.clone(), found: meta.format, supported: FORMAT });
        }
        Ok(meta)
    }

    fn new(storage: &Arc<dyn Storage>, path: PathBuf, cache_bytes: u64) -> Self {
        Self {
            storage: Arc::clone(storage),
            path,
            cache_bytes,
            reserve: None,
            database: RwLock::new(None),
            file: Mutex::default(),
            trust: Mutex::default(),
            unreadable: Mutex::default(),
            panicked: AtomicBool::new(false),
            ended: Mutex::new(false),
            opened: AtomicU64::new(0),
        }
    }

    /// What may be given up for a commit that makes room. Without one there is none.
    pub(crate) fn with_reserve(mut self, reserve: &Arc<Reserve>) -> Self {
        self.reserve = Some(Arc::clone(reserve));
        self
    }

    /// Drops the database, if it is open, and opens it again.
    pub(crate) fn reopen(&self) -> Result<()> {
        self.reopen_after(self.opened())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn opened(&self) -> u64 {
        self.opened.load(Ordering::Acquire)
    }

    /// Opens the database again, unless somebody has done so since it had been opened `opened` times.
    fn reopen_after(&self, opened: u64) -> Result<()> {
        let ended = self.ended.lock();
        if *ended {
            let path = self.path.parent().unwrap_or(&self.path).to_owned();
            return Err(Error::Closed { path });
        }
        if self.opened() != opened {
            return Ok(());
        }
        self.close();
        let file = self.storage.open(&self.path).map_err(|error| Error::io("open", &self.path, error))?;
        if file.len().map_err(|error| Error::io("read", &self.path, error))? == 0 {
            return Err(self.corrupted("the file is empty"));
        }
        if *self.trust.lock() == Trust::Verified {
            return self.attach(file);
        }
        let overlay = Overlay::new(file).map_err(|error| Error::io("read", &self.path, error))?;
        self.attach(Arc::new(overlay))
    }

    fn attach(&self, file: Arc<dyn StorageFile>) -> Result<()> {
        let mut database = self.database.write();
        let trust = *self.trust.lock();
        let file = BlockFile::open(file, trust).map_err(|refusal| match refusal {
            Refusal::Damage(damage) => self.damaged(&damage),
            Refusal::NewerFormat(found) => {
                Error::UnsupportedFormat { file: self.path.clone(), found, supported: FORMAT }
            }
            Refusal::Io(error) => Error::io("read", &self.path, error),
        })?;
        let file = Arc::new(file);
        let backend = Backend(Arc::clone(&file));
        let opened = catch_unwind(AssertUnwindSafe(|| {
            Database::builder().set_cache_size(to_usize(self.cache_bytes)).create_with_backend(backend)
        }));
        *database = Some(match opened {
            Ok(Ok(database)) => database,
            Ok(Err(error)) => return Err(self.failed("open", redb::Error::from(error)).0),
            Err(_) => return Err(self.corrupted("its pages contradict each other")),
        });
        file.is_opened(trust);
        *self.file.lock() = Some(file);
        self.opened.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Lets go of the file for good: the store's lock is about to be, and another process may open it.
    pub(crate) fn end(&self) {
        let mut ended = self.ended.lock();
        *ended = true;
        self.close();
    }

    /// Lets go of the file.
    pub(crate) fn close(&self) {
        *self.file.lock() = None;
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

    /// Runs a read on a fresh snapshot, again after opening the base again if it had latched.
    fn read<T>(&self, read: impl Fn(&ReadTransaction) -> Result<T, redb::Error>) -> Result<T> {
        let once = || {
            let guard = self.database.read();
            match guard.as_ref() {
                Some(database) => self.guarded("read", || read(&database.begin_read()?)),
                None => Err((self.not_open(), Latch::Before)),
            }
        };
        let mut attempts = 0;
        loop {
            let opened = self.opened();
            match once() {
                Err((error, latch)) => {
                    if latch != Latch::No {
                        self.reopen_after(opened)?;
                    }
                    attempts += 1;
                    if attempts > latch.retries() {
                        return Err(error);
                    }
                }
                Ok(result) => return Ok(result),
            }
        }
    }

    /// Runs an operation of redb, which panics on some damaged pages.
    fn guarded<T>(
        &self,
        operation: &'static str,
        run: impl FnOnce() -> Result<T, redb::Error>,
    ) -> Result<T, (Error, Latch)> {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(result) => result.map_err(|error| self.failed(operation, error)),
            Err(_) => {
                self.panicked.store(true, Ordering::Relaxed);
                Err((self.corrupted("its pages contradict each other"), Latch::Now))
            }
        }
    }

    fn failed(&self, operation: &'static str, error: redb::Error) -> (Error, Latch) {
        match error {
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => match Damage::of(&error) {
                Some(damage) => (self.damaged(damage), Latch::Damage),
                None => (self.corrupted(&error.to_string()), Latch::No),
            },
            redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                (self.corrupted("it ends before its content does"), Latch::Now)
            }
            redb::Error::Io(error) if Grown::is(&error) => (Error::io(operation, &self.path, error), Latch::Grown),
            redb::Error::Io(error) => (Error::io(operation, &self.path, error), Latch::Now),
            redb::Error::PreviousIo => {
                let error = io::Error::other("an earlier operation on the file failed");
                (Error::io(operation, &self.path, error), Latch::Before)
            }
            redb::Error::UpgradeRequired(found) => {
                let found = u32::from(found);
                (Error::UnsupportedFormat { file: self.path.clone(), found, supported: FORMAT }, Latch::No)
            }
            error => (self.corrupted(&error.to_string()), Latch::No),
        }
    }

    fn is_open(&self) -> bool {
        self.database.read().is_some()
    }

    /// A failure of the disk, and no damage, has left the database closed.
    fn not_open(&self) -> Error {
        Error::io("use", &self.path, io::Error::other("it could not be opened again after a failure"))
    }

    fn damaged(&self, damage: &Damage) -> Error {
        Error::Corrupted { file: self.path.clone(), offset: damage.offset, reason: damage.reason.clone() }
    }

    fn corrupted(&self, reason: &str) -> Error {
        Error::Corrupted { file: self.path.clone(), offset: 0, reason: reason.to_owned() }
    }
}
