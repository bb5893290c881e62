//! Rates and costs; and for a program that prints its figures itself, their medians and spreads, and the machine.

use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Prints where and when the figures were taken.
pub fn machine() {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!("at {seconds} s after 1970, {cores} cores, kernel {}", kernel.trim());
}

/// Prints the least, the middle and the greatest of some figures.
pub fn print(name: &str, unit: &str, figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2];
    println!(
        "{name:<44} {middle:>12.1} {unit}   ({:.1} to {:.1}, {} runs)",
        sorted[0],
        sorted[sorted.len() - 1],
        sorted.len()
    );
    middle
}

/// How often something was done in a second.
#[must_use]
pub fn rate(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}

/// Calls for `span`, and returns what a call costs, in microseconds. Looks at the clock now and then only, since that
/// would cost as much as some calls. Calls are numbered from 0.
pub fn micros_each(span: Duration, mut call: impl FnMut(u64)) -> f64 {
    const CALLS_BETWEEN_CLOCKS: u64 = 100;
    let (start, mut calls) = (Instant::now(), 0);
    loop {
        for _ in 0..CALLS_BETWEEN_CLOCKS {
            call(calls);
            calls += 1;
        }
        let elapsed = start.elapsed();
        if elapsed >= span {
            return elapsed.as_secs_f64() * 1e6 / calls as f64;
        }
    }
}
