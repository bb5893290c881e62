//! Whether this is still the process that opened a store.
//!
//! What it keeps true: in a forked child no lock of a store from before is touched. Whichever of the parent's threads
//! held it at the fork is not in the child, so that nobody would ever release it. The store asks the system for the
//! process, and reads ask once a millisecond; that leaves moments in which a child hangs.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many forks lie between the process that loaded this library and this one.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// The process that a handle was made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(u64);

impl Process {
    /// This process, told apart from what it forks from now on.
    pub(crate) fn this() -> Self {
        watch();
        Self(FORKS.load(Ordering::Relaxed))
    }

    pub(crate) fn is_this(self) -> bool {
        self.0 == FORKS.load(Ordering::Relaxed)
    }
}

#[cfg(unix)]
fn watch() {
    use std::ffi::c_int;
    use std::sync::Once;

    type Handler = Option<extern "C" fn()>;

    unsafe extern "C" {
        fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> c_int;
    }

    extern "C" fn count() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }

    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // SAFETY: it keeps a function of this library, which does nothing that a forked child may not do. Should there
        // be no memory for it, the store still asks the system.
        let _status = unsafe { pthread_atfork(None, None, Some(count)) };
    });
}

/// Where there is no fork.
#[cfg(not(unix))]
const fn watch() {}
