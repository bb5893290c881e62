//! The store with its threads, run by a checker that decides at each lock, atomic and channel who goes on.
//!
//! What is run is the store's own code, on a simulated disk on which the writes and syncs of the log are such
//! places, too; the base's are not, since redb has locks of its own, which the checker does not see. A schedule
//! follows from its seed. A thread that waits for ever is found as a deadlock of all.

mod stalling;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use sessile::simulation::{Kind, Simulation, Storage, StorageFile, StorageLock, open};
use sessile::{Durability, Options, Store};
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

use self::stalling::{StallingScheduler, count_places};
use crate::clock::HandClock;
use crate::disk::{Loss, Moment, SimulatedDisk};
use crate::linearizable::{History, State};
use crate::seed::{depth, seed};
use crate::worker::{Calls, Worker, read_all};
use crate::world::small_options;

/// redb's frames are larger than what threads of a checker have by default.
const STACK_BYTES: usize = 512 * 1024;
/// A scheduler by priorities first learns how long a run is.
const SCHEDULES_PER_SEED: usize = 20;

/// Runs `history` under about this many schedules, times the depth: half of them choose the next thread at random
/// each time, half run the one of highest priority and change that at a few places.
///
/// # Panics
/// Where a schedule fails, with its seed.
pub fn explore(claim: &str, schedules: usize, history: impl Fn() + Send + Sync + Clone + 'static) {
    let first = seed(claim);
    let seeds = (schedules / SCHEDULES_PER_SEED).max(1) as u64 * depth();
    let tried = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tried);
    let history = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        history();
    };
    for seed in (0..seeds).map(|number| first.wrapping_add(number)) {
        let _named = Named { claim, seed, tried: &tried };
        // As the number says, so that the seed alone leads here again.
        match seed % 4 {
            0 | 1 => run(RandomScheduler::new_from_seed(seed, SCHEDULES_PER_SEED), history.clone()),
            2 => run(PctScheduler::new_from_seed(seed, 2, SCHEDULES_PER_SEED), history.clone()),
            _ => run(PctScheduler::new_from_seed(seed, 4, SCHEDULES_PER_SEED), history.clone()),
        }
    }
}

/// Runs histories that follow from this many seeds, times the depth: each once as it comes, once with each thread
/// held up at each of its places until nobody else can go on, and this many times with two threads; but only threads
/// that `who` names.
///
/// # Panics
/// Where one fails, with its seed.
pub fn explore_stalls(
    claim: &str,
    histories: u64,
    who: fn(Option<&str>) -> bool,
    pairs: usize,
    history: impl Fn() + Send + Sync + Clone + 'static,
) {
    let first = seed(claim);
    let tried = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tried);
    let history = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        history();
    };
    for seed in (0..histories * depth()).map(|number| first.wrapping_add(number)) {
        let stalls = Arc::default();
        let _named = Named { claim, seed, tried: &tried };
        let _held_up = HeldUp(&stalls);
        run(StallingScheduler::new(seed, who, pairs, Arc::clone(&stalls)), history.clone());
    }
    println!("{claim}: {} schedules", tried.load(Ordering::Relaxed));
}

/// Says where threads stood still.
struct HeldUp<'a>(&'a Arc<parking_lot::Mutex<Vec<(usize, usize)>>>);

impl Drop for HeldUp<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("held up, each a thread and the number of its place: {:?}", *self.0.lock());
        }
    }
}

fn run(scheduler: impl Scheduler + 'static, history: impl Fn() + Send + Sync + 'static) {
    Runner::new(scheduler, config()).run(history);
}

/// How runs are to be made.
#[must_use]
pub fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    // The seed is enough, and a schedule of thousands of steps is not read.
    config.failure_persistence = shuttle::FailurePersistence::None;
    config.silence_warnings = true;
    config
}

struct Named<'a> {
    claim: &'a str,
    seed: u64,
    tried: &'a AtomicUsize,
}

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { claim, seed, tried } = self;
            let tried = tried.load(Ordering::Relaxed);
            println!("{claim}: failed after {tried} schedules; replay the last with SESSILE_TEST_SEED={seed}");
        }
    }
}

