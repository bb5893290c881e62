//! How a store is opened: each option with its default, its unit and its range.
//!
//! Everything but `ttl` and `open_timeout` belongs to the store and has to agree between the openers of
//! one process; those two belong to the handle.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::time::Timestamp;

const MIB: u64 = 1024 * 1024;

/// When a write is acknowledged, and so what it survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Acknowledged once `fdatasync` returned: survives process kill, kernel crash and power loss.
    #[default]
    Fsync,
    /// Acknowledged once written to the log, synced within a second: survives process kill; a power
    /// loss takes at most the last second.
    Write,
    /// Acknowledged at once, or once written while the disk falls behind; written within 10 ms, synced within a
    /// second: survives a clean exit; a process kill takes at most the last 10 ms.
    Async,
}

/// How to open a store. Made with [`Options::new`]; each method returns the options changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "options do nothing until a store is opened with them"]
pub struct Options {
    pub(crate) path: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) ttl: Duration,
    pub(crate) cache_bytes: u64,
    pub(crate) dirty_bytes: u64,
    pub(crate) base_cache_bytes: u64,
    pub(crate) log_bytes_max: u64,
    pub(crate) payload_bytes_max: u64,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) touch_after: Option<Duration>,
    pub(crate) scrub_interval: Duration,
    pub(crate) scrub_bytes_per_second: u64,
    pub(crate) open_timeout: Duration,
}

impl Options {
    /// The largest payload any store accepts, in bytes: 16 MiB.
    pub const PAYLOAD_BYTES_LIMIT: u64 = 16 * MIB;

