//! Each durability acknowledges when it says, and syncs as seldom as it may.
//!
//! The failure guarded against: an acknowledgement that comes before the disk has the write, and a touch,
//! which every request makes, that forces a sync of its own.

use sessile::Durability;
use sessile_tests::disk::Loss;
use sessile_tests::world::{World, small_options};

const HOUR: u64 = 3_600_000;

fn world(durability: Durability) -> World {
    let mut world = World::new(small_options(durability), durability);
    world.set("a", 100, HOUR);
    world.advance(2000);
    world
}

/// What the committer does to the log in one round.
fn round(world: &mut World) -> (usize, usize) {
    let before = world.disk.events();
    world.commit();
    world.disk.log_writes_and_syncs_after(before)
}

#[test]
fn fsync_acknowledges_once_synced() {
    let mut world = world(Durability::Fsync);
    for number in 0..10 {
        world.set("a", 100 + number, HOUR);
    }
    assert_eq!(world.waiting(), 10);
    assert_eq!(round(&mut world), (1, 1), "a batch is one write and one sync");
    assert_eq!(world.waiting(), 0);
    world.lose_power(Loss::Everything, 0);
    world.check();
}

/// What was called a second ago, when so many milliseconds have passed, survives a power loss from then on.
fn is_synced_in(millis: u64, world: &mut World) {
    world.pass(millis - 1);
    assert_eq!(round(world).1, 0);
    world.pass(1);
    assert!(round(world).1 > 0);
    world.lose_power(Loss::Everything, 0);
    world.check();
}

#[test]
fn write_acknowledges_once_written_and_syncs_within_a_second() {
    let mut world = world(Durability::Write);
    world.simulation().let_callers_write(false);
    world.set("a", 50, HOUR);
    assert_eq!(world.waiting(), 1);
    assert_eq!(round(&mut world), (1, 0));
    assert_eq!(world.waiting(), 0);
    is_synced_in(1000, &mut world);
}

#[test]
fn async_acknowledges_at_once_writes_within_10_ms_and_syncs_within_a_second() {
    let mut world = world(Durability::Async);
    world.set("a", 50, HOUR);
    assert_eq!(world.waiting(), 0);
    world.pass(9);
    assert_eq!(round(&mut world), (0, 0));
    world.pass(1);
    assert_eq!(round(&mut world), (1, 0));
    is_synced_in(990, &mut world);
}

#[test]
fn async_waits_for_the_log_while_half_of_what_may_be_queued_is() {
    let mut world = world(Durability::Async);
    let queued_bytes_max = (4 << 20) / 8;
    // The committer does not run.
    let at_once = std::iter::from_fn(|| {
        world.set("a", 10_000, HOUR);
        (world.waiting() == 0).then_some(10_000)
    });
    let queued: usize = at_once.sum();
    assert!((queued_bytes_max / 2 - 10_000..queued_bytes_max / 2 + 10_000).contains(&queued), "{queued} bytes");
    world.set("a", 10_001, HOUR);
    assert_eq!(world.waiting(), 2);
    assert_eq!(round(&mut world), (1, 0), "somebody waits: it is written at once");
    assert_eq!(world.waiting(), 0);
    world.set("a", 10_002, HOUR);
    assert_eq!(world.waiting(), 0);
}

#[test]
fn async_waits_for_the_log_while_no_checkpoint_makes_room() {
    let mut world = World::new(small_options(Durability::Async).dirty_bytes(1 << 20), Durability::Async);
    // Maintenance does not run.
    let waits = (0..120).any(|number| {
        let name = format!("{number}");
        world.set(&name, 9000, HOUR);
        world.pass(10);
        while world.simulation().step_reader() {}
        world.commit();
        assert_eq!(world.waiting(), 0, "{name} was looked up, and written");
        world.set(&name, 9001, HOUR);
        world.waiting() > 0
    });
    assert!(waits, "the budget was never full");
    world.settle();
    world.set("0", 10, HOUR);
    assert_eq!(world.waiting(), 0);
}

#[test]
fn what_is_written_late_is_synced_a_second_after_its_call_all_the_same() {
    let mut world = world(Durability::Async);
    world.set("a", 50, HOUR);
    world.pass(700);
    assert_eq!(round(&mut world), (1, 0));
    // What comes later is not waited for.
    world.pass(100);
    world.set("b", 50, HOUR);
    is_synced_in(200, &mut world);
}

