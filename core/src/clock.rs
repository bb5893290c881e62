//! The store's time: it never goes backwards inside a process, and a bogus clock destroys nothing.
//!
//! Expiry follows the wall clock. When the wall clock and the monotonic clock disagree by more than a
//! minute, one of them was set or the machine slept: reads go on enforcing expiry, but for ten minutes
//! nothing may be physically reaped, so that an administrator has time to put the clock right. If that
//! happens, a time that had run ahead is taken back: nothing was removed on its account.

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
/// A [`Timestamp`] takes 53 bits; above them [`TimeKeeper::latest`] counts how often time was taken back.
const TIME_BITS: u32 = 53;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// Both clocks read together, and how they stood when they last agreed.
#[derive(Debug)]
pub(crate) struct TimeKeeper {
    clock: Arc<dyn Clock>,
    /// The latest time returned, below the number of times it was taken back: so a thread that read the clock
    /// before that cannot bring the wrong time back by raising this.
    latest: AtomicU64,
    /// Added to the wall clock, so that time goes on where it was after the wall clock was set back.
    offset: AtomicI64,
    history: Mutex<History>,
}

#[derive(Debug)]
struct History {
    /// How the clocks stood when they last agreed exactly, or after the last jump.
    anchor: Anchor,
    /// How they stood before a jump ahead, while it may still be taken back.
    before_jump: Option<Anchor>,
    /// The store's time and the monotonic clock at the last comparison that found no jump ahead: time is never
    /// taken back behind what they have led to.
    sure: (u64, u64),
    reap_after_millis: u64,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    wall: Timestamp,
    monotonic_millis: u64,
    offset: i64,
}

impl Anchor {
    /// By how much the wall clock has moved beyond the time that has passed.
    fn jump(&self, wall: Timestamp, monotonic_millis: u64) -> i64 {
        let by_wall = difference(wall.as_millis(), self.wall.as_millis());
        by_wall.saturating_sub(difference(monotonic_millis, self.monotonic_millis))
    }
}

/// What a comparison of the clocks found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checked {
    /// By how many milliseconds the wall clock jumped, if it did.
    pub(crate) jump: Option<i64>,
    /// What the wall clock showed. Only what has expired by it may be physically removed: a jump that comes
    /// later removes nothing, and what expires only by a time that ran ahead is spared.
    pub(crate) wall: Timestamp,
    /// Whether expired sessions may be physically removed now.
    pub(crate) may_reap: bool,
}

impl TimeKeeper {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let wall = clock.wall();
        let monotonic_millis = clock.monotonic_millis();
        Self {
            clock,
            latest: AtomicU64::new(wall.as_millis()),
            offset: AtomicI64::new(0),
            history: Mutex::new(History {
                anchor: Anchor { wall, monotonic_millis, offset: 0 },
                before_jump: None,
                sure: (wall.as_millis(), monotonic_millis),
                reap_after_millis: 0,
            }),
        }
    }

    /// The store's time: never earlier than what an earlier call returned, but where a jump ahead was taken back.
    pub(crate) fn now(&self) -> Timestamp {
        // In this order: who sees that time was taken back reads the clock after it was put right.
        let taken_back = self.latest.load(Ordering::Acquire) & !TIME_MASK;
        let moved = moved(self.clock.wall(), self.offset.load(Ordering::Relaxed));
        let before = self.latest.fetch_max(taken_back | moved, Ordering::AcqRel);
        Timestamp::from_millis(before.max(taken_back | moved) & TIME_MASK)
    }

    pub(crate) fn monotonic_millis(&self) -> u64 {
        self.clock.monotonic_millis()
    }

    /// Compares the clocks. Called by maintenance alone.
    pub(crate) fn check(&self) -> Checked {
        let mut history = self.history.lock();
        let wall = self.clock.wall();
        let monotonic_millis = self.clock.monotonic_millis();
        let jump = history.anchor.jump(wall, monotonic_millis);
        let jumped = jump.abs() > JUMP_MILLIS;
        if monotonic_millis >= history.reap_after_millis {
            // What has expired by the time that ran ahead may have been removed: it stays.
            history.before_jump = None;
        }
        let is_right = |before: &Anchor| before.jump(wall, monotonic_millis).abs() <= JUMP_MILLIS;
        let mut offset = history.anchor.offset;
        let put_right = history.before_jump.filter(is_right);
        if let Some(before) = put_right {
            offset = before.offset;
            history.before_jump = None;
        } else if jumped && jump > 0 {
            let before = history.anchor;
            history.before_jump.get_or_insert(before);
            // A clock that had been set back is put right: time need not run ahead of it any more.
            offset = offset.saturating_sub(jump).max(0);
        } else if jumped {
            offset = offset.saturating_sub(jump);
        }
        self.offset.store(offset, Ordering::Relaxed);
        let moved = moved(wall, offset);
        let (sure, sure_at_millis) = history.sure;
        self.take_back(moved.max(sure.saturating_add(monotonic_millis.saturating_sub(sure_at_millis))));
        if history.before_jump.is_none() {
            history.sure = (moved, monotonic_millis);
        }
        if jumped {
            history.reap_after_millis = monotonic_millis.saturating_add(REAP_PAUSE_MILLIS);
        }
        if jumped || put_right.is_some() || jump == 0 {
            history.anchor = Anchor { wall, monotonic_millis, offset };
        }
        let may_reap = monotonic_millis >= history.reap_after_millis;
        Checked { jump: jumped.then_some(jump), wall, may_reap }
    }

    /// Has time go on at `right`, where it is far ahead of that: a jump was put right, or came and went between
    /// two comparisons.
    fn take_back(&self, right: u64) {
        let latest = self.latest.load(Ordering::Acquire);
        let taken_back = (latest >> TIME_BITS) + 1;
        let is_ahead = (latest & TIME_MASK) > right.saturating_add(JUMP_MILLIS.unsigned_abs());
        // Two thousand times at most, which is as many as can be told apart.
        if is_ahead && taken_back <= u64::MAX >> TIME_BITS {
            self.latest.fetch_max(taken_back << TIME_BITS | right.min(TIME_MASK), Ordering::AcqRel);
        }
    }
}

