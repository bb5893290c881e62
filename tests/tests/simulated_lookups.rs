//! What is not in memory is looked up in the base without undoing a write, and a write that did not wait
//! for its lookup is right all the same.
//!
//! The failure guarded against: a read that began before a logout brings the session back after it.

use std::sync::{Arc, Barrier};
use std::thread;

use parking_lot::Mutex;
use sessile::{Commit, Durability, Session, Store};
use sessile_tests::disk::{Action, Loss};
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

/// A world whose store has `cold` in its base and not in memory.
fn cold_world() -> World {
    let mut world = World::small();
    world.set("cold", 100, HOUR);
    world.set("other", 100, HOUR);
    world.checkpoint();
    // Not opened with a look at everything, which would bring it all into memory.
    world.restart_unchecked();
    world.settle();
    world
}

type Answer = Arc<Mutex<Option<Option<Session>>>>;

/// Begins a read that has to wait for a lookup.
fn read_later(world: &World, name: &str) -> Answer {
    let answer = Answer::default();
    let place = Arc::clone(&answer);
    let at_once = world.store().get_async(&id(name), move |session| *place.lock() = Some(session.unwrap()));
    assert!(at_once.is_none(), "{name} was in memory");
    answer
}

#[test]
fn a_read_of_what_is_not_in_memory_is_answered_by_a_reader() {
    let mut world = cold_world();
    let (found, missing) = (read_later(&world, "cold"), read_later(&world, "missing"));
    world.settle();
    assert_eq!(found.lock().take().unwrap().unwrap().payload.len(), 100);
    assert_eq!(missing.lock().take().unwrap(), None);
}

#[test]
fn a_read_shows_the_set_that_was_called_after_it() {
    let mut world = cold_world();
    let answer = read_later(&world, "cold");
    world.set("cold", 7, HOUR);
    world.settle();
    assert_eq!(answer.lock().take().unwrap().unwrap().payload.len(), 7);
    world.check();
}

#[test]
fn a_lookup_under_way_does_not_bring_back_what_was_destroyed() {
    let mut world = cold_world();
    let answer = read_later(&world, "cold");
    world.destroy("cold");
    world.settle();
    assert_eq!(answer.lock().take().unwrap(), None);
    assert!(!world.has("cold"));
    world.check();
}

/// The same, with a base too big for its cache of pages: a lookup reads the disk.
fn big_cold_world() -> World {
    let mut world = World::new(small_options(Durability::Fsync).cache_bytes(0), Durability::Fsync);
    world.set("cold", 100, HOUR);
    world.fill_base();
    world.kill();
    world.open_unchecked().unwrap();
    world.settle();
    world.evict_pages();
    world
}

/// The lookup holds a snapshot from before the destroy, whose tombstone is gone when it is through.
#[test]
fn a_lookup_overtaken_by_a_destroy_and_its_checkpoint_finds_nothing() {
    let world = big_cold_world();
    let answer = read_later(&world, "cold");
    let (store, simulation) = (world.store(), Arc::clone(world.simulation()));
    let overtaken = Arc::new(Mutex::new(false));
    let noted = Arc::clone(&overtaken);
    world.disk.once(
        |event| event.is_on_base(Action::Read),
        move || {
            drop(store.destroy(&id("cold")).unwrap());
            simulation.ask_checkpoint();
            while simulation.step_maintenance() {}
            *noted.lock() = true;
        },
    );
    assert!(world.simulation().step_reader());
    assert!(*overtaken.lock(), "the lookup did not read the disk");
    assert_eq!(world.store().stats().checkpoints, 1);
    assert!(!world.has("cold"));
    world.simulation().settle();
    assert_eq!(answer.lock().take().unwrap(), None);
    assert_eq!(world.store().len().unwrap(), 24);
}

/// The same for a set of a session whose payload memory had dropped: its checkpoint leaves a clean entry,
/// which is dropped at once, and the lookup of the old payload is still under way.
#[test]
fn a_lookup_overtaken_by_a_set_and_its_checkpoint_finds_the_set() {
    let mut world = big_cold_world();
    world.touch("cold", 2 * HOUR);
    world.settle();
    world.evict_pages();
    let answer = read_later(&world, "cold");
    let (store, simulation) = (world.store(), Arc::clone(world.simulation()));
    let expires_at = world.in_millis(HOUR);
    world.disk.once(
        |event| event.is_on_base(Action::Read),
        move || {
            drop(store.set(&id("cold"), *b"newer", Some(expires_at)).unwrap());
            simulation.ask_checkpoint();
            while simulation.step_maintenance() {}
        },
    );
    assert!(world.simulation().step_reader());
    assert_eq!(world.store().stats().checkpoints, 1, "the lookup did not read the disk");
    world.simulation().settle();
    assert_eq!(&*answer.lock().take().unwrap().unwrap().payload, b"newer");
    assert_eq!(world.get("cold").unwrap().payload, b"newer");
}

