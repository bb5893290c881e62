//! A session is written back only while it is the one that was read: nothing that another has written is lost, and
//! what is gone does not come back.
//!
//! The failure guarded against: a request that has read a session before a logout saves it after it.

use std::time::Duration;

use sessile::{Durability, Error, Store, Version};
use sessile_tests::disk::Loss;
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

/// A world whose store has the session `a`, in memory and in its base.
fn world() -> World {
    let mut world = World::small();
    world.set("a", 100, HOUR);
    world.checkpoint();
    world
}

/// The same, without the memory. Returns the session's version, too, which was read before.
fn cold_world() -> (World, Version) {
    let mut world = world();
    let version = version(&world);
    world.restart_unchecked();
    world.settle();
    (world, version)
}

fn version(world: &World) -> Version {
    world.store().get(&id("a")).unwrap().expect("it is there").version
}

fn is_conflict(result: Result<(), Error>, version: Version) -> bool {
    matches!(result, Err(Error::Conflict { version: of }) if of == version.get())
}

fn is_gone(result: Result<(), Error>, version: Version) -> bool {
    matches!(result, Err(Error::Gone { version: of }) if of == version.get())
}

#[test]
fn what_was_read_is_replaced() {
    let mut world = world();
    let read = version(&world);
    world.try_set_if("a", 7, HOUR, read).unwrap();
    assert_eq!(world.get("a").unwrap().payload.len(), 7);
    world.settle();
    assert_eq!(world.waiting(), 0);
    world.check();
    world.restart();
}

#[test]
fn a_set_by_another_is_a_conflict_and_nothing_is_written() {
    let mut world = world();
    let read = version(&world);
    world.set("a", 8, HOUR);
    assert!(is_conflict(world.try_set_if("a", 7, HOUR, read), read));
    world.check();
    let read_again = version(&world);
    world.try_set_if("a", 9, HOUR, read_again).unwrap();
    assert!(is_conflict(world.try_set_if("a", 10, HOUR, read_again), read_again));
    world.settle();
    world.restart();
}

#[test]
fn a_touch_by_another_is_no_conflict() {
    let mut world = world();
    let read = version(&world);
    world.touch("a", 2 * HOUR);
    world.try_set_if("a", 7, HOUR, read).unwrap();
    world.check();
}

