//! A store belongs to one process at a time, and to everybody in it.

mod real;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use real::process::{Role, role, say, told, wait_for_the_end};
use real::{Place, destroy, far, id, in_millis, open, options, payload, scan, set};
use sessile::{Durability, Error, Options, Store};

/// Longer than anything takes but a deadlock.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "the other process of the tests about locks"]
fn holder() {
    let Some(arguments) = role() else { return };
    let store = Store::open(options(Path::new(&arguments[0])).open_timeout(PATIENCE)).unwrap();
    set(&store, "from another process", "1");
    say("open");
    match told().as_str() {
        "close" => store.close().unwrap(),
        "drop" => drop(store),
        "be killed" => wait_for_the_end(),
        what => panic!("told to {what}"),
    }
    say("closed");
    told();
}

fn start_holder(path: &Path) -> Role {
    let mut holder = Role::start("holder", &[path.to_str().unwrap()]);
    holder.expect("open");
    holder
}

#[test]
fn a_second_process_is_refused_after_its_patience_and_told_which_store() {
    let place = Place::new();
    let _holder = start_holder(&place.store());
    for timeout in [0, 300] {
        let timeout = Duration::from_millis(timeout);
        let began = Instant::now();
        let error = Store::open(options(&place.store()).open_timeout(timeout)).unwrap_err();
        assert!(began.elapsed() >= timeout, "it gave up too early");
        assert!(matches!(&error, Error::Locked { path } if *path == fs::canonicalize(place.store()).unwrap()));
        let said = error.to_string();
        assert!(said.contains(place.store().to_str().unwrap()) && said.contains("another process"), "{said}");
    }
}

#[test]
fn a_waiting_opener_gets_in_when_the_first_process_lets_go() {
    for way in ["close", "drop", "be killed"] {
        let place = Place::new();
        let mut holder = start_holder(&place.store());
        std::thread::scope(|scope| {
            let opener = scope.spawn(|| Store::open(options(&place.store()).open_timeout(PATIENCE)).unwrap());
            std::thread::sleep(Duration::from_millis(50));
            assert!(!opener.is_finished(), "it opened a store that another process had");
            holder.tell(way);
            if way == "be killed" {
                holder.kill();
            } else {
                holder.expect("closed");
            }
            let store = opener.join().unwrap();
            assert_eq!(payload(&store, "from another process").as_deref(), Some(b"1".as_slice()), "{way}");
        });
    }
}

#[test]
fn a_closed_store_is_free_for_another_process_at_once() {
    let place = Place::new();
    let store = open(&place.store());
    store.close().unwrap();
    let mut holder = start_holder(&place.store());
    holder.tell("close");
    holder.expect("closed");
    // The other process still runs, and the store is free.
    open(&place.store()).close().unwrap();
    holder.finish();
}

#[test]
fn openers_in_one_process_share_the_store() {
    let place = Place::new();
    let first = open(&place.store());
    fs::create_dir(place.path().join("d")).unwrap();
    std::os::unix::fs::symlink(place.store(), place.path().join("link")).unwrap();
    let ways = [place.store(), place.path().join("d/../sessions"), place.path().join("link")];
    for (index, way) in ways.iter().enumerate() {
        let other = open(way);
        let name = format!("{index}");
        set(&first, &name, "1");
        assert_eq!(payload(&other, &name).as_deref(), Some(b"1".as_slice()), "through {}", way.display());
        other.close().unwrap();
        assert!(matches!(other.get(&id(&name)), Err(Error::Closed { .. })));
        assert!(payload(&first, &name).is_some(), "the others' store is still open");
    }
}

#[test]
fn clones_of_a_handle_close_together_and_other_handles_stay_open() {
    let place = Place::new();
    let (one, other) = (open(&place.store()), open(&place.store()));
    let clone = one.clone();
    one.close().unwrap();
    assert!(matches!(clone.len(), Err(Error::Closed { .. })));
    clone.close().unwrap();
    clone.close().unwrap();
    set(&other, "a", "1");
    other.close().unwrap();
    assert!(matches!(other.set(&id("a"), b"1".as_slice(), None), Err(Error::Closed { .. })));
    assert!(matches!(other.destroy(&id("a")), Err(Error::Closed { .. })));
    assert!(matches!(other.touch(&id("a"), far()), Err(Error::Closed { .. })));
    assert!(matches!(other.flush(), Err(Error::Closed { .. })));
    assert_eq!(payload(&open(&place.store()), "a").as_deref(), Some(b"1".as_slice()));
}

