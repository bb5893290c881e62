//! A disk that fails costs no acknowledged session: a failed log is fail-stop, a failed base is opened again.
//!
//! The failure guarded against: going on after a failed sync as if the bytes were there.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Arc;

use parking_lot::Mutex;
use sessile::{Commit, Durability, Error, Event};
use sessile_tests::disk::{Action, Fault, Loss};
use sessile_tests::model::Crash;
use sessile_tests::proof::{Effort, crash_at_every_moment};
use sessile_tests::seed::{depth, seed};
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

fn world() -> World {
    let mut world = World::small();
    world.set("a", 100, HOUR);
    world.set("b", 100, HOUR);
    world.checkpoint();
    world.set("a", 200, HOUR);
    world.settle();
    world
}

fn fail_log(world: &World, action: Action, fault: Fault) {
    world.disk.fail_when(move |event| event.is_on_log(action).then_some(fault));
}

#[test]
fn a_checkpoint_that_was_due_by_its_age_and_failed_is_tried_again_soon() {
    let mut world = world();
    world.disk.fail_when(|event| event.is_on_base(Action::Write).then_some(Fault::Error(ErrorKind::Other)));
    world.advance(61_000);
    assert!(world.store().stats().checkpoint_failures > 0);
    assert!(world.store().stats().dirty_bytes > 0);
    world.disk.heal();
    world.advance(3_000);
    assert_eq!(world.store().stats().dirty_bytes, 0);
}

#[test]
fn a_failed_write_or_sync_of_the_log_poisons_the_store() {
    let faults = [
        (Action::Write, Fault::Error(ErrorKind::Other)),
        (Action::Write, Fault::Error(ErrorKind::StorageFull)),
        (Action::Write, Fault::Short),
        (Action::Sync, Fault::Error(ErrorKind::Other)),
    ];
    for (action, fault) in faults {
        let mut world = world();
        fail_log(&world, action, fault);
        world.set("a", 300, HOUR);
        let expires_at = world.in_millis(HOUR);
        let commit = world.store().set(&id("c"), *b"payload", Some(expires_at)).unwrap();
        world.settle();
        assert!(matches!(commit.wait(), Err(Error::Poisoned { .. })), "{action:?}: the outcome is unknown");
        assert!(world.store().is_poisoned());
        // The disk is well again, which changes nothing: what the failed sync was to write may be lost.
        world.disk.heal();
        let events = world.disk.events();
        assert!(matches!(world.try_set("a", 10, HOUR), Err(Error::Poisoned { .. })));
        assert!(matches!(world.try_destroy("a"), Err(Error::Poisoned { .. })));
        world.advance(10_000);
        assert!(world.disk.trace_after(events).iter().all(|event| !event.is_on_log(Action::Write)));
        // Reads go on.
        assert_eq!(world.get("a").unwrap().payload.len(), 300);
        assert_eq!(world.get("b").unwrap().payload.len(), 100);
    }
}

#[test]
fn the_segment_that_failed_is_the_one_that_the_error_names() {
    let mut named = BTreeSet::new();
    for failing in 1..12 {
        let mut world = world();
        let failed = Arc::new(Mutex::new(None));
        let (noted, mut syncs) = (Arc::clone(&failed), 0);
        world.disk.fail_when(move |event| {
            syncs += u64::from(event.is_on_log(Action::Sync));
            let fails = event.is_on_log(Action::Sync) && syncs == failing;
            fails.then(|| *noted.lock() = Some(event.path.clone()));
            fails.then_some(Fault::Error(ErrorKind::Other))
        });
        // That of a segment that is being made is tried again.
        for _ in 0..20 {
            let expires_at = world.in_millis(HOUR);
            let commit = world.store().set(&id("big"), vec![7; 150_000], Some(expires_at));
            world.settle();
            if let Err(error) = commit.and_then(Commit::wait) {
                let Error::Poisoned { file, .. } = error else { panic!("{error}") };
                assert_eq!(failed.lock().as_ref(), Some(&file), "sync {failing}");
                named.insert(file);
                break;
            }
        }
    }
    assert!(named.len() > 1, "no segment was closed: {named:?}");
}

