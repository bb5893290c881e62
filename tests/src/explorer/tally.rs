//! How much has been tried.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// The number as it is now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What an exploration has done so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Workloads run.
    pub workloads: Count,
    /// Events of their last steps, each crashed.
    pub events: Count,
    /// Disks that crashes left, recoveries' crashes included.
    pub tried: Count,
    /// Those unlike each other in content or in what may be found; each was opened.
    pub distinct: Count,
    /// Recoveries that were crashed.
    pub recoveries: Count,
    /// Their events.
    pub recovery_events: Count,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} workloads crashed at {} events; {} recoveries crashed at {} events; {} disks tried, {} of them distinct",
            self.workloads.get(),
            self.events.get(),
            self.recoveries.get(),
            self.recovery_events.get(),
            self.tried.get(),
            self.distinct.get()
        )
    }
}
