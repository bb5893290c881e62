//! The kinds of random histories.

use fastrand::Rng;
use sessile::Durability;

/// What a history consists of besides sets, destroys, clears, steps, crashes, and reopenings of every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Touches, and sessions that expire; the disk works, and the clock jumps ahead.
    Touches,
    /// The base's file fails now and then; nothing is touched, nothing expires, and the clock jumps either way.
    Faults,
    /// The base's file fails now and then. Touches extend what would not expire anyway: they may go unlogged,
    /// and what they touch has to be there all the same.
    FaultsAndTouches,
    /// The log's files fail now and then, which ends the store's writing until it is opened again; otherwise as
    /// [`Kind::Faults`].
    LogFaults,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Touches, Self::Faults, Self::FaultsAndTouches, Self::LogFaults];

    /// Acknowledged at once is more than is promised while the log cannot be written.
    pub(super) fn durability(self, random: &mut Rng) -> Durability {
        match random.u8(..4) {
            0 | 1 => Durability::Fsync,
            2 => Durability::Write,
            _ if self == Self::LogFaults => Durability::Write,
            _ => Durability::Async,
        }
    }
}
