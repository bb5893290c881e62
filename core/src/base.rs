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
mod opening;
mod overlay;
mod read;
mod refusal;
mod sums;
mod survey;
mod unverified;

pub(crate) use commit::{Batch, Committed};
pub(crate) use layout::BLOCK_BYTES;
#[cfg(feature = "simulation")]
pub use opening::Backend;
pub(crate) use read::{DueEntry, Part};
pub(crate) use survey::IndexKey;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::lock::{Mutex, RwLock};
use block_file::{BlockFile, Trust};
use opening::abandon;
use redb::{Database, ReadTransaction, ReadableDatabase, TableDefinition};
use refusal::{Damage, Grown};

use crate::codec::{FORMAT, Malformed, Meta, decode_meta, decode_record};
use crate::error::{Error, Result};
use crate::reserve::Reserve;
use crate::session::{Owner, Payload, Session, SessionId, Version};
use crate::storage::Storage;
use crate::time::Timestamp;

const SESSIONS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("sessions");
const EXPIRY: TableDefinition<'_, (u64, &[u8]), ()> = TableDefinition::new("expiry");
/// Whose each session is, by owner and then id.
const OWNERS: TableDefinition<'_, (&[u8], &[u8]), ()> = TableDefinition::new("owners");
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
    /// [`Timestamp::MIN`]: none.
    pub(crate) deadline: Timestamp,
    pub(crate) owner: Option<Owner>,
    pub(crate) version: u64,
    /// The first version of this session that was known when it was committed.
    pub(crate) first_version: u64,
    /// Under which time the expiry index has it.
    pub(crate) index_at: Timestamp,
}

impl StoredSession {
    /// The session as the record has it.
    pub(crate) fn session(&self) -> Session {
        Session {
            payload: self.payload.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            version: Version(self.version),
            known_since: Version(self.first_version),
            owner: self.owner.clone(),
            deadline: self.deadline.if_any(),
        }
    }
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

impl Base {
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

    pub(crate) fn path(&self) -> &Path {
        &self.path
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
            deadline: record.deadline,
            owner: Owner::new(record.owner).ok(),
            version: record.version,
            first_version: record.first_version,
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
