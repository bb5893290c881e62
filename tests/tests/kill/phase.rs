//! What a store does while its process is killed.

use std::fmt;

/// A part of a store's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It opens where there was none.
    Create,
    /// It opens, up to the first byte of the log that it reads.
    Open,
    /// It reads the log, writes it again and begins anew, until it is open.
    Replay,
    /// The committer writes what the threads set, touch and destroy.
    Write,
    /// One thread writes everywhere, and clears from time to time.
    Clear,
    /// Checkpoints follow each other without a pause, under writes.
    Checkpoint,
    /// Sessions expire and are removed from the base, under writes.
    Reap,
    /// The store is copied again and again, under writes.
    Backup,
    /// Writing has ended, and the store is closed.
    Close,
}

impl Phase {
    pub const ALL: [Self; 9] = [
        Self::Create,
        Self::Open,
        Self::Replay,
        Self::Write,
        Self::Clear,
        Self::Checkpoint,
        Self::Reap,
        Self::Backup,
        Self::Close,
    ];

    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|phase| phase.to_string() == name).unwrap_or_else(|| panic!("no phase is {name}"))
    }

    /// Whether it is over by the time that the store is open.
    pub const fn is_opening(self) -> bool {
        matches!(self, Self::Create | Self::Open | Self::Replay)
    }

    /// How many operations each thread of the writer does, which is killed in this phase.
    pub const fn operations(self) -> usize {
        match self {
            Self::Create | Self::Open | Self::Replay => 0,
            Self::Close => 200,
            _ => usize::MAX,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}
