//! A session is gone in the very millisecond it expires; its space comes back without anybody waiting.
//!
//! Time here is the machine's. Nothing is asserted about how long anything takes: reads are compared with
//! the clock before and after them, and what happens in the background is waited for.

mod real;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use real::{Place, far, id, in_millis, open, options, payload, scan, set, until};
use sessile::{Durability, Store, Timestamp};

/// Reads until the session is gone, and compares each answer with the clock.
fn watch(what: &str, expires_at: Timestamp, is_there: impl Fn() -> bool) {
    let mut reads = 0;
    loop {
        let before = Timestamp::now();
        let found = is_there();
        let after = Timestamp::now();
        reads += 1;
        if found {
            assert!(before < expires_at, "{what}: there {before}, although it expired {expires_at}");
        } else {
            assert!(after >= expires_at, "{what}: gone {after}, although it expires {expires_at}");
            break;
        }
    }
    assert!(reads > 0);
}

#[test]
fn a_session_is_gone_in_the_millisecond_it_expires() {
    let place = Place::new();
    let options = || options(&place.store()).cache_bytes(0);
    let store = Store::open(options()).unwrap();
    let expires_at = in_millis(300);
    for name in ["changed", "counted", "scanned"] {
        store.set(&id(name), b"1".as_slice(), Some(expires_at)).unwrap().wait().unwrap();
    }
    watch("one that the base does not have", expires_at, || store.get(&id("changed")).unwrap().is_some());

    let expires_at = in_millis(500);
    store.set(&id("in the base"), b"1".as_slice(), Some(expires_at)).unwrap().wait().unwrap();
    store.close().unwrap();
    let store = Store::open(options()).unwrap();
    watch("one that only the base has", expires_at, || store.get(&id("in the base")).unwrap().is_some());

    let expires_at = in_millis(300);
    store.set(&id("scanned"), b"1".as_slice(), Some(expires_at)).unwrap().wait().unwrap();
    watch("a scan", expires_at, || !scan(&store, 10).is_empty());

    let expires_at = in_millis(300);
    store.set(&id("counted"), b"1".as_slice(), Some(expires_at)).unwrap().wait().unwrap();
    watch("the count", expires_at, || store.len().unwrap() == 1);
}

#[test]
fn the_handles_ttl_is_what_a_session_lives_without_an_expiry_of_its_own() {
    let place = Place::new();
    let store = Store::open(options(&place.store()).ttl(Duration::from_millis(200))).unwrap();
    store.set(&id("a"), b"1".as_slice(), None).unwrap().wait().unwrap();
    let session = store.get(&id("a")).unwrap();
    let expires_at = session.map_or_else(Timestamp::now, |session| session.expires_at);
    watch("by ttl", expires_at, || store.get(&id("a")).unwrap().is_some());
}

#[test]
fn an_expired_session_is_not_touched_back_to_life() {
    let place = Place::new();
    let store = open(&place.store());
    let expires_at = in_millis(50);
    store.set(&id("a"), b"1".as_slice(), Some(expires_at)).unwrap().wait().unwrap();
    watch("a", expires_at, || store.get(&id("a")).unwrap().is_some());
    store.touch(&id("a"), far()).unwrap().wait().unwrap();
    assert!(store.get(&id("a")).unwrap().is_none());
    drop(store);
    assert!(open(&place.store()).get(&id("a")).unwrap().is_none());
}

#[test]
fn a_new_session_under_an_expired_id_is_created_anew() {
    let place = Place::new();
    let store = open(&place.store());
    let expires_at = in_millis(50);
    store.set(&id("a"), b"1".as_slice(), Some(expires_at)).unwrap().wait().unwrap();
    watch("a", expires_at, || store.get(&id("a")).unwrap().is_some());
    set(&store, "a", "2");
    assert!(store.get(&id("a")).unwrap().unwrap().created_at >= expires_at);
}

