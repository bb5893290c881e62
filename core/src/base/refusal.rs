//! What the base's file answers instead of doing what was asked.
//!
//! redb hands on an [`io::Error`] of its file as it is. Damage, and a growth that was not granted, travel in one, and
//! are told from the disk's own errors by what it holds, never by its text.

use std::fmt;
use std::io;

use super::layout::{BLOCK_BYTES, block_offset, place, sums_offset};

/// A part of the base's file that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    /// Where in the file, in bytes.
    pub(super) offset: u64,
    pub(super) reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at byte {}", self.reason, self.offset)
    }
}

impl std::error::Error for Damage {}

impl Damage {
    pub(super) fn new(offset: u64, reason: impl Into<String>) -> Self {
        Self { offset, reason: reason.into() }
    }

    pub(super) fn of_block(block: u64) -> Self {
        let reason = format!("{BLOCK_BYTES} bytes do not match their checksum, which stands at {}", sum_offset(block));
        Self::new(block_offset(block), reason)
    }

    /// What an error of a read says was damaged, if it was that.
    pub(super) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<Damage> for io::Error {
    fn from(damage: Damage) -> Self {
        Self::new(io::ErrorKind::InvalidData, damage)
    }
}

/// redb asked for more of the file than it may have at once. The file has grown as far as that, and whoever opens it
/// again finds the room.
#[derive(Debug)]
pub(super) struct Grown;

impl fmt::Display for Grown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the file has grown by less than was asked for, and has to be opened again")
    }
}

impl std::error::Error for Grown {}

impl Grown {
    /// Whether this is what an error of a growth says.
    pub(super) fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
    }
}

/// Why a file cannot be used.
#[derive(Debug)]
pub(super) enum Refusal {
    Damage(Damage),
    NewerFormat(u32),
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn sum_offset(block: u64) -> u64 {
    let (group, place) = place(block);
    sums_offset(group) + place * 4
}