fn moved(wall: Timestamp, offset: i64) -> u64 {
    Timestamp::from_millis(wall.as_millis().saturating_add_signed(offset)).as_millis()
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

    impl Moved {
        fn jump(&self, by_millis: i64) {
            self.wall.fetch_add(by_millis.cast_unsigned(), Ordering::Relaxed);
        }
        fn pass(&self, millis: u64) {
            self.wall.fetch_add(millis, Ordering::Relaxed);
            self.monotonic.fetch_add(millis, Ordering::Relaxed);
        }
    }

    const YEAR: i64 = 31_536_000_000;

    #[test]
    fn time_never_goes_backwards() {
        let (clock, keeper) = keeper();
        let before = keeper.now();
        clock.jump(-500_000);
        assert_eq!(keeper.now(), before);
        assert_eq!(keeper.check().jump, Some(-500_000));
        clock.pass(10);
        assert_eq!(keeper.now().as_millis(), before.as_millis() + 10, "and goes on at the clock's pace");
    }

    #[test]
    fn a_jump_stops_reaping_for_ten_minutes() {
        let (clock, keeper) = keeper();
        assert!(keeper.check().may_reap);
        clock.jump(YEAR);
        let checked = keeper.check();
        assert_eq!((checked.jump, checked.may_reap), (Some(YEAR), false));
        clock.pass(599_999);
        assert!(!keeper.check().may_reap);
        clock.pass(1);
        assert!(keeper.check().may_reap);
    }

    #[test]
    fn a_jump_ahead_that_is_put_right_within_ten_minutes_is_taken_back() {
        let (clock, keeper) = keeper();
        let right = keeper.now().as_millis();
        clock.jump(YEAR);
        assert!(keeper.check().jump.is_some() && keeper.now().as_millis() > right);
        clock.pass(300_000);
        assert!(keeper.check().jump.is_none() && keeper.now().as_millis() > right);
        clock.jump(20_000 - YEAR);
        assert_eq!(keeper.check().jump, Some(20_000 - YEAR), "it is reported all the same");
        assert_eq!(keeper.now().as_millis(), right + 320_000);
        clock.pass(1);
        assert_eq!(keeper.now().as_millis(), right + 320_001);
    }

    #[test]
    fn a_jump_ahead_that_is_put_right_in_two_steps_is_taken_back() {
        let (clock, keeper) = keeper();
        let right = keeper.now().as_millis();
        clock.jump(YEAR);
        keeper.check();
        clock.jump(3_600_000 - YEAR);
        keeper.check();
        assert!(keeper.now().as_millis() > right + 3_600_000, "an hour ahead is not right");
        clock.jump(-3_600_000);
        keeper.check();
        assert_eq!(keeper.now().as_millis(), right);
    }

    #[test]
    fn a_jump_between_two_comparisons_leaves_no_trace() {
        let (clock, keeper) = keeper();
        let right = keeper.now().as_millis();
        clock.jump(YEAR);
        assert!(keeper.now().as_millis() > right);
        clock.jump(-YEAR);
        clock.pass(5);
        assert_eq!(keeper.check().jump, None);
        assert_eq!(keeper.now().as_millis(), right + 5);
    }

    #[test]
    fn a_clock_that_was_set_back_and_put_right_leaves_no_trace() {
        let (clock, keeper) = keeper();
        let right = keeper.now().as_millis();
        clock.jump(-3_600_000);
        keeper.check();
        clock.jump(3_600_000);
        assert!(keeper.now().as_millis() > right);
        keeper.check();
        assert_eq!(keeper.now().as_millis(), right);
    }

    #[test]
    fn ten_minutes_after_a_jump_ahead_its_time_stays() {
        let (clock, keeper) = keeper();
        clock.jump(YEAR);
        keeper.check();
        clock.pass(600_000);
        assert!(keeper.check().may_reap);
        let ahead = keeper.now();
        clock.jump(-YEAR);
        let checked = keeper.check();
        assert_eq!(keeper.now(), ahead);
        assert_eq!(checked.wall.as_millis(), ahead.as_millis() - YEAR.unsigned_abs(), "nothing is reaped by it");
    }

    /// A thread may have read the wrong clock just before it was put right, and go on only now.
    #[test]
    fn a_late_thread_does_not_bring_the_wrong_time_back() {
        let (clock, keeper) = keeper();
        let right = keeper.now().as_millis();
        clock.jump(YEAR);
        keeper.check();
        let late = keeper.latest.load(Ordering::Relaxed) & !TIME_MASK | keeper.now().as_millis();
        clock.jump(-YEAR);
        keeper.check();
        keeper.latest.fetch_max(late, Ordering::Relaxed);
        assert_eq!(keeper.now().as_millis(), right);
    }

    #[test]
    fn slow_drift_adds_up_to_a_jump_only_past_a_minute() {
        let (clock, keeper) = keeper();
        clock.jump(60_000);
        assert_eq!(keeper.check().jump, None);
        clock.jump(1);
        assert_eq!(keeper.check().jump, Some(60_001));
    }
}
