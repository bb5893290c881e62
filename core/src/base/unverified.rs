//! Reading a damaged base for what is right in it all the same.
//!
//! A block that does not match its checksum may be right but for one byte, and may be all right where it is the
//! checksums that are damaged. So what the verified reading did not get is looked for once more, without writing
//! anything to the file, and believed for reasons of its own: all of it where redb's own checksums hold from the roots
//! down to every page; else single records, of pages to which sound ones lead, where the record's checksum holds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::Base;
use super::block_file::Trust;
use crate::codec::Meta;
use crate::error::Result;
use crate::storage::Storage;

impl Base {
    /// Opens a base of which no block is verified, to be read only.
    ///
    /// # Errors
    /// As [`Base::open`].
    pub(crate) fn open_unverified(storage: &Arc<dyn Storage>, directory: &Path, cache_bytes: u64) -> Result<Self> {
        let base = Self::new(storage, directory.join(super::BASE_FILE), cache_bytes);
        *base.trust.lock() = Trust::Everything;
        base.reopen()?;
        Ok(base)
    }

    /// Whether all that this base has is as redb wrote it, by redb's own checksums.
    pub(crate) fn is_integral(&self) -> bool {
        let mut database = self.database.write();
        let Some(database) = database.as_mut() else { return false };
        match catch_unwind(AssertUnwindSafe(|| database.check_integrity())) {
            // `false`: what was not right was the list of free pages, which nobody reads here.
            Ok(checked) => checked.is_ok(),
            Err(_) => {
                self.panicked.store(true, std::sync::atomic::Ordering::Relaxed);
                false
            }
        }
    }

    /// From now on only what a leaf of the tree may be is read unverified, so that a damaged page cannot lead anywhere.
    ///
    /// # Errors
    /// As [`Base::open`].
    pub(crate) fn trust_leaves(&self) -> Result<()> {
        *self.trust.lock() = Trust::Leaves;
        // What was read before is forgotten.
        self.reopen()
    }

    /// What the base says of itself, where that can be read; it has a checksum of its own.
    pub(crate) fn meta_if_readable(&self) -> Option<Meta> {
        self.known_meta().ok()
    }
}