    /// Options for the store in the directory `path`, everything else at its default.
    ///
    /// The directory is created if it is missing, its parent has to exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::default(),
            ttl: Duration::from_secs(24 * 60 * 60),
            cache_bytes: 64 * MIB,
            dirty_bytes: 64 * MIB,
            base_cache_bytes: 4 * MIB,
            log_bytes_max: 64 * MIB,
            payload_bytes_max: Self::PAYLOAD_BYTES_LIMIT,
            checkpoint_interval: Duration::from_secs(60),
            touch_after: None,
            scrub_interval: Duration::from_secs(24 * 60 * 60),
            scrub_bytes_per_second: 8 * MIB,
            open_timeout: Duration::from_secs(5),
        }
    }

    /// When writes are acknowledged. Default: [`Durability::Fsync`].
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long a session lives when `set` names no expiry. Belongs to the handle. Default: one day;
    /// from 1 ms to 100 years.
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Memory for sessions that are unchanged on disk, in bytes. Default: 64 MiB; 0 keeps none.
    pub const fn cache_bytes(mut self, cache_bytes: u64) -> Self {
        self.cache_bytes = cache_bytes;
        self
    }

    /// Memory for changes that are not yet in the base, in bytes, above which acknowledgements are
    /// delayed; twice as much is [`Error::Overloaded`], as is an eighth of `log_bytes_max` that waits to be
    /// written to the log. Default: 64 MiB; at least 1 MiB.
    pub const fn dirty_bytes(mut self, dirty_bytes: u64) -> Self {
        self.dirty_bytes = dirty_bytes;
        self
    }

    /// Memory for the base's pages, in bytes. Default: 4 MiB; at least 1 MiB. What is not in it comes from the system's
    /// memory for files, which was no slower where it was measured.
    pub const fn base_cache_bytes(mut self, base_cache_bytes: u64) -> Self {
        self.base_cache_bytes = base_cache_bytes;
        self
    }

    /// The log's bound on disk, in bytes, which also bounds the time to open after a crash. Exceeded only by what
    /// an open after a crash writes again, until the first checkpoint, and by large payloads that are queued
    /// together.
    /// Default: 64 MiB; at least 4 MiB and four times `payload_bytes_max`, at most 64 GiB.
    pub const fn log_bytes_max(mut self, log_bytes_max: u64) -> Self {
        self.log_bytes_max = log_bytes_max;
        self
    }

    /// The largest payload that `set` accepts, in bytes. Default and limit:
    /// [`Options::PAYLOAD_BYTES_LIMIT`].
    pub const fn payload_bytes_max(mut self, payload_bytes_max: u64) -> Self {
        self.payload_bytes_max = payload_bytes_max;
        self
    }

    /// How long a change stays in the log alone before a checkpoint moves it into the base. Default:
    /// one minute; from 100 ms to one day.
    pub const fn checkpoint_interval(mut self, checkpoint_interval: Duration) -> Self {
        self.checkpoint_interval = checkpoint_interval;
        self
    }

    /// By how much touches may move a session's expiry before that is written to the log, so that a session in constant
    /// use costs the disk next to nothing; zero writes each. In memory the expiry is exact, and a checkpoint, of which
    /// there is one when the store closes, takes it along; an end without close before that leaves it earlier by less
    /// than this. Never more than half of the time that is left. Default, without a call of this: a hundredth of that
    /// time, and at most a minute; up to one day.
    pub const fn touch_after(mut self, touch_after: Duration) -> Self {
        self.touch_after = Some(touch_after);
        self
    }

    /// How long after one another the passes begin in which all of the base is verified in the background; the first
    /// comes after ten minutes at the latest. Damage that is found is an event. Default: one day; zero never, else
    /// from one second to a hundred days.
    pub const fn scrub_interval(mut self, scrub_interval: Duration) -> Self {
        self.scrub_interval = scrub_interval;
        self
    }

    /// How much of the base such a pass reads at most, in bytes per second. Default: 8 MiB; from 64 KiB to 1 GiB.
    pub const fn scrub_bytes_per_second(mut self, scrub_bytes_per_second: u64) -> Self {
        self.scrub_bytes_per_second = scrub_bytes_per_second;
        self
    }

    /// How long to wait for another process to let go of the store. Belongs to the handle. Default:
    /// 5 s, since a deploy starts the new process before the old one has gone; 0 does not wait.
    pub const fn open_timeout(mut self, open_timeout: Duration) -> Self {
        self.open_timeout = open_timeout;
        self
    }

    /// The store's directory, as given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |option, reason: &str| Err(Error::InvalidOption { option, reason: reason.to_owned() });
        if self.path.as_os_str().is_empty() {
            return refuse("path", "it is empty; name the directory that holds the sessions");
        }
        check_ttl(self.ttl)?;
        if self.dirty_bytes < MIB {
            return refuse("dirty_bytes", "it has to be at least 1 MiB");
        }
        if self.base_cache_bytes < MIB {
            return refuse("base_cache_bytes", "it has to be at least 1 MiB");
        }
        if self.payload_bytes_max == 0 || self.payload_bytes_max > Self::PAYLOAD_BYTES_LIMIT {
            return refuse("payload_bytes_max", "it has to be from 1 byte to 16 MiB");
        }
        if self.log_bytes_max < 4 * MIB || self.log_bytes_max > 64 * 1024 * MIB {
            return refuse("log_bytes_max", "it has to be from 4 MiB to 64 GiB");
        }
        if self.log_bytes_max < 4 * self.payload_bytes_max {
            return refuse("log_bytes_max", "it has to be at least four times payload_bytes_max");
        }
        let day = Duration::from_secs(24 * 60 * 60);
        if self.checkpoint_interval < Duration::from_millis(100) || self.checkpoint_interval > day {
            return refuse("checkpoint_interval", "it has to be from 100 ms to one day");
        }
        if self.touch_after.is_some_and(|touch_after| touch_after > day) {
            return refuse("touch_after", "it has to be at most one day");
        }
        let is_off = self.scrub_interval.is_zero();
        if !is_off && (self.scrub_interval < Duration::from_secs(1) || self.scrub_interval > 100 * day) {
            return refuse("scrub_interval", "it has to be from one second to 100 days, or zero");
        }
        if self.scrub_bytes_per_second < MIB / 16 || self.scrub_bytes_per_second > 1024 * MIB {
            return refuse("scrub_bytes_per_second", "it has to be from 64 KiB to 1 GiB");
        }
        Ok(())
    }

    /// The first store-wide option in which two openers of one store differ.
    pub(crate) fn conflict(&self, other: &Self) -> Option<&'static str> {
        let differs = [
            ("durability", self.durability != other.durability),
            ("cache_bytes", self.cache_bytes != other.cache_bytes),
            ("dirty_bytes", self.dirty_bytes != other.dirty_bytes),
            ("base_cache_bytes", self.base_cache_bytes != other.base_cache_bytes),
            ("log_bytes_max", self.log_bytes_max != other.log_bytes_max),
            ("payload_bytes_max", self.payload_bytes_max != other.payload_bytes_max),
            ("checkpoint_interval", self.checkpoint_interval != other.checkpoint_interval),
            ("touch_after", self.touch_after != other.touch_after),
            ("scrub_interval", self.scrub_interval != other.scrub_interval),
            ("scrub_bytes_per_second", self.scrub_bytes_per_second != other.scrub_bytes_per_second),
        ];
        differs.into_iter().find_map(|(option, differs)| differs.then_some(option))
    }
}

/// The longest `ttl`: a hundred years of 365 days.
const TTL_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

fn check_ttl(ttl: Duration) -> Result<()> {
    if ttl < Duration::from_millis(1) || ttl > TTL_MAX {
        let reason = "it has to be from 1 ms to 100 years".to_owned();
        return Err(Error::InvalidOption { option: "ttl", reason });
    }
    Ok(())
}

/// An expiry given by a caller, checked to be one that can be stored.
pub(crate) fn check_expiry(expires_at: Timestamp) -> Result<Timestamp> {
    if expires_at == Timestamp::MIN {
        let reason = "it is zero; give milliseconds since 1970".to_owned();
        return Err(Error::InvalidArgument { what: "expires_at", reason });
    }
    Ok(expires_at)
}