#[test]
fn a_lookup_cancelled_by_a_clear_finds_nothing() {
    let mut world = cold_world();
    let answer = read_later(&world, "cold");
    world.clear();
    world.settle();
    assert_eq!(answer.lock().take().unwrap(), None);
    assert!(!world.has("cold"));
    world.check();
}

#[test]
fn a_write_of_what_is_not_in_memory_is_seen_at_once_and_acknowledged_after_its_lookup() {
    let mut world = cold_world();
    let created_at = world.now();
    world.advance(1000);
    world.set("cold", 9, HOUR);
    assert_eq!(world.get("cold").unwrap().payload.len(), 9);
    world.kill();

    let mut world = cold_world();
    world.set("cold", 9, HOUR);
    world.destroy("other");
    world.simulation().step_committer();
    world.poll();
    assert_eq!(world.waiting(), 2, "acknowledged although nobody looked up what the base has");
    world.settle();
    assert_eq!(world.waiting(), 0);
    assert_eq!(world.get("cold").unwrap().created_at, created_at);
    assert_eq!(world.store().len().unwrap(), 1);
    world.check();
}

/// Has another thread call, while committer and maintenance work and nobody looks anything up, until it is through or
/// has had ample time to be; then with the lookups. Returns what the call does.
fn while_lookups_are_late<T: Send + 'static>(world: &World, call: impl FnOnce() -> T + Send + 'static) -> T {
    let simulation = world.simulation();
    let begun = Arc::new(Barrier::new(2));
    let theirs = Arc::clone(&begun);
    let caller = thread::spawn(move || {
        theirs.wait();
        call()
    });
    begun.wait();
    for _ in 0..500 {
        simulation.step_committer();
        simulation.step_maintenance();
        if caller.is_finished() {
            break;
        }
        thread::yield_now();
    }
    while !caller.is_finished() {
        simulation.settle();
        thread::yield_now();
    }
    caller.join().unwrap()
}

/// Syncs behind `call`, whose lookup is late, and then takes the power away. Returns the store as it is after.
fn synced_and_lost(durability: Durability, call: impl FnOnce(&Store) -> Commit) -> World {
    let mut world = cold_world();
    world.kill();
    world.reopen_with(small_options(durability));
    world.open_unchecked().unwrap();
    world.settle();
    let store = world.store();
    let commit = call(&store);
    assert!(!commit.is_complete(), "{durability:?}: acknowledged without the lookup");
    let is_complete = while_lookups_are_late(&world, move || {
        store.sync().unwrap();
        commit.is_complete()
    });
    assert!(is_complete, "{durability:?}: not acknowledged");
    world.kill();
    world.disk = world.disk.moment().after_power_loss(Loss::Everything, 0);
    world.open_unchecked().unwrap();
    world
}

/// A process that leaves has no other moment for its acknowledgements.
#[test]
fn after_a_sync_every_write_before_it_is_acknowledged_and_survives() {
    for durability in [Durability::Fsync, Durability::Write, Durability::Async] {
        let world = synced_and_lost(durability, |store| store.set(&id("new"), *b"payload", None).unwrap());
        assert!(world.has("new"), "{durability:?}");
        let world = synced_and_lost(durability, |store| store.destroy(&id("cold")).unwrap());
        assert!(!world.has("cold"), "{durability:?}");
        let earlier = World::small().in_millis(1000);
        let world = synced_and_lost(durability, |store| store.touch(&id("cold"), earlier).unwrap());
        assert_eq!(world.get("cold").unwrap().expires_at, earlier, "{durability:?}");
    }
}

#[test]
fn a_flush_brings_a_touch_into_the_base_whose_session_was_not_in_memory() {
    let world = cold_world();
    let (store, earlier) = (world.store(), world.in_millis(1000));
    let touch = store.touch(&id("cold"), earlier).unwrap();
    let is_complete = while_lookups_are_late(&world, move || {
        store.flush().unwrap();
        touch.is_complete()
    });
    assert!(is_complete, "not acknowledged");
}

#[test]
fn a_session_set_again_without_being_in_memory_keeps_its_creation_time() {
    let mut world = World::small();
    world.set("kept", 10, HOUR);
    world.set("expired", 10, 1000);
    world.checkpoint();
    let created_at = world.now();
    world.restart_unchecked();
    world.pass(500);
    world.set("kept", 20, HOUR);
    world.pass(1000);
    world.set("expired", 20, HOUR);
    world.settle();
    assert_eq!(world.get("kept").unwrap().created_at, created_at);
    assert_eq!(world.get("expired").unwrap().created_at, world.now());
    // Also when the process ends before anybody has looked.
    world.restart();
    world.checkpoint();
    world.restart();
    world.check();
}

