//! The reaper removes what has expired and never what somebody still uses.
//!
//! The failure guarded against: a session whose owner came back, which only the table and a payload-less
//! touch in the log know, is removed because the base's index still has its old expiry.

use std::sync::Arc;

use parking_lot::Mutex;
use sessile::{Durability, Timestamp};
use sessile_tests::disk::{Action, Loss};
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

#[test]
fn what_has_expired_is_removed_from_the_base() {
    let mut world = World::small();
    for name in ["a", "b", "c"] {
        world.set(name, 100, 1000);
    }
    world.set("stays", 100, HOUR);
    world.checkpoint();
    assert_eq!(world.store().stats().base_sessions, 4);
    world.advance(1100);
    assert_eq!(world.store().stats().reaped, 3);
    assert_eq!(world.store().stats().base_sessions, 1);
    world.check();
}

#[test]
fn a_touch_that_is_not_checkpointed_saves_its_session() {
    let mut world = World::small();
    world.set("touched", 100, 1000);
    world.checkpoint();
    world.advance(500);
    world.touch("touched", HOUR);
    world.advance(1000);
    assert_eq!(world.store().stats().reaped, 0);
    world.check();
    // The touch in the log has no payload: without the base's record nothing could bring it back.
    world.lose_power(Loss::Nothing, 0);
    assert!(world.has("touched"));
}

#[test]
fn a_touched_session_is_filed_again_and_removed_at_its_true_expiry() {
    let mut world = World::small();
    world.set("touched", 100, 1000);
    world.checkpoint();
    world.touch("touched", 10_000);
    world.checkpoint();
    world.advance(5000);
    assert_eq!(world.store().stats().reaped, 0);
    assert_eq!(world.store().stats().base_sessions, 1);
    world.check();
    world.advance(5100);
    assert_eq!(world.store().stats().reaped, 1);
    assert_eq!(world.store().stats().base_sessions, 0);
    assert_eq!(world.store().len().unwrap(), 0);
}

#[test]
fn an_expiry_moved_earlier_is_reaped_at_the_earlier_time() {
    let mut world = World::small();
    world.set("in the base", 100, HOUR);
    world.checkpoint();
    world.set("in memory", 100, HOUR);
    world.touch("in the base", 1000);
    world.touch("in memory", 1000);
    world.advance(1100);
    assert_eq!(world.store().stats().reaped, 2);
    world.checkpoint();
    assert_eq!(world.store().stats().base_sessions, 0);
    world.restart();
    assert_eq!(world.store().len().unwrap(), 0);
}

/// A checkpoint files it behind the place up to which the reaper has looked.
#[test]
fn a_session_that_a_checkpoint_brings_already_expired_is_removed() {
    let mut world = World::small();
    world.set("first", 100, 1000);
    world.checkpoint();
    world.advance(1100);
    assert_eq!(world.store().stats().reaped, 1);
    let passed = Timestamp::from_millis(world.now().as_millis() - 500);
    drop(world.store().set(&id("second"), *b"payload", Some(passed)).unwrap());
    world.checkpoint();
    assert_eq!(world.store().stats().reaped, 2);
    assert_eq!(world.store().stats().base_sessions, 0);
}

/// Also where the base has the earlier expiry, and the session is in its index alone.
#[test]
fn an_expiry_moved_earlier_and_checkpointed_is_reaped_at_the_earlier_time() {
    let mut world = World::small();
    world.set("touched", 100, HOUR);
    world.set("set again", 100, HOUR);
    world.checkpoint();
    world.touch("touched", 60_000);
    world.set("set again", 100, 60_000);
    world.checkpoint();
    world.restart();
    world.advance(61_000);
    assert_eq!(world.store().stats().reaped, 2);
    assert_eq!(world.store().stats().base_sessions, 0);
}

#[test]
fn a_session_that_expires_before_its_first_checkpoint_is_found_through_memory() {
    let mut world = World::small();
    world.set("short", 100_000, 1000);
    let with_it = {
        world.settle();
        world.store().stats().dirty_bytes
    };
    world.advance(1100);
    assert_eq!(world.store().stats().reaped, 1);
    assert!(world.store().stats().dirty_bytes < with_it / 10, "its memory is not given back");
    world.checkpoint();
    assert_eq!(world.store().stats().base_sessions, 0);
    world.restart();
    world.check();
}

#[test]
fn a_session_set_while_the_reaper_removes_its_predecessor_stays_and_is_counted() {
    let mut world = World::small();
    world.set("a", 100, 1000);
    world.set("b", 100, 1000);
    world.checkpoint();
    let store = world.store();
    let expires_at = world.in_millis(HOUR);
    let seen = Arc::new(Mutex::new(None));
    let place = Arc::clone(&seen);
    world.pass(1000);
    world.disk.once(
        |event| event.is_on_base(Action::Write),
        move || {
            *place.lock() = Some(store.get(&id("a")).unwrap());
            drop(store.set(&id("a"), *b"again", Some(expires_at)).unwrap());
        },
    );
    world.settle();
    assert_eq!(seen.lock().take(), Some(None), "an expired session was shown while it was removed");
    assert_eq!(world.get("a").unwrap().payload, b"again");
    assert_eq!(world.store().len().unwrap(), 1);
    world.checkpoint();
    assert_eq!(world.store().stats().base_sessions, 1);
    world.kill();
    world.open_unchecked().unwrap();
    assert_eq!(world.get("a").unwrap().payload, b"again");
    assert_eq!(world.store().len().unwrap(), 1);
}