#[test]
fn what_is_gone_stays_gone() {
    type End = (&'static str, fn(&mut World));
    let ends: [End; 5] = [
        ("destroyed", |world| world.destroy("a")),
        ("cleared", World::clear),
        ("expired", |world| world.pass(HOUR)),
        ("reaped", |world| world.advance(HOUR + 60_000)),
        ("destroyed and checkpointed", |world| {
            world.destroy("a");
            world.checkpoint();
        }),
    ];
    for (what, end) in ends {
        let mut world = world();
        let read = version(&world);
        end(&mut world);
        assert!(is_gone(world.try_set_if("a", 7, HOUR, read), read), "{what}");
        world.settle();
        assert!(!world.has("a"), "{what}");
        world.check();
        world.restart();
        assert!(is_gone(world.try_set_if("a", 7, HOUR, read), read), "{what}, and the store opened again");
        world.check();
    }
}

#[test]
fn a_new_session_under_the_id_of_one_that_is_gone_is_another() {
    let ends: [fn(&mut World); 4] = [
        |world| world.destroy("a"),
        World::clear,
        |world| world.pass(HOUR),
        |world| {
            world.destroy("a");
            world.checkpoint();
        },
    ];
    for (at, end) in ends.into_iter().enumerate() {
        let mut world = world();
        let read = version(&world);
        end(&mut world);
        world.set("a", 8, HOUR);
        assert!(is_gone(world.try_set_if("a", 7, HOUR, read), read), "end {at}");
        let created = version(&world);
        world.set("a", 9, HOUR);
        assert!(is_conflict(world.try_set_if("a", 7, HOUR, created), created), "end {at}");
        assert!(is_gone(world.try_set_if("a", 7, HOUR, read), read), "end {at}");
        // Nor once memory has lost it.
        world.checkpoint();
        world.restart_unchecked();
        assert!(is_gone(world.try_set_if("a", 7, HOUR, read), read), "end {at}, opened again");
        world.check();
    }
}

#[test]
fn a_version_holds_across_opening_again() {
    let crashes: [fn(&mut World); 2] = [World::restart, |world| world.lose_power(Loss::Everything, 0)];
    for crash in crashes {
        let mut world = World::small();
        world.set("a", 100, HOUR);
        world.settle();
        let read = version(&world);
        crash(&mut world);
        world.try_set_if("a", 7, HOUR, read).unwrap();
        assert_eq!(world.get("a").unwrap().payload.len(), 7);
        world.check();
    }
    let (mut world, read) = cold_world();
    world.try_set_if("a", 7, HOUR, read).unwrap();
    world.check();
}

#[test]
fn what_is_not_in_memory_is_looked_up_first() {
    let (mut world, read) = cold_world();
    let store = world.store();
    let commit = store.set_if(&id("a"), *b"newer", None, read).unwrap();
    assert!(!commit.is_complete() && commit.version().is_none());
    world.settle();
    let written = commit.version().expect("it was looked up");
    commit.wait().unwrap();
    let session = store.get(&id("a")).unwrap().unwrap();
    assert_eq!((&*session.payload, session.version), (b"newer".as_slice(), written));

    let (mut world, read) = cold_world();
    let before = Version::new(read.get() - 1);
    assert!(is_gone(world.try_set_if("a", 7, HOUR, before), before));
    assert!(is_gone(world.try_set_if("none", 7, HOUR, read), read));
    world.check();
}

#[test]
fn what_is_looked_up_has_its_version_given_to_who_waits() {
    let (mut world, read) = cold_world();
    let commit = world.store().set_if(&id("a"), *b"newer", None, read).unwrap();
    world.settle();
    assert_eq!(commit.wait_version().unwrap(), Some(version(&world)));
    let commit = world.store().touch(&id("a"), world.in_millis(1000)).unwrap();
    world.settle();
    assert_eq!(commit.wait_version().unwrap(), None);
}

/// Decides about a conditional set whose lookup is overtaken by something else.
fn overtaken(by: impl FnOnce(&Store)) -> (World, Result<(), Error>, Version) {
    let (mut world, read) = cold_world();
    let store = world.store();
    let commit = store.set_if(&id("a"), *b"newer", None, read).unwrap();
    by(&store);
    world.settle();
    let result = commit.wait();
    (world, result, read)
}

#[test]
fn a_lookup_that_is_overtaken_decides_by_what_is_there_then() {
    let (world, result, read) = overtaken(|store| drop(store.set(&id("a"), *b"other", None).unwrap()));
    assert!(is_conflict(result, read));
    assert_eq!(world.get("a").unwrap().payload, b"other");

    let (world, result, read) = overtaken(|store| drop(store.destroy(&id("a")).unwrap()));
    assert!(is_gone(result, read));
    assert!(!world.has("a"));

    let (world, result, read) = overtaken(|store| drop(store.clear().unwrap()));
    assert!(is_gone(result, read));
    assert!(!world.has("a"));

    let (world, result, read) = overtaken(|store| {
        drop(store.destroy(&id("a")).unwrap());
        drop(store.set(&id("a"), *b"other", None).unwrap());
    });
    assert!(is_gone(result, read));
    assert_eq!(world.get("a").unwrap().payload, b"other");

    let (world, result, read) =
        overtaken(|store| drop(store.set_if(&id("a"), *b"third", None, read_of(store)).unwrap()));
    result.unwrap();
    assert_eq!(world.get("a").unwrap().payload, b"newer");
    assert_ne!(version(&world), read);
}

/// The version that two have read: that of the only session.
fn read_of(store: &Store) -> Version {
    let page = store.scan(None, 1).unwrap();
    page.sessions[0].1.version
}

/// A set of what is not in memory does not know yet which session it goes on with.
#[test]
fn a_set_that_was_not_looked_up_goes_on_with_the_session_that_the_base_has() {
    let (mut world, read) = cold_world();
    world.set("a", 8, HOUR);
    world.settle();
    assert!(is_conflict(world.try_set_if("a", 7, HOUR, read), read));
    // Also before anybody has looked.
    let (mut world, read) = cold_world();
    world.set("a", 8, HOUR);
    let commit = world.store().set_if(&id("a"), *b"newer", None, read).unwrap();
    assert!(!commit.is_complete());
    world.settle();
    assert!(is_conflict(commit.wait(), read));
    assert_eq!(world.get("a").unwrap().payload.len(), 8);
    // One that had expired is another.
    let (mut world, read) = cold_world();
    world.pass(HOUR);
    world.set("a", 8, HOUR);
    world.settle();
    assert!(is_gone(world.try_set_if("a", 7, HOUR, read), read));
}

#[test]
fn a_commit_says_which_version_its_set_has() {
    let mut world = world();
    let store = world.store();
    let set = store.set(&id("a"), *b"one", None).unwrap().version().unwrap();
    assert_eq!(version(&world), set);
    let again = store.set_if(&id("a"), *b"two", None, set).unwrap().version().unwrap();
    assert!(again > set);
    assert_eq!(version(&world), again);
    assert_eq!(store.destroy(&id("a")).unwrap().version(), None);
    world.settle();
}

/// Whoever leaves has no other moment for its acknowledgements.
#[test]
fn a_sync_takes_along_what_has_to_be_looked_up() {
    for durability in [Durability::Fsync, Durability::Write, Durability::Async] {
        let (mut world, read) = cold_world();
        world.kill();
        world.reopen_with(small_options(durability).checkpoint_interval(Duration::from_secs(60)));
        world.open_unchecked().unwrap();
        world.settle();
        let store = world.store();
        let commit = store.set_if(&id("a"), *b"newer", None, read).unwrap();
        assert!(!commit.is_complete());
        let syncing = std::thread::spawn(move || {
            store.sync().unwrap();
            commit.is_complete()
        });
        // With the lookups late: a sync that did not wait for them would be through.
        for _ in 0..500 {
            world.simulation().step_committer();
            world.simulation().step_maintenance();
            std::thread::yield_now();
        }
        while !syncing.is_finished() {
            world.simulation().settle();
            std::thread::yield_now();
        }
        assert!(syncing.join().unwrap(), "{durability:?}: not acknowledged");
        world.kill();
        world.disk = world.disk.moment().after_power_loss(Loss::Everything, 0);
        world.open_unchecked().unwrap();
        assert_eq!(world.get("a").unwrap().payload, b"newer", "{durability:?}");
    }
}

/// The log does not say that the session before had expired when the id was set again.
#[test]
fn two_lives_of_an_id_in_one_log_stay_two() {
    let mut world = World::small();
    world.set("a", 10, 1000);
    let first = version(&world);
    world.settle();
    world.pass(1000);
    world.set("a", 20, HOUR);
    world.settle();
    let second = version(&world);
    world.set("a", 30, HOUR);
    world.settle();
    world.restart_unchecked();
    assert!(is_gone(world.try_set_if("a", 7, HOUR, first), first));
    assert!(is_conflict(world.try_set_if("a", 7, HOUR, second), second));
}
