//! Points in time and spans, in milliseconds.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time: whole milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The earliest point in time.
    pub const MIN: Self = Self(0);
    /// The latest point in time that a session may carry: 275760-09-13, the last one JavaScript's
    /// `Date` can express.
    pub const MAX: Self = Self(8_640_000_000_000_000);

    /// The point `milliseconds` after the start of 1970, at most [`Timestamp::MAX`].
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        if milliseconds > Self::MAX.0 { Self::MAX } else { Self(milliseconds) }
    }

    /// Milliseconds since the start of 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
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
        Self::from_millis(self.0.saturating_add(millis(span)))
    }

    /// `None` for the earliest point, which stands for none where a time is kept.
    pub(crate) fn if_any(self) -> Option<Self> {
        (self != Self::MIN).then_some(self)
    }

    /// The time from `earlier` to this point; zero where `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ms after 1970", self.0)
    }
}

/// A span in whole milliseconds, at most what a `u64` holds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
