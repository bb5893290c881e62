//! Durable sets of 300 B among a million sessions: sessile with 64 threads and with 64 completions
//! outstanding, redb alone (sessions and an expiry index, one commit for each batch of 64), and the bare
//! disk with one `fdatasync` for each batch.

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

const SESSIONS: u64 = 1_000_000;

/// Runs them in turn, several times, each on a store of its own that was filled before.
pub fn run() {
    println!("\ndurable sets of {PAYLOAD_BYTES} B among {SESSIONS} sessions, {THREADS} at a time, fsync");
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let store = Store::open(Options::new(directory.path().join("sessions"))).expect("a store");
    fill(&store);
    let redb_store = Redb::fill(directory.path());
    for (name, among) in [("10,000 of them in use", 10_000), ("all of them in use", SESSIONS)] {
        println!("\n  {name}");
        let (mut ours, mut completions, mut redb, mut disk) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(blocked(&store, among));
            completions.push(outstanding(&store, THREADS, among));
            store.flush().expect("flushed");
            redb.push(redb_store.sets(among));
            disk.push(bare_disk());
        }
        let ours = print("sessile, 64 blocked threads", "sets/s", &ours);
        let completions = print("sessile, 64 outstanding completions", "sets/s", &completions);
        let redb = print("redb alone, one commit per batch", "sets/s", &redb);
        let disk = print("bare disk, one fdatasync per batch", "sets/s", &disk);
        println!("blocked threads: {:.1} x redb, {:.2} x bare disk", ours / redb, ours / disk);
        println!("completions: {:.1} x redb, {:.2} x bare disk", completions / redb, completions / disk);
    }
    store.close().expect("closed");
}

fn id(random: &mut fastrand::Rng, among: u64) -> SessionId {
    let number = u128::from(random.u64(..among)).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    SessionId::new(format!("{number:032x}")).expect("an id of 32 bytes")
}

fn every_id() -> Vec<SessionId> {
    let number = |number: u64| u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    let mut ids: Vec<SessionId> =
        (0..SESSIONS).map(|at| SessionId::new(format!("{:032x}", number(at))).expect("an id")).collect();
    ids.sort();
    ids
}

fn fill(store: &Store) {
    let mut last = None;
    for id in every_id() {
        last = Some(loop {
            match store.set(&id, vec![7; PAYLOAD_BYTES], None) {
                Ok(commit) => break commit,
                Err(sessile::Error::Overloaded { .. }) => std::thread::sleep(Duration::from_millis(5)),
                Err(error) => panic!("{error}"),
            }
        });
    }
    last.expect("a session").wait().expect("acknowledged");
    store.flush().expect("flushed");
}

fn blocked(store: &Store, among: u64) -> f64 {
    let before = store.stats();
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for seed in 0..THREADS {
            let (stop, done) = (&stop, &done);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed as u64);
                while !stop.load(Ordering::Relaxed) {
                    let payload = vec![7_u8; PAYLOAD_BYTES];
                    store.set(&id(&mut random, among), payload, None).expect("accepted").wait().expect("acknowledged");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(SPAN);
        stop.store(true, Ordering::Relaxed);
    });
    let rate = rate(done.load(Ordering::Relaxed), start.elapsed());
    explain("threads", store, &before);
    rate
}

fn explain(name: &str, store: &Store, before: &sessile::Stats) {
    let after = store.stats();
    println!(
        "  {name}: batches of {:.0}, sync {:.0} µs, {} checkpoints, {} batches delayed",
        (after.batch_operations - before.batch_operations) as f64 / (after.batches - before.batches) as f64,
        (after.sync_micros - before.sync_micros) as f64 / (after.syncs - before.syncs) as f64,
        after.checkpoints - before.checkpoints,
        after.delayed_batches - before.delayed_batches,
    );
}

/// One thread that keeps `count` sets on their way, as an event loop does.
fn outstanding(store: &Store, count: usize, among: u64) -> f64 {
    let before = store.stats();
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut random = fastrand::Rng::with_seed(3);
    let mut set = || {
        let sender = sender.clone();
        let commit = store.set(&id(&mut random, among), vec![7_u8; PAYLOAD_BYTES], None).expect("accepted");
        let listener = sender.clone();
        let acknowledged = move |result: sessile::Result<()>| drop(listener.send(result));
        if let Some(result) = commit.on_complete(acknowledged) {
            drop(sender.send(result));
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
    for _ in 0..count {
        receiver.recv().expect("an answer").expect("acknowledged");
    }
    explain("completions", store, &before);
    rate
}

/// What a store on redb alone would do.
struct Redb(Database);

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("sessions");
const EXPIRY: TableDefinition<'_, (u64, &[u8]), ()> = TableDefinition::new("expiry");

impl Redb {
    fn fill(directory: &std::path::Path) -> Self {
        let database = Database::create(directory.join("redb")).expect("a database");
        for ids in every_id().chunks(100_000) {
            Self::set(&database, ids.iter().cloned(), 0);
        }
        Self(database)
    }

    fn set(database: &Database, ids: impl Iterator<Item = SessionId>, time: u64) {
        let transaction = database.begin_write().expect("a transaction");
        {
            let mut sessions = transaction.open_table(TABLE).expect("a table");
            let mut expiry = transaction.open_table(EXPIRY).expect("a table");
            for id in ids {
                let mut record = time.to_le_bytes().to_vec();
                record.resize(PAYLOAD_BYTES, 7);
                let before = sessions.insert(id.as_bytes(), record.as_slice()).expect("inserted");
                let before = before.map(|record| record.value()[..8].try_into().map(u64::from_le_bytes));
                if let Some(Ok(before)) = before {
                    expiry.remove((before, id.as_bytes())).expect("removed");
                }
                expiry.insert((time, id.as_bytes()), ()).expect("inserted");
            }
        }
        transaction.commit().expect("committed");
    }

    fn sets(&self, among: u64) -> f64 {
        let mut random = fastrand::Rng::with_seed(1);
        let (start, mut done) = (Instant::now(), 0);
        while start.elapsed() < SPAN {
            let ids: Vec<SessionId> = (0..THREADS).map(|_| id(&mut random, among)).collect();
            done += THREADS as u64;
            Self::set(&self.0, ids.into_iter(), done);
        }
        rate(done, start.elapsed())
    }
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
