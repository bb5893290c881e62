//! The store's time: it never goes backwards inside a process, and a bogus clock destroys nothing.
//!
//! Expiry follows the wall clock. When the wall clock and the monotonic clock disagree by more than a
//! minute, one of them was set or the machine slept: reads go on enforcing expiry, but for ten minutes
//! nothing may be physically reaped, so that an administrator has time to put the clock right.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use crate::lock::Mutex;

use crate::time::{Timestamp, millis};

/// Where the store's time comes from.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// What the wall clock shows.
    fn wall(&self) -> Timestamp;

    /// Milliseconds since some fixed moment, never going back.
    fn monotonic_millis(&self) -> u64;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic_millis(&self) -> u64 {
        millis(self.start.elapsed())
    }
}

const JUMP_MILLIS: i64 = 60_000;
const REAP_PAUSE_MILLIS: u64 = 10 * 60_000;

/// Both clocks read together, and how they stood when they last agreed.
#[derive(Debug)]
pub(crate) struct TimeKeeper {
    clock: Arc<dyn Clock>,
    latest: AtomicU64,
    /// Added to the wall clock, so that time goes on where it was after the wall clock was set back.
    offset: AtomicI64,
    anchor: Mutex<Anchor>,
}

#[derive(Debug)]
struct Anchor {
    wall: Timestamp,
    monotonic_millis: u64,
    reap_after_millis: u64,
}

impl TimeKeeper {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let wall = clock.wall();
        let monotonic_millis = clock.monotonic_millis();
        Self {
            clock,
            latest: AtomicU64::new(wall.as_millis()),
            offset: AtomicI64::new(0),
            anchor: Mutex::new(Anchor { wall, monotonic_millis, reap_after_millis: 0 }),
        }
    }

    /// The store's time, never earlier than what an earlier call returned.
    pub(crate) fn now(&self) -> Timestamp {
        let offset = self.offset.load(Ordering::Relaxed);
        let moved = self.clock.wall().as_millis().saturating_add_signed(offset);
        let before = self.latest.fetch_max(moved, Ordering::Relaxed);
        Timestamp::from_millis(before.max(moved))
    }

    pub(crate) fn monotonic_millis(&self) -> u64 {
        self.clock.monotonic_millis()
    }

    /// Compares the clocks. Returns by how many milliseconds the wall clock jumped, if it did.
    pub(crate) fn check(&self) -> Option<i64> {
        let mut anchor = self.anchor.lock();
        let wall = self.clock.wall();
        let monotonic_millis = self.clock.monotonic_millis();
        let by_wall = difference(wall.as_millis(), anchor.wall.as_millis());
        let by_monotonic = difference(monotonic_millis, anchor.monotonic_millis);
        let jump = by_wall.saturating_sub(by_monotonic);
        let jumped = jump.abs() > JUMP_MILLIS;
        if jumped {
            anchor.reap_after_millis = monotonic_millis.saturating_add(REAP_PAUSE_MILLIS);
            if jump < 0 {
                self.offset.fetch_sub(jump, Ordering::Relaxed);
            }
        }
        if jumped || jump == 0 {
            anchor.wall = wall;
            anchor.monotonic_millis = monotonic_millis;
        }
        jumped.then_some(jump)
    }

    /// The time by which sessions have to have expired to be physically removed: where a wall clock that was
    /// ahead has been put right, what only expired by the wrong time is spared for the next process.
    pub(crate) fn reap_now(&self) -> Timestamp {
        self.now().min(self.clock.wall())
    }

    /// Whether expired sessions may be physically removed now. Call [`TimeKeeper::check`] before.
    pub(crate) fn may_reap(&self) -> bool {
        self.clock.monotonic_millis() >= self.anchor.lock().reap_after_millis
    }
}

fn difference(later: u64, earlier: u64) -> i64 {
    i64::try_from(i128::from(later) - i128::from(earlier)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Moved {
        wall: AtomicU64,
        monotonic: AtomicU64,
    }

    impl Clock for Moved {
        fn wall(&self) -> Timestamp {
            Timestamp::from_millis(self.wall.load(Ordering::Relaxed))
        }
        fn monotonic_millis(&self) -> u64 {
            self.monotonic.load(Ordering::Relaxed)
        }
    }

    fn keeper() -> (Arc<Moved>, TimeKeeper) {
        let clock = Arc::new(Moved::default());
        clock.wall.store(1_000_000_000, Ordering::Relaxed);
        (Arc::clone(&clock), TimeKeeper::new(clock))
    }

    #[test]
    fn time_never_goes_backwards() {
        let (clock, keeper) = keeper();
        let before = keeper.now();
        clock.wall.fetch_sub(500_000, Ordering::Relaxed);
        assert_eq!(keeper.now(), before);
        assert_eq!(keeper.check(), Some(-500_000));
        clock.wall.fetch_add(10, Ordering::Relaxed);
        clock.monotonic.fetch_add(10, Ordering::Relaxed);
        assert_eq!(keeper.now().as_millis(), before.as_millis() + 10, "and goes on at the clock's pace");
    }

    #[test]
    fn a_jump_stops_reaping_for_ten_minutes() {
        let (clock, keeper) = keeper();
        assert!(keeper.check().is_none() && keeper.may_reap());
        clock.wall.fetch_add(31_536_000_000, Ordering::Relaxed);
        assert_eq!(keeper.check(), Some(31_536_000_000));
        assert!(!keeper.may_reap());
        clock.monotonic.fetch_add(599_999, Ordering::Relaxed);
        assert!(!keeper.may_reap());
        clock.monotonic.fetch_add(1, Ordering::Relaxed);
        assert!(keeper.may_reap());
    }

    #[test]
    fn what_expired_only_by_a_wrong_clock_is_not_reaped() {
        let (clock, keeper) = keeper();
        let right = keeper.now();
        clock.wall.fetch_add(31_536_000_000, Ordering::Relaxed);
        assert!(keeper.check().is_some() && keeper.now() > right);
        clock.wall.fetch_sub(31_536_000_000, Ordering::Relaxed);
        assert!(keeper.check().is_some() && keeper.now() > right, "time never goes backwards");
        clock.monotonic.fetch_add(3_600_000, Ordering::Relaxed);
        clock.wall.fetch_add(3_600_000, Ordering::Relaxed);
        assert!(keeper.check().is_none() && keeper.may_reap());
        assert_eq!(keeper.reap_now().as_millis(), right.as_millis() + 3_600_000);
    }

    #[test]
    fn slow_drift_adds_up_to_a_jump_only_past_a_minute() {
        let (clock, keeper) = keeper();
        clock.wall.fetch_add(60_000, Ordering::Relaxed);
        assert_eq!(keeper.check(), None);
        clock.wall.fetch_add(1, Ordering::Relaxed);
        assert_eq!(keeper.check(), Some(60_001));
    }
}
