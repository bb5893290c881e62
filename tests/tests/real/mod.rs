//! What the tests on real disks and with real processes share.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod damage;
pub mod process;
pub mod segments;
pub mod trace;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sessile::{Options, Page, Session, SessionId, Store, Timestamp};

pub fn id(name: impl AsRef<[u8]>) -> SessionId {
    SessionId::new(name).unwrap()
}

/// A point in time that no test lives to see.
pub fn far() -> Timestamp {
    Timestamp::from_millis(4_102_444_800_000)
}

pub fn in_millis(span: u64) -> Timestamp {
    Timestamp::now().saturating_add(Duration::from_millis(span))
}

/// A place for stores that is removed with everything in it, unless the test fails.
pub struct Place {
    directory: Option<tempfile::TempDir>,
}

impl Place {
    pub fn new() -> Self {
        Self { directory: Some(tempfile::Builder::new().prefix("sessile-test-").tempdir().unwrap()) }
    }

    pub fn from(directory: tempfile::TempDir) -> Self {
        Self { directory: Some(directory) }
    }

    pub fn path(&self) -> &Path {
        self.directory.as_ref().unwrap().path()
    }

    /// Where a test that needs one store has it.
    pub fn store(&self) -> PathBuf {
        self.path().join("sessions")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(directory) = self.directory.take()
        {
            eprintln!("what the test left is in {}", directory.keep().display());
        }
    }
}

/// Options that do not wait for a lock.
pub fn options(path: &Path) -> Options {
    Options::new(path).open_timeout(Duration::ZERO)
}

pub fn open(path: &Path) -> Store {
    Store::open(options(path)).unwrap()
}

/// Sets a session that does not expire while the test runs, and waits for the acknowledgement.
pub fn set(store: &Store, name: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) {
    store.set(&id(name), payload.as_ref(), Some(far())).unwrap().wait().unwrap();
}

pub fn destroy(store: &Store, name: impl AsRef<[u8]>) {
    store.destroy(&id(name)).unwrap().wait().unwrap();
}

pub fn payload(store: &Store, name: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    store.get(&id(name)).unwrap().map(|session| session.payload.to_vec())
}

/// Every living session, by pages of `limit`.
pub fn scan(store: &Store, limit: usize) -> Vec<(SessionId, Session)> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let Page { sessions, next, .. } = store.scan(after.as_ref(), limit).unwrap();
        all.extend(sessions);
        after = next;
        if after.is_none() {
            return all;
        }
    }
}

/// Asks again and again until `what` holds; fails the test after a time that only a hang takes, and before a
/// checkpoint is due for its age, which does much that should have been done before.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "waited half a minute in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A disk of its own in memory, for as long as this lives.
pub struct Mount {
    path: PathBuf,
}

impl Mount {
    /// Mounts one with these options on `path`; `None`, visibly, where that is not allowed.
    pub fn new(test: &str, path: &Path, options: &str) -> Option<Self> {
        fs::create_dir(path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { path: path.to_owned() }),
            Ok(output) => {
                skipped(test, &format!("no disk can be mounted: {}", String::from_utf8_lossy(&output.stderr).trim()));
                None
            }
            Err(error) => {
                skipped(test, &format!("mount cannot be run: {error}"));
                None
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, where a failing test still has files open.
        let unmounted = Command::new("umount").arg("-l").arg(&self.path).status();
        if !std::thread::panicking() {
            assert!(unmounted.unwrap().success(), "{} is still mounted", self.path.display());
        }
    }
}

/// Copies a directory with everything in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Says, past the test harness's capture, that a test could not be run here.
pub fn skipped(test: &str, why: &str) {
    let line = format!("SKIPPED {test}: {why}\n");
    std::io::stderr().lock().write_all(line.as_bytes()).unwrap();
}

/// The seed of a random test: what the environment says, or a new one. Printed, so that a failure replays.
pub fn seed(variable: &str) -> u64 {
    let seed = match std::env::var(variable) {
        Ok(given) => given.parse().unwrap_or_else(|_| panic!("{variable} has to be a number, it is {given:?}")),
        Err(_) => fastrand::u64(..),
    };
    eprintln!("replay with {variable}={seed}");
    seed
}
