//! The checker's primitives, which work only within one of its runs.
//!
//! A wait with a timeout ends by itself only when [`elapse`] lets time pass: without it, a wake-up that was lost
//! is a deadlock, which the checker reports.

pub(crate) mod channel;

use std::time::Duration;

pub(crate) use foldhash::fast::FixedState as HashState;
pub(crate) use shuttle::lazy_static::Lazy as LazyLock;
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, WaitTimeoutResult, atomic,
};
pub(crate) use shuttle::thread;

use atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LockResult, PoisonError};

/// The value of a static, made anew in each run when it is first asked for.
pub(crate) fn force<T: Sync>(lazy: &'static LazyLock<T>) -> &'static T {
    lazy.get()
}

/// Who waits with a timeout, and for whom threads wait at an atomic; made anew in each run.
#[derive(Default)]
struct Waits {
    now: Duration,
    next: u64,
    sleepers: Vec<Sleeper>,
    at_atomics: Vec<(usize, Arc<shuttle::sync::Condvar>)>,
}

struct Sleeper {
    number: u64,
    until: Duration,
    condvar: Arc<shuttle::sync::Condvar>,
}

static WAITS: LazyLock<Mutex<Waits>> = LazyLock::new(Mutex::default);

fn waits() -> MutexGuard<'static, Waits> {
    force(&WAITS).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets `span` pass for those who wait with a timeout.
pub(crate) fn elapse(span: Duration) {
    let mut waits = waits();
    waits.now += span;
    let now = waits.now;
    // Those who are only about to wait are woken when more time passes.
    let due: Vec<_> = waits.sleepers.iter().filter(|sleeper| sleeper.until <= now).collect();
    let due: Vec<_> = due.iter().map(|sleeper| Arc::clone(&sleeper.condvar)).collect();
    drop(waits);
    for condvar in due {
        condvar.notify_all();
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar(Arc<shuttle::sync::Condvar>);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.0.wait(guard)
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        span: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let number = {
            let mut waits = waits();
            waits.next += 1;
            let (number, until) = (waits.next, waits.now + span);
            waits.sleepers.push(Sleeper { number, until, condvar: Arc::clone(&self.0) });
            number
        };
        let result = self.0.wait_timeout(guard, span);
        waits().sleepers.retain(|sleeper| sleeper.number != number);
        result
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

fn at(atomic: &AtomicU32) -> (MutexGuard<'static, Waits>, Arc<shuttle::sync::Condvar>) {
    let address = std::ptr::from_ref(atomic).addr();
    let mut waits = waits();
    let known = waits.at_atomics.iter().find(|(other, _)| *other == address).map(|(_, condvar)| Arc::clone(condvar));
    let condvar = known.unwrap_or_else(|| {
        let condvar = Arc::default();
        waits.at_atomics.push((address, Arc::clone(&condvar)));
        condvar
    });
    (waits, condvar)
}

/// Blocks while `atomic` has this value, until woken.
pub(crate) fn wait(atomic: &AtomicU32, value: u32) {
    let (waits, condvar) = at(atomic);
    if atomic.load(Ordering::Relaxed) == value {
        drop(condvar.wait(waits));
    }
}

/// Wakes all who wait at `atomic`.
pub(crate) fn wake_all(atomic: &AtomicU32) {
    let (waits, condvar) = at(atomic);
    drop(waits);
    condvar.notify_all();
}
