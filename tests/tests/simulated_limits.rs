//! Every option that bounds something does, and what is out of range is refused before anything happened.

use std::time::Duration;

use sessile::simulation::{self, Clock, Simulation};
use sessile::{Durability, Error, Options, SessionId, Timestamp};
use sessile_tests::clock::HandClock;
use sessile_tests::disk::{Action, SimulatedDisk};
use sessile_tests::world::{PATH, World, id, small_options};
use std::sync::Arc;

const HOUR: u64 = 3_600_000;
const MIB: u64 = 1 << 20;

#[test]
fn options_out_of_range_are_refused_by_name() {
    let refused = [
        ("path", Options::new("")),
        ("ttl", small_options(Durability::Fsync).ttl(Duration::ZERO)),
        ("ttl", small_options(Durability::Fsync).ttl(Duration::MAX)),
        ("dirty_bytes", small_options(Durability::Fsync).dirty_bytes(MIB - 1)),
        ("base_cache_bytes", small_options(Durability::Fsync).base_cache_bytes(0)),
        ("payload_bytes_max", small_options(Durability::Fsync).payload_bytes_max(0)),
        ("payload_bytes_max", small_options(Durability::Fsync).payload_bytes_max(17 * MIB)),
        ("log_bytes_max", small_options(Durability::Fsync).log_bytes_max(4 * MIB - 1)),
        ("log_bytes_max", small_options(Durability::Fsync).payload_bytes_max(2 * MIB)),
        ("checkpoint_interval", small_options(Durability::Fsync).checkpoint_interval(Duration::ZERO)),
        ("checkpoint_interval", small_options(Durability::Fsync).checkpoint_interval(Duration::MAX)),
    ];
    for (name, options) in refused {
        let disk = SimulatedDisk::default();
        // As applications open it: a simulation takes them as they are.
        let opened = simulation::open(options, Arc::new(disk.clone()), Arc::new(HandClock::default()));
        match opened.map(drop) {
            Err(Error::InvalidOption { option, .. }) => assert_eq!(option, name),
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(disk.events(), 0, "{name}: something was written all the same");
    }
}

#[test]
fn ids_and_payloads_over_their_limits_are_refused() {
    assert!(matches!(SessionId::new(""), Err(Error::InvalidId { len: 0 })));
    assert!(matches!(SessionId::new([7; 257]), Err(Error::InvalidId { len: 257 })));
    let mut world = World::small();
    let longest = "x".repeat(256);
    world.set(&longest, MIB as usize, HOUR);
    world.settle();
    let refused = world.try_set("a", MIB as usize + 1, HOUR);
    assert!(matches!(refused, Err(Error::ValueTooLarge { bytes, bytes_max }) if bytes == MIB + 1 && bytes_max == MIB));
    world.set("empty", 0, HOUR);
    world.checkpoint();
    world.restart();
    world.check();
    assert!(world.has(&longest) && world.has("empty"));
}

#[test]
fn an_expiry_of_zero_is_refused_and_one_in_the_past_is_over_at_once() {
    let world = World::small();
    let store = world.store();
    assert!(matches!(store.set(&id("a"), *b"x", Some(Timestamp::MIN)), Err(Error::InvalidArgument { .. })));
    assert!(matches!(store.touch(&id("a"), Timestamp::MIN), Err(Error::InvalidArgument { .. })));
    drop(store.set(&id("a"), *b"x", Some(Timestamp::from_millis(1))).unwrap());
    assert!(store.get(&id("a")).unwrap().is_none());
    drop(store.set(&id("b"), *b"x", Some(Timestamp::MAX)).unwrap());
    world.simulation().settle();
    assert_eq!(store.get(&id("b")).unwrap().unwrap().expires_at, Timestamp::MAX);
    assert_eq!(store.len().unwrap(), 1);
}

#[test]
fn unchanged_sessions_stay_within_cache_bytes() {
    let mut world = World::new(small_options(Durability::Fsync).cache_bytes(50_000), Durability::Fsync);
    for number in 0..40 {
        world.set(&format!("{number}"), 5000, HOUR);
        world.advance(10);
    }
    world.checkpoint();
    world.check();
    let stats = world.store().stats();
    assert!(stats.cache_bytes <= 50_000, "{} bytes", stats.cache_bytes);
    assert!(stats.evictions >= 30);
    assert_eq!(stats.dirty_bytes, 0);
}

#[test]
fn far_above_dirty_bytes_sets_are_refused_until_a_checkpoint() {
    let options = small_options(Durability::Fsync).dirty_bytes(MIB).log_bytes_max(64 * MIB);
    let mut world = World::new(options, Durability::Fsync);
    let mut accepted = 0;
    // Maintenance does not run.
    while accepted < 100 {
        match world.try_set(&format!("{accepted}"), 60_000, HOUR) {
            Ok(()) => accepted += 1,
            Err(Error::Overloaded { dirty_bytes }) => {
                assert!(dirty_bytes > 2 * MIB);
                break;
            }
            Err(error) => panic!("{error}"),
        }
        world.commit();
    }
    assert!((20..100).contains(&accepted), "{accepted} sets of 60,000 bytes in a budget of 1 MiB");
    world.checkpoint();
    world.set("again", 10, HOUR);
    world.settle();
    world.check();
}

#[test]
fn a_touch_far_above_dirty_bytes_is_not_logged_and_still_reaches_the_base() {
    let options = small_options(Durability::Fsync).dirty_bytes(MIB).log_bytes_max(64 * MIB);
    let mut world = World::new(options, Durability::Fsync);
    world.set("kept", 100, HOUR);
    world.checkpoint();
    let mut number = 0;
    while world.try_set(&format!("{number}"), 60_000, HOUR).is_ok() {
        number += 1;
        world.commit();
        assert!(number < 100, "never overloaded");
    }
    let batches = world.store().stats().batch_operations;
    let later = world.in_millis(5 * HOUR);
    assert!(world.store().touch(&id("kept"), later).unwrap().is_complete());
    world.commit();
    assert_eq!(world.store().stats().batch_operations, batches, "it went to the log");
    world.checkpoint();
    world.kill();
    world.open_unchecked().unwrap();
    world.settle();
    assert_eq!(world.store().scan(None, 1000).unwrap().sessions.last().unwrap().1.expires_at, later);
}

/// It has no number by which the checkpoint could tell that it came while its session was being committed.
#[test]
fn a_touch_that_is_not_logged_while_its_session_is_committed_reaches_the_base_with_the_next_checkpoint() {
    let options = small_options(Durability::Fsync).dirty_bytes(MIB).log_bytes_max(64 * MIB);
    let mut world = World::new(options, Durability::Fsync);
    world.set("kept", 100, HOUR);
    let mut number = 0;
    while world.try_set(&format!("{number}"), 60_000, HOUR).is_ok() {
        number += 1;
        world.commit();
        assert!(number < 100, "never overloaded");
    }
    let store = world.store();
    let later = world.in_millis(5 * HOUR);
    world.disk.once(|event| event.is_on_base(Action::Write), move || drop(store.touch(&id("kept"), later).unwrap()));
    world.checkpoint();
    world.checkpoint();
    world.kill();
    world.open_unchecked().unwrap();
    assert_eq!(world.get("kept").unwrap().expires_at, later);
}

#[test]
fn the_base_has_everything_a_checkpoint_interval_later() {
    let options = small_options(Durability::Fsync).checkpoint_interval(Duration::from_secs(5));
    let mut world = World::new(options, Durability::Fsync);
    world.set("a", 10, HOUR);
    world.advance(4900);
    assert_eq!(world.store().stats().base_sessions, 0);
    world.advance(200);
    assert_eq!(world.store().stats().base_sessions, 1);
    let before = world.store().stats().checkpoints;
    world.advance(60_000);
    assert_eq!(world.store().stats().checkpoints, before, "a checkpoint of nothing");
}

#[test]
fn a_store_that_somebody_has_open_is_locked() {
    let world = World::small();
    let clock: Arc<dyn Clock> = Arc::clone(&world.clock) as _;
    let second = Simulation::open(small_options(Durability::Fsync), Arc::new(world.disk.clone()), clock);
    assert!(matches!(second.map(drop), Err(Error::Locked { path }) if path == std::path::Path::new(PATH)));
}

/// A touch that moves expiry earlier takes place in the log's queue like every other write.
#[test]
fn touches_that_shorten_are_bounded_like_other_writes() {
    let mut world = World::small();
    world.set("a", 100, 1000 * HOUR);
    world.checkpoint();
    let store = world.store();
    let queued_bytes_max = (4 << 20) / 8 * 2;
    // The committer does not run.
    let refused = (1..100_000_u64).find_map(|number| {
        let expires_at = world.in_millis(1000 * HOUR - number);
        store.touch(&id("a"), expires_at).err()
    });
    let Some(Error::Overloaded { dirty_bytes }) = refused else { panic!("{refused:?}") };
    assert!(dirty_bytes < queued_bytes_max + 100, "{dirty_bytes} bytes");
    let before = world.get("a").unwrap().expires_at;
    let later = world.in_millis(2000 * HOUR);
    assert!(store.touch(&id("a"), later).unwrap().is_complete(), "one that extends goes on in memory");
    assert_eq!(world.get("a").unwrap().expires_at, later);
    assert!(matches!(store.touch(&id("a"), before), Err(Error::Overloaded { .. })));
    assert_eq!(world.get("a").unwrap().expires_at, later);
    world.settle();
    assert!(!store.touch(&id("a"), before).unwrap().is_complete());
    world.settle();
    assert_eq!(world.get("a").unwrap().expires_at, before);
}