/// The log is the only place where its operations are until a checkpoint has succeeded.
#[test]
fn nothing_is_recycled_while_the_base_fails() {
    let mut world = world();
    world.disk.fail_when(|event| event.is_on_base(Action::Write).then_some(Fault::Error(ErrorKind::Other)));
    for number in 0..8 {
        world.set(&format!("big {number}"), 150_000, HOUR);
        world.advance(2000);
    }
    assert!(world.store().stats().checkpoint_failures > 0, "no checkpoint was tried");
    world.disk.heal();
    world.restart();
    world.check();
}

/// A second sync may succeed without what the first was to make durable.
#[test]
fn a_sync_of_the_log_that_fails_once_is_not_tried_again() {
    let mut world = world();
    let mut failed = false;
    world.disk.fail_when(move |event| {
        let fails = event.is_on_log(Action::Sync) && !std::mem::replace(&mut failed, event.is_on_log(Action::Sync));
        fails.then_some(Fault::Error(ErrorKind::Other))
    });
    let expires_at = world.in_millis(HOUR);
    let commit = world.store().set(&id("c"), *b"payload", Some(expires_at)).unwrap();
    let events = world.disk.events();
    world.settle();
    assert!(matches!(commit.wait(), Err(Error::Poisoned { .. })), "the outcome is unknown");
    world.advance(2000);
    let syncs = world.disk.trace_after(events).into_iter().filter(|event| event.is_on_log(Action::Sync)).count();
    assert!(syncs <= 1, "{syncs} syncs, of which the first failed");
}

#[test]
fn nothing_acknowledged_is_lost_with_a_failed_sync() {
    for number in 0..12 {
        let mut world = world();
        let mut syncs = 0;
        world.disk.fail_when(move |event| {
            syncs += u64::from(event.is_on_log(Action::Sync));
            (event.is_on_log(Action::Sync) && syncs > number % 4).then_some(Fault::Error(ErrorKind::Other))
        });
        for round in 0..6 {
            if world.try_set("a", 300 + round, HOUR).is_ok() {
                world.settle();
            }
            drop(world.try_set(&format!("{round}"), 50, HOUR));
        }
        world.settle();
        world.kill();
        world.disk.heal();
        // Reads show bytes that the disk does not have: a new process builds on them, then the power goes.
        world.open(Crash::PowerLoss);
        world.set("after", 10, HOUR);
        world.settle();
        world.lose_power(Loss::of_round(number % 3), number);
        assert!(world.has("after"));
    }
}

/// Reads show the header that a failed sync was to write, and the disk does not have it: with the other copy torn by
/// the power loss, neither would be there.
#[test]
fn nothing_acknowledged_is_lost_with_a_failed_sync_of_the_base() {
    let seed = seed("nothing_acknowledged_is_lost_with_a_failed_sync_of_the_base");
    // A checkpoint syncs the base's blocks, then each copy of its header.
    let mut random = fastrand::Rng::with_seed(seed);
    let mut crashes = 0;
    for number in (0..3).cycle().take(36 * depth() as usize) {
        let mut world = world();
        let mut syncs = 0;
        world.disk.reseed(random.u64(..));
        world.disk.fail_when(move |event| {
            syncs += u64::from(event.is_on_base(Action::Sync));
            (event.is_on_base(Action::Sync) && syncs == number + 1).then_some(Fault::Error(ErrorKind::Other))
        });
        world.disk.record();
        world.simulation().ask_checkpoint();
        world.settle();
        world.advance(2000);
        assert_eq!(world.store().stats().checkpoint_failures, 1, "sync {number} did not fail");
        assert!(world.store().stats().checkpoints > 0, "it was not tried again");
        crashes += crash_at_every_moment(&world, random.u64(..), Effort { rounds: 8, recoveries: 1000 });
    }
    println!("{crashes} crashes");
}

