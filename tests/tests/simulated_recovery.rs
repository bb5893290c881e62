//! Recovery trusts nothing that it only read: once a store is open, what it shows is on the disk.
//!
//! The failure guarded against: a process is killed, the next one finds its writes in the page cache, shows
//! and builds on them, and then the power goes.

use std::path::Path;

use sessile::Durability;
use sessile::simulation::Storage;
use sessile_tests::disk::{Action, Loss};
use sessile_tests::model::Crash;
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

#[test]
fn what_a_recovery_shows_survives_a_power_loss_right_after() {
    let mut world = World::new(small_options(Durability::Write), Durability::Write);
    world.set("written", 100, HOUR);
    world.settle();
    assert_eq!(world.waiting(), 0);
    world.restart();
    assert!(world.has("written"));
    world.lose_power(Loss::Everything, 0);
    assert!(world.has("written"));
}

#[test]
fn a_store_whose_creation_was_killed_at_any_moment_loses_nothing_later() {
    let created = World::small();
    for moment in created.disk.moments() {
        let mut world = created.after(&moment, moment.after_kill());
        world.open(Crash::Kill);
        world.set("acknowledged", 100, HOUR);
        world.settle();
        assert_eq!(world.waiting(), 0);
        let killed_after = moment.events;
        world.kill();
        world.disk = world.disk.moment().after_power_loss(Loss::Everything, 0);
        let opened = world.try_open(Crash::PowerLoss);
        assert_eq!(opened, Ok(()), "the process that created the store was killed after event {killed_after}");
    }
}

#[test]
fn recovery_after_recovery_keeps_what_was_never_checkpointed() {
    let mut world = World::small();
    world.set("set", 1000, HOUR);
    world.set("touched", 1000, HOUR);
    world.set("destroyed", 1000, HOUR);
    world.checkpoint();
    world.restart();
    world.set("set", 500, HOUR);
    world.touch("touched", 2 * HOUR);
    world.destroy("destroyed");
    world.advance(2000);
    for seed in 0..5 {
        world.restart();
        world.lose_power(Loss::Some, seed);
        world.check();
        assert!(!world.has("destroyed"));
    }
    world.checkpoint();
    world.restart();
    world.check();
}

/// A session was touched, and set again before anybody had looked it up: that it had not expired meanwhile, and goes
/// on from when it came into being, only the touch says, which no session holds any more.
#[test]
fn a_touch_that_a_later_set_depends_on_is_written_again() {
    let mut world = World::small();
    let created_at = world.keep_by_a_touch("a");
    world.set("a", 200, HOUR);
    world.simulation().step_committer();
    for _ in 0..2 {
        world.restart_unchecked();
    }
    assert_eq!(world.get("a").unwrap().created_at, created_at);
}

#[test]
fn a_version_is_never_used_again() {
    let mut world = World::new(small_options(Durability::Async), Durability::Async);
    let mut highest = 0;
    for round in 0..4 {
        let mut versions = Vec::new();
        for name in ["a", "b", "c"] {
            world.set(name, 10, HOUR);
            world.simulation().step_reader();
            let session = world.store().get(&id(name)).unwrap().unwrap();
            versions.push(session.version.get());
        }
        assert!(versions.is_sorted() && versions[0] > highest, "round {round}: {versions:?} after {highest}");
        highest = versions[2];
        if round % 2 == 0 {
            // Seen by readers, then lost: its version may not come back on anything else.
            world.lose_power(Loss::Everything, round);
        } else {
            world.advance(2000);
            world.checkpoint();
            world.restart();
        }
    }
}

#[test]
fn a_recovery_writes_to_no_segment_it_replayed() {
    let mut world = World::small();
    world.set("a", 100, HOUR);
    world.settle();
    world.kill();
    let before = world.disk.events();
    let segment = world.disk.trace().iter().rev().find(|event| event.is_on_log(Action::Write)).unwrap().path.clone();
    world.open(Crash::Kill);
    let trace = world.disk.trace_after(before);
    let base_synced = trace.iter().rposition(|event| event.is_on_base(Action::Sync)).unwrap();
    let touched = trace.iter().position(|event| event.path == segment);
    assert!(touched.is_none_or(|at| at > base_synced), "the old segment was changed before the base named the new run");
}

#[test]
fn an_open_that_fails_for_an_io_error_can_be_repeated() {
    let mut world = World::small();
    world.set("a", 100, HOUR);
    world.settle();
    world.kill();
    let first = world.disk.events() + 1;
    for number in first..first + 200 {
        let mut again = world.after(&world.disk.moment(), world.disk.moment().after_kill());
        again.disk.fail_when(move |event| {
            (event.number == number && event.action != Action::Read)
                .then_some(sessile_tests::disk::Fault::Error(std::io::ErrorKind::Other))
        });
        let failed = again.open_unchecked();
        let reached = again.disk.events() >= number;
        again.kill();
        again.disk.heal();
        again.open(Crash::Kill);
        assert!(again.has("a"));
        if !reached {
            assert!(failed.is_ok());
            return;
        }
    }
    panic!("opening takes more than 200 events");
}

#[test]
fn a_file_of_the_log_with_a_name_that_no_store_gives_is_nothing_to_go_on_from() {
    for name in ["18446744073709551615.log", "9223372036854775807.log", "unnumbered.log"] {
        let mut world = World::small();
        world.kill();
        drop(world.disk.create(&Path::new("/sessions/log").join(name)).unwrap());
        world.open(Crash::Kill);
        world.set("acknowledged", 100, HOUR);
        world.settle();
        assert_eq!(world.waiting(), 0);
        world.kill();
        assert_eq!(world.try_open(Crash::Kill), Ok(()), "with {name}");
        assert!(world.has("acknowledged"), "with {name}");
    }
}