#[test]
fn many_sessions_expiring_together_are_reaped_in_bounded_steps() {
    let options = small_options(Durability::Fsync).log_bytes_max(64 << 20);
    let mut world = World::new(options, Durability::Fsync);
    let store = world.store();
    let expires_at = world.in_millis(60_000);
    for number in 0..25_000 {
        drop(store.set(&id(&format!("{number}")), *b"payload", Some(expires_at)).unwrap());
    }
    while world.simulation().step_reader() {}
    world.checkpoint();
    assert_eq!(store.len().unwrap(), 25_000);
    world.pass(60_000);
    assert_eq!(store.len().unwrap(), 0, "expired ones count although they are still there");
    let mut steps = 0;
    while store.stats().reaped < 25_000 {
        let before = store.stats().reaped;
        world.simulation().step_maintenance();
        assert!(store.stats().reaped - before <= 10_000);
        steps += 1;
        assert!(steps < 20);
    }
    assert!(steps >= 3);
    assert_eq!(store.len().unwrap(), 0);
}

/// A store whose checkpoints are far apart.
fn world_of_rare_checkpoints() -> World {
    let day = std::time::Duration::from_secs(24 * 3600);
    World::new(small_options(Durability::Fsync).checkpoint_interval(day), Durability::Fsync)
}

#[test]
fn a_session_touched_before_its_index_entry_came_due_is_removed_at_its_true_expiry() {
    let mut world = world_of_rare_checkpoints();
    world.set("touched", 100, 1000);
    world.checkpoint();
    world.touch("touched", 3000);
    world.advance(2000);
    assert_eq!(world.store().stats().reaped, 0);
    world.advance(1100);
    assert_eq!(world.store().stats().reaped, 1, "it waits for the next checkpoint, a day away");
    world.checkpoint();
    assert_eq!(world.store().stats().base_sessions, 0);
    world.restart();
}

#[test]
fn a_session_touched_while_a_checkpoint_takes_it_is_removed_at_its_true_expiry() {
    let mut world = world_of_rare_checkpoints();
    world.set("touched", 100, 1000);
    world.settle();
    let (store, expires_at) = (world.store(), world.in_millis(3000));
    world
        .disk
        .once(|event| event.is_on_base(Action::Write), move || drop(store.touch(&id("touched"), expires_at).unwrap()));
    world.checkpoint();
    assert_eq!(world.store().get(&id("touched")).unwrap().unwrap().expires_at, expires_at);
    world.advance(2000);
    assert_eq!(world.store().stats().reaped, 0);
    world.advance(1100);
    assert_eq!(world.store().stats().reaped, 1, "it waits for the next checkpoint, a day away");
}

#[test]
fn a_session_set_again_while_a_checkpoint_takes_its_end_is_removed_at_its_expiry() {
    let mut world = world_of_rare_checkpoints();
    world.set("again", 100, HOUR);
    world.checkpoint();
    world.set("again", 100, HOUR);
    world.settle();
    let (store, expires_at) = (world.store(), world.in_millis(2 * HOUR));
    world.disk.once(
        |event| event.is_on_base(Action::Write),
        move || {
            drop(store.destroy(&id("again")).unwrap());
            drop(store.set(&id("again"), *b"again", Some(expires_at)).unwrap());
        },
    );
    world.checkpoint();
    world.advance(HOUR + 1000);
    assert_eq!(world.store().stats().reaped, 0);
    world.advance(HOUR);
    assert_eq!(world.store().stats().reaped, 1);
}

/// How long until maintenance would look again, with nothing to do now.
fn rest_millis(world: &World) -> u128 {
    world.simulation().rest_of_maintenance().expect("nothing to do").as_millis()
}

#[test]
fn what_comes_due_soon_is_not_overslept() {
    let mut world = World::small();
    for (name, millis) in [("first", 5_000), ("second", 7_000)] {
        world.set(name, 10, millis);
    }
    world.checkpoint();
    world.restart_unchecked();
    world.settle();
    // Just opened, which leaves those who want to listen a moment to say so; then, what is first.
    assert!(rest_millis(&world) <= 1_000);
    world.advance(1_000);
    assert!(rest_millis(&world) <= 4_000);
    world.advance(4_000);
    assert_eq!(world.store().stats().reaped, 1);
    // Just reaped, and then what is next.
    assert!(rest_millis(&world) <= 20);
    world.advance(20);
    assert!((1..=2_000).contains(&rest_millis(&world)));
    world.advance(2_000);
    assert_eq!(world.store().stats().reaped, 2);
}
