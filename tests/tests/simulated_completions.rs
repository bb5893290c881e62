//! No code of the application runs on the committer: its callbacks have a place of their own.
//!
//! The failure guarded against: a callback that writes and waits stops the thread that would serve it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sessile::{Commit, Error, Store};
use sessile_tests::world::{World, id};

const HOUR: u64 = 3_600_000;

#[test]
fn callbacks_run_in_the_step_of_completions_and_nowhere_else() {
    let mut world = World::small();
    world.set("a", 10, HOUR);
    world.checkpoint();
    world.kill();
    world.open_unchecked().unwrap();
    world.settle();
    let called = Arc::new(AtomicUsize::new(0));
    let (for_read, for_write) = (Arc::clone(&called), Arc::clone(&called));
    let read = world.store().get_async(&id("a"), move |_| {
        for_read.fetch_add(1, Ordering::SeqCst);
    });
    assert!(read.is_none());
    let expires_at = world.in_millis(HOUR);
    let commit = world.store().set(&id("b"), *b"payload", Some(expires_at)).unwrap();
    let write = commit.on_complete(move |_| {
        for_write.fetch_add(1, Ordering::SeqCst);
    });
    assert!(write.is_none());
    for _ in 0..3 {
        world.simulation().step_committer();
        world.simulation().step_reader();
        world.simulation().step_maintenance();
    }
    assert_eq!(called.load(Ordering::SeqCst), 0);
    while world.simulation().step_completions() {}
    assert_eq!(called.load(Ordering::SeqCst), 2, "each is called once");
}

/// A touch to the expiry that a write is bringing is acknowledged with that write: both wait for one number.
#[test]
fn those_that_wait_for_the_same_write_are_all_called() {
    for is_new in [true, false] {
        let mut world = World::small();
        if !is_new {
            world.set("a", 10, 2 * HOUR);
            world.settle();
        }
        let (store, expires_at) = (world.store(), world.in_millis(HOUR));
        let called = Arc::new(AtomicUsize::new(0));
        let ask = |commit: Commit| {
            let called = Arc::clone(&called);
            let at_once = commit.on_complete(move |answer| {
                answer.unwrap();
                called.fetch_add(1, Ordering::SeqCst);
            });
            assert!(at_once.is_none(), "it waits for the disk");
        };
        ask(store.set(&id("a"), *b"payload", Some(expires_at)).unwrap());
        ask(store.touch(&id("a"), expires_at).unwrap());
        ask(store.touch(&id("a"), expires_at).unwrap());
        world.settle();
        assert_eq!(called.load(Ordering::SeqCst), 3, "new: {is_new}");
    }
}

#[test]
fn a_callback_may_write() {
    let world = World::small();
    let done = Arc::new(AtomicUsize::new(0));
    write_again(&world.store(), 5, &done);
    for _ in 0..20 {
        world.simulation().settle();
    }
    assert_eq!(done.load(Ordering::SeqCst), 5);
    assert_eq!(world.store().len().unwrap(), 5);
}

/// A chain of writes, each called by the completion of the one before it.
fn write_again(store: &Store, left: usize, done: &Arc<AtomicUsize>) {
    if left == 0 {
        return;
    }
    let commit = store.set(&id(&format!("{left}")), *b"payload", None).unwrap();
    let (next, done) = (store.clone(), Arc::clone(done));
    let at_once = commit.on_complete(move |result| {
        result.unwrap();
        done.fetch_add(1, Ordering::SeqCst);
        write_again(&next, left - 1, &done);
    });
    assert!(at_once.is_none());
}

/// A call may pass the handle's check and then be overtaken by a whole close. There is nobody left then to write
/// what it submits, nor to look up what it waits for.
#[test]
fn a_call_that_a_close_overtakes_is_refused_and_not_left_waiting() {
    let world = World::small();
    let store = world.store();
    let expires_at = world.in_millis(HOUR);
    world.simulation().end_operations();
    let refused = |error: Option<Error>| assert!(matches!(error, Some(Error::Closed { .. })), "{error:?}");
    refused(store.set(&id("a"), *b"payload", Some(expires_at)).err());
    refused(store.touch(&id("b"), expires_at).err());
    refused(store.destroy(&id("c")).err());
    refused(store.clear().err());
    refused(store.get(&id("d")).err());
    refused(store.get_async(&id("e"), |_| {}).and_then(Result::err));
}

#[test]
fn a_task_is_run_later_or_refused_and_never_forgotten() {
    let world = World::small();
    let store = world.store();
    let called = Arc::new(AtomicUsize::new(0));
    let count = |called: &Arc<AtomicUsize>| {
        let called = Arc::clone(called);
        move || {
            called.fetch_add(1, Ordering::SeqCst);
        }
    };
    store.run_later(count(&called)).unwrap();
    assert_eq!(called.load(Ordering::SeqCst), 0, "never from within the call");
    world.simulation().step_completions();
    assert_eq!(called.load(Ordering::SeqCst), 1);
    world.simulation().end_completions();
    assert!(matches!(store.run_later(count(&called)), Err(Error::Closed { .. })));
}
