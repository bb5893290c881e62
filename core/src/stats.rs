//! The store's live figures.
//!
//! Counters are raised with relaxed atomics on the paths they count, so a snapshot is not one instant's:
//! figures in it may be a few operations apart.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter or a gauge.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn store(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn raise_to(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Declares the counters and the public snapshot of them together, so that neither can miss a figure.
macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the store counts while it runs.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        /// A store's figures since it was opened; byte gauges are of now. Times are in microseconds.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Stats {
            /// Every figure with its name, for a boundary that hands them on as a list.
            #[must_use]
            pub fn figures(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Stats {
                Stats { $($name: self.$name.get(),)* }
            }
        }
    };
}

figures! {
    /// Reads answered from memory.
    hits,
    /// Reads that had to look into the base.
    misses,
    /// `set` operations accepted.
    sets,
    /// `touch` operations accepted.
    touches,
    /// `destroy` operations accepted.
    destroys,
    /// Batches written to the log.
    batches,
    /// Operations in those batches.
    batch_operations,
    /// The largest number of operations in one batch.
    batch_operations_max,
    /// Bytes written to the log.
    log_bytes_written,
    /// Syncs of the log.
    syncs,
    /// Time spent in those syncs, µs.
    sync_micros,
    /// The longest of those syncs, µs.
    sync_micros_max,
    /// Checkpoints finished.
    checkpoints,
    /// Sessions those checkpoints moved into the base.
    checkpoint_sessions,
    /// Time spent in checkpoints, µs.
    checkpoint_micros,
    /// Checkpoints that failed and are tried again.
    checkpoint_failures,
    /// Expired sessions removed by the reaper.
    reaped,
    /// How long after its expiry the reaper removed the session it removed last, ms.
    reap_lag_millis,
    /// Clean sessions dropped from memory to stay within `cache_bytes`.
    evictions,
    /// Acknowledgements held back because the log or the changed sessions filled up.
    delayed_batches,
    /// Bytes of memory for unchanged sessions, now.
    cache_bytes,
    /// Bytes of memory for changes not yet in the base, now.
    dirty_bytes,
    /// Bytes of log segments on disk, now.
    log_bytes,
    /// Bytes of log that a checkpoint has not covered yet, now.
    log_bytes_used,
    /// Bytes of the base's file, now.
    base_bytes,
    /// Sessions in the base as of the last checkpoint, expired ones not yet reaped included.
    base_sessions,
    /// Passes of the background scrub that ended.
    scrub_passes,
    /// Bytes of the base's file that the scrub verified.
    scrub_bytes,
    /// Damaged places that the last pass of the scrub found.
    scrub_damaged,
}
