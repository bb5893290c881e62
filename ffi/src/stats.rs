//! The store's figures, as a struct that only ever grows at its end.
//!
//! The caller says how long it knows the struct to be (`sessile_store_stats`), so that programs and libraries of
//! different ages fit together.

use sessile::Stats;

/// A store's figures since it was opened; bytes are of now. They are not of one instant: some may be a few operations
/// apart from others.
///
/// Later versions add figures at the end.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct sessile_stats {
    /// Reads answered from memory.
    pub hits: u64,
    /// Reads that had to look into the base.
    pub misses: u64,
    /// `set` operations accepted.
    pub sets: u64,
    /// `touch` operations accepted.
    pub touches: u64,
    /// `destroy` operations accepted.
    pub destroys: u64,
    /// Batches written to the log.
    pub batches: u64,
    /// Operations in those batches.
    pub batch_operations: u64,
    /// The largest number of operations in one batch.
    pub batch_operations_max: u64,
    /// Bytes written to the log.
    pub log_bytes_written: u64,
    /// Syncs of the log.
    pub syncs: u64,
    /// Time spent in those syncs, in microseconds.
    pub sync_micros: u64,
    /// The longest of those syncs, in microseconds.
    pub sync_micros_max: u64,
    /// Checkpoints finished.
    pub checkpoints: u64,
    /// Sessions those checkpoints moved into the base.
    pub checkpoint_sessions: u64,
    /// Time spent in checkpoints, in microseconds.
    pub checkpoint_micros: u64,
    /// Checkpoints that failed and are tried again.
    pub checkpoint_failures: u64,
    /// Expired sessions removed by the reaper.
    pub reaped: u64,
    /// How long after its expiry the reaper removed the session it removed last, in milliseconds.
    pub reap_lag_millis: u64,
    /// Clean sessions dropped from memory to stay within `cache_bytes`.
    pub evictions: u64,
    /// Acknowledgements held back because the log or the changed sessions filled up.
    pub delayed_batches: u64,
    /// Bytes of memory for unchanged sessions, now.
    pub cache_bytes: u64,
    /// Bytes of memory for changes not yet in the base, now.
    pub dirty_bytes: u64,
    /// Bytes of log segments on disk, now.
    pub log_bytes: u64,
    /// Bytes of log that a checkpoint has not covered yet, now.
    pub log_bytes_used: u64,
    /// Bytes of the base's file, now.
    pub base_bytes: u64,
    /// Sessions in the base as of the last checkpoint, expired ones not yet reaped included.
    pub base_sessions: u64,
    /// Passes of the background scrub that ended.
    pub scrub_passes: u64,
    /// Bytes of the base's file that the scrub verified.
    pub scrub_bytes: u64,
    /// Damaged places that the last pass of the scrub found.
    pub scrub_damaged: u64,
}

impl From<Stats> for sessile_stats {
    fn from(stats: Stats) -> Self {
        Self {
            hits: stats.hits,
            misses: stats.misses,
            sets: stats.sets,
            touches: stats.touches,
            destroys: stats.destroys,
            batches: stats.batches,
            batch_operations: stats.batch_operations,
            batch_operations_max: stats.batch_operations_max,
            log_bytes_written: stats.log_bytes_written,
            syncs: stats.syncs,
            sync_micros: stats.sync_micros,
            sync_micros_max: stats.sync_micros_max,
            checkpoints: stats.checkpoints,
            checkpoint_sessions: stats.checkpoint_sessions,
            checkpoint_micros: stats.checkpoint_micros,
            checkpoint_failures: stats.checkpoint_failures,
            reaped: stats.reaped,
            reap_lag_millis: stats.reap_lag_millis,
            evictions: stats.evictions,
            delayed_batches: stats.delayed_batches,
            cache_bytes: stats.cache_bytes,
            dirty_bytes: stats.dirty_bytes,
            log_bytes: stats.log_bytes,
            log_bytes_used: stats.log_bytes_used,
            base_bytes: stats.base_bytes,
            base_sessions: stats.base_sessions,
            scrub_passes: stats.scrub_passes,
            scrub_bytes: stats.scrub_bytes,
            scrub_damaged: stats.scrub_damaged,
        }
    }
}