/// A random source that follows from the schedule's seed.
#[must_use]
pub fn random() -> Rng {
    Rng::with_seed(thread_rng().r#gen())
}

/// A store and what was seen of it.
pub struct Scene {
    disk: SimulatedDisk,
    options: Options,
    /// Its calls.
    pub history: Arc<History>,
    /// What it held at first.
    pub state: State,
    /// How it is used.
    pub calls: Calls,
    /// The store, open.
    pub store: Store,
    crashes: Arc<parking_lot::Mutex<Vec<(u64, Moment)>>>,
}

impl Scene {
    /// A store that is acknowledged to like this. Some of its sessions are in the base only when it is opened.
    #[must_use]
    pub fn new(durability: Durability) -> Self {
        // What is clean is given up at once, so that it has to be looked up again; or never, so that what a lookup
        // brings stays.
        Self::with_cache(durability, if random().bool() { 0 } else { 1 << 20 })
    }

    /// As [`Scene::new`], with so much memory for what is clean.
    #[must_use]
    pub fn with_cache(durability: Durability, cache_bytes: u64) -> Self {
        let disk = SimulatedDisk::default();
        let options = small_options(durability).cache_bytes(cache_bytes);
        let calls = Calls { ids: 2, payload_bytes_max: 40, clears: true };
        let history = Arc::new(History::default());
        let simulation = Simulation::open(options.clone(), Arc::new(disk.clone()), Arc::new(HandClock::default()));
        let simulation = simulation.expect("a new store");
        let mut first = Worker::new(9, simulation.store().clone(), Arc::new(History::default()), random(), calls);
        first.fill();
        simulation.ask_checkpoint();
        simulation.settle();
        let state = read_all(simulation.store(), calls.ids);
        simulation.shut_down();
        drop(simulation);
        let store = Self::open(&disk, &options);
        store.gather_writes(random().bool());
        count_places(true);
        Self { disk, options, history, state, calls, store, crashes: Arc::default() }
    }

    fn open(disk: &SimulatedDisk, options: &Options) -> Store {
        let storage = Arc::new(ScheduledDisk(disk.clone()));
        open(options.clone(), storage, Arc::new(HandClock::default())).expect("a store that opens")
    }

    /// A further handle of the store, or the first of the store opened anew.
    #[must_use]
    pub fn open_again(&self) -> Store {
        Self::open(&self.disk, &self.options)
    }

    /// Keeps the disk as it is whenever it is called, for [`Scene::check_crashes`].
    pub fn keeper(&self) -> impl Fn() + use<> {
        let (disk, history, crashes) = (self.disk.clone(), Arc::clone(&self.history), Arc::clone(&self.crashes));
        move || crashes.lock().push((history.now(), disk.moment()))
    }

    /// A worker on this store, not started.
    #[must_use]
    pub fn caller(&self, thread: usize) -> Worker {
        Worker::new(thread, self.store.clone(), Arc::clone(&self.history), random(), self.calls)
    }

    /// Starts a thread that makes `calls` calls, or fewer should the store be closed meanwhile. At a random one of
    /// its moments the disk is kept, for [`Scene::check_crashes`].
    #[must_use]
    pub fn worker(&self, thread: usize, calls: usize) -> shuttle::thread::JoinHandle<()> {
        let mut worker = self.caller(thread);
        let keep = self.keeper();
        let crashes_at = random().usize(..calls);
        shuttle::thread::spawn(move || {
            for call in 0..calls {
                let goes_on = worker.step();
                if call == crashes_at {
                    keep();
                }
                if !goes_on {
                    return;
                }
            }
        })
    }

    /// Reads everything, and explains what was seen since the store was opened.
    ///
    /// # Panics
    /// Where nothing explains it.
    pub fn check(&self) {
        count_places(false);
        let end = read_all(&self.store, self.calls.ids);
        for (id, seen) in end.into_iter().enumerate() {
            let place = self.history.call(8, crate::linearizable::Act::Get(id, None));
            self.history.saw(place, seen);
        }
        self.explain();
    }

    /// Explains what was seen since the store was opened.
    ///
    /// # Panics
    /// Where nothing explains it.
    pub fn explain(&self) {
        if let Err(reason) = self.history.explain(&self.state) {
            panic!("{reason}");
        }
    }

    /// Takes the power away at the moments that were kept, or just ends the process, and explains what is there.
    ///
    /// # Panics
    /// Where nothing explains it.
    pub fn check_crashes(&self, by_power_loss: bool) {
        for (moment, disk) in self.crashes.lock().drain(..) {
            let disk = if by_power_loss {
                let loss = if random().bool() { Loss::Everything } else { Loss::Some };
                disk.after_power_loss(loss, random().u64(..))
            } else {
                disk.after_kill()
            };
            self.check_disk(disk, moment);
        }
    }

    /// Explains what the disk has now, after an orderly end or a kill.
    ///
    /// # Panics
    /// Where nothing explains it.
    pub fn check_end(&self) {
        self.check_disk(self.disk.moment().after_kill(), self.history.now());
    }

    fn check_disk(&self, disk: SimulatedDisk, moment: u64) {
        let clock = Arc::new(HandClock::default());
        let opened = Simulation::open(self.options.clone(), Arc::new(disk), clock).expect("a store that opens");
        let found = read_all(opened.store(), self.calls.ids);
        if let Err(reason) = self.history.explain_crash(&self.state, moment, &found) {
            panic!("after a crash: {reason}");
        }
    }
}

/// A simulated disk on which the log's operations are places where other threads may go on.
#[derive(Debug, Clone)]
struct ScheduledDisk(SimulatedDisk);

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

/// Lets others go on, whatever priorities there are.
fn place(path: &Path) {
    if is_log(path) {
        shuttle::thread::sleep(Duration::ZERO);
    }
}

impl ScheduledDisk {
    fn file(path: &Path, file: Arc<dyn StorageFile>) -> Arc<dyn StorageFile> {
        Arc::new(ScheduledFile { path: path.to_owned(), file })
    }
}

impl Storage for ScheduledDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir(path)
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        self.0.kind(path)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.canonical(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        place(path);
        self.0.create(path).map(|file| Self::file(path, file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        self.0.open(path).map(|file| Self::file(path, file))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.0.list(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        place(path);
        self.0.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.0.remove_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn StorageLock>>> {
        self.0.try_lock(path)
    }
}

#[derive(Debug)]
struct ScheduledFile {
    path: PathBuf,
    file: Arc<dyn StorageFile>,
}

impl StorageFile for ScheduledFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        place(&self.path);
        self.file.write_at(offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        place(&self.path);
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        place(&self.path);
        self.file.sync_data()
    }
}