#[test]
fn openers_that_disagree_are_told_about_which_option() {
    let place = Place::new();
    let mib = 1024 * 1024;
    let agreed = || options(&place.store());
    let _store = Store::open(agreed()).unwrap();
    let disagreeing: [(&str, Options); 7] = [
        ("durability", agreed().durability(Durability::Async)),
        ("cache_bytes", agreed().cache_bytes(mib)),
        ("dirty_bytes", agreed().dirty_bytes(mib)),
        ("base_cache_bytes", agreed().base_cache_bytes(mib)),
        ("log_bytes_max", agreed().log_bytes_max(128 * mib)),
        ("payload_bytes_max", agreed().payload_bytes_max(mib)),
        ("checkpoint_interval", agreed().checkpoint_interval(Duration::from_secs(1))),
    ];
    for (name, options) in disagreeing {
        let error = Store::open(options).unwrap_err();
        assert!(matches!(&error, Error::OptionsConflict { option, .. } if *option == name), "{name}: {error}");
        let said = error.to_string();
        assert!(said.contains(name) && said.contains(place.store().to_str().unwrap()), "{said}");
    }
}

#[test]
fn ttl_and_open_timeout_belong_to_the_handle() {
    let place = Place::new();
    let short = Store::open(options(&place.store()).ttl(Duration::from_secs(60))).unwrap();
    let long = Store::open(options(&place.store()).ttl(Duration::from_secs(6000)).open_timeout(PATIENCE)).unwrap();
    for (store, seconds) in [(&short, 60), (&long, 6000)] {
        let name = id(format!("{seconds}"));
        let before = in_millis(seconds * 1000);
        store.set(&name, b"".as_slice(), None).unwrap().wait().unwrap();
        let expires_at = long.get(&name).unwrap().unwrap().expires_at;
        assert!(before <= expires_at && expires_at <= in_millis(seconds * 1000));
    }
}

#[test]
fn a_store_dropped_without_close_loses_nothing() {
    for durability in [Durability::Fsync, Durability::Write, Durability::Async] {
        let place = Place::new();
        let options = || options(&place.store()).durability(durability);
        let store = Store::open(options()).unwrap();
        for i in 0..500 {
            // Not waited for: ending well includes what is still under way.
            drop(store.set(&id(format!("{i}")), vec![7; i], Some(far())).unwrap());
        }
        drop(store.destroy(&id("3")).unwrap());
        drop(store.touch(&id("4"), far().saturating_add(Duration::from_secs(1))).unwrap());
        drop(store);
        let store = Store::open(options()).unwrap();
        assert_eq!(store.len().unwrap(), 499, "{durability:?}");
        for i in (0..500).filter(|i| *i != 3) {
            assert_eq!(payload(&store, format!("{i}")), Some(vec![7; i]), "{durability:?}");
        }
        assert!(store.get(&id("4")).unwrap().unwrap().expires_at > far(), "{durability:?}");
    }
}

#[test]
fn the_last_of_many_to_close_closes_and_reopening_finds_everything() {
    let place = Place::new();
    for round in 0..20 {
        let start = Barrier::new(4);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (place, start) = (&place, &start);
                scope.spawn(move || {
                    start.wait();
                    // Opening while others close must share, wait, or open anew; never fail.
                    let store = Store::open(options(&place.store()).open_timeout(PATIENCE)).unwrap();
                    set(&store, format!("{round}-{thread}"), "1");
                    if thread % 2 == 0 { store.close().unwrap() } else { drop(store) }
                });
            }
        });
    }
    assert_eq!(open(&place.store()).len().unwrap(), 80);
}

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
            .cache_bytes(50_000)
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

/// Counts what the process has open: threads and files.
fn belongings() -> (usize, usize) {
    let count = |path| fs::read_dir(path).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

#[test]
#[ignore = "the process in which nothing but the leak test has threads and files"]
fn opener() {
    let Some(arguments) = role() else { return };
    let cycle = |i: usize| {
        let options = options(Path::new(&arguments[0])).payload_bytes_max(1).log_bytes_max(4 * 1024 * 1024);
        let store = Store::open(options).unwrap();
        if i.is_multiple_of(10) {
            drop(store.set(&id(format!("{i}")), b"1".as_slice(), Some(far())).unwrap());
        }
        if i.is_multiple_of(2) { store.close().unwrap() } else { drop(store) }
    };
    cycle(0);
    let before = belongings();
    for i in 1..2000 {
        cycle(i);
    }
    assert_eq!(belongings(), before, "threads and files, after and before");
    assert_eq!(open(Path::new(&arguments[0])).len().unwrap(), 200);
    say("nothing leaked");
}

#[test]
fn two_thousand_cycles_of_open_and_close_leak_no_thread_and_no_file() {
    // On a disk of memory where there is one: it is not the disk that is tested.
    let memory = tempfile::Builder::new().prefix("sessile-test-").tempdir_in("/dev/shm").ok();
    let place = memory.map_or_else(Place::new, Place::from);
    let mut opener = Role::start("opener", &[place.store().to_str().unwrap()]);
    opener.expect("nothing leaked");
    opener.finish();
}
