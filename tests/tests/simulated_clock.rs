//! A bogus clock destroys nothing: reads go by it, but for ten minutes after a jump nothing is removed.
//!
//! The failure guarded against: a machine boots with its clock a year ahead, and every session is gone
//! before the time is put right.

use std::sync::Arc;

use parking_lot::Mutex;
use sessile::Event;
use sessile_tests::world::World;

const HOUR: u64 = 3_600_000;
const YEAR: i64 = 365 * 24 * 3_600_000;

fn world() -> World {
    let mut world = World::small();
    for name in ["a", "b", "c"] {
        world.set(name, 100, HOUR);
    }
    world.checkpoint();
    world.set("in memory", 100, HOUR);
    world.settle();
    world
}

#[test]
fn a_jump_ahead_hides_sessions_and_removes_none_for_ten_minutes() {
    let mut world = world();
    world.clock.jump(YEAR);
    world.settle();
    assert!(!world.has("a"), "reads enforce expiry by the clock there is");
    for _ in 0..9 {
        world.clock.advance(60_000);
        world.settle();
        world.checkpoint();
    }
    assert_eq!(world.store().stats().reaped, 0);
    assert_eq!(world.store().stats().base_sessions, 4);
    assert_eq!(world.store().len().unwrap(), 0);
    // A new process with the right time finds them all.
    world.clock.jump(-YEAR);
    world.kill();
    world.open_unchecked().unwrap();
    for name in ["a", "b", "c", "in memory"] {
        assert!(world.has(name), "{name}");
    }
}

#[test]
fn ten_minutes_after_a_jump_the_time_is_believed() {
    let mut world = world();
    world.clock.jump(YEAR);
    world.settle();
    world.clock.advance(10 * 60_000);
    world.settle();
    assert_eq!(world.store().stats().reaped, 4);
}

#[test]
fn what_expired_only_by_a_clock_that_was_put_right_is_never_removed() {
    let mut world = world();
    world.clock.jump(YEAR);
    world.settle();
    world.clock.advance(60_000);
    world.clock.jump(-YEAR);
    world.settle();
    assert!(!world.has("a"), "time does not go backwards inside a process");
    for _ in 0..20 {
        world.clock.advance(60_000);
        world.settle();
        world.checkpoint();
    }
    assert_eq!(world.store().stats().reaped, 0);
    world.kill();
    world.open_unchecked().unwrap();
    for name in ["a", "b", "c", "in memory"] {
        assert!(world.has(name), "{name}");
    }
}

#[test]
fn a_jump_is_reported_once() {
    let mut world = world();
    let jumps = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&jumps);
    let subscription = world.store().subscribe(move |event| {
        if let Event::ClockJumped { by_millis } = event {
            noted.lock().push(*by_millis);
        }
    });
    world.advance(5000);
    world.clock.jump(59_000);
    world.settle();
    assert!(jumps.lock().is_empty(), "less than a minute is no jump");
    world.clock.jump(2000);
    world.settle();
    world.settle();
    assert_eq!(*jumps.lock(), [61_000]);
    drop(subscription);
    world.clock.jump(YEAR);
    world.settle();
    assert_eq!(jumps.lock().len(), 1, "a subscription that was dropped is called");
}

#[test]
fn time_does_not_go_back_with_the_wall_clock() {
    let mut world = world();
    world.set("short", 10, 1000);
    world.settle();
    world.pass(1000);
    assert!(!world.has("short"));
    world.clock.jump(-500);
    assert!(!world.has("short"), "an expired session came back to life");
    world.settle();
    world.clock.jump(-YEAR);
    world.settle();
    assert!(!world.has("short"));
    assert!(world.has("a"));
    // And goes on from where it was, so that what lives still ends.
    world.clock.advance(HOUR);
    world.settle();
    assert!(!world.has("a"));
}

#[test]
fn an_asked_for_checkpoint_goes_on_while_reaping_pauses() {
    let mut world = world();
    world.clock.jump(YEAR);
    world.settle();
    let before = world.store().stats().checkpoints;
    world.checkpoint();
    assert_eq!(world.store().stats().checkpoints, before + 1);
    assert_eq!(world.store().stats().base_sessions, 4);
}