#[test]
fn a_failing_base_is_not_the_application_s_problem() {
    for action in [Action::Write, Action::Sync, Action::SetLen] {
        let mut world = world();
        let errors = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&errors);
        let subscription = world.store().subscribe(move |event| {
            if let Event::BackgroundError(_) = event {
                *counted.lock() += 1;
            }
        });
        world.disk.fail_when(move |event| event.is_on_base(action).then_some(Fault::Error(ErrorKind::Other)));
        for number in 0..8 {
            world.set(&format!("{number}"), 50_000, HOUR);
            world.settle();
        }
        let released = world.disk.events();
        world.checkpoint();
        if action != Action::SetLen {
            assert!(world.store().stats().checkpoint_failures > 0, "{action:?}");
            assert!(*errors.lock() > 0, "{action:?}: nobody was told");
            let recycled = world.disk.trace_after(released);
            let recycled = recycled.iter().any(|event| event.is_on_log(Action::Write) && event.offset == 0);
            assert!(!recycled, "a segment was used again although its sessions are not in the base");
        }
        assert!(!world.store().is_poisoned());
        world.set("still accepted", 10, HOUR);
        world.settle();
        assert_eq!(world.waiting(), 0);
        assert!(world.has("still accepted") && world.has("a"));
        world.disk.heal();
        world.advance(2000);
        world.checkpoint();
        assert!(world.store().stats().checkpoints > 1, "{action:?}: the base was not opened again");
        world.check();
        world.lose_power(Loss::Everything, 0);
        world.check();
        drop(subscription);
    }
}

#[test]
fn a_base_that_cannot_be_opened_again_is_no_damage() {
    let mut world = world();
    let errors = Arc::new(Mutex::new(Vec::new()));
    let collected = Arc::clone(&errors);
    let subscription = world.store().subscribe(move |event| {
        if let Event::BackgroundError(error) = event {
            collected.lock().push(error.clone());
        }
    });
    // Also what opening writes, so that one failure is followed by the next.
    world.disk.fail_when(|event| event.is_on_base(Action::Write).then_some(Fault::Error(ErrorKind::Other)));
    for _ in 0..4 {
        world.checkpoint();
        world.advance(2000);
    }
    let told = errors.lock().clone();
    assert!(told.len() > 3, "{told:?}");
    assert!(told.iter().all(|error| matches!(error, Error::Io { .. })), "{told:?}");
    world.disk.heal();
    world.checkpoint();
    assert_eq!(world.store().stats().dirty_bytes, 0);
    world.check();
    drop(subscription);
}

#[test]
fn a_read_that_the_disk_refuses_is_an_error_and_works_again_afterwards() {
    // Nothing stays in memory.
    let options = small_options(Durability::Fsync).cache_bytes(0).base_cache_bytes(0);
    let mut world = World::new(options, Durability::Fsync);
    world.set("cold", 100, HOUR);
    world.checkpoint();
    world.restart();
    world.disk.fail_when(|event| event.is_on_base(Action::Read).then_some(Fault::Error(ErrorKind::Other)));
    assert!(matches!(world.store().get(&id("cold")), Err(Error::Io { .. })));
    world.set("written", 10, HOUR);
    world.settle();
    world.disk.heal();
    assert!(world.has("cold"));
    world.advance(2000);
    world.checkpoint();
    world.check();
}

/// One failure at each event of a short history; then, at once or after going on, a power loss.
#[test]
fn one_failure_at_any_event_loses_nothing_acknowledged() {
    let seed = seed("one_failure_at_any_event_loses_nothing_acknowledged");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut number = 30;
    loop {
        for fault in [Fault::Error(ErrorKind::Other), Fault::Error(ErrorKind::StorageFull), Fault::Short] {
            let mut world = World::small();
            world.disk.fail_when(move |event| {
                let applies = fault != Fault::Short || event.action == Action::Write;
                (event.number == number && event.action != Action::Read && applies).then_some(fault)
            });
            for round in 0..5 {
                // A touch is not logged while writes are refused: then there is none.
                if world.try_set("a", 400 + round, HOUR).is_ok() {
                    drop(world.try_touch("a", 2 * HOUR));
                }
                drop(world.try_set(&format!("{round}"), 60_000, 2000));
                drop(world.try_destroy(&format!("{}", round / 2)));
                world.settle();
                if round % 2 == 1 {
                    world.checkpoint();
                }
                world.advance(1100);
            }
            if world.disk.events() < number {
                assert!(number > 60, "the history is too short to show anything");
                return;
            }
            let seed = random.u64(..);
            world.kill();
            world.disk.heal();
            world.disk = world.disk.moment().after_power_loss(Loss::of_round(seed % 3), seed);
            if let Err(reason) = world.try_open(Crash::PowerLoss) {
                panic!("{fault:?} at event {number}, disk seed {seed}: {reason}");
            }
        }
        number += random.u64(1..=3_u64.div_ceil(depth()));
    }
}
