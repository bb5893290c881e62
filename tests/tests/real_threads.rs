//! Threads that share a store see what they wrote, and nothing else.

mod real;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use real::{Place, far, id, options, payload, scan};
use sessile::{Durability, Error, Store};

/// What thread `thread` last wrote, as its payloads say.
fn number_in(payload: &[u8]) -> u64 {
    u64::from_le_bytes(payload[..8].try_into().unwrap())
}

#[test]
fn ten_threads_see_what_they_wrote_and_only_that() {
    const OPERATIONS: u64 = 3000;
    let place = Place::new();
    // Little memory, so that entries come and go between table and base all the time.
    let options = || {
        options(&place.store())
            .durability(Durability::Write)
            .cache_bytes(5_000)
            .payload_bytes_max(1024 * 1024)
            .log_bytes_max(4 * 1024 * 1024)
            .checkpoint_interval(Duration::from_millis(100))
    };
    let store = Store::open(options()).unwrap();
    let seed = real::seed("HAMMER_SEED");
    let stop = AtomicBool::new(false);
    let written: Vec<Vec<Option<u64>>> = std::thread::scope(|scope| {
        let scanner = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let sessions = scan(&store, 50);
                assert!(sessions.is_sorted_by(|one, other| one.0 < other.0), "a scan is not in order of id");
                store.len().unwrap();
            }
        });
        let threads: Vec<_> = (0..10)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed + thread);
                    let mut last: Vec<Option<u64>> = vec![None; 100];
                    for number in 0..OPERATIONS {
                        let key = random.usize(..last.len());
                        let name = id(format!("{thread}-{key}"));
                        match random.u32(..10) {
                            0..4 => {
                                let mut content = vec![thread as u8; 8 + random.usize(..500)];
                                content[..8].copy_from_slice(&number.to_le_bytes());
                                let commit = store.set(&name, content, Some(far())).unwrap();
                                last[key] = Some(number);
                                if random.bool() {
                                    commit.wait().unwrap();
                                }
                            }
                            4 => {
                                drop(store.destroy(&name).unwrap());
                                last[key] = None;
                            }
                            5 => {
                                let later = far().saturating_add(Duration::from_millis(number));
                                drop(store.touch(&name, later).unwrap());
                            }
                            _ => {
                                let session = store.get(&name).unwrap();
                                let found = session.as_ref().map(|session| number_in(&session.payload));
                                assert_eq!(found, last[key], "{thread}-{key} at operation {number}");
                                if let Some(session) = session {
                                    assert!(session.payload[8..].iter().all(|byte| *byte == thread as u8));
                                }
                            }
                        }
                    }
                    last
                })
            })
            .collect();
        let written = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        stop.store(true, Ordering::Relaxed);
        scanner.join().unwrap();
        written
    });
    let check = |store: &Store| {
        let living = written.iter().flatten().flatten().count();
        assert_eq!(store.len().unwrap(), living as u64);
        assert_eq!(scan(store, 33).len(), living);
        for (thread, keys) in written.iter().enumerate() {
            for (key, expected) in keys.iter().enumerate() {
                let found = payload(store, format!("{thread}-{key}")).map(|payload| number_in(&payload));
                assert_eq!(found, *expected, "{thread}-{key}");
            }
        }
    };
    check(&store);
    // Whatever the checkpoints' pace was, now everything is clean, and far more than fits.
    store.flush().unwrap();
    check(&store);
    let stats = store.stats();
    assert!(stats.misses > 0 && stats.evictions > 0 && stats.checkpoints > 0, "the test missed its point: {stats:?}");
    drop(store);
    let store = Store::open(options()).unwrap();
    check(&store);
    store.close().unwrap();
    check(&Store::open(options()).unwrap());
}

#[test]
fn a_session_that_several_threads_miss_at_once_is_found_by_all() {
    const SESSIONS: usize = 2000;
    let place = Place::new();
    let options = || options(&place.store()).cache_bytes(0).durability(Durability::Write);
    let store = Store::open(options()).unwrap();
    for i in 0..SESSIONS {
        drop(store.set(&id(format!("{i}")), format!("content of {i}").into_bytes(), Some(far())).unwrap());
    }
    store.close().unwrap();
    let store = Store::open(options()).unwrap();
    let called = Arc::new(AtomicUsize::new(0));
    let asked = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, called, asked) = (&store, &called, &asked);
            scope.spawn(move || {
                for i in 0..SESSIONS {
                    let (name, expected) = (format!("{i}"), format!("content of {i}"));
                    if thread % 2 == 0 {
                        assert_eq!(payload(store, &name), Some(expected.into_bytes()));
                        continue;
                    }
                    let called = Arc::clone(called);
                    let (at_once, later) = (expected.clone(), expected);
                    let answer = store.get_async(&id(&name), move |answer| {
                        assert_eq!(&*answer.unwrap().unwrap().payload, later.as_bytes());
                        called.fetch_add(1, Ordering::Relaxed);
                    });
                    match answer {
                        Some(answer) => assert_eq!(&*answer.unwrap().unwrap().payload, at_once.as_bytes()),
                        None => drop(asked.fetch_add(1, Ordering::Relaxed)),
                    }
                }
            });
        }
    });
    assert!(asked.load(Ordering::Relaxed) > 0, "nothing was missed");
    real::until("every callback was called with what was expected", || {
        called.load(Ordering::Relaxed) == asked.load(Ordering::Relaxed)
    });
}

#[test]
fn threads_that_write_back_what_they_read_lose_nothing() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 500;
    const SESSIONS: u64 = 2;
    for durability in [Durability::Write, Durability::Async] {
        let place = Place::new();
        // Little memory, so that what was read may have to be looked up before it is written.
        let options = options(&place.store())
            .durability(durability)
            .cache_bytes(1000)
            .checkpoint_interval(Duration::from_millis(100));
        let store = Store::open(options).unwrap();
        for session in 0..SESSIONS {
            drop(store.set(&id(format!("{session}")), 0_u64.to_le_bytes().as_slice(), Some(far())).unwrap());
        }
        let conflicts = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (store, conflicts) = (&store, &conflicts);
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let name = id(format!("{}", (round + thread) % SESSIONS));
                        loop {
                            let session = store.get(&name).unwrap().unwrap();
                            let counted = (number_in(&session.payload) + 1).to_le_bytes();
                            std::thread::yield_now();
                            let set = store.set_if(&name, counted.as_slice(), Some(far()), session.version);
                            match set.and_then(sessile::Commit::wait) {
                                Ok(()) => break,
                                Err(Error::Conflict { .. } | Error::Gone { .. }) => {
                                    conflicts.fetch_add(1, Ordering::Relaxed);
                                }
                                Err(error) => panic!("{error}"),
                            }
                        }
                    }
                });
            }
        });
        let counted: u64 =
            (0..SESSIONS).map(|session| number_in(&payload(&store, format!("{session}")).unwrap())).sum();
        assert_eq!(counted, THREADS * ROUNDS, "{durability:?}");
        assert!(conflicts.load(Ordering::Relaxed) > 0, "{durability:?}: the test missed its point");
        store.close().unwrap();
    }
}
