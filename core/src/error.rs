//! Every way an operation can fail, as a sentence for a person and a stable code for a program.
//!
//! The codes are shared by Rust ([`Error::code`]), C and Node. A number or a name, once published, is
//! never given to another error.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// The result of an operation on a store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, to what, and what to do about it.
///
/// Errors can be cloned, since one failed sync is the answer to every write that waited for it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is outside what the operation accepts. The caller has to be corrected.
    #[error("{what} is not valid: {reason}")]
    InvalidArgument {
        /// The argument's name.
        what: &'static str,
        /// Why it was refused.
        reason: String,
    },
    /// An option has a value outside its documented range.
    #[error("option {option} is not valid: {reason}")]
    InvalidOption {
        /// The option's name, as in [`crate::Options`].
        option: &'static str,
        /// Why it was refused.
        reason: String,
    },
    /// A session id is empty or longer than [`crate::SessionId::LEN_MAX`] bytes.
    #[error("a session id has 1 to {len_max} bytes, this one has {len}", len_max = crate::SessionId::LEN_MAX)]
    InvalidId {
        /// The length of the refused id, in bytes.
        len: usize,
    },
    /// A payload is larger than the store accepts. Keep less in the session or raise `payload_bytes_max`.
    #[error("a session of {bytes} bytes is over this store's limit of {bytes_max} bytes")]
    ValueTooLarge {
        /// The size of the refused payload.
        bytes: u64,
        /// The limit in force.
        bytes_max: u64,
    },
    /// Another process, or another copy of this library in this process, has the store open.
    #[error("the store {} is in use by another process; close that one, or give this one another path", path.display())]
    Locked {
        /// The store's directory.
        path: PathBuf,
    },
    /// The store is open in this process with other store-wide options.
    #[error("the store {} is already open in this process with another {option}; open it with the same options", path.display())]
    OptionsConflict {
        /// The store's directory.
        path: PathBuf,
        /// The first option that differs.
        option: &'static str,
    },
    /// Something on disk is not what was written there. Restore a backup, or open with salvage.
    #[error("{} is damaged at byte {offset}: {reason}; restore a backup, or open the store with salvage to keep what is left", file.display())]
    Corrupted {
        /// The damaged file.
        file: PathBuf,
        /// Where in the file, in bytes; 0 where the place is not known.
        offset: u64,
        /// What did not fit.
        reason: String,
    },
    /// The store was written by a newer version. Use that version or a later one.
    #[error("{} has format {found}, this version reads up to {supported}; use a newer sessile", file.display())]
    UnsupportedFormat {
        /// The file with the newer format.
        file: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format this version reads.
        supported: u32,
    },
    /// A write or sync of the log failed, so that nothing written since can be trusted to be on disk.
    ///
    /// Reads go on. The outcome of the writes in flight is unknown: each may or may not be there after
    /// the store was opened again. Close this store and open it anew once the disk is sound.
    #[error("writing the log {} failed ({source}), no further write is accepted; check the disk and open the store again", file.display())]
    Poisoned {
        /// The log segment in use.
        file: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// There is no room on the disk for a checkpoint or a new log segment. Heals when there is room.
    #[error("no room is left on the disk of {}; free some, writes are accepted again by themselves", path.display())]
    DiskFull {
        /// The store's directory.
        path: PathBuf,
    },
    /// Changes arrive faster than the disk takes them: over twice `dirty_bytes` wait for a checkpoint, or over
    /// an eighth of `log_bytes_max` for the log. Try again later.
    #[error(
        "{dirty_bytes} bytes of changes wait for the disk, too many to take more; write slower, or raise dirty_bytes and log_bytes_max"
    )]
    Overloaded {
        /// The bytes waiting.
        dirty_bytes: u64,
    },
    /// The session has another version than the one that the write was on condition of: somebody has set it
    /// since. Read it again, and decide anew.
    #[error(
        "the session was changed since its version {version} was read; read it again, and write what becomes of both"
    )]
    Conflict {
        /// The version that the write named.
        version: u64,
    },
    /// The session whose version the write was on condition of was destroyed, has expired or was cleared, and what
    /// may be under its id now is another one. There is nothing to write to.
    #[error("the session of version {version} is gone; it was destroyed, has expired, or was cleared")]
    Gone {
        /// The version that the write named.
        version: u64,
    },
    /// The store was closed.
    #[error("the store {} is closed", path.display())]
    Closed {
        /// The store's directory.
        path: PathBuf,
    },
    /// The handle was inherited through `fork`. Open the store in the new process instead.
    #[error("this handle on {} was opened before a fork; open the store again in the new process", path.display())]
    Forked {
        /// The store's directory.
        path: PathBuf,
    },
    /// The store's path leads to something that is not a directory.
    #[error("{} is not a directory; a store is a directory, name one that exists or can be created", path.display())]
    NotADirectory {
        /// The path as given.
        path: PathBuf,
    },
    /// The operating system refused an operation. What to do depends on what it said, and the sentence says it.
    #[error("could not {operation} {}: {source}; {}", path.display(), what_to_do(source))]
    Io {
        /// What was tried, as a verb: "open", "create", "read".
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// A defect in sessile itself: please report it with this text.
    #[error("sessile met a state it does not know: {what}; this is a defect, please report it")]
    Internal {
        /// What was found.
        what: String,
    },
}

