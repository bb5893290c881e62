//! Opening a store of many sessions after its process was killed while it was writing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sessile::{Durability, Options, SessionId, Store};

use crate::measure::{print, resident_mib};

const PAYLOAD_BYTES: usize = 300;
const ROUNDS: usize = 5;

fn options(path: &Path) -> Options {
    Options::new(path).durability(Durability::Fsync)
}

fn id(number: u64) -> SessionId {
    SessionId::new(format!("{:032x}", u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)))
        .expect("an id of 32 bytes")
}

/// Fills a store, then kills and opens it again and again.
pub fn run(sessions: u64) {
    println!("\nopen after kill -9 under load, {sessions} sessions of {PAYLOAD_BYTES} B");
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let path = directory.path().join("sessions");
    fill(&path, sessions);
    let (mut opened, mut log, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        kill_under_load(&path);
        let log_bytes: u64 = std::fs::read_dir(path.join("log"))
            .expect("the log")
            .map(|entry| entry.expect("a file").metadata().expect("its size").len())
            .sum();
        log.push(log_bytes as f64 / 1024.0 / 1024.0);
        let start = Instant::now();
        let store = Store::open(options(&path)).expect("opened");
        assert!(store.get(&id(7)).expect("read").is_some());
        opened.push(start.elapsed().as_secs_f64() * 1000.0);
        let start = Instant::now();
        assert_eq!(store.len().expect("counted"), sessions);
        println!("  length() settled after {:.0} ms", start.elapsed().as_secs_f64() * 1000.0);
        memory.push(resident_mib());
        store.close().expect("closed");
    }
    print("open and first get", "ms", &opened);
    print("log files", "MiB", &log);
    print("resident after open and length()", "MiB", &memory);
    serve(&path, sessions);
}

fn fill(path: &Path, sessions: u64) {
    let start = Instant::now();
    let store = Store::open(options(path).durability(Durability::Async)).expect("a store");
    for number in 0..sessions {
        loop {
            match store.set(&id(number), vec![7; PAYLOAD_BYTES], None) {
                Ok(commit) if number % 1000 == 999 => break commit.wait().expect("acknowledged"),
                Ok(_) => break,
                Err(sessile::Error::Overloaded { .. }) => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => panic!("{error}"),
            }
        }
    }
    store.close().expect("closed");
    println!("  filled in {:.1} s", start.elapsed().as_secs_f64());
}

/// Writes random sessions from 64 threads until killed.
pub fn load(path: &Path) {
    let store = Store::open(options(path)).expect("a store");
    let sessions = store.len().expect("counted");
    println!("loading");
    std::thread::scope(|scope| {
        for seed in 0..64 {
            let store = &store;
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                loop {
                    let id = id(random.u64(..sessions));
                    store.set(&id, vec![8; PAYLOAD_BYTES], None).expect("accepted").wait().expect("acknowledged");
                }
            });
        }
    });
}

fn kill_under_load(path: &Path) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["load".as_ref(), path.as_os_str()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    std::thread::sleep(Duration::from_secs(4));
    child.kill().expect("killed");
    child.wait().expect("ended");
}

/// The resident memory after reading and writing everywhere.
fn serve(path: &Path, sessions: u64) {
    let store = Store::open(options(path)).expect("opened");
    let before = resident_mib();
    let mut random = fastrand::Rng::with_seed(9);
    let start = Instant::now();
    let mut longest = Duration::ZERO;
    while start.elapsed() < Duration::from_secs(10) {
        let started = Instant::now();
        if random.u8(..10) == 0 {
            drop(store.set(&id(random.u64(..sessions)), vec![9; PAYLOAD_BYTES], None));
        } else {
            store.get(&id(random.u64(..sessions))).expect("read");
        }
        longest = longest.max(started.elapsed());
    }
    let stats = store.stats();
    println!(
        "  after 10 s of random gets and sets: resident {:.0} MiB (before {before:.0}), cache {:.0} MiB, changes {:.0} MiB, {} gets, longest call {:.1} ms",
        resident_mib(),
        stats.cache_bytes as f64 / 1048576.0,
        stats.dirty_bytes as f64 / 1048576.0,
        stats.hits + stats.misses,
        longest.as_secs_f64() * 1000.0
    );
    store.close().expect("closed");
}
