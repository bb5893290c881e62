//! The machine's disk, under a real store with all its threads: it knows in which phase of the store's life each
//! operation comes, and can stand still at one of them, so that the kill comes exactly there.
//!
//! What changes a disk, and what makes it durable, is counted. Reads are not: a kill between two of them is a kill
//! between the changes around them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sessile::simulation::{Disk, Kind, Storage, StorageFile, StorageLock};

use super::aim::Position;
use super::phase::Phase;
use crate::real::process::say;

const COMMITTER: &str = "sessile-commit";

/// What the writer and its disk know of each other.
#[derive(Debug)]
pub struct Cue {
    store: PathBuf,
    phase: Mutex<Option<Phase>>,
    /// How many operations the phase has had.
    count: AtomicU64,
    aim: Option<(Phase, u64, Position)>,
    /// Since when the committer waits for the disk.
    waits_since: Mutex<Option<Instant>>,
}

impl Cue {
    pub fn new(store: &Path, aim: Option<(Phase, u64, Position)>) -> Arc<Self> {
        Arc::new(Self {
            store: store.to_owned(),
            phase: Mutex::default(),
            count: AtomicU64::new(0),
            aim,
            waits_since: Mutex::default(),
        })
    }

    /// A phase begins; what was before it, ends.
    pub fn begin(&self, phase: Phase) {
        let mut current = self.phase.lock();
        self.say_end(current.take());
        self.count.store(0, Ordering::Relaxed);
        *current = Some(phase);
        say(format_args!("in {phase}"));
    }

    /// The phase ends.
    pub fn end(&self) {
        self.say_end(self.phase.lock().take());
    }

    fn say_end(&self, phase: Option<Phase>) {
        if let Some(phase) = phase {
            say(format_args!("out {phase} {}", self.count.load(Ordering::Relaxed)));
        }
    }

    /// Says from time to time how long the disk holds the committer up: so long nothing can be written.
    pub fn watch_committer(self: &Arc<Self>) {
        const PERIOD: Duration = Duration::from_millis(10);
        let cue = Arc::clone(self);
        std::thread::spawn(move || {
            let mut longest = PERIOD;
            loop {
                std::thread::sleep(PERIOD);
                let waits = cue.waits_since.lock().map_or(Duration::ZERO, |since| since.elapsed());
                if waits > longest {
                    longest = waits;
                    say(format_args!("held {}", longest.as_millis()));
                }
            }
        });
    }

    fn timed<T>(&self, act: impl FnOnce() -> T) -> T {
        if !is_by(COMMITTER) {
            return act();
        }
        *self.waits_since.lock() = Some(Instant::now());
        let done = act();
        *self.waits_since.lock() = None;
        done
    }

    /// The log is read: the store has what it needs to replay.
    fn reads(&self, path: &Path) {
        if *self.phase.lock() == Some(Phase::Open) && is_segment(path) {
            self.begin(Phase::Replay);
        }
    }

    /// Where to stand still in an operation on `path` that begins now.
    fn enter(&self, path: &Path) -> Option<Position> {
        let phase = *self.phase.lock();
        let phase = phase.filter(|phase| self.belongs(*phase, path))?;
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let (aimed, at, position) = self.aim?;
        (aimed == phase && at == number).then_some(position)
    }

    /// Whether an operation on `path`, by this thread, is what the phase is about.
    fn belongs(&self, phase: Phase, path: &Path) -> bool {
        let is_base = path.file_name().is_some_and(|name| name == "base.redb");
        match phase {
            Phase::Create | Phase::Open | Phase::Replay | Phase::Close | Phase::Clear => true,
            Phase::Write => is_by(COMMITTER),
            Phase::Checkpoint | Phase::Reap => is_by("sessile-maintain") && (is_base || is_segment(path)),
            Phase::Backup => !path.starts_with(&self.store),
        }
    }

    fn stop(&self, operation: &str, path: &Path, position: Position) -> ! {
        say(format_args!("stopped {position:?} {operation} {}", path.display()));
        loop {
            std::thread::park();
        }
    }

    /// Does an operation, and stands still before or behind it if it is the one.
    fn pass<T>(&self, operation: &str, path: &Path, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let position = self.enter(path);
        if let Some(position @ (Position::Before | Position::Midway)) = position {
            self.stop(operation, path, position);
        }
        let done = self.timed(act);
        if let Some(position) = position {
            self.stop(operation, path, position);
        }
        done
    }
}

fn is_by(name: &str) -> bool {
    std::thread::current().name().is_some_and(|thread| thread == name)
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

/// The disk.
#[derive(Debug)]
pub struct Stage {
    pub cue: Arc<Cue>,
}

impl Stage {
    fn file(&self, path: &Path, file: Arc<dyn StorageFile>) -> Arc<dyn StorageFile> {
        Arc::new(StageFile { cue: Arc::clone(&self.cue), path: path.to_owned(), file })
    }
}

impl Storage for Stage {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.cue.pass("create_dir", path, || Disk.create_dir(path))
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        Disk.kind(path)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        Disk.canonical(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        self.cue.pass("create", path, || Disk.create(path)).map(|file| self.file(path, file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        Disk.open(path).map(|file| self.file(path, file))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        Disk.list(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.cue.pass("remove_file", path, || Disk.remove_file(path))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.cue.pass("remove_dir", path, || Disk.remove_dir(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.cue.pass("rename", to, || Disk.rename(from, to))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.cue.pass("sync_dir", path, || Disk.sync_dir(path))
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn StorageLock>>> {
        self.cue.pass("try_lock", path, || Disk.try_lock(path))
    }
}

#[derive(Debug)]
struct StageFile {
    cue: Arc<Cue>,
    path: PathBuf,
    file: Arc<dyn StorageFile>,
}

impl StorageFile for StageFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.cue.reads(&self.path);
        self.file.read_at(offset, bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let position = self.cue.enter(&self.path);
        match position {
            Some(position @ Position::Before) => self.cue.stop("write_at", &self.path, position),
            Some(position @ Position::Midway) => {
                self.file.write_at(offset, &bytes[..bytes.len() / 2])?;
                self.cue.stop("write_at", &self.path, position)
            }
            Some(Position::After) | None => {}
        }
        let written = self.cue.timed(|| self.file.write_at(offset, bytes));
        if let Some(position) = position {
            self.cue.stop("write_at", &self.path, position);
        }
        written
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.cue.pass("set_len", &self.path, || self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.cue.pass("sync_data", &self.path, || self.file.sync_data())
    }
}
