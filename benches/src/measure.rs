//! Medians, spreads, and what machine they were taken on.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
pub fn rate(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}

/// This process's resident memory, in MiB.
pub fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default();
    kib / 1024.0
}
