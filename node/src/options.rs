//! The options as `lib/options.js` hands them over: checked, complete, and in the store's units.

use std::time::Duration;

use napi_derive::napi;
use sessile::{Durability, Options};

use crate::failure::Failure;
use crate::raw::whole;

/// Every option, in milliseconds and bytes.
#[napi(object, object_to_js = false)]
pub(crate) struct StoreOptions {
    /// An absolute path.
    pub path: String,
    /// 'fsync', 'write' or 'async'.
    pub durability: String,
    /// How long a session lives that names no expiry.
    pub ttl_ms: f64,
    /// Memory for unchanged sessions.
    pub cache_bytes: f64,
    /// Memory for changes.
    pub dirty_bytes: f64,
    /// Memory for the base's pages.
    pub base_cache_bytes: f64,
    /// The log's bound on disk.
    pub log_bytes_max: f64,
    /// The largest session.
    pub payload_bytes_max: f64,
    /// How long a change stays in the log alone.
    pub checkpoint_interval_ms: f64,
    /// By how much touches move an expiry before that is logged; negative: the store's own measure.
    pub touch_after_ms: f64,
    /// How long after one another the scrub's passes begin.
    pub scrub_interval_ms: f64,
    /// How much of the base a pass reads in a second.
    pub scrub_bytes_per_second: f64,
    /// How long to wait for another process.
    pub open_timeout_ms: f64,
}

impl StoreOptions {
    /// How long to wait for another process, which the addon does and not the store.
    pub(crate) fn open_timeout(&self) -> Duration {
        millis(self.open_timeout_ms)
    }
}

impl TryFrom<StoreOptions> for Options {
    type Error = Failure;

    fn try_from(given: StoreOptions) -> Result<Self, Failure> {
        let durability = match given.durability.as_str() {
            "fsync" => Durability::Fsync,
            "write" => Durability::Write,
            "async" => Durability::Async,
            other => return Err(Failure::defect(&format!("the durability '{other}'"))),
        };
        let options = Self::new(given.path)
            .durability(durability)
            .ttl(millis(given.ttl_ms))
            .cache_bytes(whole(given.cache_bytes))
            .dirty_bytes(whole(given.dirty_bytes))
            .base_cache_bytes(whole(given.base_cache_bytes))
            .log_bytes_max(whole(given.log_bytes_max))
            .payload_bytes_max(whole(given.payload_bytes_max))
            .checkpoint_interval(millis(given.checkpoint_interval_ms))
            .scrub_interval(millis(given.scrub_interval_ms))
            .scrub_bytes_per_second(whole(given.scrub_bytes_per_second));
        Ok(if given.touch_after_ms < 0.0 { options } else { options.touch_after(millis(given.touch_after_ms)) })
    }
}

fn millis(value: f64) -> Duration {
    Duration::from_millis(whole(value))
}
