//! `make crash-full`: every workload of up to five steps, crashed at every event.
//!
//! First all of them, on a few disks of each event. Then again, from the shortest on, on many more disks: of workloads
//! of up to three steps each distinct disk's recovery is crashed at each of its events, too; of the many longer ones
//! there are fewer disks, and a part of the recoveries. `SESSILE_CRASH_STEPS` leaves out the longer workloads,
//! `SESSILE_CRASH_MINUTES` ends it early, `SESSILE_TEST_SEED` draws the same again.

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use sessile_tests::explorer::{Explorer, Thoroughness};
use sessile_tests::losses::Effort;
use sessile_tests::seed::seed;
use sessile_tests::workload::{Workload, workloads};

const STEPS: usize = 5;
const THREADS: usize = 2;
const PROGRESS: Duration = Duration::from_secs(10);

/// One disk that has everything, one that has nothing of what was not synced, and one in between.
const fn wide(seed: u64) -> Thoroughness {
    let none = Effort { changes_max: 0, alone_max: 0, bytes_max: 0, tears: 0, draws: 0 };
    Thoroughness { of_workload: Effort { draws: 1, ..none }, of_recovery: none, recoveries: 4096, seed }
}

/// By the number of steps.
fn deep(steps: usize, seed: u64) -> Thoroughness {
    let (changes_max, alone_max, bytes_max, tears, draws) = match steps {
        0..=2 => (6, 40, 200, 6, 12),
        3 => (4, 10, 0, 2, 4),
        4 => (2, 3, 0, 1, 1),
        _ => (1, 1, 0, 0, 1),
    };
    let recoveries = match steps {
        0..=3 => 1,
        4 => 16,
        _ => 256,
    };
    Thoroughness {
        of_workload: Effort { changes_max, alone_max, bytes_max, tears, draws },
        of_recovery: Effort { changes_max: 1, alone_max: 1, bytes_max: 0, tears: 0, draws: 1 },
        recoveries,
        seed,
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|number| number.parse().ok())
}

fn main() -> ExitCode {
    let seed = seed("crash_full");
    let steps_max = number("SESSILE_CRASH_STEPS").and_then(|steps| steps.try_into().ok()).unwrap_or(STEPS);
    let ends_after = number("SESSILE_CRASH_MINUTES").map(|minutes| Duration::from_secs(60 * minutes));
    let all = workloads(steps_max);
    println!("{} workloads of up to {steps_max} steps, each twice", all.len());
    let once = all.len() as u64;
    let first = all.iter().cloned().map(|workload| (workload, wide(seed)));
    let again = all.iter().cloned().map(|workload| {
        let thoroughness = deep(workload.steps.len(), seed);
        (workload, thoroughness)
    });
    let explored: Vec<(Workload, Thoroughness)> = first.chain(again).collect();
    let explorer = Explorer::new();
    let started = Instant::now();
    let (done, ended) = mpsc::channel();
    let (explorer, workloads) = (&explorer, explored.len());
    let result = std::thread::scope(|scope| {
        scope.spawn(move || progress(explorer, &ended, workloads, started, ends_after));
        let result = explorer.explore(&explored, THREADS);
        drop(done);
        result
    });
    let seconds = started.elapsed().as_secs();
    println!("{}, in {seconds} s", explorer.tally);
    match result {
        Ok(()) if explorer.tally.workloads.get() < workloads as u64 => {
            let through = explorer.tally.workloads.get().min(once);
            println!("nothing was lost; ended when {through} of {once} workloads were through, not all of them twice");
            ExitCode::SUCCESS
        }
        Ok(()) => {
            println!("nothing was lost");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Says now and then how far it has come, until told that it is over.
fn progress(
    explorer: &Explorer,
    ended: &mpsc::Receiver<()>,
    workloads: usize,
    started: Instant,
    ends_after: Option<Duration>,
) {
    while ended.recv_timeout(PROGRESS) == Err(mpsc::RecvTimeoutError::Timeout) {
        println!("{:>5} s, of {workloads} workloads: {}", started.elapsed().as_secs(), explorer.tally);
        if ends_after.is_some_and(|ends_after| started.elapsed() >= ends_after) {
            explorer.stop();
        }
    }
}
