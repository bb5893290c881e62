//! Loads of acknowledged sets: from threads that wait, and from one thread that keeps some on their way, as an event
//! loop does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use sessile::{Commit, Result, SessionId, Stats, Store};
use sessile_benches::latencies::Latencies;
use sessile_benches::sample::{PAYLOAD_BYTES, Sessions};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// So many threads, each of which waits for its set.
    Threads(usize),
    /// One thread that keeps so many sets on their way.
    Completions(usize),
}

impl Callers {
    pub fn name(self) -> &'static str {
        match self {
            Self::Threads(_) => "blocked threads",
            Self::Completions(_) => "outstanding completions",
        }
    }

    pub fn count(self) -> usize {
        match self {
            Self::Threads(count) | Self::Completions(count) => count,
        }
    }
}

/// What came of a load.
#[derive(Debug)]
pub struct Outcome {
    /// From call to acknowledgement, of each set.
    pub latencies: Latencies,
    /// How long it took altogether.
    pub elapsed: Duration,
    /// Sets acknowledged in each of the steps that were asked for.
    pub steps: Vec<u64>,
    /// The store's figures, by how much they grew.
    pub batches: u64,
    pub operations: u64,
    pub log_bytes: u64,
    pub checkpoints: u64,
    pub delayed_batches: u64,
}

impl Outcome {
    pub fn rate(&self) -> f64 {
        self.latencies.count() as f64 / self.elapsed.as_secs_f64()
    }
}

/// Sets random ones of `among` sessions for `span`.
pub fn sets(store: &Store, sessions: Sessions, among: u64, callers: Callers, span: Duration) -> Outcome {
    sets_in_steps(store, sessions, among, callers, span, 1)
}

/// The same, counting the acknowledgements in each of `steps` parts of the span.
pub fn sets_in_steps(
    store: &Store,
    sessions: Sessions,
    among: u64,
    callers: Callers,
    span: Duration,
    steps: u32,
) -> Outcome {
    let before = store.stats();
    let load = Load { store, sessions, among, stop: AtomicBool::new(false), done: AtomicU64::new(0) };
    let start = Instant::now();
    let mut counts = Vec::new();
    let latencies = std::thread::scope(|scope| {
        let load = &load;
        let spawn = |seed| scope.spawn(move || load.blocked(seed));
        let threads: Vec<_> = match callers {
            Callers::Threads(count) => (0..count as u64).map(spawn).collect(),
            Callers::Completions(count) => vec![scope.spawn(move || load.outstanding(count))],
        };
        for step in 1..=steps {
            std::thread::sleep((start + span * step / steps).saturating_duration_since(Instant::now()));
            counts.push(load.done.swap(0, Ordering::Relaxed));
        }
        load.stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("ended")).collect()
    });
    outcome(latencies, start.elapsed(), counts, &before, &store.stats())
}

fn outcome(latencies: Latencies, elapsed: Duration, steps: Vec<u64>, before: &Stats, after: &Stats) -> Outcome {
    Outcome {
        latencies,
        elapsed,
        steps,
        batches: after.batches - before.batches,
        operations: after.batch_operations - before.batch_operations,
        log_bytes: after.log_bytes_written - before.log_bytes_written,
        checkpoints: after.checkpoints - before.checkpoints,
        delayed_batches: after.delayed_batches - before.delayed_batches,
    }
}

struct Load<'a> {
    store: &'a Store,
    sessions: Sessions,
    among: u64,
    stop: AtomicBool,
    done: AtomicU64,
}

impl Load<'_> {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn set(&self, id: &SessionId) -> Commit {
        self.store.set(id, vec![7_u8; PAYLOAD_BYTES], None).expect("accepted")
    }

    fn blocked(&self, seed: u64) -> Latencies {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut latencies = Latencies::default();
        while latencies.count() == 0 || !self.is_over() {
            let id = self.sessions.any(&mut random, self.among);
            let begin = Instant::now();
            self.set(&id).wait().expect("acknowledged");
            latencies.add(begin.elapsed());
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        latencies
    }

    fn outstanding(&self, count: usize) -> Latencies {
        let mut random = fastrand::Rng::with_seed(3);
        let (sender, receiver) = mpsc::channel::<(Instant, Result<()>)>();
        let mut begin_one = || {
            let id = self.sessions.any(&mut random, self.among);
            let begin = Instant::now();
            let listener = sender.clone();
            let acknowledged = move |result| drop(listener.send((begin, result)));
            if let Some(result) = self.set(&id).on_complete(acknowledged) {
                drop(sender.send((begin, result)));
            }
        };
        (0..count).for_each(|_| begin_one());
        let mut latencies = Latencies::default();
        let mut pending = count;
        while pending > 0 {
            let (begin, result) = receiver.recv().expect("an answer");
            result.expect("acknowledged");
            latencies.add(begin.elapsed());
            self.done.fetch_add(1, Ordering::Relaxed);
            if self.is_over() {
                pending -= 1;
            } else {
                begin_one();
            }
        }
        latencies
    }
}