#[test]
fn a_touch_that_extends_is_acknowledged_at_once_and_never_forces_a_sync() {
    for durability in [Durability::Fsync, Durability::Write, Durability::Async] {
        let mut world = world(durability);
        world.touch("a", 2 * HOUR);
        assert_eq!(world.waiting(), 0);
        assert_eq!(round(&mut world), (0, 0), "{durability:?}");
        world.pass(10);
        assert_eq!(round(&mut world), (1, 0), "{durability:?}: written within 10 ms");
        world.pass(1000);
        assert!(round(&mut world).1 > 0, "{durability:?}: synced within a second");
    }
}

#[test]
fn a_touch_that_extends_rides_with_the_next_batch() {
    let mut world = world(Durability::Fsync);
    world.touch("a", 2 * HOUR);
    world.set("b", 10, HOUR);
    assert_eq!(round(&mut world), (1, 1));
    world.settle();
    world.lose_power(Loss::Everything, 0);
    assert_eq!(world.get("a").unwrap().expires_at, world.in_millis(2 * HOUR));
}

#[test]
fn a_lost_touch_leaves_the_expiry_before_it() {
    let mut world = world(Durability::Fsync);
    let before = world.get("a");
    world.touch("a", 2 * HOUR);
    world.pass(10);
    world.commit();
    world.lose_power(Loss::Everything, 0);
    assert_eq!(world.get("a"), before);
}

#[test]
fn a_touch_that_shortens_is_acknowledged_once_synced() {
    let mut world = world(Durability::Fsync);
    world.touch("a", 1000);
    assert_eq!(world.waiting(), 1);
    assert_eq!(round(&mut world), (1, 1));
    assert_eq!(world.waiting(), 0);
    world.lose_power(Loss::Everything, 0);
    world.pass(1000);
    assert!(!world.has("a"));
}

#[test]
fn a_touch_to_the_expiry_that_another_shortened_to_is_acknowledged_with_it() {
    let mut world = world(Durability::Fsync);
    world.touch("a", 1000);
    world.touch("a", 1000);
    assert_eq!(world.waiting(), 2, "the session is said to expire then although the disk has it expire later");
    assert_eq!(round(&mut world), (1, 1));
    assert_eq!(world.waiting(), 0);
    world.touch("a", 1000);
    assert_eq!(world.waiting(), 0, "the disk has it");
}

#[test]
fn a_touch_to_the_expiry_that_a_set_gave_is_acknowledged_with_it() {
    let mut world = world(Durability::Fsync);
    world.set("a", 10, 1000);
    world.touch("a", 1000);
    assert_eq!(world.waiting(), 2);
    world.commit();
    assert_eq!(world.waiting(), 0);
}

#[test]
fn a_touch_to_the_expiry_that_another_extended_to_is_acknowledged_at_once() {
    let mut world = world(Durability::Fsync);
    world.touch("a", 2 * HOUR);
    world.touch("a", 2 * HOUR);
    assert_eq!(world.waiting(), 0);
    assert_eq!(round(&mut world), (0, 0));
}

#[test]
fn an_acknowledged_destroy_stays() {
    for durability in [Durability::Fsync, Durability::Write] {
        let mut world = world(durability);
        world.simulation().let_callers_write(false);
        world.destroy("a");
        assert_eq!(world.waiting(), 1);
        assert!(!world.has("a"), "reads see it at once");
        world.commit();
        assert_eq!(world.waiting(), 0);
        world.restart();
        assert!(!world.has("a"));
        world.lose_power(Loss::Everything, 0);
        assert!(!world.has("a"));
    }
}

#[test]
fn an_idle_store_says_that_its_last_frame_was_durable_and_then_rests() {
    let mut world = world(Durability::Fsync);
    world.set("a", 10, HOUR);
    assert_eq!(round(&mut world), (1, 1));
    world.pass(50);
    assert_eq!(round(&mut world), (1, 1));
    for _ in 0..5 {
        world.pass(5000);
        assert_eq!(round(&mut world), (0, 0));
    }
}
