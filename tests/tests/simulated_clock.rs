//! A bogus clock destroys nothing: reads go by it, but for ten minutes after a jump nothing is removed.
//!
//! Put right in that time, it is as if it had never jumped.
//!
//! The failure guarded against: a machine boots with its clock a year ahead, and every session is gone
//! before the time is put right, or hidden until somebody restarts the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sessile::simulation::{Clock, Simulation};
use sessile::{Durability, Event, Timestamp};
use sessile_tests::clock::HandClock;
use sessile_tests::disk::SimulatedDisk;
use sessile_tests::world::{World, id, small_options};

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
fn a_jump_ahead_that_is_put_right_in_time_is_taken_back() {
    let mut world = world();
    world.clock.jump(YEAR);
    world.settle();
    world.clock.advance(60_000);
    world.settle();
    assert!(!world.has("a"));
    world.clock.jump(-YEAR);
    world.settle();
    for name in ["a", "b", "c", "in memory"] {
        assert!(world.has(name), "{name}");
    }
    assert_eq!(world.store().len().unwrap(), 4);
    world.set("by the right clock", 100, 1000);
    assert!(world.has("by the right clock"), "a new session was dead at once");
    world.settle();
    world.clock.advance(1000);
    assert!(!world.has("by the right clock"));
    world.clock.advance(HOUR);
    world.settle();
    assert_eq!(world.store().stats().reaped, 5, "what really expires is removed again");
    world.restart();
}

/// They were written by a wrong clock, and nobody can tell later: they keep what they were given.
#[test]
fn what_was_written_by_a_wrong_clock_keeps_its_times_until_it_is_written_again() {
    let mut world = world();
    world.clock.jump(YEAR);
    world.settle();
    let wrong = world.now();
    let store = world.store();
    drop(store.set(&id("meanwhile"), *b"payload", None).unwrap());
    world.settle();
    let version = store.get(&id("meanwhile")).unwrap().unwrap().version;
    world.clock.jump(-YEAR);
    world.settle();
    let day = Duration::from_secs(24 * 3600);
    let session = store.get(&id("meanwhile")).unwrap().unwrap();
    assert_eq!((session.created_at, session.expires_at), (wrong, wrong.saturating_add(day)));
    let expires_at = world.in_millis(1000);
    drop(store.touch(&id("meanwhile"), expires_at).unwrap());
    assert_eq!(store.get(&id("meanwhile")).unwrap().unwrap().expires_at, expires_at);
    drop(store.set(&id("meanwhile"), *b"payload", None).unwrap());
    let session = store.get(&id("meanwhile")).unwrap().unwrap();
    assert_eq!(session.expires_at, world.now().saturating_add(day));
    assert!(session.version > version);
    world.checkpoint();
    world.kill();
    world.open_unchecked().unwrap();
    assert_eq!(world.store().get(&id("meanwhile")).unwrap().unwrap().expires_at, session.expires_at);
}

#[test]
fn what_expired_only_by_a_clock_that_was_put_right_late_is_never_removed_again() {
    let mut world = world();
    world.clock.jump(YEAR);
    world.settle();
    world.clock.advance(10 * 60_000);
    world.settle();
    assert_eq!(world.store().stats().reaped, 4);
    world.clock.jump(-YEAR);
    world.settle();
    // The time that something was removed by stays this process's; the next one goes by the right clock.
    world.set("new", 100, HOUR);
    world.settle();
    assert!(!world.has("new"));
    for _ in 0..20 {
        world.clock.advance(60_000);
        world.settle();
        world.checkpoint();
    }
    assert_eq!(world.store().stats().reaped, 4);
    world.kill();
    world.open_unchecked().unwrap();
    assert!(world.has("new"));
}

/// A clock whose wall jumps a year ahead once it was read.
#[derive(Debug, Default)]
struct JumpingClock {
    hand: HandClock,
    jumps: AtomicBool,
}

impl Clock for JumpingClock {
    fn wall(&self) -> Timestamp {
        let wall = self.hand.wall();
        if self.jumps.swap(false, Ordering::Relaxed) {
            self.hand.jump(YEAR);
        }
        wall
    }

    fn monotonic_millis(&self) -> u64 {
        self.hand.monotonic_millis()
    }
}

#[test]
fn a_jump_right_after_the_clocks_were_compared_removes_nothing() {
    let clock = Arc::new(JumpingClock::default());
    let disk = Arc::new(SimulatedDisk::default());
    let options = small_options(Durability::Fsync);
    let simulation = Simulation::open(options, disk, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let store = simulation.store();
    for (name, ttl_millis) in [("due", 1000), ("not due", HOUR)] {
        let expires_at = clock.wall().saturating_add(Duration::from_millis(ttl_millis));
        drop(store.set(&id(name), *b"payload", Some(expires_at)).unwrap());
    }
    simulation.ask_checkpoint();
    simulation.settle();
    clock.hand.advance(1000);
    clock.jumps.store(true, Ordering::Relaxed);
    simulation.step_maintenance();
    assert_eq!(store.stats().reaped, 1);
    simulation.settle();
    assert_eq!(store.stats().reaped, 1);
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