#[test]
fn the_reaper_removes_what_expired_and_counts_it() {
    let place = Place::new();
    let store = open(&place.store());
    let expires_at = in_millis(400);
    for i in 0..100 {
        drop(store.set(&id(format!("in the base {i}")), b"1".as_slice(), Some(expires_at)).unwrap());
    }
    store.flush().unwrap();
    for i in 0..100 {
        drop(store.set(&id(format!("in memory {i}")), b"1".as_slice(), Some(expires_at)).unwrap());
    }
    set(&store, "stays", "1");
    // Nobody reads or writes: it happens by itself.
    until("everything that expired is reaped", || store.stats().reaped == 200);
    assert_eq!(store.len().unwrap(), 1);
    store.flush().unwrap();
    assert_eq!(store.stats().base_sessions, 1);
    assert_eq!(store.stats().reaped, 200);
    store.close().unwrap();
    assert_eq!(open(&place.store()).len().unwrap(), 1);
}

#[test]
fn the_reaper_leaves_what_was_touched() {
    let place = Place::new();
    let store = open(&place.store());
    let expires_at = in_millis(1000);
    for i in 0..100 {
        drop(store.set(&id(format!("{i}")), b"1".as_slice(), Some(expires_at)).unwrap());
    }
    store.flush().unwrap();
    for i in 0..50 {
        store.touch(&id(format!("{i}")), far()).unwrap().wait().unwrap();
    }
    assert!(Timestamp::now() < expires_at, "this machine is too slow for the test");
    until("the others are reaped", || store.stats().reaped == 50);
    store.flush().unwrap();
    store.reap().unwrap();
    assert_eq!(store.stats().reaped, 50);
    store.close().unwrap();
    let store = open(&place.store());
    for i in 0..100 {
        let session = store.get(&id(format!("{i}"))).unwrap();
        assert_eq!(session.map(|session| session.expires_at), (i < 50).then_some(far()));
    }
}

#[test]
fn what_expired_while_the_store_was_closed_is_reaped_after_opening() {
    let place = Place::new();
    let store = open(&place.store());
    let expires_at = in_millis(100);
    for i in 0..20 {
        drop(store.set(&id(format!("{i}")), b"1".as_slice(), Some(expires_at)).unwrap());
    }
    set(&store, "stays", "1");
    store.flush().unwrap();
    for i in 20..40 {
        drop(store.set(&id(format!("{i}")), b"1".as_slice(), Some(expires_at)).unwrap());
    }
    drop(store);
    until("they have expired", || Timestamp::now() >= expires_at);
    let store = open(&place.store());
    assert_eq!(store.len().unwrap(), 1);
    until("the base holds one session", || {
        store.flush().unwrap();
        store.reap().unwrap();
        store.stats().base_sessions == 1
    });
    assert!(payload(&store, "stays").is_some());
}

/// Ends the threads that watch it, also where the test fails.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_hundred_thousand_that_expire_at_once_are_reaped_behind_reads_and_writes() {
    const SESSIONS: u64 = 100_000;
    let mut lead = 5000;
    loop {
        let place = Place::new();
        let store = Store::open(options(&place.store()).durability(Durability::Write)).unwrap();
        for i in 0..50 {
            set(&store, format!("other {i}"), "1");
        }
        let expires_at = in_millis(lead);
        for i in 0..SESSIONS {
            drop(store.set(&id(format!("{i}")), vec![1; 100], Some(expires_at)).unwrap());
        }
        store.flush().unwrap();
        if Timestamp::now() >= expires_at {
            assert!(lead < 200_000, "this machine is too slow for the test");
            lead *= 2;
            continue;
        }
        let through = AtomicBool::new(false);
        let during: Vec<u64> = std::thread::scope(|scope| {
            let foreground: Vec<_> = (0..2)
                .map(|thread| {
                    let (store, through) = (&store, &through);
                    scope.spawn(move || {
                        let mut during = 0;
                        for round in 0_u64.. {
                            if through.load(Ordering::Relaxed) {
                                break;
                            }
                            let name = format!("other {}", thread * 25 + round % 25);
                            let content = format!("{round}");
                            set(store, &name, &content);
                            assert_eq!(payload(store, &name), Some(content.into_bytes()));
                            let reaped = store.stats().reaped;
                            during += u64::from(reaped > 0 && reaped < SESSIONS);
                        }
                        during
                    })
                })
                .collect();
            let ended = Ended(&through);
            until("all are reaped", || store.stats().reaped == SESSIONS);
            drop(ended);
            foreground.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        eprintln!("writes and reads finished while the reaper was at work, by thread: {during:?}");
        assert!(during.iter().all(|during| *during > 0), "somebody waited for the reaper: {during:?}");
        assert_eq!(store.len().unwrap(), 50);
        store.close().unwrap();
        return;
    }
}