/// The stable code of an [`Error`]: the same number in C, the same name in Node.
///
/// C has `SESSILE_STATUS_<NAME>`, Node has `ERR_SESSILE_<NAME>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
#[non_exhaustive]
pub enum ErrorCode {
    /// [`Error::InvalidArgument`]
    InvalidArgument = 1,
    /// [`Error::InvalidOption`]
    InvalidOption = 2,
    /// [`Error::InvalidId`]
    InvalidId = 3,
    /// [`Error::ValueTooLarge`]
    ValueTooLarge = 4,
    /// [`Error::Locked`]
    Locked = 5,
    /// [`Error::OptionsConflict`]
    OptionsConflict = 6,
    /// [`Error::Corrupted`]
    Corrupted = 7,
    /// [`Error::UnsupportedFormat`]
    UnsupportedFormat = 8,
    /// [`Error::Poisoned`]
    Poisoned = 9,
    /// [`Error::DiskFull`]
    DiskFull = 10,
    /// [`Error::Overloaded`]
    Overloaded = 11,
    /// [`Error::Closed`]
    Closed = 12,
    /// [`Error::Forked`]
    Forked = 13,
    /// [`Error::NotADirectory`]
    NotADirectory = 14,
    /// [`Error::Io`]
    Io = 15,
    /// [`Error::Internal`]
    Internal = 16,
    /// [`Error::Conflict`]
    Conflict = 17,
    /// [`Error::Gone`]
    Gone = 18,
}

impl ErrorCode {
    /// Every code, in order of number.
    pub const ALL: [Self; 18] = [
        Self::InvalidArgument,
        Self::InvalidOption,
        Self::InvalidId,
        Self::ValueTooLarge,
        Self::Locked,
        Self::OptionsConflict,
        Self::Corrupted,
        Self::UnsupportedFormat,
        Self::Poisoned,
        Self::DiskFull,
        Self::Overloaded,
        Self::Closed,
        Self::Forked,
        Self::NotADirectory,
        Self::Io,
        Self::Internal,
        Self::Conflict,
        Self::Gone,
    ];

