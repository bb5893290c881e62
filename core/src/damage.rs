//! What is said of a part of a store that is not as it was written.

use std::path::PathBuf;

use crate::error::Error;
use crate::session::SessionId;

/// Something that is not as it was written: found by a check, or what a salvage could not save.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The damaged file.
    pub file: PathBuf,
    /// Where in the file, in bytes; 0 where the place is not known.
    pub offset: u64,
    /// The session that cannot be read, or is lost, for it; `None` where that is not one session of the base.
    pub id: Option<SessionId>,
    /// What was found.
    pub reason: String,
}

impl Damage {
    /// What an error says is damaged.
    ///
    /// # Errors
    /// Any other error as it is.
    pub(crate) fn of(error: Error, id: Option<SessionId>) -> Result<Self, Error> {
        match error {
            Error::Corrupted { file, offset, reason } => Ok(Self { file, offset, id, reason }),
            error => Err(error),
        }
    }
}
