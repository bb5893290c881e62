//! The reserve: a file of zeros, given up when the disk is full, so that what makes room can be written.
//!
//! Removing sessions takes room first: redb writes new pages before it frees old ones, and a checkpoint waits for the
//! log. On a disk without a free byte both would wait for ever for somebody else to make room. The file holds nothing
//! that anybody reads: it may be missing, short, or come back after a crash, and costs only what it is there for.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::lock::Mutex;
use crate::numbers::{to_u64, to_usize};
use crate::storage::Storage;

const RESERVE_FILE: &str = "reserve";
/// The largest reserve. What is queued for the log when the disk gets full has to fit, and small transactions.
const RESERVE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// It is taken in such parts, so that a nearly full disk gives a part of it.
const PART_BYTES: usize = 64 * 1024;

/// Room that the store keeps for itself.
#[derive(Debug)]
pub(crate) struct Reserve {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    bytes: u64,
    /// How long the file is; 0 where there is none.
    held: Mutex<u64>,
    /// Whether that is all of it: to be asked without waiting for who writes it.
    is_whole: AtomicBool,
}

impl Reserve {
    /// The reserve of the store in `directory`; one that an earlier process made is taken over.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub(crate) fn find(storage: &Arc<dyn Storage>, directory: &Path, log_bytes_max: u64) -> Result<Self> {
        let path = directory.join(RESERVE_FILE);
        let failed = |error| Error::io("look at", &path, error);
        let held = match storage.kind(&path).map_err(failed)? {
            Some(_) => storage.open(&path).and_then(|file| file.len()).map_err(failed)?,
            None => 0,
        };
        let bytes = (log_bytes_max / 8).min(RESERVE_BYTES_MAX);
        let is_whole = AtomicBool::new(held >= bytes);
        Ok(Self { storage: Arc::clone(storage), path, bytes, held: Mutex::new(held), is_whole })
    }

    /// Whether all of it is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Acquire)
    }

    /// Gives the room back to the disk. Returns whether there was any.
    pub(crate) fn give_up(&self) -> bool {
        let mut held = self.held.lock();
        if std::mem::take(&mut *held) == 0 {
            return false;
        }
        self.is_whole.store(false, Ordering::Release);
        match self.storage.remove_file(&self.path) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, path = %self.path.display(), "the reserve could not be given up");
                false
            }
        }
    }

    /// Takes the room again, or as much of it as the disk has.
    ///
    /// # Errors
    /// The disk's own: the reserve is not whole.
    pub(crate) fn restore(&self) -> io::Result<()> {
        let mut held = self.held.lock();
        if *held >= self.bytes {
            return Ok(());
        }
        let file = match self.storage.kind(&self.path)? {
            Some(_) => self.storage.open(&self.path)?,
            None => self.storage.create(&self.path)?,
        };
        let zeros = vec![0; PART_BYTES];
        while *held < self.bytes {
            let part = zeros.get(..to_usize(self.bytes - *held)).unwrap_or(&zeros);
            if let Err(error) = file.write_at(*held, part) {
                // What was written of the part is not counted.
                file.set_len(*held)?;
                return Err(error);
            }
            *held += to_u64(part.len());
        }
        file.sync_data()?;
        self.is_whole.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes again what is left of it after it was given up.
    pub(crate) fn restore_rest(&self) {
        if let Err(error) = self.restore() {
            tracing::debug!(%error, "the reserve is smaller now");
        }
    }
}