    /// The code's name in upper case, as it ends the C constant and the Node code.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::InvalidOption => "INVALID_OPTION",
            Self::InvalidId => "INVALID_ID",
            Self::ValueTooLarge => "VALUE_TOO_LARGE",
            Self::Locked => "LOCKED",
            Self::OptionsConflict => "OPTIONS_CONFLICT",
            Self::Corrupted => "CORRUPTED",
            Self::UnsupportedFormat => "UNSUPPORTED_FORMAT",
            Self::Poisoned => "POISONED",
            Self::DiskFull => "DISK_FULL",
            Self::Overloaded => "OVERLOADED",
            Self::Closed => "CLOSED",
            Self::Forked => "FORKED",
            Self::NotADirectory => "NOT_A_DIRECTORY",
            Self::Io => "IO",
            Self::Internal => "INTERNAL",
            Self::Conflict => "CONFLICT",
            Self::Gone => "GONE",
        }
    }
}

impl Error {
    /// The error's stable code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidArgument { .. } => ErrorCode::InvalidArgument,
            Self::InvalidOption { .. } => ErrorCode::InvalidOption,
            Self::InvalidId { .. } => ErrorCode::InvalidId,
            Self::ValueTooLarge { .. } => ErrorCode::ValueTooLarge,
            Self::Locked { .. } => ErrorCode::Locked,
            Self::OptionsConflict { .. } => ErrorCode::OptionsConflict,
            Self::Corrupted { .. } => ErrorCode::Corrupted,
            Self::UnsupportedFormat { .. } => ErrorCode::UnsupportedFormat,
            Self::Poisoned { .. } => ErrorCode::Poisoned,
            Self::DiskFull { .. } => ErrorCode::DiskFull,
            Self::Overloaded { .. } => ErrorCode::Overloaded,
            Self::Closed { .. } => ErrorCode::Closed,
            Self::Forked { .. } => ErrorCode::Forked,
            Self::NotADirectory { .. } => ErrorCode::NotADirectory,
            Self::Io { .. } => ErrorCode::Io,
            Self::Internal { .. } => ErrorCode::Internal,
            Self::Conflict { .. } => ErrorCode::Conflict,
            Self::Gone { .. } => ErrorCode::Gone,
        }
    }

    pub(crate) fn io(operation: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        if is_no_room(&source) {
            return Self::DiskFull { path };
        }
        Self::Io { operation, path, source: Arc::new(source) }
    }
}

/// Whether an operation failed because the disk, or this user's share of it, is full.
pub(crate) fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What whoever reads of a refused operation can do about it.
fn what_to_do(source: &io::Error) -> &'static str {
    // These have no kind of their own.
    #[cfg(unix)]
    match source.raw_os_error() {
        Some(5) => return "the disk failed, see what the system's log says of it",
        Some(23 | 24) => return "raise the limit on open files",
        _ => {}
    }
    match source.kind() {
        io::ErrorKind::PermissionDenied => "give this process the right to read and write there",
        io::ErrorKind::NotFound => "check that the directory above it exists, and that nothing was moved or removed",
        io::ErrorKind::ReadOnlyFilesystem => "mount the file system for writing, or give the store another path",
        io::ErrorKind::Unsupported => "put the store on a local file system that supports this",
        io::ErrorKind::StaleNetworkFileHandle => "put the store on a local file system",
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => "raise this process's limits, or free memory",
        _ => "if it happens again, see what the system's log says of it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_operation_says_what_to_do_by_what_the_system_said() {
        let said = |source| Error::io("open", "sessions/base.redb", source).to_string();
        let kinds = [
            (io::ErrorKind::PermissionDenied, "the right to read and write"),
            (io::ErrorKind::NotFound, "the directory above it exists"),
            (io::ErrorKind::ReadOnlyFilesystem, "for writing"),
            (io::ErrorKind::Other, "the system's log"),
        ];
        for (kind, advice) in kinds {
            let sentence = said(kind.into());
            assert!(sentence.starts_with("could not open sessions/base.redb: "), "{sentence}");
            assert!(sentence.contains(advice), "{sentence}");
        }
        if cfg!(unix) {
            assert!(said(io::Error::from_raw_os_error(24)).contains("limit on open files"));
            assert!(said(io::Error::from_raw_os_error(5)).contains("the disk failed"));
        }
    }
}
