//! Random histories, crashed at random moments, next to the model.
//!
//! The failure guarded against: an order of operations, steps, faults, crashes and openings that nobody thought
//! of, in which something acknowledged is lost or something removed comes back. `make soak` runs more of them.

use sessile_tests::random::{Kind, Tally, live};
use sessile_tests::seed::{depth, seed};

/// Says how to see a history again that fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("replay this history alone, as the first, with SESSILE_TEST_SEED={}", self.0);
        }
    }
}

/// Runs histories one after the other.
fn run(test: &str, kind: Kind, histories: u64) -> Tally {
    let first = seed(test);
    let mut tally = Tally::default();
    for seed in (0..histories * depth()).map(|number| first.wrapping_add(number)) {
        let _named = Named(seed);
        tally += live(kind, seed, 160);
    }
    println!("{test}: {tally:?}");
    tally
}

#[test]
fn whatever_is_written_and_touched_survives_crashes() {
    let tally = run("whatever_is_written_and_touched_survives_crashes", Kind::Touches, 30);
    assert!(tally.of_older_half >= 5, "{tally:?}");
    assert!(tally.closes > 0 && tally.backups > 0 && tally.salvages > 0 && tally.other_options > 0, "{tally:?}");
}

#[test]
fn whatever_is_written_survives_crashes_and_a_failing_base() {
    let tally = run("whatever_is_written_survives_crashes_and_a_failing_base", Kind::Faults, 30);
    assert!(tally.of_older_half > 0 && tally.failed_checkpoints > 0 && tally.jumps > 0, "{tally:?}");
}

#[test]
fn whatever_is_touched_while_the_base_fails_is_there_afterwards() {
    let tally = run("whatever_is_touched_while_the_base_fails_is_there_afterwards", Kind::FaultsAndTouches, 30);
    assert!(tally.of_older_half > 0 && tally.failed_checkpoints > 0, "{tally:?}");
}

#[test]
fn whatever_is_acknowledged_survives_a_failing_log() {
    let tally = run("whatever_is_acknowledged_survives_a_failing_log", Kind::LogFaults, 30);
    assert!(tally.poisoned > 0 && tally.faults > 0 && tally.refused > 0, "{tally:?}");
}
