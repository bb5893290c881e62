//! The last handle that closes, or is dropped, leaves nothing behind: no session unwritten, no file open.

mod real;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use real::process::{Role, role, say};
use real::{Place, far, id, open, options, payload, set};
use sessile::{Durability, Error, Store};

/// Longer than anything takes but a deadlock.
const PATIENCE: Duration = Duration::from_secs(60);

/// The store's files that this process has open.
fn open_files(path: &Path) -> Vec<PathBuf> {
    let links = fs::read_dir("/proc/self/fd").unwrap();
    let targets = links.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
    targets.filter(|target| target.starts_with(path)).collect()
}

#[test]
fn a_closed_store_keeps_no_file_and_no_memory() {
    let place = Place::new();
    let store = open(&place.store());
    let path = fs::canonicalize(place.store()).unwrap();
    for number in 0..200 {
        store.set(&id(format!("{number}")), vec![1; 20_000], None).unwrap().wait().unwrap();
    }
    assert!(store.stats().cache_bytes + store.stats().dirty_bytes > 200 * 20_000);
    assert!(open_files(&path).len() > 3, "{:?}", open_files(&path));
    store.close().unwrap();
    let stats = store.stats();
    assert_eq!((stats.cache_bytes, stats.dirty_bytes), (0, 0));
    assert_eq!(open_files(&path), Vec::<PathBuf>::new());
}

#[test]
fn a_closed_store_does_not_open_its_base_again() {
    let place = Place::new();
    let store = open(&place.store());
    let path = fs::canonicalize(place.store()).unwrap();
    set(&store, "a", "1");
    store.close().unwrap();
    let _figures = store.stats();
    assert!(store.get(&id("a")).is_err() && store.len().is_err());
    assert_eq!(open_files(&path), Vec::<PathBuf>::new(), "another process may have the store by now");
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
        drop(store.touch(&id("4"), far().saturating_add(Duration::from_secs(100))).unwrap());
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

const CYCLES: usize = 2000;
/// After so many of them the process says that it is still at it: on a busy machine all of them take a while.
const CYCLES_SAID: usize = 100;

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
    for i in 1..CYCLES {
        cycle(i);
        if i.is_multiple_of(CYCLES_SAID) {
            say("goes on");
        }
    }
    // A thread that was joined is listed until the system has cleared it away.
    let asked = Instant::now();
    while belongings() > before && asked.elapsed() < PATIENCE {
        thread::yield_now();
    }
    assert!(belongings() <= before, "threads and files: {:?} after and {before:?} before", belongings());
    assert_eq!(open(Path::new(&arguments[0])).len().unwrap(), CYCLES as u64 / 10);
    say("nothing leaked");
}

#[test]
fn two_thousand_cycles_of_open_and_close_leak_no_thread_and_no_file() {
    // On a disk of memory where there is one: it is not the disk that is tested.
    let memory = tempfile::Builder::new().prefix("sessile-test-").tempdir_in("/dev/shm").ok();
    let place = memory.map_or_else(Place::new, Place::from);
    let mut opener = Role::start("opener", &[place.store().to_str().unwrap()]);
    for _ in 1..CYCLES / CYCLES_SAID {
        opener.expect("goes on");
    }
    opener.expect("nothing leaked");
    opener.finish();
}
