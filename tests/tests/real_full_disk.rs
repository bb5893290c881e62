//! A full disk stops writing, and nothing else: reads go on, nothing acknowledged is lost, and writing goes
//! on by itself once there is room.

mod real;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use real::{Mount, Place, far, id, options, payload, until};
use sessile::simulation::{self, Clock, SystemClock};
use sessile::{Durability, Error, Event, Store, Timestamp};

const MIB: usize = 1024 * 1024;
const HOUR_MILLIS: u64 = 3_600_000;
/// Longer than anything takes but a hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// A small disk with a store on it and something else that takes up room.
struct SmallDisk {
    store: PathBuf,
    ballast: PathBuf,
    // In this order: the disk goes before the place it is mounted in.
    _mount: Mount,
    _place: Place,
}

impl SmallDisk {
    fn new(test: &str) -> Option<Self> {
        let place = Place::new();
        let path = place.path().join("disk");
        let mount = Mount::new(test, &path, "size=24m")?;
        let disk = Self { store: path.join("sessions"), ballast: path.join("ballast"), _mount: mount, _place: place };
        fs::write(&disk.ballast, vec![1; 12 * MIB]).unwrap();
        Some(disk)
    }

    fn open(&self, durability: Durability) -> Store {
        Store::open(small(&self.store).durability(durability)).unwrap()
    }
}

fn small(path: &Path) -> sessile::Options {
    options(path)
        .payload_bytes_max(MIB as u64)
        .log_bytes_max(4 * MIB as u64)
        .base_cache_bytes(MIB as u64)
        .cache_bytes(100_000)
        .checkpoint_interval(Duration::from_millis(100))
}

fn content(number: usize) -> Vec<u8> {
    let mut content = vec![number as u8; 30_000];
    content[..8].copy_from_slice(&(number as u64).to_le_bytes());
    content
}

/// One write and what became of it. A write that is never answered fails the test.
fn write(store: &Store, number: usize) -> Result<(), Error> {
    write_until(store, number, far())
}

fn write_until(store: &Store, number: usize, expires_at: Timestamp) -> Result<(), Error> {
    let (sender, answer) = channel();
    let commit = store.set(&id(format!("{number}")), content(number), Some(expires_at))?;
    match commit.on_complete(move |result| sender.send(result).unwrap()) {
        Some(result) => result,
        None => answer.recv_timeout(PATIENCE).expect("a write was never answered"),
    }
}

/// Writes until there is no room. Returns how many were acknowledged.
fn fill(store: &Store) -> usize {
    fill_until(store, far())
}

fn fill_until(store: &Store, expires_at: Timestamp) -> usize {
    for number in 0.. {
        match write_until(store, number, expires_at) {
            Ok(()) => assert!(number < 2000, "the disk does not get full"),
            Err(Error::DiskFull { path }) => {
                assert!(path.to_str().unwrap().contains("sessions"), "{}", path.display());
                return number;
            }
            Err(error) => panic!("write {number}: {error}"),
        }
    }
    unreachable!()
}

fn check(store: &Store, acknowledged: usize) {
    for number in 0..acknowledged {
        assert!(payload(store, format!("{number}")) == Some(content(number)), "session {number}");
    }
}

