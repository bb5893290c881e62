//! How the base's file grows: by steps in keeping with what it holds, which have their room on the disk, or not at all.
//!
//! redb would double its file, up to 4 GiB at once. On a disk with less it could then not grow at all; and if what it
//! grows by had no room yet, a commit would find the disk full between any two of its pages, and leave taken what those
//! before had found, at places that the next one does not come back to. So redb gets less than it asks for: the file
//! grows by a step, redb is opened again, which takes the file's length for its own, and the commit is begun again. One
//! that finds no room to grow leaves the file as long as it was. A commit that has come to the header may have
//! happened, whatever failed then: its file stays.

use super::Base;
use super::block_file::{BlockFile, Trust};
use super::commit::Batch;
use super::layout::BLOCK_BYTES;
use super::opening::abandon;
use super::refusal::Refusal;
use crate::error::{Error, Result};
use crate::sweep::Change;

/// How many blocks the file grows by at least: 1 MiB.
const STEP_BLOCKS: u64 = 256;
/// The same where the disk is full.
const SMALL_STEP_BLOCKS: u64 = 16;

/// How large the steps are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Growth {
    /// So large that few commits have to be begun again.
    Ample,
    /// As small as may do, and larger with each.
    Sparing,
}

impl Growth {
    /// By how many blocks a file of `blocks` blocks may grow first, that this is to be written to.
    pub(super) fn first_step(self, blocks: u64, batch: &Batch<'_>) -> u64 {
        match self {
            Self::Ample => {
                let batch_bytes: u64 = batch.changes.iter().map(Change::bytes).sum();
                (blocks / 8).max(2 * batch_bytes / BLOCK_BYTES).max(STEP_BLOCKS)
            }
            Self::Sparing => SMALL_STEP_BLOCKS,
        }
    }
}

impl Base {
    /// How many blocks redb's file has; 0 while it is closed.
    pub(super) fn blocks(&self) -> u64 {
        self.file.lock().as_ref().map_or(0, |file| file.blocks())
    }

    /// Takes back what the file grew by for a commit that failed, and certainly has not happened: nothing is there.
    pub(super) fn shrink_to(&self, blocks: u64) -> Result<()> {
        // One that is salvaged has grown in memory alone.
        let is_damaged = *self.trust.lock() != Trust::Verified;
        if blocks == 0 || self.blocks() <= blocks || is_damaged {
            return Ok(());
        }
        let ended = self.ended.lock();
        if *ended {
            return Ok(());
        }
        *self.file.lock() = None;
        // redb would write to the file, which is not to be expected of a full disk.
        abandon(self.database.write().take());
        let failed = |error| Error::io("shorten", &self.path, error);
        let file = self.storage.open(&self.path).map_err(failed)?;
        match BlockFile::open(std::sync::Arc::clone(&file), Trust::Verified) {
            Ok(longer) => longer.set_len(blocks * BLOCK_BYTES).map_err(failed)?,
            Err(Refusal::Io(error)) => return Err(failed(error)),
            // Opening it says what.
            Err(Refusal::Damage(_) | Refusal::NewerFormat(_)) => {}
        }
        self.attach(file)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::codec::Meta;
    use crate::disk::Disk;
    use crate::session::{Payload, SessionId};
    use crate::storage::Storage;
    use crate::sweep::{ChangeKind, Whole};
    use crate::time::Timestamp;

    /// Writes sessions of `len` bytes; those of a round follow those of the round before.
    fn write(base: &Base, round: usize, count: usize, len: usize) -> u64 {
        let change = |number| {
            let (created_at, expires_at) = (Timestamp::from_millis(1), Timestamp::from_millis(1 << 40));
            let payload = Payload::from(vec![7; len].as_slice());
            let (deadline, owner, version, first_version) = (Timestamp::MIN, None, 1, 1);
            let whole = Whole { payload, created_at, expires_at, deadline, owner, version, first_version };
            let kind = ChangeKind::Whole(whole);
            let id = SessionId::new(format!("{round:04} {number:06}")).unwrap();
            Change { id, changed: 1, index_at: None, kind }
        };
        let changes: Vec<Change> = (0..count).map(change).collect();
        base.commit(&Batch { changes: &changes, ..Batch::default() }).unwrap();
        changes.iter().map(Change::bytes).sum()
    }

    fn base(directory: &std::path::Path) -> Base {
        let storage: Arc<dyn Storage> = Arc::new(Disk);
        Base::create(&storage, directory, 1 << 16, &Meta::NEW).unwrap()
    }

    #[test]
    fn the_file_grows_in_keeping_with_what_is_written_and_has_its_room() {
        let directory = tempfile::tempdir().unwrap();
        let base = base(directory.path());
        let mut written = 0;
        for round in 0..60 {
            written += write(&base, round, 1000, 500);
        }
        let blocks = base.blocks();
        assert!(blocks * BLOCK_BYTES < 2 * written, "{blocks} blocks for {written} bytes");
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let metadata = std::fs::metadata(base.path()).unwrap();
            assert!(metadata.blocks() * 512 >= metadata.len(), "the file is sparse");
        }
    }

    /// redb writes some of a large transaction before it is through.
    #[test]
    fn what_a_commit_has_written_before_it_is_begun_again_verifies() {
        let directory = tempfile::tempdir().unwrap();
        let base = base(directory.path());
        let mut again = 0;
        for round in 0..8 {
            let before = base.opened();
            write(&base, round, 300, 10_000);
            again += base.opened() - before;
            let verified = base.verify(0..base.blocks()).unwrap();
            assert!(verified.damaged.is_empty() && verified.unsure.is_empty(), "round {round}: {verified:?}");
        }
        assert!(again > 0, "no commit was begun again");
    }

    /// A page of redb's is in one piece, and that has to be found room for.
    #[test]
    fn a_session_larger_than_the_file_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let base = base(directory.path());
        for (round, len) in [(0, 16 << 20), (1, 16 << 20), (2, 5 << 20)] {
            write(&base, round, 1, len);
            assert_eq!(base.count().unwrap(), round as u64 + 1);
        }
    }
}
