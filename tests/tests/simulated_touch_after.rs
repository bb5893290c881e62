//! A touch that moves expiry by little is not logged: in memory it is exact, and a crash leaves the expiry earlier by
//! less than was allowed, however many of them there were.
//!
//! The failure guarded against: small steps that are never written add up, and somebody who has used the site all day
//! is logged out by a restart.

use std::time::Duration;

use sessile::{Durability, Options, Timestamp};
use sessile_tests::world::{World, id, small_options};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

fn options(touch_after: Option<u64>) -> Options {
    let options = Options::new(sessile_tests::world::PATH)
        .log_bytes_max(4 << 20)
        .payload_bytes_max(1 << 20)
        .base_cache_bytes(1 << 20)
        .checkpoint_interval(Duration::from_secs(24 * 60 * 60));
    match touch_after {
        None => options,
        Some(millis) => options.touch_after(Duration::from_millis(millis)),
    }
}

fn world(touch_after: Option<u64>) -> World {
    World::new(options(touch_after), Durability::Fsync)
}

fn touch(world: &mut World, name: &str, millis: u64) {
    drop(world.store().touch(&id(name), world.in_millis(millis)).unwrap());
    world.settle();
}

/// When a session expires, in milliseconds since 1970.
fn expiry_of(world: &World, name: &str) -> u64 {
    world.store().get(&id(name)).unwrap().expect("it lives").expires_at.as_millis()
}

/// By how much a session expires earlier after a crash.
fn lost_by_a_crash(world: &mut World, name: &str) -> u64 {
    world.advance(2 * SECOND);
    let before = expiry_of(world, name);
    world.restart_unchecked();
    world.settle();
    before - expiry_of(world, name)
}

/// How many bytes of the log are used.
fn logged(world: &World) -> u64 {
    world.store().stats().log_bytes_used
}

#[test]
fn a_slight_touch_is_exact_in_memory_and_not_logged() {
    let mut world = world(None);
    world.set("a", 10, 100 * MINUTE);
    world.advance(2 * SECOND);
    let before = logged(&world);
    for _ in 0..10 {
        world.pass(SECOND);
        touch(&mut world, "a", 100 * MINUTE);
        assert_eq!(expiry_of(&world, "a"), world.in_millis(100 * MINUTE).as_millis());
    }
    world.advance(2 * SECOND);
    assert_eq!(logged(&world), before);
    assert_eq!(lost_by_a_crash(&mut world, "a"), 12 * SECOND);
}

#[test]
fn slight_touches_are_logged_once_they_add_up() {
    // A hundredth of what is left, up to a minute.
    for (lifetime, allowed) in [(10 * MINUTE, 6 * SECOND), (100 * MINUTE, MINUTE), (1000 * HOUR, MINUTE)] {
        let mut world = world(None);
        world.set("a", 10, lifetime);
        world.settle();
        for _ in 0..50 {
            world.pass(2500);
            touch(&mut world, "a", lifetime);
        }
        let lost = lost_by_a_crash(&mut world, "a");
        assert!(lost < allowed, "{lost} of {allowed} ms");
    }
}

#[test]
fn a_touch_by_more_than_is_allowed_is_logged() {
    for (touch_after, moved) in [(None, MINUTE), (Some(5 * SECOND), 5 * SECOND), (Some(0), 1)] {
        let mut world = world(touch_after);
        world.set("a", 10, HOUR * 1000);
        world.settle();
        touch(&mut world, "a", HOUR * 1000 + moved);
        assert_eq!(lost_by_a_crash(&mut world, "a"), 0, "{touch_after:?}");
    }
}

#[test]
fn a_touch_that_shortens_is_logged_however_little_it_moves() {
    let mut world = world(None);
    world.set("a", 10, HOUR);
    world.settle();
    touch(&mut world, "a", HOUR + SECOND);
    let commit = world.store().touch(&id("a"), world.in_millis(HOUR + 1)).unwrap();
    assert!(!commit.is_complete());
    world.settle();
    assert!(commit.is_complete());
    assert_eq!(lost_by_a_crash(&mut world, "a"), 0);
}

