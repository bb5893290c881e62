//! A disk in memory that can fail at any operation and lose its power at any moment.
//!
//! Every operation that changes the disk is an event with a number. What was written since the last sync is
//! kept apart from what is durable, so that a moment of the disk's life can be turned into any of the
//! disks that a power loss at that moment may leave: any subset of the unsynced writes, torn between
//! sectors, with or without the unsynced changes of directories.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fastrand::Rng;
use parking_lot::Mutex;
use sessile::simulation::{Kind, Storage, StorageFile, StorageLock};

use crate::content::Content;
use crate::directory::Directory;
pub use crate::event::{Action, Event, Fault, Loss};
use crate::state::{Node, ROOT, State};

type FaultRule = Box<dyn FnMut(&Event) -> Option<Fault> + Send>;
type Hook = Box<dyn FnMut(&Event) + Send>;
type Watcher = Arc<dyn Fn(u64) + Send + Sync>;

struct Inner {
    state: State,
    events: u64,
    trace: Vec<Event>,
    moments: Option<Vec<Moment>>,
    stop_at: Option<u64>,
    is_off: bool,
    rule: Option<FaultRule>,
    hook: Option<Hook>,
    watcher: Option<Watcher>,
    capacity_bytes: Option<u64>,
    locks: BTreeSet<usize>,
    random: Rng,
}

impl Inner {
    fn check_power(&self) -> io::Result<()> {
        if self.is_off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone)]
pub struct SimulatedDisk(Arc<Mutex<Inner>>);

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SimulatedDisk(after event {})", self.events())
    }
}

impl Default for SimulatedDisk {
    fn default() -> Self {
        Self::with(State::empty(), 0)
    }
}

/// A moment in the life of a disk, between two of its events.
#[derive(Debug, Clone)]
pub struct Moment {
    /// How many events came before.
    pub events: u64,
    state: State,
}

impl Moment {
    /// The disk that a power loss at this moment leaves. Its events go on being counted from here.
    #[must_use]
    pub fn after_power_loss(&self, loss: Loss, seed: u64) -> SimulatedDisk {
        SimulatedDisk::with(self.state.after_power_loss(loss, &mut Rng::with_seed(seed)), self.events)
    }

    /// The disk that the end of the process at this moment leaves: everything written, synced or not.
    #[must_use]
    pub fn after_kill(&self) -> SimulatedDisk {
        SimulatedDisk::with(self.state.clone(), self.events)
    }
}

