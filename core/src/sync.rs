//! What threads meet at: locks, atomics, channels and threads; and the hash whose order of sessions threads see.
//!
//! The system's, unless the feature `controlled` puts a checker's in their place, which runs one thread at a
//! time and decides at each of these operations who goes on. The modules above this one are the same code in
//! both. Three kinds of state keep the system's atomics and are no decision of the checker's: figures and
//! budgets, in which nothing waits; the clock, which tests move; and whatever is called from inside redb, since
//! redb's own locks are the system's, and a thread that was stopped there could never be waited for.

#[cfg(feature = "controlled")]
mod controlled;

#[cfg(feature = "controlled")]
pub(crate) use controlled::*;

#[cfg(not(feature = "controlled"))]
mod system {
    pub(crate) use atomic_wait::{wait, wake_all};
    pub(crate) use crossbeam_channel as channel;
    pub(crate) use foldhash::fast::RandomState as HashState;
    pub(crate) use std::sync::{
        Condvar, LazyLock, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic,
    };
    pub(crate) use std::thread;

    /// The value of a static, made when it is first asked for.
    pub(crate) fn force<T>(lazy: &'static LazyLock<T>) -> &'static T {
        LazyLock::force(lazy)
    }
}

#[cfg(not(feature = "controlled"))]
pub(crate) use system::*;

#[cfg(all(test, not(feature = "controlled")))]
mod tests {
    use std::any::TypeId;

    #[test]
    fn without_the_checker_everything_is_the_systems() {
        fn same<A: 'static, B: 'static>() -> bool {
            TypeId::of::<A>() == TypeId::of::<B>()
        }
        assert!(same::<super::Mutex<u8>, std::sync::Mutex<u8>>());
        assert!(same::<super::RwLock<u8>, std::sync::RwLock<u8>>());
        assert!(same::<super::Condvar, std::sync::Condvar>());
        assert!(same::<super::atomic::AtomicU64, std::sync::atomic::AtomicU64>());
        assert!(same::<super::channel::Sender<u8>, crossbeam_channel::Sender<u8>>());
        assert!(same::<super::thread::JoinHandle<()>, std::thread::JoinHandle<()>>());
        assert!(same::<super::HashState, foldhash::fast::RandomState>());
    }
}
