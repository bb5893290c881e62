//! The process that is killed: it opens a store, writes from several threads and does what its phase is about, and says
//! of each operation when it was acknowledged, never before.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use sessile::simulation::{self, Clock};
use sessile::{Commit, Durability, Error, Options, Store, Timestamp};

use super::aim::Aim;
use super::operations::{Action, Operations, THREADS};
use super::phase::Phase;
use super::stage::{Cue, Stage};
use crate::real::process::{say, wait_for_the_end};
use crate::real::{id, payload};

/// How many operations a thread has under way at most.
pub const BURST: usize = 16;
/// How many bursts a thread does between two syncs, where it syncs.
const BURSTS_PER_SYNC: usize = 8;
/// How many sessions expire at once.
const EXPIRING: usize = 40;
/// By how much the clock of a writer whose sessions expire is ahead, so that nothing expires while the parent looks.
const AHEAD: Duration = Duration::from_secs(3600);

/// How a writer paces itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the store takes it.
    Full,
    /// Its threads rest between bursts, and ask for a sync now and then.
    Syncing,
    /// Its threads rest between bursts, and nothing asks for a sync.
    Resting,
}

impl Pace {
    /// Maintenance runs at a lower priority: where it is what the phase is about, the writers leave it a processor.
    pub fn of(durability: Durability, phase: Phase, seed: u64) -> Self {
        match (durability, phase) {
            (Durability::Async, _) if seed.is_multiple_of(2) => Self::Resting,
            (Durability::Async, _) => Self::Syncing,
            (_, Phase::Checkpoint | Phase::Reap | Phase::Backup) => Self::Resting,
            _ => Self::Full,
        }
    }
}

pub fn durability_named(name: &str) -> Durability {
    [Durability::Fsync, Durability::Write, Durability::Async]
        .into_iter()
        .find(|durability| format!("{durability:?}") == name)
        .unwrap()
}

/// A log that is soon full and a cache that holds little, so that segments roll and reads miss.
pub fn options(path: &Path, durability: Durability, seed: u64) -> Options {
    Options::new(path)
        .durability(durability)
        .payload_bytes_max(1024 * 1024)
        .log_bytes_max(4 * 1024 * 1024)
        .cache_bytes([0, 20_000, 10_000_000][(seed % 3) as usize])
        .checkpoint_interval(Duration::from_millis(if seed.is_multiple_of(4) { 100 } else { 60_000 }))
}

/// The sessions that expire: written, reaped and gone together.
pub fn expiring(seed: u64, round: usize) -> impl Iterator<Item = String> {
    (0..EXPIRING).map(move |index| format!("expiring {seed} {round} {index}"))
}

/// The machine's clocks, both ahead by what the writer says.
#[derive(Debug)]
struct Ahead {
    start: Instant,
    by_millis: AtomicU64,
}

impl Ahead {
    fn by(&self) -> Duration {
        Duration::from_millis(self.by_millis.load(Ordering::SeqCst))
    }

    fn advance(&self, span: Duration) {
        self.by_millis.fetch_add(span.as_millis() as u64, Ordering::SeqCst);
    }
}

impl Clock for Ahead {
    fn wall(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.by())
    }

    fn monotonic_millis(&self) -> u64 {
        (self.start.elapsed() + self.by()).as_millis() as u64
    }
}

struct Writer {
    store: Store,
    seed: u64,
    phase: Phase,
    pace: Pace,
    cue: Arc<Cue>,
    clock: Arc<Ahead>,
}

/// Plays the role until it is killed.
pub fn run(arguments: &[String]) -> ! {
    // A thread that fails ends the process, whatever the others do: the parent sees that it was not the kill.
    std::panic::set_hook(Box::new(|failure| {
        eprintln!("the writer failed: {failure}");
        std::process::abort();
    }));
    let [path, durability, seed, phase, aim] = arguments else { panic!("five arguments are needed") };
    let (path, seed, phase) = (Path::new(path), seed.parse().unwrap(), Phase::named(phase));
    let durability = durability_named(durability);
    let aim = Aim::parse(aim);
    let cue = Cue::new(path, aim);
    let by_millis = if phase == Phase::Reap { AHEAD.as_millis() as u64 } else { 0 };
    let clock = Arc::new(Ahead { start: Instant::now(), by_millis: AtomicU64::new(by_millis) });
    cue.begin(if phase == Phase::Create { phase } else { Phase::Open });
    let options = options(path, durability, seed);
    if durability == Durability::Async {
        cue.watch_committer();
    }
    let store = if phase == Phase::Write && aim.is_none() && durability != Durability::Async {
        // As applications have it, with nothing between it and the disk.
        Store::open(options)
    } else {
        simulation::open(options, Arc::new(Stage { cue: Arc::clone(&cue) }), Arc::clone(&clock) as Arc<dyn Clock>)
    };
    let store = store.unwrap();
    cue.end();
    say("open");
    if phase.is_opening() {
        wait_for_the_end();
    }
    Writer { store, seed, phase, pace: Pace::of(durability, phase, seed), cue, clock }.run(path)
}

