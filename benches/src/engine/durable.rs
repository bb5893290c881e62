//! Durable sets against what the disk allows: the same bytes appended to a file of zeros, with one `fdatasync` for
//! each batch of the size that the store's batches had; against redb alone, with batches of as many sets as were on
//! their way; and against as many threads that wait for the disk, and do nothing else.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use sessile_benches::latencies::Latencies;
use sessile_benches::sample::{ID_BYTES, PAYLOAD_BYTES, Sessions};
use sessile_benches::sheet::{Metric, Parameters, Sheet, parameters};

use crate::effort::Effort;
use crate::stores::Stores;
use crate::traffic::{Callers, sets};
use crate::waiting::{FILE_BYTES, threads_alone, zeros};

const RATE: Metric = Metric::more("rate", "sets/s");
const MEDIAN: Metric = Metric::less("median", "µs");
const P99: Metric = Metric::less("p99", "µs");
const BATCH: Metric = Metric::more("batch", "sets per sync");
const LOG_BYTES: Metric = Metric::less("log bytes", "× id + payload");

const EVERYWHERE: [Callers; 2] = [Callers::Threads(64), Callers::Completions(1000)];
const HOT: [Callers; 5] = [
    Callers::Threads(1),
    Callers::Threads(16),
    Callers::Threads(64),
    Callers::Completions(64),
    Callers::Completions(1000),
];

pub fn run(effort: &Effort, stores: &Stores, sheet: &mut Sheet) {
    let sessions = Sessions::new(effort.sessions);
    let store = stores.open(sessions.count());
    let mut redb = stores.redb(sessions.count());
    let hot = HOT.map(|callers| (callers, effort.hot));
    let everywhere = EVERYWHERE.map(|callers| (callers, effort.sessions));
    for (callers, among) in hot.into_iter().chain(everywhere) {
        let parameters = parameters([
            ("callers", callers.name().into()),
            ("in flight", callers.count().into()),
            ("in use", among.into()),
            ("sessions", sessions.count().into()),
        ]);
        for _ in 0..effort.rounds {
            let ours = sets(&store, sessions, among, callers, effort.span);
            store.flush().expect("flushed");
            let batch = ours.operations as f64 / ours.batches as f64;
            let bytes = ours.log_bytes / ours.batches;
            let per_set = ours.log_bytes as f64 / ours.operations as f64 / (ID_BYTES + PAYLOAD_BYTES) as f64;
            enter(sheet, &parameters, "sessile", ours.rate(), ours.latencies);
            sheet.add("durable sets", &parameters, "sessile", BATCH, batch);
            sheet.add("durable sets", &parameters, "sessile", LOG_BYTES, per_set);

            let (syncs, elapsed) = bare_disk(stores.directory(), bytes as usize, effort.span);
            let rate = syncs.count() as f64 * batch / elapsed.as_secs_f64();
            enter(sheet, &parameters, "bare disk, the same batches", rate, syncs);

            if let Callers::Threads(threads) = callers {
                let bytes = bytes as usize / batch.round().max(1.0) as usize;
                let (latencies, elapsed) = threads_alone(stores.directory(), threads, bytes, effort.span);
                let rate = latencies.count() as f64 / elapsed.as_secs_f64();
                enter(sheet, &parameters, "waiting threads alone", rate, latencies);
            }

            let (latencies, elapsed) = redb.sets(callers.count(), among, effort.span);
            let rate = latencies.count() as f64 / elapsed.as_secs_f64();
            enter(sheet, &parameters, "redb alone, a commit per batch", rate, latencies);
        }
    }
    store.close().expect("closed");
}

fn enter(sheet: &mut Sheet, parameters: &Parameters, candidate: &str, rate: f64, latencies: Latencies) {
    let sorted = latencies.sorted();
    sheet.add("durable sets", parameters, candidate, RATE, rate);
    sheet.add("durable sets", parameters, candidate, MEDIAN, sorted.micros(0.5));
    sheet.add("durable sets", parameters, candidate, P99, sorted.micros(0.99));
}

/// Appends `bytes` at a time to a file of zeros, and syncs.
fn bare_disk(directory: &Path, bytes: usize, span: Duration) -> (Latencies, Duration) {
    let path = directory.join("bare");
    let file = zeros(&path, FILE_BYTES.max(2 * bytes));
    let batch = vec![7_u8; bytes];
    let mut latencies = Latencies::default();
    let (start, mut at) = (Instant::now(), 0);
    while latencies.count() == 0 || start.elapsed() < span {
        let begin = Instant::now();
        file.write_all_at(&batch, at as u64).expect("written");
        file.sync_data().expect("synced");
        latencies.add(begin.elapsed());
        at += bytes;
        // A segment that is recycled: other bytes are there already, and the file has them on the disk.
        if at + bytes > FILE_BYTES {
            at = 0;
        }
    }
    let elapsed = start.elapsed();
    std::fs::remove_file(&path).expect("removed");
    (latencies, elapsed)
}
