//! What the fuzz targets begin with and what they have found, run once each.
//!
//! The failure guarded against: something that a fuzz target has found comes back, and nobody runs that target.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sessile::simulation::Simulation;
use sessile::{Durability, SessionId};
use sessile_fuzz_runs::image::files::{IMAGES, NAMES};
use sessile_fuzz_runs::inputs::{TARGETS, directory};
use sessile_fuzz_runs::options::options;
use sessile_tests::clock::HandClock;

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn run(target: &str) {
    let run = TARGETS.iter().find(|(name, _)| *name == target).unwrap().1;
    let inputs: Vec<PathBuf> =
        ["seeds", "regressions"].iter().flat_map(|kind| files(&directory().join(kind).join(target))).collect();
    assert!(!inputs.is_empty(), "{target} has no seeds; `make fuzz-seeds` writes them");
    for path in inputs {
        let input = std::fs::read(&path).unwrap();
        if let Err(panic) = std::panic::catch_unwind(|| run(&input)) {
            let found = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            panic!("{}: {found}", path.display());
        }
    }
}

#[test]
fn every_input_of_a_log_is_replayed_or_refused() {
    run("log");
}

#[test]
fn every_input_of_a_record_is_decoded_or_refused() {
    run("records");
}

#[test]
fn every_damaged_directory_opens_or_is_an_error() {
    run("image");
}

#[test]
fn every_history_agrees_with_the_model() {
    run("history");
}

#[test]
fn every_sequence_of_calls_is_answered() {
    run("calls");
}

#[test]
fn every_image_is_a_store_with_sessions() {
    for (image, name) in IMAGES.iter().zip(NAMES) {
        let (storage, clock) = (Arc::new(image.disk()), Arc::new(HandClock::at(image.now)));
        let simulation = Simulation::open(options(Durability::Fsync), storage, clock).unwrap();
        let living = simulation.store().len().unwrap();
        assert!(living >= if name == "cleared" { 1 } else { 10 }, "{name} has {living} sessions");
        for id in &image.ids {
            simulation.store().get(&SessionId::new(id.as_str()).unwrap()).unwrap();
        }
    }
}