#[test]
fn a_touch_of_an_absent_or_expired_session_creates_nothing() {
    let mut world = World::small();
    world.set("expired", 10, 1000);
    world.checkpoint();
    world.restart_unchecked();
    world.pass(1000);
    world.touch("absent", HOUR);
    world.touch("expired", HOUR);
    world.settle();
    assert!(!world.has("absent") && !world.has("expired"));
    assert_eq!(world.waiting(), 0);
    world.checkpoint();
    world.restart();
    assert_eq!(world.store().len().unwrap(), 0);
}

/// Also where memory still has it, since the reaper has not come by.
#[test]
fn a_touch_of_an_expired_session_in_memory_does_not_bring_it_back() {
    let mut world = World::small();
    world.set("expired", 10, 1000);
    world.settle();
    world.pass(1000);
    world.touch("expired", HOUR);
    assert!(!world.has("expired"));
    world.restart();
    world.check();
    assert_eq!(world.store().len().unwrap(), 0);
}

#[test]
fn a_touch_of_what_is_not_in_memory_moves_its_expiry() {
    let mut world = cold_world();
    world.touch("cold", 2 * HOUR);
    world.touch("other", 1000);
    world.advance(1500);
    assert!(world.has("cold") && !world.has("other"));
    world.restart();
    world.check();
    world.checkpoint();
    world.restart();
    world.check();
}

#[test]
fn a_session_dropped_from_memory_is_read_from_the_base() {
    let mut world = World::new(small_options(Durability::Fsync).cache_bytes(0), Durability::Fsync);
    for name in ["a", "b", "c", "d"] {
        world.set(name, 1000, HOUR);
    }
    world.checkpoint();
    assert_eq!(world.store().stats().cache_bytes, 0);
    world.check();
    world.touch("b", 2 * HOUR);
    world.settle();
    world.check();
    world.checkpoint();
    world.check();
    assert!(world.store().stats().evictions >= 4);
}

/// The touch was called before the set, which leaves nothing of it.
#[test]
fn a_touch_overtaken_by_a_set_before_its_lookup_leaves_the_set_alone() {
    let world = cold_world();
    let (earlier, later) = (world.in_millis(1000), world.in_millis(2 * HOUR));
    let touch = world.store().touch(&id("cold"), earlier).unwrap();
    drop(world.store().set(&id("cold"), *b"new", Some(later)).unwrap());
    while world.simulation().step_reader() {}
    world.simulation().settle();
    assert!(touch.is_complete());
    assert_eq!(world.get("cold").unwrap().expires_at, later);
}

/// The touch left nothing, whatever the lookup finds; without the write that came between, there is the expiry before.
#[test]
fn a_touch_overtaken_by_a_write_before_its_lookup_is_acknowledged_with_that_write() {
    type Write = fn(&Store) -> sessile::Result<Commit>;
    let overtaken_by: [Write; 3] =
        [|store| store.set(&id("cold"), *b"new", None), |store| store.destroy(&id("cold")), Store::clear];
    for write in overtaken_by {
        let mut world = cold_world();
        let touch = world.store().touch(&id("cold"), world.in_millis(1000)).unwrap();
        drop(write(&world.store()).unwrap());
        while world.simulation().step_reader() {}
        assert!(!touch.is_complete());
        world.settle();
        assert!(touch.is_complete());
    }
}

/// The reaper needs no lookup: its tombstone is there before the touch has found its session.
#[test]
fn a_touch_overtaken_by_the_reaper_and_a_set_leaves_the_set_alone() {
    let mut world = World::small();
    world.set("cold", 100, 1000);
    world.checkpoint();
    world.restart_unchecked();
    world.settle();
    let store = world.store();
    let touch = store.touch(&id("cold"), world.in_millis(5 * HOUR)).unwrap();
    assert!(!touch.is_complete());
    world.pass(1000);
    let expires_at = world.in_millis(HOUR);
    let (for_hook, set) = (store.clone(), Arc::new(Mutex::new(false)));
    let noted = Arc::clone(&set);
    // While the removal is on its way to the base.
    world.disk.once(
        |event| event.is_on_base(Action::Write),
        move || {
            drop(for_hook.set(&id("cold"), *b"new", Some(expires_at)).unwrap());
            *noted.lock() = true;
        },
    );
    while !*set.lock() {
        assert!(world.simulation().step_maintenance(), "nothing was reaped");
    }
    world.settle();
    touch.wait().unwrap();
    let session = store.get(&id("cold")).unwrap().unwrap();
    assert_eq!((session.expires_at, &*session.payload), (expires_at, &b"new"[..]));
    world.restart_unchecked();
    assert_eq!(world.store().get(&id("cold")).unwrap().unwrap().expires_at, expires_at);
}
