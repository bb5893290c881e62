//! Callbacks run on a thread of their own: they may write, close, let go of the last handle, and panic.

mod real;

use std::sync::mpsc::channel;
use std::time::Duration;

use real::{Place, destroy, far, id, open, payload, set};
use sessile::{Error, Store};

/// Longer than anything takes but a deadlock.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_write_from_inside_a_completion_callback_does_not_deadlock() {
    let place = Place::new();
    let store = open(&place.store());
    let (done, finished) = channel();
    fn chain(store: Store, left: usize, done: std::sync::mpsc::Sender<()>) {
        if left == 0 {
            return done.send(()).unwrap();
        }
        let commit = store.set(&id(format!("{left}")), b"1".as_slice(), Some(far())).unwrap();
        let next = store.clone();
        let sent = done.clone();
        // Also a wait, which needs the committer while the completion thread is here.
        let callback = move |result: Result<(), Error>| {
            result.unwrap();
            destroy(&next, format!("{left}"));
            set(&next, format!("again {left}"), "1");
            chain(next, left - 1, sent);
        };
        if let Some(result) = commit.on_complete(callback) {
            result.unwrap();
            chain(store, left - 1, done);
        }
    }
    chain(store.clone(), 100, done);
    finished.recv_timeout(PATIENCE).expect("a callback that writes deadlocked");
    store.flush().unwrap();
    assert!(payload(&store, "again 1").is_some() || payload(&store, "1").is_some());
}

#[test]
fn closing_from_inside_a_completion_callback_does_not_deadlock() {
    for _ in 0..20 {
        let place = Place::new();
        let store = open(&place.store());
        let (done, finished) = channel();
        loop {
            let (inner, done) = (store.clone(), done.clone());
            let commit = store.set(&id("a"), b"1".as_slice(), Some(far())).unwrap();
            let called = commit.on_complete(move |result| {
                result.unwrap();
                inner.close().unwrap();
                drop(inner);
                done.send(()).unwrap();
            });
            if called.is_none() {
                break;
            }
        }
        finished.recv_timeout(PATIENCE).expect("a callback that closes deadlocked");
        drop(store);
        assert_eq!(payload(&open(&place.store()), "a").as_deref(), Some(b"1".as_slice()));
    }
}

#[test]
fn the_last_handle_may_be_dropped_inside_a_completion_callback() {
    let place = Place::new();
    let (done, finished) = channel();
    let store = open(&place.store());
    let last = store.clone();
    let commit = store.set(&id("a"), b"1".as_slice(), Some(far())).unwrap();
    drop(store);
    let called = commit.on_complete(move |result| {
        result.unwrap();
        drop(last);
        done.send(()).unwrap();
    });
    if called.is_none() {
        finished.recv_timeout(PATIENCE).expect("a callback that drops the last handle deadlocked");
    }
    assert_eq!(payload(&open(&place.store()), "a").as_deref(), Some(b"1".as_slice()));
}

#[test]
fn a_callback_that_panics_stops_nobody_else() {
    let place = Place::new();
    let store = open(&place.store());
    let (done, finished) = channel();
    for i in 0..50 {
        let done = done.clone();
        let commit = store.set(&id(format!("{i}")), b"1".as_slice(), Some(far())).unwrap();
        let panics = i % 2 == 0;
        let callback = move |_| {
            done.send(()).unwrap();
            if panics {
                std::panic::resume_unwind(Box::new("a callback's own failure"));
            }
        };
        if let Some(result) = commit.on_complete(callback) {
            result.unwrap();
        }
    }
    drop(done);
    while finished.recv_timeout(PATIENCE).is_ok() {}
    set(&store, "after", "1");
    store.close().unwrap();
}