#[test]
fn a_full_disk_refuses_writes_goes_on_reading_and_heals_by_itself() {
    for durability in [Durability::Fsync, Durability::Write] {
        let Some(disk) = SmallDisk::new("a_full_disk_refuses_writes") else { return };
        let store = disk.open(durability);
        let (sender, events) = channel();
        let _subscription = store.subscribe(move |event| {
            if let Event::BackgroundError(error) = event {
                drop(sender.send(error.clone()));
            }
        });
        let acknowledged = fill(&store);
        assert!(acknowledged > 50, "only {acknowledged} fitted");
        check(&store, acknowledged);
        assert!(!store.is_poisoned(), "a full disk is not a broken one");
        // Refused, again and again, without a hang; some may still fit.
        for number in 10_000..10_020 {
            match write(&store, number) {
                Ok(()) | Err(Error::DiskFull { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        check(&store, acknowledged);
        assert!(store.len().unwrap() >= acknowledged as u64);
        let event = events.recv_timeout(PATIENCE).expect("nobody was told in the background");
        assert!(matches!(event, Error::DiskFull { .. }), "{event}");

        fs::remove_file(&disk.ballast).unwrap();
        // Nobody flushes or reopens. A write that the log still had room for may be followed by one that
        // has to wait for the checkpoint, so it takes as many as go through that.
        let mut next = 20_000;
        while next < 20_050 {
            until("writes are accepted again", || write(&store, next).is_ok());
            next += 1;
        }
        store.flush().unwrap();
        for number in next..next + 50 {
            write(&store, number).unwrap();
        }
        check(&store, acknowledged);
        store.close().unwrap();

        let store = disk.open(durability);
        check(&store, acknowledged);
        for number in 20_000..next + 50 {
            assert!(payload(&store, format!("{number}")) == Some(content(number)), "session {number}");
        }
        store.close().unwrap();
    }
}

#[test]
fn what_is_destroyed_or_cleared_on_a_full_disk_makes_room_for_what_comes() {
    for clear in [false, true] {
        let Some(disk) = SmallDisk::new("what_is_destroyed_or_cleared_on_a_full_disk") else { return };
        let store = disk.open(Durability::Fsync);
        let acknowledged = fill(&store);
        // Taken, and written as soon as there is room: who waits may be told that there is none yet.
        let removed = |commit: sessile::Commit| match commit.wait() {
            Ok(()) | Err(Error::DiskFull { .. }) => {}
            Err(error) => panic!("{error}"),
        };
        if clear {
            removed(store.clear().unwrap());
        } else {
            for number in (0..acknowledged).filter(|number| number % 4 > 0) {
                removed(store.destroy(&id(format!("{number}"))).unwrap());
            }
        }
        // Nobody frees anything.
        for number in 40_000..40_050 {
            until("writes are accepted again", || write(&store, number).is_ok());
        }
        store.close().unwrap();
        let store = disk.open(Durability::Fsync);
        for number in 0..acknowledged {
            let stays = !clear && number % 4 == 0;
            assert_eq!(payload(&store, format!("{number}")).is_some(), stays, "session {number}");
        }
        for number in 40_000..40_050 {
            assert!(payload(&store, format!("{number}")) == Some(content(number)), "session {number}");
        }
    }
}

/// The machine's clock, and how far a test has moved it.
#[derive(Debug, Default)]
struct MovedClock {
    machine: SystemClock,
    ahead_millis: AtomicU64,
}

impl Clock for MovedClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.machine.wall().as_millis() + self.ahead_millis.load(Ordering::SeqCst))
    }

    fn monotonic_millis(&self) -> u64 {
        self.machine.monotonic_millis() + self.ahead_millis.load(Ordering::SeqCst)
    }
}

#[test]
fn what_expires_on_a_full_disk_makes_room_for_what_comes() {
    let Some(disk) = SmallDisk::new("what_expires_on_a_full_disk") else { return };
    let clock = Arc::new(MovedClock::default());
    let open = || simulation::open(small(&disk.store), Arc::new(simulation::Disk), clock.clone()).unwrap();
    let store = open();
    let in_an_hour = || Timestamp::from_millis(clock.wall().as_millis() + HOUR_MILLIS);
    let acknowledged = fill_until(&store, in_an_hour());
    clock.ahead_millis.fetch_add(2 * HOUR_MILLIS, Ordering::SeqCst);
    // Nobody frees anything.
    for number in 40_000..40_050 {
        until("writes are accepted again", || write_until(&store, number, in_an_hour()).is_ok());
    }
    store.close().unwrap();
    let store = open();
    assert_eq!(store.len().unwrap(), 50);
    assert!(payload(&store, format!("{}", acknowledged - 1)).is_none());
    for number in 40_000..40_050 {
        assert!(payload(&store, format!("{number}")) == Some(content(number)), "session {number}");
    }
}

#[test]
fn what_was_acknowledged_on_a_full_disk_is_there_when_the_store_is_opened_again() {
    let Some(disk) = SmallDisk::new("what_was_acknowledged_on_a_full_disk") else { return };
    let store = disk.open(Durability::Fsync);
    let acknowledged = fill(&store);
    drop(store);
    // There may or may not be room to open it; if not, it says so.
    match Store::open(small(&disk.store)) {
        Ok(store) => check(&store, acknowledged),
        Err(error) => assert!(matches!(error, Error::DiskFull { .. }), "{error}"),
    }
    fs::remove_file(&disk.ballast).unwrap();
    let store = disk.open(Durability::Fsync);
    check(&store, acknowledged);
    write(&store, 30_000).unwrap();
    store.close().unwrap();
    check(&disk.open(Durability::Fsync), acknowledged);
}

#[test]
fn sessions_destroyed_before_the_disk_was_full_stay_gone() {
    let Some(disk) = SmallDisk::new("sessions_destroyed_before_the_disk_was_full") else { return };
    let store = disk.open(Durability::Fsync);
    let mut expected = BTreeMap::new();
    for number in 0..100 {
        write(&store, number).unwrap();
        expected.insert(number, number % 3 != 0);
        if number % 3 == 0 {
            store.destroy(&id(format!("{number}"))).unwrap().wait().unwrap();
        }
    }
    for number in 1000.. {
        if write(&store, number).is_err() {
            break;
        }
    }
    // A logout on a full disk is refused or holds.
    let mut logged_out = Vec::new();
    for number in [1, 2, 4, 5] {
        match store.destroy(&id(format!("{number}"))).and_then(sessile::Commit::wait) {
            Ok(()) => logged_out.push(number),
            Err(error) => assert!(matches!(error, Error::DiskFull { .. }), "{error}"),
        }
    }
    drop(store);
    fs::remove_file(&disk.ballast).unwrap();
    let store = disk.open(Durability::Fsync);
    for (number, is_there) in expected {
        let found = payload(&store, format!("{number}")).is_some();
        if logged_out.contains(&number) {
            assert!(!found, "session {number} came back");
        } else if ![1, 2, 4, 5].contains(&number) {
            assert_eq!(found, is_there, "session {number}");
        }
    }
}

#[test]
fn no_store_is_made_on_a_full_disk_and_none_is_left_half_made() {
    let Some(disk) = SmallDisk::new("no_store_is_made_on_a_full_disk") else { return };
    let rest = disk.ballast.with_file_name("rest");
    let mut bytes = vec![2; 12 * MIB];
    while fs::write(&rest, &bytes).is_err() {
        bytes.truncate(bytes.len() - 4096);
    }
    let error = Store::open(small(&disk.store)).unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    fs::remove_file(&rest).unwrap();
    let store = disk.open(Durability::Fsync);
    write(&store, 1).unwrap();
    store.close().unwrap();
}

#[test]
fn a_backup_that_finds_no_room_fails_and_leaves_nothing() {
    let Some(disk) = SmallDisk::new("a_backup_that_finds_no_room") else { return };
    let store = disk.open(Durability::Write);
    for number in 0..120 {
        write(&store, number).unwrap();
    }
    store.flush().unwrap();
    let copy = disk.store.with_file_name("copy");
    let rest = disk.ballast.with_file_name("rest");
    let mut bytes = vec![2; 12 * MIB];
    while fs::write(&rest, &bytes).is_err() {
        bytes.truncate(bytes.len() - 4096);
    }
    let error = store.backup(&copy).unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    let left: Vec<_> = fs::read_dir(copy.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
    check(&store, 120);
    fs::remove_file(&rest).unwrap();
    fs::remove_file(&disk.ballast).unwrap();
    until("a backup succeeds", || store.backup(&copy).is_ok());
    check(&Store::open(small(&copy)).unwrap(), 120);
}
