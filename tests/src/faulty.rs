//! A disk all of whose operations are counted, those that only look included, and fail from a chosen one on.
//!
//! It stands before a [`SimulatedDisk`], which goes on knowing what is durable: a sync that fails here fails there,
//! and loses what it was to make durable.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use sessile::simulation::{Kind, Storage, StorageFile, StorageLock};

use crate::disk::{Fault, SimulatedDisk};
use crate::event::{Action, Event};

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The disk refuses it; nothing is done. After a failed sync what it was to make durable may be lost.
    Refused,
    /// There is no room for it; nothing is done.
    Full,
    /// Half of the bytes are written.
    Short,
    /// It is done, and the answer is that it failed.
    Unsaid,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Refused, Self::Full, Self::Short, Self::Unsaid];

    /// Whether an operation of this kind can fail so.
    #[must_use]
    pub const fn befalls(self, action: Action) -> bool {
        let looks = matches!(action, Action::Read | Action::Look | Action::Open | Action::List | Action::Len);
        match self {
            Self::Refused => true,
            Self::Full => !looks && !matches!(action, Action::Remove),
            Self::Short => matches!(action, Action::Write),
            Self::Unsaid => !looks && !matches!(action, Action::Lock),
        }
    }

    fn error(self) -> io::Error {
        match self {
            Self::Full => io::Error::from(ErrorKind::StorageFull),
            // What Linux says of a disk that fails.
            Self::Refused | Self::Short | Self::Unsaid => io::Error::from_raw_os_error(5),
        }
    }
}

/// Which operations fail, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// From this one on, counted from 1.
    pub from: u64,
    /// All of them, or just that one.
    pub lasts: bool,
    /// How.
    pub failure: Failure,
}

#[derive(Debug, Default)]
struct State {
    operations: u64,
    plan: Option<Plan>,
    failed: u64,
    /// What the first that failed was.
    first: Option<(Action, PathBuf)>,
    /// Segments that have frames: what fails there may take acknowledged operations along.
    in_use: BTreeSet<PathBuf>,
    log_failed: bool,
}

/// A counted disk. Clones are the same disk.
#[derive(Clone)]
pub struct FaultyDisk {
    disk: SimulatedDisk,
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for FaultyDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FaultyDisk({:?})", self.disk)
    }
}

impl FaultyDisk {
    /// A disk that fails as planned, if at all.
    #[must_use]
    pub fn new(disk: &SimulatedDisk, plan: Option<Plan>) -> Self {
        let state = State { plan, ..State::default() };
        Self { disk: disk.clone(), state: Arc::new(Mutex::new(state)) }
    }

    /// How many operations there were.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// How many of them failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.state.lock().failed
    }

    /// What the first that failed was to do, and to what.
    #[must_use]
    pub fn first_failed(&self) -> Option<(Action, PathBuf)> {
        self.state.lock().first.clone()
    }

    /// Whether a write or a sync of a segment with frames in it has failed since this was last forgotten.
    #[must_use]
    pub fn log_failed(&self) -> bool {
        self.state.lock().log_failed
    }

    /// A store was opened: what failed before is not in use any more.
    pub fn forget_log_failed(&self) {
        self.state.lock().log_failed = false;
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        self.state.lock().plan = None;
    }

    /// Counts an operation. Returns how it is to fail.
    fn count(&self, action: Action, path: &Path) -> Option<Failure> {
        let mut state = self.state.lock();
        state.operations += 1;
        let plan = state.plan?;
        let applies = state.operations == plan.from || (plan.lasts && state.operations > plan.from);
        if !applies || !plan.failure.befalls(action) {
            return None;
        }
        state.failed += 1;
        state.first.get_or_insert((action, path.to_owned()));
        if matches!(action, Action::Write | Action::Sync) && state.in_use.contains(path) {
            state.log_failed = true;
        }
        Some(plan.failure)
    }

    fn run<T>(&self, action: Action, path: &Path, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.count(action, path) {
            None => run(),
            Some(Failure::Unsaid) => run().and_then(|_| Err(Failure::Unsaid.error())),
            Some(failure @ (Failure::Refused | Failure::Short | Failure::Full))
                if matches!(action, Action::Write | Action::Sync) =>
            {
                let error = failure.error();
                let fault = if failure == Failure::Short { Fault::Short } else { Fault::Error(error.kind()) };
                self.disk.fail_when(move |event: &Event| (event.action == action).then_some(fault));
                let result = run();
                self.disk.heal();
                result.and_then(|_| Err(error))
            }
            Some(failure) => Err(failure.error()),
        }
    }

    fn file(&self, path: &Path, file: Arc<dyn StorageFile>) -> Arc<dyn StorageFile> {
        Arc::new(FaultyFile { disk: self.clone(), file, path: path.to_owned() })
    }

    /// Notes whether a write is of a segment's frame, or makes leftovers of all of its frames.
    fn wrote(&self, path: &Path, offset: u64, bytes: &[u8]) {
        if path.extension().is_none_or(|extension| extension != "log") {
            return;
        }
        let mut state = self.state.lock();
        if offset == 0 {
            state.in_use.remove(path);
        } else if bytes.first().is_some_and(|first| *first != 0) {
            state.in_use.insert(path.to_owned());
        }
    }
}

impl Storage for FaultyDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.run(Action::CreateDirectory, path, || self.disk.create_dir(path))
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        self.run(Action::Look, path, || self.disk.kind(path))
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.run(Action::Look, path, || self.disk.canonical(path))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        self.run(Action::Create, path, || self.disk.create(path)).map(|file| self.file(path, file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        self.run(Action::Open, path, || self.disk.open(path)).map(|file| self.file(path, file))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.run(Action::List, path, || self.disk.list(path))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.run(Action::Remove, path, || self.disk.remove_file(path))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.run(Action::Remove, path, || self.disk.remove_dir(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.run(Action::Rename, to, || self.disk.rename(from, to))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.run(Action::SyncDirectory, path, || self.disk.sync_dir(path))
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn StorageLock>>> {
        self.run(Action::Lock, path, || self.disk.try_lock(path))
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    file: Arc<dyn StorageFile>,
    path: PathBuf,
}

impl StorageFile for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        self.disk.run(Action::Len, &self.path, || self.file.len())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.disk.run(Action::Read, &self.path, || self.file.read_at(offset, bytes))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.wrote(&self.path, offset, bytes);
        self.disk.run(Action::Write, &self.path, || self.file.write_at(offset, bytes))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.run(Action::SetLen, &self.path, || self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.run(Action::Sync, &self.path, || self.file.sync_data())
    }
}
