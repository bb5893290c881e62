//! Many sessions that expire in the same second, while another is read and written: how long the calls take, with
//! the same calls before beside them, and how fast the expired ones are gone.

use std::time::{Duration, Instant};

use sessile::{Durability, Options, SessionId, Store, Timestamp};
use sessile_benches::latencies::Latencies;
use sessile_benches::sample::{PAYLOAD_BYTES, Sessions, set_patiently};
use sessile_benches::sheet::{Metric, Sheet, parameters};

use crate::effort::Effort;
use crate::stores::Stores;

const RATE: Metric = Metric::more("reaped", "sessions/s");
const MEDIAN: Metric = Metric::less("median", "µs");
const P999: Metric = Metric::less("p99.9", "µs");
const LONGEST: Metric = Metric::less("longest", "µs");

/// Filling is over before the first of them expires, on any machine that is not a ruin.
const FILLED_PER_SECOND: u64 = 20_000;
const PATIENCE: Duration = Duration::from_secs(300);

pub fn run(effort: &Effort, stores: &Stores, sheet: &mut Sheet) {
    let sessions = Sessions::new(effort.sessions);
    let path = stores.directory().join("expiring");
    let store = Store::open(Options::new(&path).durability(Durability::Async)).expect("a store");
    let expires_at = Timestamp::now().saturating_add(Duration::from_secs(1 + sessions.count() / FILLED_PER_SECOND));
    for number in 0..sessions.count() {
        drop(set_patiently(&store, &sessions.id(number), Some(expires_at)));
    }
    store.flush().expect("flushed");
    let parameters = parameters([("sessions", sessions.count().into())]);
    let before = calls(&store, || Timestamp::now() >= expires_at);
    let start = Instant::now();
    let meanwhile = calls(&store, || store.stats().reaped >= sessions.count() || start.elapsed() > PATIENCE);
    let rate = store.stats().reaped as f64 / start.elapsed().as_secs_f64();
    sheet.add("mass expiry", &parameters, "while they are reaped", RATE, rate);
    for (candidate, latencies) in [("before they expire", before), ("while they are reaped", meanwhile)] {
        let sorted = latencies.sorted();
        for (metric, share) in [(MEDIAN, 0.5), (P999, 0.999), (LONGEST, 1.0)] {
            sheet.add("mass expiry", &parameters, candidate, metric, sorted.micros(share));
        }
    }
    // The one that was read and written.
    assert_eq!(store.len().expect("counted"), 1);
    store.close().expect("closed");
    std::fs::remove_dir_all(&path).expect("removed");
}

/// Sets a session and reads it, at most 20,000 times a second, and measures both calls together. As fast as it goes,
/// it would be the log that is measured, which soon refuses.
fn calls(store: &Store, is_over: impl Fn() -> bool) -> Latencies {
    let living = SessionId::new("living").expect("an id");
    let mut latencies = Latencies::default();
    loop {
        for _ in 0..20 {
            let begin = Instant::now();
            drop(store.set(&living, vec![8; PAYLOAD_BYTES], None).expect("accepted"));
            assert!(store.get(&living).expect("read").is_some());
            latencies.add(begin.elapsed());
        }
        if is_over() {
            return latencies;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
