//! Opening the base, and letting go of it.
//!
//! A base is complete and durable under its name, or not there. After an error of redb it is opened again, by one
//! thread at a time; once it was ended it stays closed. What damage may have left in memory is never written back.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use redb::{Database, StorageBackend};

use super::block_file::{BlockFile, Trust};
use super::overlay::Overlay;
use super::refusal::Refusal;
use super::{BASE_FILE, Base, Batch, NEW_BASE_FILE};
use crate::codec::{FORMAT, Meta};
use crate::error::{Error, Result};
use crate::numbers::to_usize;
use crate::storage::{Storage, StorageFile};

/// Lets go of a database as a killed process would. Closed in an orderly way it is written to, and redb
/// panics over damaged pages there, even while it unwinds, which ends the process. While a panic unwinds,
/// it writes nothing; the next opening finds the last commit.
pub(super) fn abandon(database: Option<Database>) {
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

    /// Drops the database, if it is open, and opens it again.
    pub(crate) fn reopen(&self) -> Result<()> {
        self.reopen_after(self.opened())
    }

    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Acquire)
    }

    /// Opens the database again, unless somebody has done so since it had been opened `opened` times.
    pub(super) fn reopen_after(&self, opened: u64) -> Result<()> {
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

    pub(super) fn attach(&self, file: Arc<dyn StorageFile>) -> Result<()> {
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
}
