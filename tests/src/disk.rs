//! A disk in memory that can fail at any operation and lose its power at any moment.
//!
//! Every operation that changes the disk is an event with a number. What was written since the last sync is
//! kept apart from what is durable, so that a moment of the disk's life can be turned into any of the
//! disks that a power loss at that moment may leave.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;
use parking_lot::Mutex;
use sessile::simulation::StorageFile;

pub use crate::event::{Action, Event, Fault, Loss};
pub use crate::fate::{Fate, Fates, Pending};
use crate::file::SimulatedFile;
pub use crate::moment::Moment;
use crate::state::{ROOT, State};

type FaultRule = Box<dyn FnMut(&Event) -> Option<Fault> + Send>;
type Hook = Box<dyn FnMut(&Event) + Send>;
type Watcher = Arc<dyn Fn(u64) + Send + Sync>;

pub(crate) struct Inner {
    pub(crate) state: State,
    pub(crate) events: u64,
    trace: Vec<Event>,
    moments: Option<Vec<Moment>>,
    stop_at: Option<u64>,
    is_off: bool,
    rule: Option<FaultRule>,
    hook: Option<Hook>,
    watcher: Option<Watcher>,
    pub(crate) capacity_bytes: Option<u64>,
    pub(crate) locks: BTreeSet<usize>,
    pub(crate) random: Rng,
    /// How many random numbers the store has asked for.
    pub(crate) draws: u64,
}

impl Inner {
    pub(crate) fn check_power(&self) -> io::Result<()> {
        if self.is_off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone)]
pub struct SimulatedDisk(pub(crate) Arc<Mutex<Inner>>);

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

impl SimulatedDisk {
    pub(crate) fn with(state: State, events: u64) -> Self {
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
            draws: 0,
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

    /// How often the log was written, and how often synced, since there had been so many events.
    #[must_use]
    pub fn log_writes_and_syncs_after(&self, after: u64) -> (usize, usize) {
        let trace = self.trace_after(after);
        let count = |action| trace.iter().filter(|event| event.is_on_log(action)).count();
        (count(Action::Write), count(Action::Sync))
    }

    /// This moment.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let inner = self.0.lock();
        Moment::new(inner.events, inner.state.clone())
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

    /// What the disk does at random from now on follows from `seed`: what of its changes a failed sync has written.
    pub fn reseed(&self, seed: u64) {
        self.0.lock().random.seed(seed);
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

    /// Limits the disk; what files have been written may not be more together, in whole blocks. A file that is only
    /// made longer takes nothing, and of a write for which there is no room the part is written that fits.
    pub fn set_capacity(&self, capacity_bytes: Option<u64>) {
        self.0.lock().capacity_bytes = capacity_bytes;
    }

    /// Bytes of all files together, as the capacity counts them.
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

    pub(crate) fn fault(inner: &mut Inner, event: &Event) -> io::Result<Option<Fault>> {
        match inner.rule.as_mut().and_then(|rule| rule(event)) {
            Some(Fault::Error(kind)) if event.action != Action::Sync => Err(io::Error::from(kind)),
            fault => Ok(fault),
        }
    }

    /// Does one operation that changes the disk.
    pub(crate) fn change<T>(
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
            let moment = Moment::new(inner.events, inner.state.clone());
            inner.moments.get_or_insert_default().push(moment);
        }
        drop(inner);
        self.call_hook(&event);
        changed
    }

    pub(crate) fn call_hook(&self, event: &Event) {
        let hook = self.0.lock().hook.take();
        if let Some(mut hook) = hook {
            hook(event);
            self.0.lock().hook.get_or_insert(hook);
        }
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> io::Result<T>) -> io::Result<T> {
        let inner = self.0.lock();
        inner.check_power()?;
        look(&inner.state)
    }

    pub(crate) fn file(&self, node: usize, path: &Path) -> Arc<dyn StorageFile> {
        Arc::new(SimulatedFile::new(self.clone(), node, path.to_owned()))
    }
}
