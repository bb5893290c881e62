//! Random histories for as long as wanted: `SOAK_MINUTES`, 60 by default, on `SOAK_THREADS`, 2 by default.
//!
//! Each history has a seed of its own. One that fails prints it, and what to type to see it again alone; the
//! others go on, and the run fails at its end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sessile_tests::random::{Kind, Tally, live};

/// How long a history is: mostly short, so that many begin; some long, so that much comes together.
const LENGTHS: [u64; 4] = [160, 160, 400, 1500];

fn number(name: &str) -> Option<u64> {
    let given = std::env::var(name).ok()?;
    Some(given.parse().unwrap_or_else(|_| panic!("{name} has to be a number, it is {given:?}")))
}

/// What the seed alone says of its history.
fn history(seed: u64) -> (Kind, u64) {
    (Kind::ALL[(seed % 4) as usize], LENGTHS[(seed / 4 % 4) as usize])
}

fn main() {
    if let Some(seed) = number("SOAK_SEED") {
        let (kind, operations) = history(seed);
        println!("{kind:?}, {operations} operations");
        println!("{:#?}", live(kind, seed, operations));
        return;
    }
    let minutes = number("SOAK_MINUTES").unwrap_or(60);
    let threads = number("SOAK_THREADS").unwrap_or(2);
    let first = fastrand::u64(..);
    println!("seeds from {first} on, for {minutes} minutes on {threads} threads");
    let start = Instant::now();
    let (next, total, failed) = (AtomicU64::new(0), Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while start.elapsed() < Duration::from_secs(minutes * 60) {
                    let seed = first.wrapping_add(next.fetch_add(1, Ordering::Relaxed));
                    let (kind, operations) = history(seed);
                    match catch_unwind(AssertUnwindSafe(|| live(kind, seed, operations))) {
                        Ok(tally) => *total.lock().expect("the tally") += tally,
                        Err(_) => {
                            println!("FAILED, {kind:?}: replay it alone with SOAK_SEED={seed} make soak");
                            failed.lock().expect("the failures").push(seed);
                        }
                    }
                }
            });
        }
    });
    let total = total.into_inner().expect("the tally");
    println!("{total:#?}\nin {} minutes", start.elapsed().as_secs() / 60);
    let failed = failed.into_inner().expect("the failures");
    if !failed.is_empty() {
        println!("{} histories failed: {failed:?}", failed.len());
        std::process::exit(1);
    }
}
