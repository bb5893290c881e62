//! Bytes written for each operation, by workload, as the kernel counts them: everything, from the first operation to
//! the end of a flush behind the last, so that nothing is left to be written later.
//!
//! What counts is the device's counter. The process's own is beside it because it is what tools such as `iotop` show: on
//! file systems with large folios it is several times what was written; see [`sessile_benches::kernel`].

use std::time::{Duration, Instant};

use sessile::{Store, Timestamp};
use sessile_benches::kernel::{device_written_bytes, process_written_bytes};
use sessile_benches::sample::{ID_BYTES, PAYLOAD_BYTES, Sessions};
use sessile_benches::sheet::{Metric, Sheet, parameters};

use crate::effort::Effort;
use crate::stores::Stores;
use crate::traffic::{Callers, sets};

const RATE: Metric = Metric::more("rate", "operations/s");
const PROCESS: Metric = Metric::less("changed in the page cache, by the folio", "× id + payload");
const DEVICE: Metric = Metric::less("written to the device, by everybody", "× id + payload");

const CALLERS: Callers = Callers::Threads(64);

/// Does something for so long, and says how often it did.
type Load<'a> = &'a dyn Fn(Duration) -> u64;

pub fn run(effort: &Effort, stores: &Stores, sheet: &mut Sheet) {
    let sessions = Sessions::new(effort.sessions);
    let path = stores.filled(sessions.count());
    let store = stores.open(sessions.count());
    store.flush().expect("flushed");
    let hot = |span| sets(&store, sessions, effort.hot, CALLERS, span).latencies.count();
    let everywhere = |span| sets(&store, sessions, effort.sessions, CALLERS, span).latencies.count();
    let touched = |span| touches(&store, sessions, effort.hot, span);
    let workloads: [(&str, u64, Load<'_>); 3] = [
        ("durable sets", effort.hot, &hot),
        ("durable sets", effort.sessions, &everywhere),
        ("touches that extend", effort.hot, &touched),
    ];
    for (workload, among, load) in workloads {
        let (process, device) = (process_written_bytes(), device_written_bytes(&path));
        let start = Instant::now();
        let operations = load(effort.long_span) as f64;
        let elapsed = start.elapsed();
        store.flush().expect("flushed");
        let parameters = parameters([
            ("workload", workload.into()),
            ("in use", among.into()),
            ("sessions", sessions.count().into()),
            ("seconds", effort.long_span.as_secs_f64().into()),
        ]);
        let of_content = |bytes: u64| bytes as f64 / operations / (ID_BYTES + PAYLOAD_BYTES) as f64;
        sheet.add("bytes written", &parameters, "sessile", RATE, operations / elapsed.as_secs_f64());
        if let (Some(before), Some(after)) = (process, process_written_bytes()) {
            sheet.add("bytes written", &parameters, "sessile", PROCESS, of_content(after - before));
        }
        if let (Some(before), Some(after)) = (device, device_written_bytes(&path)) {
            sheet.add("bytes written", &parameters, "sessile", DEVICE, of_content(after - before));
        }
    }
    store.close().expect("closed");
}

/// Touches one after the other, at most 20,000 a second: as many as requests would cause, not as many as can be.
fn touches(store: &Store, sessions: Sessions, among: u64, span: Duration) -> u64 {
    const BATCH: u64 = 200;
    let mut random = fastrand::Rng::with_seed(4);
    let (start, mut count) = (Instant::now(), 0);
    let day = Duration::from_secs(24 * 60 * 60);
    while start.elapsed() < span {
        for _ in 0..BATCH {
            count += 1;
            let expires_at = Timestamp::now().saturating_add(day + Duration::from_millis(count));
            store.touch(&sessions.any(&mut random, among), expires_at).expect("accepted").wait().expect("touched");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    count
}
