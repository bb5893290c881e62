//! On a real disk, an acknowledgement comes after the system calls that make it true.
//!
//! The failure guarded against: everything else is proved on a simulated disk, and the few lines that turn its
//! operations into system calls turn one into nothing. A process uses a store under strace; the trace says what was
//! written and created, what was synced, and when something was acknowledged.
#![cfg(target_os = "linux")]

mod real;

use std::collections::BTreeSet;
use std::path::Path;

use real::process::{Role, role, say};
use real::trace::{Call, Unsynced, calls, is_segment, strace};
use real::{Place, destroy, open, options, set, skipped};
use sessile::{Durability, Store};

const ACKNOWLEDGED: &str = "acknowledged";
const BACKED_UP: &str = "backed up";
const DROPPED: &str = "dropped";

#[test]
fn nothing_is_acknowledged_before_its_file_and_its_names_are_synced() {
    let place = Place::new();
    let (store, copy) = (place.store(), place.path().join("copy"));
    let (store, copy) = (store.to_str().unwrap(), copy.to_str().unwrap());
    let mut acknowledged = 0;
    let disk = trace(&place, "writer", &[store, copy], |disk, said| {
        if said.line.contains(ACKNOWLEDGED) {
            acknowledged += 1;
            assert_eq!(disk.frames, BTreeSet::new(), "{}: these are not synced", said.line);
            // A segment that is being made, and the reserve, may be lost.
            let may_go = |name: &str| is_segment(name) || name.ends_with("/reserve");
            let is_needed = |name: &&String| disk.in_use.contains(*name) || (name.starts_with(store) && !may_go(name));
            assert_eq!(disk.unnamed.iter().find(is_needed), None, "{}: its name is not synced", said.line);
        } else if said.line.contains(BACKED_UP) {
            acknowledged += 1;
            for of_copy in disk.written.iter().chain(&disk.unnamed) {
                assert!(!of_copy.starts_with(copy), "{}: {of_copy} is not synced", said.line);
            }
        }
    });
    let Some(disk) = disk else { return };
    assert_eq!(acknowledged, 6, "the trace does not show what the process said");
    assert!(disk.syncs >= 6 && disk.directory_syncs >= 3, "the trace shows no syncs");
}

#[test]
#[ignore = "a process that a test traces"]
fn writer() {
    let Some(arguments) = role() else { return };
    let [path, copy] = arguments.as_slice() else { panic!("two arguments are needed") };
    let store = open(Path::new(path));
    for name in ["a", "b", "c"] {
        set(&store, name, "a payload");
        say(ACKNOWLEDGED);
    }
    destroy(&store, "a");
    say(ACKNOWLEDGED);
    store.backup(Path::new(copy)).unwrap();
    say(BACKED_UP);
    set(&store, "d", "a payload");
    say(ACKNOWLEDGED);
    store.close().unwrap();
}

/// Whatever the durability, and however the handle went: what was called before is durable.
#[test]
fn a_store_that_is_dropped_leaves_nothing_unsynced() {
    for durability in ["write", "async"] {
        let place = Place::new();
        let mut dropped = false;
        let disk = trace(&place, "dropper", &[place.store().to_str().unwrap(), durability], |disk, said| {
            if said.line.contains(DROPPED) {
                dropped = true;
                assert_eq!(disk.frames, BTreeSet::new(), "{durability}: these are not synced");
            }
        });
        let Some(disk) = disk else { return };
        assert!(dropped && !disk.in_use.is_empty(), "the trace does not show what the process did");
    }
}

#[test]
#[ignore = "a process that a test traces"]
fn dropper() {
    let Some(arguments) = role() else { return };
    let [path, durability] = arguments.as_slice() else { panic!("two arguments are needed") };
    let durability = if durability == "write" { Durability::Write } else { Durability::Async };
    let store = Store::open(options(Path::new(path)).durability(durability)).unwrap();
    set(&store, "a", "a payload");
    drop(store);
    say(DROPPED);
}

/// Runs a role under strace and calls `look` with each line that it wrote, and with what was not synced then. Returns
/// what is not synced at the end; `None`, after saying so, where nothing can be traced.
fn trace(place: &Place, name: &str, arguments: &[&str], mut look: impl FnMut(&Unsynced, &Call)) -> Option<Unsynced> {
    let trace = place.path().join("trace");
    let Some(strace) = strace(&trace) else {
        skipped(name, "strace is missing, or may not trace here");
        return None;
    };
    let mut traced = Role::start_through(strace, name, arguments);
    drop(traced.rest());
    traced.finish();
    let mut disk = Unsynced::default();
    for call in calls(&std::fs::read_to_string(&trace).unwrap()) {
        disk.called(&call);
        if call.name == "write" {
            look(&disk, &call);
        }
    }
    Some(disk)
}
