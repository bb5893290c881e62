//! A clock that only a test moves.

use std::sync::atomic::{AtomicU64, Ordering};

use sessile::Timestamp;
use sessile::simulation::Clock;

/// Wall clock and monotonic clock, moved together or apart.
#[derive(Debug)]
pub struct HandClock {
    wall_millis: AtomicU64,
    monotonic_millis: AtomicU64,
}

impl HandClock {
    /// Where the wall clock of a new world stands: some day of 2026.
    pub const START_MILLIS: u64 = 1_780_000_000_000;

    /// A clock whose wall shows `wall`; the monotonic clock begins at an hour.
    #[must_use]
    pub fn at(wall: Timestamp) -> Self {
        Self { wall_millis: AtomicU64::new(wall.as_millis()), monotonic_millis: AtomicU64::new(3_600_000) }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, millis: u64) {
        self.wall_millis.fetch_add(millis, Ordering::SeqCst);
        self.monotonic_millis.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the wall clock, forward or back, while no time passes.
    pub fn jump(&self, by_millis: i64) {
        let moved = self.wall().as_millis().saturating_add_signed(by_millis);
        self.wall_millis.store(moved, Ordering::SeqCst);
    }
}

impl Default for HandClock {
    fn default() -> Self {
        Self::at(Timestamp::from_millis(Self::START_MILLIS))
    }
}

impl Clock for HandClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_millis.load(Ordering::SeqCst))
    }

    fn monotonic_millis(&self) -> u64 {
        self.monotonic_millis.load(Ordering::SeqCst)
    }
}
