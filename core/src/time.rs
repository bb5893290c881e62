//! Points in time and spans, in milliseconds.

use std::fmt;
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time: whole milliseconds since 1970-01-01T00:00:00Z.
// One more than the milliseconds, so that none at all takes no room beside it: tables have many of these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

impl Timestamp {
    /// The earliest point in time.
    pub const MIN: Self = Self(NonZeroU64::MIN);
    /// The latest point in time that a session may carry: 275760-09-13, the last one JavaScript's
    /// `Date` can express.
    pub const MAX: Self = Self(NonZeroU64::MIN.saturating_add(8_640_000_000_000_000));

    /// The point `milliseconds` after the start of 1970, at most [`Timestamp::MAX`].
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        let max = Self::MAX.as_millis();
        Self(NonZeroU64::MIN.saturating_add(if milliseconds > max { max } else { milliseconds }))
    }

    /// Milliseconds since the start of 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0.get() - 1
    }

    /// What the machine's wall clock shows now.
    #[must_use]
    pub fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from_millis(millis(since_epoch))
    }

    /// This point moved later by `span`, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        Self::from_millis(self.as_millis().saturating_add(millis(span)))
    }

    /// `None` for the earliest point, which stands for none where a time is kept.
    pub(crate) fn if_any(self) -> Option<Self> {
        (self != Self::MIN).then_some(self)
    }

    /// The time from `earlier` to this point; zero where `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Default for Timestamp {
    /// [`Timestamp::MIN`].
    fn default() -> Self {
        Self::MIN
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Timestamp({})", self.as_millis())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ms after 1970", self.as_millis())
    }
}

/// A span in whole milliseconds, at most what a `u64` holds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