impl SimulatedDisk {
    fn with(state: State, events: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            state,
            events,
            trace: Vec::new(),
            moments: None,
            stop_at: None,
            is_off: false,
            rule: None,
            hook: None,
            watcher: None,
            capacity_bytes: None,
            locks: BTreeSet::new(),
            random: Rng::with_seed(events),
        })))
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.0.lock().events
    }

    /// The events since the disk came into being.
    #[must_use]
    pub fn trace(&self) -> Vec<Event> {
        self.0.lock().trace.clone()
    }

    /// The events behind number `after`.
    #[must_use]
    pub fn trace_after(&self, after: u64) -> Vec<Event> {
        self.0.lock().trace.iter().filter(|event| event.number > after).cloned().collect()
    }

    /// This moment.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let inner = self.0.lock();
        Moment { events: inner.events, state: inner.state.clone() }
    }

    /// From now on keeps every moment, this one first.
    pub fn record(&self) {
        let moment = self.moment();
        self.0.lock().moments = Some(vec![moment]);
    }

    /// The moments kept: one before each event, and the present.
    #[must_use]
    pub fn moments(&self) -> Vec<Moment> {
        self.0.lock().moments.clone().unwrap_or_default()
    }

    /// Stops the power at event `number`: it and every operation after it fail.
    pub fn stop_at(&self, number: u64) {
        self.0.lock().stop_at = Some(number);
    }

    /// Asks `rule` at every operation, reads included, whether it fails.
    pub fn fail_when(&self, rule: impl FnMut(&Event) -> Option<Fault> + Send + 'static) {
        self.0.lock().rule = Some(Box::new(rule));
    }

    /// No operation fails any more, and the power is on.
    pub fn heal(&self) {
        let mut inner = self.0.lock();
        inner.rule = None;
        inner.stop_at = None;
        inner.is_off = false;
    }

    /// Calls `hook` after every operation, reads included, on the thread that does it. What the hook does
    /// to the disk calls no hook.
    pub fn after_each(&self, hook: impl FnMut(&Event) + Send + 'static) {
        self.0.lock().hook = Some(Box::new(hook));
    }

    /// Calls `act` once, after the first operation that is like this.
    pub fn once(&self, when: impl Fn(&Event) -> bool + Send + 'static, act: impl FnOnce() + Send + 'static) {
        let mut act = Some(act);
        self.after_each(move |event| {
            if when(event)
                && let Some(act) = act.take()
            {
                act();
            }
        });
    }

    /// Calls `watcher` before each event, with the number of events so far: whatever the store has said by
    /// then, it has said before the event.
    pub fn watch(&self, watcher: impl Fn(u64) + Send + Sync + 'static) {
        self.0.lock().watcher = Some(Arc::new(watcher));
    }

    /// Limits the disk; files may not grow beyond it together.
    pub fn set_capacity(&self, capacity_bytes: Option<u64>) {
        self.0.lock().capacity_bytes = capacity_bytes;
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.0.lock().state.used(ROOT)
    }

    /// Bytes of a directory's files together.
    #[must_use]
    pub fn used_bytes_in(&self, path: &Path) -> u64 {
        let inner = self.0.lock();
        inner.state.existing(path).map_or(0, |node| inner.state.used(node))
    }

    /// The whole file as reads show it.
    #[must_use]
    pub fn content(&self, path: &Path) -> Vec<u8> {
        let inner = self.0.lock();
        let file = inner.state.existing(path).and_then(|node| inner.state.file(node)).expect("a file");
        let mut bytes = vec![0; file.cached.len() as usize];
        file.cached.read(0, &mut bytes).expect("reading within the file");
        bytes
    }

    /// Changes bytes of a file as a failing disk does.
    pub fn damage(&self, path: &Path, offset: u64, bytes: &[u8]) {
        let mut inner = self.0.lock();
        let node = inner.state.existing(path).expect("a file to damage");
        inner.state.file_mut(node).expect("a file to damage").damage(offset, bytes);
    }

    fn fault(inner: &mut Inner, event: &Event) -> io::Result<Option<Fault>> {
        match inner.rule.as_mut().and_then(|rule| rule(event)) {
            Some(Fault::Error(kind)) if event.action != Action::Sync => Err(io::Error::from(kind)),
            fault => Ok(fault),
        }
    }

    /// Does one operation that changes the disk.
    fn change<T>(
        &self,
        action: Action,
        path: &Path,
        (offset, len): (u64, u64),
        change: impl FnOnce(&mut Inner, Option<Fault>) -> io::Result<T>,
    ) -> io::Result<T> {
        let (watcher, events) = {
            let inner = self.0.lock();
            (inner.watcher.clone(), inner.events)
        };
        if let Some(watcher) = watcher {
            watcher(events);
        }
        let mut inner = self.0.lock();
        let event = Event { number: inner.events + 1, action, path: path.to_owned(), offset, len };
        inner.is_off |= inner.stop_at.is_some_and(|stop_at| event.number >= stop_at);
        inner.check_power()?;
        inner.events += 1;
        inner.trace.push(event.clone());
        let changed = match Self::fault(&mut inner, &event) {
            Ok(fault) => change(&mut inner, fault),
            Err(error) => Err(error),
        };
        if inner.moments.is_some() {
            let moment = Moment { events: inner.events, state: inner.state.clone() };
            inner.moments.get_or_insert_default().push(moment);
        }
        drop(inner);
        self.call_hook(&event);
        changed
    }

    fn call_hook(&self, event: &Event) {
        let hook = self.0.lock().hook.take();
        if let Some(mut hook) = hook {
            hook(event);
            self.0.lock().hook.get_or_insert(hook);
        }
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> io::Result<T>) -> io::Result<T> {
        let inner = self.0.lock();
        inner.check_power()?;
        look(&inner.state)
    }

    fn file(&self, node: usize, path: &Path) -> Arc<dyn StorageFile> {
        Arc::new(SimulatedFile { disk: self.clone(), node, path: path.to_owned() })
    }
}

