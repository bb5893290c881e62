//! Expiry is exact to the millisecond on every read, whether or not the reaper has been there.
//!
//! The failure guarded against: a session that is over can still be used until something cleans up.

use sessile::Durability;
use sessile_tests::world::{World, small_options};

const HOUR: u64 = 3_600_000;

fn check_last_millisecond(mut world: World, name: &str, expires_in: u64) {
    world.pass(expires_in - 1);
    assert!(world.has(name));
    assert_eq!(world.store().len().unwrap(), 1);
    assert_eq!(world.scan().unwrap().len(), 1);
    world.pass(1);
    assert!(!world.has(name));
    assert_eq!(world.store().len().unwrap(), 0);
    assert_eq!(world.scan().unwrap().len(), 0);
    assert_eq!(world.store().stats().reaped, 0, "this test is about what is not reaped");
}

#[test]
fn a_session_in_memory_expires_to_the_millisecond() {
    let mut world = World::small();
    world.set("a", 10, 5000);
    world.settle();
    check_last_millisecond(world, "a", 5000);
}

#[test]
fn a_session_in_the_base_expires_to_the_millisecond() {
    let mut world = World::small();
    world.set("a", 10, 5000);
    world.checkpoint();
    world.kill();
    world.open_unchecked().unwrap();
    check_last_millisecond(world, "a", 5000);
}

#[test]
fn a_session_that_memory_had_to_drop_expires_to_the_millisecond() {
    let mut world = World::new(small_options(Durability::Fsync).cache_bytes(0), Durability::Fsync);
    world.set("a", 10, HOUR);
    world.checkpoint();
    world.touch("a", 5000);
    world.settle();
    check_last_millisecond(world, "a", 5000);
}

#[test]
fn a_session_that_was_only_replayed_expires_to_the_millisecond() {
    let mut world = World::small();
    world.set("a", 10, HOUR);
    world.checkpoint();
    world.touch("a", 5000);
    world.settle();
    world.kill();
    world.open_unchecked().unwrap();
    check_last_millisecond(world, "a", 5000);
}

#[test]
fn an_expired_session_set_again_is_a_new_one() {
    let mut world = World::small();
    world.set("a", 10, 1000);
    world.settle();
    world.pass(1000);
    world.set("a", 20, HOUR);
    world.settle();
    assert_eq!(world.get("a").unwrap().created_at, world.now());
    world.check();
}

#[test]
fn a_set_without_an_expiry_lives_for_the_ttl() {
    let options = small_options(Durability::Fsync).ttl(std::time::Duration::from_millis(1500));
    let world = World::new(options, Durability::Fsync);
    let id = sessile_tests::world::id("a");
    drop(world.store().set(&id, *b"payload", None).unwrap());
    assert_eq!(world.store().get(&id).unwrap().unwrap().expires_at, world.in_millis(1500));
}
