//! Many sessions that expire in the same second, while others are read and written.

use std::time::{Duration, Instant};

use sessile::{Durability, Options, SessionId, Store, Timestamp};

/// Lets `sessions` expire at once and watches how long single calls take meanwhile.
pub fn run(sessions: u64) {
    println!("\n{sessions} sessions expire in the same second");
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let store =
        Store::open(Options::new(directory.path().join("sessions")).durability(Durability::Async)).expect("a store");
    let expires_at = Timestamp::now().saturating_add(Duration::from_secs(45));
    for number in 0..sessions {
        let id = SessionId::new(format!("{number:032}")).expect("an id");
        while store.set(&id, vec![7; 300], Some(expires_at)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    store.flush().expect("flushed");
    println!("  filled, {:.0} s before they expire", expires_at.saturating_since(Timestamp::now()).as_secs_f64());
    std::thread::sleep(expires_at.saturating_since(Timestamp::now()));
    let (start, mut calls) = (Instant::now(), Vec::new());
    let living = SessionId::new("living").expect("an id");
    while store.stats().reaped < sessions && start.elapsed() < Duration::from_secs(120) {
        for _ in 0..1000 {
            let started = Instant::now();
            drop(store.set(&living, vec![8; 300], None).expect("accepted"));
            assert!(store.get(&living).expect("read").is_some());
            calls.push(started.elapsed().as_secs_f64() * 1e6);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    calls.sort_by(f64::total_cmp);
    println!(
        "  reaped {} in {:.1} s; a set and a get meanwhile: median {:.1} µs, p99.9 {:.1} µs, longest {:.0} µs",
        store.stats().reaped,
        start.elapsed().as_secs_f64(),
        calls[calls.len() / 2],
        calls[calls.len() * 999 / 1000],
        calls[calls.len() - 1]
    );
    assert_eq!(store.len().expect("counted"), 1);
    store.close().expect("closed");
}