impl Storage for SimulatedDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let node = Node::Directory(Directory::default());
        self.change(Action::CreateDirectory, path, (0, 0), |inner, _| inner.state.add(path, node).map(drop))
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        self.look(|state| {
            Ok(state.find(path)?.map(|node| match &*state.nodes[node] {
                Node::File(_) => Kind::File,
                Node::Directory(_) => Kind::Directory,
            }))
        })
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.look(|state| state.existing(path))?;
        Ok(path.to_owned())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        let node = Node::File(Content::default());
        let node = self.change(Action::Create, path, (0, 0), |inner, _| inner.state.add(path, node))?;
        Ok(self.file(node, path))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn StorageFile>> {
        let node = self.look(|state| {
            let node = state.existing(path)?;
            state.file(node).map(|_| node)
        })?;
        Ok(self.file(node, path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.look(|state| match &*state.nodes[state.existing(path)?] {
            Node::Directory(directory) => Ok(directory.entries().keys().cloned().collect()),
            Node::File(_) => Err(io::Error::from(io::ErrorKind::NotADirectory)),
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(Action::Remove, path, (0, 0), |inner, _| {
            let node = inner.state.existing(path)?;
            inner.state.file(node)?;
            let (directory, name) = inner.state.place(path)?;
            directory.unlink(&name);
            Ok(())
        })
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.change(Action::Remove, path, (0, 0), |inner, _| {
            let node = inner.state.existing(path)?;
            if !inner.state.directory(node)?.entries().is_empty() {
                return Err(io::Error::from(io::ErrorKind::DirectoryNotEmpty));
            }
            let (directory, name) = inner.state.place(path)?;
            directory.unlink(&name);
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        assert_eq!(from.parent(), to.parent(), "no rename of the store leaves its directory");
        self.change(Action::Rename, to, (0, 0), |inner, _| {
            inner.state.existing(from)?;
            let (_, to) = inner.state.place(to)?;
            let (directory, from) = inner.state.place(from)?;
            directory.rename(&from, &to);
            Ok(())
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.change(Action::SyncDirectory, path, (0, 0), |inner, _| {
            let node = inner.state.existing(path)?;
            inner.state.directory(node)?.sync();
            Ok(())
        })
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn StorageLock>>> {
        let node = self.change(Action::Lock, path, (0, 0), |inner, _| {
            let node = match inner.state.find(path)? {
                Some(node) => node,
                None => inner.state.add(path, Node::File(Content::default()))?,
            };
            Ok(inner.locks.insert(node).then_some(node))
        })?;
        Ok(node.map(|node| Box::new(SimulatedLock { disk: self.clone(), node }) as Box<dyn StorageLock>))
    }
}

struct SimulatedLock {
    disk: SimulatedDisk,
    node: usize,
}

impl fmt::Debug for SimulatedLock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SimulatedLock")
    }
}

impl StorageLock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.disk.0.lock().locks.remove(&self.node);
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    node: usize,
    path: PathBuf,
}

impl fmt::Debug for SimulatedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SimulatedFile({})", self.path.display())
    }
}

impl SimulatedFile {
    /// Whether the disk has room for this file to have `len` bytes.
    fn check_room(&self, inner: &Inner, len: u64) -> io::Result<()> {
        let Some(capacity_bytes) = inner.capacity_bytes else { return Ok(()) };
        let grows = len.saturating_sub(inner.state.file(self.node)?.cached.len());
        if grows > 0 && inner.state.used(ROOT) + grows > capacity_bytes {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

impl StorageFile for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        self.disk.look(|state| Ok(state.file(self.node)?.cached.len()))
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let event = {
            let mut inner = self.disk.0.lock();
            let event = Event {
                number: inner.events,
                action: Action::Read,
                path: self.path.clone(),
                offset,
                len: bytes.len() as u64,
            };
            inner.check_power()?;
            SimulatedDisk::fault(&mut inner, &event)?;
            inner.state.file(self.node)?.cached.read(offset, bytes)?;
            event
        };
        self.disk.call_hook(&event);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let len = bytes.len() as u64;
        self.disk.change(Action::Write, &self.path, (offset, len), |inner, fault| {
            self.check_room(inner, offset + len)?;
            let file = inner.state.file_mut(self.node)?;
            if fault.is_some() {
                file.write(offset, &bytes[..bytes.len() / 2]);
                return Err(io::Error::other("only half was written"));
            }
            file.write(offset, bytes);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.change(Action::SetLen, &self.path, (len, 0), |inner, _| {
            self.check_room(inner, len)?;
            inner.state.file_mut(self.node)?.set_len(len);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.change(Action::Sync, &self.path, (0, 0), |inner, fault| {
            let mut random = inner.random.fork();
            let file = inner.state.file_mut(self.node)?;
            match fault {
                None => file.sync(),
                Some(fault) => {
                    file.fail_sync(&mut random);
                    let kind = if let Fault::Error(kind) = fault { kind } else { io::ErrorKind::Other };
                    return Err(io::Error::from(kind));
                }
            }
            Ok(())
        })
    }
}
