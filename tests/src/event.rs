//! What happens on a simulated disk, how it can fail, and how much of it a power loss takes.

use std::io;
use std::path::PathBuf;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Reads bytes; has no number of its own, since it changes nothing.
    Read,
    /// Writes bytes.
    Write,
    /// Cuts or grows a file.
    SetLen,
    /// Makes a file's content durable.
    Sync,
    /// Creates a file.
    Create,
    /// Renames a file or a directory.
    Rename,
    /// Removes a file or a directory.
    Remove,
    /// Makes a directory's entries durable.
    SyncDirectory,
    /// Creates a directory.
    CreateDirectory,
    /// Takes a lock.
    Lock,
    /// Asks what a path leads to. A [`SimulatedDisk`](crate::disk::SimulatedDisk) does not tell of it, nor of the
    /// next three; a [`FaultyDisk`](crate::faulty::FaultyDisk) does.
    Look,
    /// Opens a file.
    Open,
    /// Lists a directory.
    List,
    /// Asks for a file's length.
    Len,
}

/// One operation of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Events are counted from 1; a read has the number of the event before it.
    pub number: u64,
    /// What it does.
    pub action: Action,
    /// On what.
    pub path: PathBuf,
    /// Where in the file; the new length for [`Action::SetLen`].
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
}

impl Event {
    /// Whether it is this action on a file of the log.
    #[must_use]
    pub fn is_on_log(&self, action: Action) -> bool {
        self.action == action && self.path.extension().is_some_and(|extension| extension == "log")
    }

    /// Whether it is this action on the base's file.
    #[must_use]
    pub fn is_on_base(&self, action: Action) -> bool {
        self.action == action && self.path.file_name().is_some_and(|name| name == "base.redb")
    }
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// With this error; nothing is done. After a failed sync the disk may never get what it was to sync,
    /// although reads show it.
    Error(io::ErrorKind),
    /// With an I/O error after half of the bytes.
    Short,
}

/// How much of what is not durable a power loss takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of it.
    Everything,
    /// Any part of it, chosen at random.
    Some,
    /// None of it: the disk happened to have written everything.
    Nothing,
}

impl Loss {
    /// The two extremes first, then random ones.
    #[must_use]
    pub const fn of_round(round: u64) -> Self {
        match round {
            0 => Self::Everything,
            1 => Self::Nothing,
            _ => Self::Some,
        }
    }
}
