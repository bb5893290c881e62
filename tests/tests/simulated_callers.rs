//! Under `write` a call writes what it calls for itself, where that is one write to a file; else the committer does.
//!
//! The failures guarded against: an acknowledgement before the write, or a write that nobody comes to sync; a call that
//! waits for the disk, or again and again for a slow one; a write that is left to a committer who is not told.

use std::sync::Arc;

use sessile::{Commit, Durability, Error, Timestamp};
use sessile_tests::disk::{Action, Fault, Loss};
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

fn world(durability: Durability) -> World {
    let mut world = World::new(small_options(durability), durability);
    world.set("before", 10, HOUR);
    world.advance(2000);
    world
}

/// How often the log was written and synced meanwhile, and the result.
fn log_events<T>(world: &mut World, act: impl FnOnce(&mut World) -> T) -> ((usize, usize), T) {
    let before = world.disk.events();
    let result = act(world);
    (world.disk.log_writes_and_syncs_after(before), result)
}

fn set(world: &World, name: &str, len: usize) -> Commit {
    world.store().set(&id(name), vec![7; len], Some(world.in_millis(HOUR))).unwrap()
}

#[test]
fn a_call_writes_for_itself_and_the_committer_syncs_within_a_second() {
    let mut world = world(Durability::Write);
    world.set("before", 10, HOUR);
    let calls: [fn(&mut World); 4] = [
        |world| world.set("before", 20, HOUR),
        |world| world.touch("before", 1000),
        |world| world.destroy("before"),
        |world| world.clear(),
    ];
    for call in calls {
        assert_eq!(log_events(&mut world, call).0, (1, 0));
        assert_eq!(world.waiting(), 0);
    }
    world.set("a", 10, HOUR);
    world.simulation().step_reader();
    assert_eq!(world.waiting(), 0);
    world.restart();
    assert!(world.has("a") && !world.has("before"));

    world.advance(2000);
    world.set("a", 11, HOUR);
    world.pass(999);
    assert_eq!(log_events(&mut world, World::commit).0, (0, 0));
    world.pass(1);
    assert!(log_events(&mut world, World::commit).0.1 > 0);
    world.lose_power(Loss::Everything, 0);
    world.check();
}

#[test]
fn under_the_other_durabilities_a_call_writes_nothing() {
    for durability in [Durability::Fsync, Durability::Async] {
        let mut world = world(durability);
        assert_eq!(log_events(&mut world, |world| world.set("before", 20, HOUR)).0, (0, 0), "{durability:?}");
    }
}

#[test]
fn what_others_have_queued_goes_along() {
    let mut world = world(Durability::Write);
    world.set("a", 10, HOUR);
    world.settle();
    assert_eq!(log_events(&mut world, |world| world.touch("before", 2 * HOUR)).0, (0, 0));
    assert_eq!(log_events(&mut world, |world| world.set("a", 10, HOUR)).0, (1, 0));
    world.restart_unchecked();
    assert_eq!(world.get("before").unwrap().expires_at, world.in_millis(2 * HOUR));
}

#[test]
fn a_session_that_has_to_be_looked_up_is_the_committers_and_so_is_what_comes_until_then() {
    let mut world = world(Durability::Write);
    let calls = |world: &mut World| (set(world, "new", 10), set(world, "before", 10));
    let (events, (new, known)) = log_events(&mut world, calls);
    assert_eq!(events, (0, 0));
    assert!(!new.is_complete() && !known.is_complete());
    assert_eq!(log_events(&mut world, World::commit).0, (1, 0));
    while world.simulation().step_reader() {}
    assert!(new.is_complete() && known.is_complete());
    assert!(set(&world, "before", 11).is_complete());
}

#[test]
fn what_is_left_to_the_committer_waits_for_others_where_it_was_to() {
    let mut world = world(Durability::Write);
    for gathers in [false, true] {
        world.store().gather_writes(gathers);
        let left = set(&world, "before", 70_000);
        let round = log_events(&mut world, World::commit).0;
        assert_eq!(round.0, usize::from(!gathers), "gathers: {gathers}");
        world.store().send_gathered();
        world.commit();
        assert!(left.is_complete());
    }
}

#[test]
fn what_is_large_and_what_needs_another_segment_is_the_committers() {
    let mut world = world(Durability::Write);
    let (events, large) = log_events(&mut world, |world| set(world, "before", 70_000));
    assert_eq!(events, (0, 0));
    assert!(!large.is_complete());
    world.commit();
    assert!(large.is_complete());

    // More than a segment of this log has.
    let mut left = 0;
    for _ in 0..20 {
        let (events, commit) = log_events(&mut world, |world| set(world, "before", 50_000));
        assert_eq!(events.1, 0, "a call waited for the disk");
        if !commit.is_complete() {
            assert_eq!(events, (0, 0));
            left += 1;
            assert!(log_events(&mut world, World::commit).0.0 > 0);
            assert!(commit.is_complete());
        }
    }
    assert!((1..10).contains(&left), "{left} of 20 were left to the committer");
}

#[test]
fn after_a_slow_write_calls_leave_writing_to_the_committer_for_a_hundred_times_as_long() {
    let mut world = world(Durability::Write);
    let clock = Arc::clone(&world.clock);
    world.disk.once(|event| event.is_on_log(Action::Write), move || clock.advance(3));
    assert!(set(&world, "before", 10).is_complete());
    let next = set(&world, "before", 11);
    assert!(!next.is_complete());
    world.commit();
    assert!(next.is_complete());
    world.pass(296);
    assert!(!set(&world, "before", 12).is_complete());
    world.pass(1);
    assert!(set(&world, "before", 13).is_complete());

    let clock = Arc::clone(&world.clock);
    world.disk.once(|event| event.is_on_log(Action::Write), move || clock.advance(1));
    assert!(set(&world, "before", 14).is_complete());
    assert!(set(&world, "before", 15).is_complete(), "a write of a millisecond is none");
}

#[test]
fn while_acknowledgements_are_held_back_calls_do_not_go_past_that() {
    let options = small_options(Durability::Write).dirty_bytes(1 << 20);
    let mut world = World::new(options, Durability::Write);
    // Without a checkpoint the budget for changed sessions fills up. A segment does, too: the committer makes another,
    // and is not asked for the next write.
    let held_back = (0..120).any(|number| {
        let name = format!("{number}");
        drop(set(&world, &name, 9000));
        world.simulation().step_committer();
        while world.simulation().step_reader() {}
        let again = set(&world, &name, 9000).is_complete();
        world.simulation().step_committer();
        !again && !set(&world, &name, 9000).is_complete()
    });
    assert!(held_back, "the budget was never full");
    world.settle();
    let after = set(&world, "0", 10);
    assert!(after.is_complete(), "there was a checkpoint, and calls still do not write");
}

#[test]
fn a_write_that_fails_within_a_call_ends_all_writing_and_says_so() {
    let mut world = world(Durability::Write);
    world.disk.fail_when(|event| event.is_on_log(Action::Write).then_some(Fault::Short));
    let failed = set(&world, "before", 20);
    assert!(matches!(failed.wait(), Err(Error::Poisoned { .. })));
    assert!(world.store().is_poisoned());
    let refused = world.store().set(&id("before"), [1].as_slice(), Some(Timestamp::MAX));
    assert!(matches!(refused, Err(Error::Poisoned { .. })));
    world.disk.heal();
    world.restart_unchecked();
    assert!(world.has("before"));
    assert!(set(&world, "before", 21).is_complete());
}