#[test]
fn a_checkpoint_takes_slight_touches_along() {
    for cache_bytes in [0, 1 << 20] {
        let mut world = World::new(options(None).cache_bytes(cache_bytes), Durability::Fsync);
        world.set("a", 10, 1000 * HOUR);
        world.settle();
        for _ in 0..2 {
            world.advance(40 * SECOND);
            let before = logged(&world);
            touch(&mut world, "a", 1000 * HOUR);
            world.advance(2 * SECOND);
            // Counted from what the base has: each is slight, although together they are not.
            assert_eq!(logged(&world), before);
            world.checkpoint();
        }
        assert_eq!(lost_by_a_crash(&mut world, "a"), 0);
    }
}

#[test]
fn touches_that_are_not_logged_do_not_fill_memory() {
    for cache_bytes in [0, 64 << 20] {
        touch_many(World::new(options(None).dirty_bytes(1 << 20).cache_bytes(cache_bytes), Durability::Fsync));
    }
}

/// More than the budget of changed sessions has room for, slightly.
fn touch_many(mut world: World) {
    let names: Vec<String> = (0..8_000).map(|name| format!("a session with an id of some length {name}")).collect();
    for part in names.chunks(500) {
        part.iter().for_each(|name| world.set(name, 10, 1000 * HOUR));
        world.checkpoint();
    }
    assert!(!world.simulation().is_overloaded());
    let checkpoints = world.store().stats().checkpoints;
    for name in &names {
        drop(world.store().touch(&id(name), world.in_millis(1000 * HOUR + SECOND)).unwrap());
        while world.simulation().step_reader() {}
    }
    assert!(world.simulation().is_overloaded(), "the test touches too few to show anything");
    // Nobody else wakes it.
    assert!(world.simulation().is_rung());
    world.settle();
    assert!(!world.simulation().is_overloaded());
    assert!(world.store().stats().checkpoints > checkpoints);
    world.set("a", 10, HOUR);
}

/// Writes other sessions, one after the other, until so much of the log is used.
fn fill(world: &mut World, bytes: u64) {
    for round in 0.. {
        if logged(world) >= bytes {
            return;
        }
        world.set(&format!("hot {}", round % 9), 50_000, 1000 * HOUR);
        world.simulation().step_committer();
        world.poll();
    }
}

/// Touches a session so that it expires later than it does by so much.
fn prolong(world: &World, name: &str, by_millis: u64) {
    let expires_at = Timestamp::from_millis(expiry_of(world, name) + by_millis);
    drop(world.store().touch(&id(name), expires_at).unwrap());
}

#[test]
fn a_checkpoint_of_the_older_half_does_not_run_ahead_of_the_touches_behind_it() {
    let mut halves = 0;
    for touched_at in (1..12).map(|eighth| eighth << 17) {
        let small = small_options(Durability::Fsync).touch_after(Duration::from_secs(60));
        let mut world = World::new(small, Durability::Fsync);
        world.set("a", 10, HOUR);
        fill(&mut world, touched_at);
        // In the log, and in memory alone.
        prolong(&world, "a", 70 * SECOND);
        prolong(&world, "a", 59 * SECOND);
        fill(&mut world, 3 << 19);
        let before = world.store().stats();
        world.settle();
        let after = world.store().stats();
        if after.checkpoints == before.checkpoints + 1 && after.checkpoint_sessions < 9 {
            halves += 1;
        }
        prolong(&world, "a", 59 * SECOND);
        let lost = lost_by_a_crash(&mut world, "a");
        assert!(lost < 60 * SECOND, "{lost} ms");
    }
    assert!(halves > 3, "{halves} checkpoints of the older half");
}

#[test]
fn touch_after_is_no_more_than_half_of_what_is_left() {
    let mut world = world(Some(HOUR));
    world.set("a", 10, 30 * MINUTE);
    world.settle();
    for _ in 0..40 {
        world.pass(MINUTE);
        touch(&mut world, "a", 30 * MINUTE);
    }
    assert!(lost_by_a_crash(&mut world, "a") < 15 * MINUTE);
}

#[test]
fn all_touches_are_logged_where_that_is_asked_for() {
    let mut world = World::new(small_options(Durability::Fsync), Durability::Fsync);
    world.set("a", 10, HOUR);
    world.settle();
    touch(&mut world, "a", HOUR + 1);
    assert_eq!(lost_by_a_crash(&mut world, "a"), 0);
}
