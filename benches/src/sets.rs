//! Durable sets of 300 B: sessile with 64 threads, redb alone with one commit for each batch of 64, and the
//! bare disk with one `fdatasync` for each batch.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redb::{Database, TableDefinition};
use sessile::{Options, SessionId, Store};

use crate::measure::{print, rate};

const PAYLOAD_BYTES: usize = 300;
const THREADS: usize = 64;
const ROUNDS: usize = 5;
const SPAN: Duration = Duration::from_secs(3);

/// Runs the three in turn, several times.
pub fn run() {
    println!("\ndurable sets of {PAYLOAD_BYTES} B, {THREADS} at a time, fsync");
    let (mut ours, mut completions, mut redb, mut disk) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(sessile());
        completions.push(outstanding(THREADS));
        redb.push(redb_alone());
        disk.push(bare_disk());
    }
    let ours = print("sessile, 64 blocked threads", "sets/s", &ours);
    print("sessile, 64 outstanding completions", "sets/s", &completions);
    let redb = print("redb alone, one commit per batch", "sets/s", &redb);
    let disk = print("bare disk, one fdatasync per batch", "sets/s", &disk);
    println!("sessile / redb {:.1}, sessile / bare disk {:.2}", ours / redb, ours / disk);
}

fn id(random: &mut fastrand::Rng) -> SessionId {
    SessionId::new(format!("{:032x}", random.u128(..))).expect("an id of 32 bytes")
}

fn sessile() -> f64 {
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let store = Store::open(Options::new(directory.path().join("sessions"))).expect("a store");
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for seed in 0..THREADS {
            let (store, stop, done) = (&store, &stop, &done);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed as u64);
                while !stop.load(Ordering::Relaxed) {
                    let payload = vec![7_u8; PAYLOAD_BYTES];
                    store.set(&id(&mut random), payload, None).expect("accepted").wait().expect("acknowledged");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(SPAN);
        stop.store(true, Ordering::Relaxed);
    });
    let rate = rate(done.load(Ordering::Relaxed), start.elapsed());
    let stats = store.stats();
    println!(
        "  batches of {:.0}, sync {:.0} µs, {} checkpoints",
        stats.batch_operations as f64 / stats.batches as f64,
        stats.sync_micros as f64 / stats.syncs as f64,
        stats.checkpoints
    );
    store.close().expect("closed");
    rate
}

/// One thread that keeps `count` sets on their way, as an event loop does.
fn outstanding(count: usize) -> f64 {
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let store = Store::open(Options::new(directory.path().join("sessions"))).expect("a store");
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut random = fastrand::Rng::with_seed(3);
    let mut set = || {
        let sender = sender.clone();
        let commit = store.set(&id(&mut random), vec![7_u8; PAYLOAD_BYTES], None).expect("accepted");
        let acknowledged = move |result: sessile::Result<()>| sender.send(result).expect("somebody listens");
        if let Some(result) = commit.on_complete(acknowledged) {
            result.expect("acknowledged");
        }
    };
    for _ in 0..count {
        set();
    }
    let (start, mut done) = (Instant::now(), 0);
    while start.elapsed() < SPAN {
        receiver.recv().expect("an answer").expect("acknowledged");
        done += 1;
        set();
    }
    let rate = rate(done, start.elapsed());
    let stats = store.stats();
    println!(
        "  outstanding: batches of {:.0}, sync {:.0} µs",
        stats.batch_operations as f64 / stats.batches as f64,
        stats.sync_micros as f64 / stats.syncs as f64,
    );
    store.close().expect("closed");
    rate
}

fn redb_alone() -> f64 {
    const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("sessions");
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let database = Database::create(directory.path().join("base.redb")).expect("a database");
    let mut random = fastrand::Rng::with_seed(1);
    let (start, mut done) = (Instant::now(), 0);
    while start.elapsed() < SPAN {
        let transaction = database.begin_write().expect("a transaction");
        {
            let mut table = transaction.open_table(TABLE).expect("a table");
            for _ in 0..THREADS {
                table.insert(id(&mut random).as_bytes(), [7_u8; PAYLOAD_BYTES].as_slice()).expect("inserted");
            }
        }
        transaction.commit().expect("committed");
        done += THREADS as u64;
    }
    rate(done, start.elapsed())
}

fn bare_disk() -> f64 {
    const FILE_BYTES: usize = 8 * 1024 * 1024;
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let file = File::create(directory.path().join("log")).expect("a file");
    file.write_all_at(&vec![0; FILE_BYTES], 0).expect("zeros");
    file.sync_all().expect("synced");
    let batch = vec![7_u8; THREADS * (PAYLOAD_BYTES + 32 + 26)];
    let (start, mut done, mut at) = (Instant::now(), 0, 0);
    while start.elapsed() < SPAN {
        file.write_all_at(&batch, at as u64).expect("written");
        file.sync_data().expect("synced");
        at = (at + batch.len()) % (FILE_BYTES - batch.len());
        done += THREADS as u64;
    }
    rate(done, start.elapsed())
}