impl Writer {
    fn run(&self, path: &Path) -> ! {
        if matches!(self.phase, Phase::Write | Phase::Clear) {
            self.cue.begin(self.phase);
        }
        std::thread::scope(|scope| {
            let threads = if self.phase == Phase::Clear { 1 } else { THREADS };
            for thread in 0..threads {
                scope.spawn(move || self.write(Operations::new(self.seed, thread, self.phase)));
            }
            for pass in 0.. {
                match self.phase {
                    Phase::Checkpoint => self.checkpoint(),
                    Phase::Reap => self.reap(pass),
                    Phase::Backup => self.back_up(path, pass),
                    _ => return,
                }
            }
        });
        self.cue.begin(Phase::Close);
        self.store.close().unwrap();
        self.cue.end();
        say("closed");
        wait_for_the_end()
    }

    fn checkpoint(&self) {
        self.cue.begin(Phase::Checkpoint);
        self.store.flush().unwrap();
        self.cue.end();
    }

    fn reap(&self, pass: usize) {
        let expires_at = self.clock.wall().saturating_add(Duration::from_secs(1));
        for name in expiring(self.seed, pass) {
            drop(self.submit(|store| store.set(&id(&name), name.as_bytes(), Some(expires_at))));
        }
        self.store.flush().unwrap();
        self.clock.advance(Duration::from_secs(2));
        self.cue.begin(Phase::Reap);
        self.store.reap().unwrap();
        self.cue.end();
        say(format_args!("reaped {pass}"));
        for name in expiring(self.seed, pass) {
            assert!(payload(&self.store, &name).is_none(), "{name} is still there");
        }
    }

    fn back_up(&self, path: &Path, pass: usize) {
        let place = |pass: usize| path.with_file_name(format!("backup-{pass}"));
        say(format_args!("backup {pass} begins"));
        self.cue.begin(Phase::Backup);
        self.store.backup(&place(pass)).unwrap();
        self.cue.end();
        say(format_args!("backup {pass} is done"));
        if pass > 0 {
            // Under another name first: a backup of which a kill leaves half would pass for an empty store.
            let removed = path.with_file_name(".backup-removed");
            std::fs::rename(place(pass - 1), &removed).unwrap();
            std::fs::remove_dir_all(removed).unwrap();
        }
    }

    /// Submits an operation. One that is refused because the disk does not keep up, or stands still, comes again later.
    fn submit(&self, operation: impl Fn(&Store) -> Result<Commit, Error>) -> Commit {
        loop {
            match operation(&self.store) {
                Err(Error::Overloaded { .. }) => std::thread::sleep(Duration::from_millis(1)),
                submitted => return submitted.unwrap(),
            }
        }
    }

    /// Does the operations, several at a time, and says of each when it is acknowledged.
    fn write(&self, mut operations: Operations) {
        let thread = operations.thread;
        let mut random = Rng::with_seed(operations.seed);
        for burst in 1.. {
            let mut under_way = Vec::new();
            for operation in operations.by_ref().take(random.usize(1..=BURST)) {
                let (key, number) = (id(&operation.key), operation.number);
                match operation.action {
                    Action::Set(value) => {
                        let set = |store: &Store| store.set(&key, &*value.payload, Some(value.expires_at));
                        under_way.push((number, self.submit(set)));
                    }
                    Action::Destroy => under_way.push((number, self.submit(|store| store.destroy(&key)))),
                    Action::Clear => under_way.push((number, self.submit(Store::clear))),
                    // One of a session that is not in memory takes its place in the sequence when it was looked up.
                    Action::Touch(expires_at) => {
                        self.submit(|store| store.touch(&key, expires_at)).wait().unwrap();
                        say(format_args!("{thread} {number}"));
                    }
                }
            }
            if under_way.is_empty() && operations.next >= operations.phase.operations() {
                return;
            }
            for (number, commit) in under_way {
                commit.wait().unwrap();
                say(format_args!("{thread} {number}"));
            }
            if self.pace == Pace::Syncing && burst % BURSTS_PER_SYNC == 0 {
                self.store.sync().unwrap();
                say(format_args!("synced {thread} {}", operations.next));
            }
            if self.pace != Pace::Full {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
