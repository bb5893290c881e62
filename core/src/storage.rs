//! The one seam between the store and the machine's disk.
//!
//! Everything the store writes, the base's file included, goes through [`Storage`] and [`StorageFile`], so that a test
//! can stand a simulated disk under the whole store, stop it at any operation and decide what a power loss leaves; what
//! is random in those bytes comes from there, too. Nothing above this module touches `std::fs`.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::numbers::{to_u64, to_usize};

/// How much a file is allocated in one write, in bytes.
const ZEROS_AT_ONCE: usize = 1024 * 1024;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// Anything else.
    File,
}

/// A disk: directories, their entries, and locks.
///
/// A change of a directory's entries (`create`, `rename`, `remove_file`, …) survives a power loss only
/// after [`Storage::sync_dir`] of that directory.
pub trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Creates a directory that only its owner may enter.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound` for a missing parent, or the disk's own.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// What `path` leads to; `None` when there is nothing.
    ///
    /// # Errors
    /// The disk's own.
    fn kind(&self, path: &Path) -> io::Result<Option<Kind>>;

    /// The one absolute path of an existing directory, however it was reached.
    ///
    /// # Errors
    /// The disk's own.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;

    /// Creates an empty file that only its owner may read and write.
    ///
    /// # Errors
    /// `AlreadyExists`, or the disk's own.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>>;

    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// `NotFound`, or the disk's own.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>>;

    /// The names in a directory, in no order.
    ///
    /// # Errors
    /// The disk's own.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Removes a file.
    ///
    /// # Errors
    /// The disk's own.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// The disk's own.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Gives a file or directory another name on the same disk.
    ///
    /// # Errors
    /// The disk's own.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes a directory's entries durable.
    ///
    /// # Errors
    /// The disk's own.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Takes the exclusive lock on `path`, creating the file where it is missing, without waiting;
    /// `None` when somebody else holds it. Dropping what is returned lets go.
    ///
    /// # Errors
    /// The disk's own.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn StorageLock>>>;

    /// A number that nobody can guess: the operating system's, unless a test wants the same ones again.
    ///
    /// # Errors
    /// The operating system has none.
    fn random(&self) -> io::Result<u64> {
        getrandom::u64().map_err(|error| io::Error::other(format!("no random numbers: {error}")))
    }
}

/// A held lock; dropping it lets go.
pub trait StorageLock: fmt::Debug + Send + Sync + 'static {}

/// An open file, used by several threads at once.
#[allow(clippy::len_without_is_empty, reason = "the length of a file, not of a collection")]
pub trait StorageFile: fmt::Debug + Send + Sync + 'static {
    /// The file's length, in bytes.
    ///
    /// # Errors
    /// The disk's own.
    fn len(&self) -> io::Result<u64>;

    /// Fills `bytes` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` past the end, or the disk's own.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, growing the file where needed.
    ///
    /// # Errors
    /// The disk's own; part of the bytes may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file, or grows it with zeros.
    ///
    /// # Errors
    /// The disk's own.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes the file `len` bytes long, and not shorter than it is, with zeros that have their room on the disk
    /// already: no later write to them finds the disk full.
    ///
    /// # Errors
    /// `StorageFull`, or the disk's own; the file is then as long as it was, unless that fails as well.
    fn allocate(&self, len: u64) -> io::Result<()> {
        write_zeros(self, self.len()?, len)
    }

    /// Makes the file's content and length durable.
    ///
    /// # Errors
    /// The disk's own. After a failure nothing written since the last success can be trusted.
    fn sync_data(&self) -> io::Result<()>;
}

/// Makes a file of `before` bytes `len` bytes long by writing to it.
///
/// # Errors
/// As [`StorageFile::allocate`].
pub(crate) fn write_zeros<File: StorageFile + ?Sized>(file: &File, before: u64, len: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS_AT_ONCE];
    let mut at = before;
    while at < len {
        let part = zeros.get(..to_usize(len - at)).unwrap_or(&zeros);
        if let Err(error) = file.write_at(at, part) {
            file.set_len(before)?;
            return Err(error);
        }
        at += to_u64(part.len());
    }
    Ok(())
}
