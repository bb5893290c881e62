//! Every short workload, crashed at every event: nothing acknowledged is lost on any disk that may be left.
//!
//! The failure guarded against: an order of a few operations, one moment in them, and one set of writes that the
//! disk happened to have done, which nobody thought of. `make crash-full` goes further in all three.

use sessile_tests::explorer::{Explorer, Thoroughness, replay};
use sessile_tests::losses::Effort;
use sessile_tests::seed::{depth, seed};
use sessile_tests::workload::{Beginnings, workloads};

/// What a failure has told to show again, and nothing else.
#[test]
fn what_a_failure_told_to_show_again() {
    if let Ok(line) = std::env::var("SESSILE_CRASH") {
        replay(&line).unwrap_or_else(|reason| panic!("{reason}"));
    }
}

/// What the notation of a failure relies on.
#[test]
fn a_workload_that_runs_again_leaves_the_same_disks() {
    let leave = |text: &str| -> Vec<_> {
        let world = Beginnings::new().run(&text.parse().unwrap()).unwrap();
        let moments = world.disk.moments();
        moments.iter().map(|moment| (moment.events, moment.pending(), moment.fingerprint())).collect()
    };
    for text in
        ["fsync: set b, set a, close, open", "async: fill a, fill b, fill a, touch a, checkpoint", "write: set a, reap"]
    {
        assert_eq!(leave(text), leave(text), "{text}");
    }
}

#[test]
fn every_short_workload_survives_a_crash_at_every_event() {
    if std::env::var_os("SESSILE_CRASH").is_some() {
        return;
    }
    let seed = seed("every_short_workload_survives_a_crash_at_every_event");
    let thoroughness = Thoroughness {
        of_workload: Effort { changes_max: 3, alone_max: 3, bytes_max: 0, tears: 1, draws: 2 },
        of_recovery: Effort { changes_max: 0, alone_max: 1, bytes_max: 0, tears: 0, draws: 1 },
        recoveries: 100_u64.div_ceil(depth()),
        seed,
    };
    let workloads: Vec<_> = workloads(3).into_iter().map(|workload| (workload, thoroughness)).collect();
    let explorer = Explorer::new();
    let explored = explorer.explore(&workloads, 2);
    println!("{}", explorer.tally);
    explored.unwrap_or_else(|reason| panic!("{reason}"));
}

/// What a process that was killed had not synced is still on its way to the disk while the next one writes.
#[test]
fn what_a_kill_left_unsynced_and_what_the_recovery_writes_may_be_lost_together() {
    let none = Effort { changes_max: 0, alone_max: 0, bytes_max: 0, tears: 0, draws: 0 };
    let thoroughness = Thoroughness {
        of_workload: none,
        of_recovery: Effort { tears: 4, draws: 8, ..none },
        recoveries: 1,
        seed: seed("what_a_kill_left_unsynced_and_what_the_recovery_writes_may_be_lost_together"),
    };
    let workloads = ["fsync: set a, checkpoint", "write: set a, set b, checkpoint"];
    let workloads: Vec<_> = workloads.iter().map(|text| (text.parse().unwrap(), thoroughness)).collect();
    let explorer = Explorer::new();
    let explored = explorer.explore(&workloads, 2);
    println!("{}", explorer.tally);
    explored.unwrap_or_else(|reason| panic!("{reason}"));
}
