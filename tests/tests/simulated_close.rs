//! What arrives at the very moment at which the last handle closes is answered like everything else.
//!
//! The failure guarded against: a request that never ends, since its read passed the question whether the
//! store is open, and then nobody was left to look its session up.

use std::sync::Arc;

use parking_lot::Mutex;
use sessile::simulation::{Clock, Simulation};
use sessile::{Commit, Durability, Error, SessionId, Store, Timestamp};
use sessile_tests::clock::HandClock;
use sessile_tests::disk::SimulatedDisk;
use sessile_tests::world::{id, small_options};

type Hook = Box<dyn FnOnce() + Send>;

/// A clock that calls a hook when it is read: every operation asks whether the store is open first, and then
/// reads the time.
#[derive(Default)]
struct HookedClock {
    hand: HandClock,
    hook: Mutex<Option<Hook>>,
}

impl std::fmt::Debug for HookedClock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("HookedClock")
    }
}

impl Clock for HookedClock {
    fn wall(&self) -> Timestamp {
        let hook = self.hook.lock().take();
        if let Some(hook) = hook {
            hook();
        }
        self.hand.wall()
    }

    fn monotonic_millis(&self) -> u64 {
        self.hand.monotonic_millis()
    }
}

/// A store that closes within the next operation, once that was let in.
fn closing_store() -> Store {
    let clock = Arc::new(HookedClock::default());
    let disk = Arc::new(SimulatedDisk::default());
    let options = small_options(Durability::Fsync);
    let simulation = Arc::new(Simulation::open(options, disk, Arc::clone(&clock) as Arc<dyn Clock>).unwrap());
    let store = simulation.store().clone();
    *clock.hook.lock() = Some(Box::new(move || simulation.shut_down()));
    store
}

fn cold() -> SessionId {
    id("not in memory")
}

#[test]
fn a_read_is_answered() {
    assert!(matches!(closing_store().get(&cold()), Err(Error::Closed { .. })));
}

#[test]
fn an_asynchronous_read_is_answered() {
    let answer = closing_store().get_async(&cold(), |_| panic!("answered twice"));
    assert!(matches!(answer, Some(Err(Error::Closed { .. }))));
}

type Write = fn(&Store) -> Result<Commit, Error>;

#[test]
fn writes_are_answered() {
    let writes: [Write; 4] = [
        |store| store.set(&cold(), *b"payload", None),
        |store| store.touch(&cold(), Timestamp::MAX),
        |store| store.destroy(&cold()),
        Store::clear,
    ];
    for write in writes {
        let refused = write(&closing_store());
        assert!(matches!(refused, Err(Error::Closed { .. })), "{refused:?}");
    }
}
