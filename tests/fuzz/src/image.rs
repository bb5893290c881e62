//! A store's directory with damage, opened and read, with salvage and without.
//!
//! Whatever the damage is, opening answers with a store or an error. A store that opens answers every read with a
//! session or an error, goes on taking writes, and comes to rest. Damage of the kind that disks do never makes a
//! session of bytes that were not stored under its id.
//!
//! An input is the image of a directory, by its number, and the edits made to it.

pub mod edit;
pub mod files;
pub mod payload;

use std::path::Path;
use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use sessile::simulation::Simulation;
use sessile::{Durability, Error, SessionId, Store, Timestamp};
use sessile_tests::clock::HandClock;
use sessile_tests::disk::SimulatedDisk;

use crate::options::options;
use crate::watch::watched;
use edit::Edit;
use files::IMAGES;

/// More of them make no other kinds of damage.
const EDITS_MAX: usize = 12;
/// No image has so many pages of sessions.
const PAGES_MAX: usize = 1000;

/// Runs one input.
pub fn run(input: &[u8]) {
    watched(|| open_damaged(&mut Unstructured::new(input)));
}

fn open_damaged(input: &mut Unstructured<'_>) {
    let Ok(number) = u8::arbitrary(input) else { return };
    let image = &IMAGES[usize::from(number) % IMAGES.len()];
    let disk = image.disk();
    let mut is_of_disks = true;
    for _ in 0..EDITS_MAX {
        if input.is_empty() {
            break;
        }
        let Ok(edit) = Edit::arbitrary(input) else { break };
        is_of_disks &= edit.is_of_disks();
        edit.apply(&disk, image);
    }
    let salvaged = disk.moment().after_kill();
    Opened { disk, now: image.now, ids: &image.ids, is_of_disks }.look(false);
    Opened { disk: salvaged, now: image.now, ids: &image.ids, is_of_disks }.look(true);
}

struct Opened<'a> {
    disk: SimulatedDisk,
    now: Timestamp,
    ids: &'a [String],
    /// Every edit is something that disks do, so that checksums have to notice it.
    is_of_disks: bool,
}

impl Opened<'_> {
    fn open(&self, salvage: bool) -> Option<Simulation> {
        let storage = Arc::new(self.disk.clone());
        let clock = Arc::new(HandClock::at(self.now));
        let opened = Simulation::open_with(options(Durability::Fsync), storage, clock, salvage);
        known(opened).map(|(simulation, _)| simulation)
    }

    fn look(&self, salvage: bool) {
        let Some(simulation) = self.open(salvage) else { return };
        let store = simulation.store();
        simulation.settle();
        self.read(store);
        let written = write(&simulation);
        self.read(store);
        let _copied = known(simulation.backup(Path::new("/backup")));
        drop(simulation);
        let Some(simulation) = self.open(false) else { return };
        if written && let Some(session) = known(simulation.store().get(&new_id())) {
            let session = session.expect("a session that was acknowledged after the damage is there or an error");
            assert_eq!(&*session.payload, b"written after the damage");
        }
        simulation.settle();
    }

    fn read(&self, store: &Store) {
        let _len = known(store.len());
        for name in self.ids {
            let id = SessionId::new(name.as_str()).expect("an id");
            if let Some(Some(session)) = known(store.get(&id)) {
                self.check(name, &session.payload);
            }
        }
        let mut after = None;
        for _ in 0..PAGES_MAX {
            let Some(page) = known(store.scan(after.as_ref(), 5)) else { return };
            for (id, session) in page.sessions {
                if id != new_id() {
                    self.check(&String::from_utf8_lossy(id.as_bytes()), &session.payload);
                }
            }
            assert!(page.next.is_none() || page.next > after, "a scan that goes back");
            after = page.next;
            if after.is_none() {
                return;
            }
        }
        panic!("a scan without an end");
    }

    fn check(&self, name: &str, payload: &[u8]) {
        assert!(!self.is_of_disks || payload::is_of(name, payload), "{name} has a payload that was never stored");
    }
}

fn new_id() -> SessionId {
    SessionId::new("written after the damage").expect("an id")
}

/// Stores a session and has it moved into the base. Whether it was acknowledged.
fn write(simulation: &Simulation) -> bool {
    let commit = simulation.store().set(&new_id(), b"written after the damage".as_slice(), None);
    simulation.settle();
    simulation.ask_checkpoint();
    simulation.settle();
    known(commit).is_some_and(|commit| commit.is_complete() && known(commit.wait()).is_some())
}

/// An answer, unless it is an error. None says that the store does not know what it met.
fn known<T>(answer: Result<T, Error>) -> Option<T> {
    assert!(!matches!(answer, Err(Error::Internal { .. })), "{:?}", answer.err());
    answer.ok()
}
