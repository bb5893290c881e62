//! `clear` is one operation: what was there before it is gone for good, what comes after it stays.
//!
//! The failure guarded against: a session of before reappears from the base, which is emptied only later,
//! or one of after is swept away with the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sessile_tests::disk::{Action, Loss};
use sessile_tests::world::{World, id};

const HOUR: u64 = 3_600_000;

fn filled() -> World {
    let mut world = World::small();
    for name in ["base 1", "base 2", "base 3"] {
        world.set(name, 100, HOUR);
    }
    world.checkpoint();
    world.set("memory", 100, HOUR);
    world.set("base 1", 200, HOUR);
    world.settle();
    world
}

#[test]
fn nothing_is_left_after_a_clear() {
    let mut world = filled();
    world.clear();
    assert_eq!(world.store().len().unwrap(), 0);
    world.check();
    world.settle();
    world.check();
    world.checkpoint();
    assert_eq!(world.store().stats().base_sessions, 0, "the base is emptied with the next checkpoint");
    world.check();
}

#[test]
fn an_acknowledged_clear_survives_a_power_loss_before_the_base_is_emptied() {
    let mut world = filled();
    world.clear();
    world.set("base 2", 50, HOUR);
    world.settle();
    assert_eq!(world.waiting(), 0);
    for seed in 0..3 {
        world.lose_power(Loss::of_round(seed), seed);
        world.check();
        assert!(world.has("base 2") && !world.has("base 1") && !world.has("base 3"));
    }
    world.checkpoint();
    world.restart();
    world.check();
}

#[test]
fn what_is_set_after_a_clear_is_new_and_known_without_a_lookup() {
    let mut world = filled();
    world.pass(1000);
    world.clear();
    world.set("base 1", 10, HOUR);
    world.commit();
    assert_eq!(world.waiting(), 0);
    assert_eq!(world.get("base 1").unwrap().created_at, world.now());
    assert_eq!(world.store().len().unwrap(), 1);
    world.touch("base 2", HOUR);
    world.check();
}

#[test]
fn a_clear_called_while_a_checkpoint_commits_removes_what_it_commits() {
    let mut world = filled();
    let store = world.store();
    world.disk.once(|event| event.is_on_base(Action::Write), move || drop(store.clear().unwrap()));
    world.checkpoint();
    for _ in 0..2 {
        for name in ["base 1", "base 2", "base 3", "memory"] {
            assert!(world.store().get(&id(name)).unwrap().is_none(), "{name}");
        }
        assert_eq!(world.store().len().unwrap(), 0);
        assert!(world.scan().unwrap().is_empty());
        world.kill();
        world.open_unchecked().unwrap();
    }
    world.checkpoint();
    assert_eq!(world.store().stats().base_sessions, 0);
}

/// The commit of the old state may not make the new one believe that the base, or its index, has it.
#[test]
fn a_session_set_after_a_clear_during_a_commit_is_removed_at_its_expiry() {
    let mut world = filled();
    let store = world.store();
    let expires_at = world.in_millis(2 * HOUR);
    world.disk.once(
        |event| event.is_on_base(Action::Write),
        move || {
            drop(store.clear().unwrap());
            drop(store.set(&id("memory"), *b"new", Some(expires_at)).unwrap());
        },
    );
    world.checkpoint();
    world.checkpoint();
    assert_eq!(world.store().stats().base_sessions, 1);
    world.restart_unchecked();
    assert_eq!(world.store().len().unwrap(), 1);
    world.advance(2 * HOUR);
    assert_eq!(world.store().stats().reaped, 1);
    assert_eq!(world.store().stats().base_sessions, 0);
}

#[test]
fn a_clear_called_while_the_reaper_commits_leaves_nothing_and_no_miscount() {
    let mut world = filled();
    world.set("expires", 10, 1000);
    world.checkpoint();
    let store = world.store();
    world.pass(1000);
    world.disk.once(|event| event.is_on_base(Action::Write), move || drop(store.clear().unwrap()));
    world.settle();
    assert_eq!(world.store().len().unwrap(), 0);
    world.checkpoint();
    assert_eq!(world.store().len().unwrap(), 0);
    let expires_at = world.in_millis(HOUR);
    drop(world.store().set(&id("next"), *b"x", Some(expires_at)).unwrap());
    world.settle();
    assert_eq!(world.store().len().unwrap(), 1);
    world.kill();
    world.open_unchecked().unwrap();
    assert_eq!(world.store().len().unwrap(), 1);
}

/// The clear begins the count anew: what the reaper has read before counts neither as there nor as removed.
#[test]
fn a_clear_called_while_the_reaper_reads_what_is_due_leaves_no_miscount() {
    let mut reads = 0;
    while clear_at_read_of_the_reaper(reads) {
        reads += 1;
    }
    assert!(reads >= 2, "the reaper read from memory");
}

/// Clears the store when the reaper has read from the disk this often before. Returns whether it did.
fn clear_at_read_of_the_reaper(reads_before: u64) -> bool {
    let mut world = World::small();
    world.set("expires", 100, 10_000);
    world.fill_base();
    world.checkpoint();
    world.restart_unchecked();
    world.evict_pages();
    world.pass(10_000);
    let store = world.store();
    let (mut reads, mut is_writing) = (0, false);
    let called = Arc::new(AtomicBool::new(false));
    let by_hook = Arc::clone(&called);
    world.disk.after_each(move |event| {
        is_writing |= event.is_on_base(Action::Write);
        reads += u64::from(event.is_on_base(Action::Read));
        if reads == reads_before + 1 && !is_writing && !by_hook.swap(true, Ordering::Relaxed) {
            drop(store.clear().unwrap());
        }
    });
    world.settle();
    let called = called.load(Ordering::Relaxed);
    if called {
        let expires_at = world.in_millis(HOUR);
        drop(world.store().set(&id("next"), *b"x", Some(expires_at)).unwrap());
        world.settle();
        assert_eq!(world.store().len().unwrap(), 1);
        world.checkpoint();
        assert_eq!(world.store().len().unwrap(), 1);
    }
    called
}

#[test]
fn a_clear_of_an_empty_store_is_acknowledged() {
    let mut world = World::small();
    world.clear();
    world.settle();
    assert_eq!(world.waiting(), 0);
    world.restart();
    world.check();
}
