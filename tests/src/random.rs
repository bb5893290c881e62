//! Random histories: a few busy sessions in a small log, and whatever a store goes through in its life, next to
//! the model.
//!
//! A history follows from its seed. It writes, touches, steps and checkpoints, makes the base's or the log's file
//! fail, moves the clock, ends the process in every way there is, and opens the store again with other options, as
//! a salvage, or from a backup.

mod kind;
mod life;
mod tally;

pub use kind::Kind;
pub use tally::Tally;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use sessile::{Durability, Error, Timestamp, Version};

use crate::disk::{Action, Fault};
use crate::model::{Crash, Sessions, difference};
use crate::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// More than tombstones take in memory, less than any session.
const LEFT_ALONE_BYTES: u64 = 15_000;
/// A store that things happen to.
pub struct History {
    world: World,
    random: Rng,
    kind: Kind,
    ids: usize,
    durability: Durability,
    ttl_millis: u64,
    /// When every session expires that is not touched, but for those of [`Kind::Touches`].
    expires_at: Timestamp,
    /// Bytes that were set since what nobody waits for was written, too.
    unsettled: usize,
    /// A checkpoint may have begun before the last sets.
    stepped: bool,
    failing: bool,
    faults: Arc<std::sync::atomic::AtomicU64>,
    tally: Tally,
}

/// Goes through the history of this seed.
///
/// # Panics
/// Where the store shows or keeps something else than the model says.
#[must_use]
pub fn live(kind: Kind, seed: u64, operations: u64) -> Tally {
    let mut history = History::new(kind, seed);
    for _ in 0..operations {
        history.go_on();
    }
    history.end();
    history.tally.histories = 1;
    history.tally.operations = operations;
    history.tally.faults = history.faults.load(std::sync::atomic::Ordering::Relaxed);
    history.tally
}

impl History {
    fn new(kind: Kind, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let durability = kind.durability(&mut random);
        let options = small_options(durability).ttl(Duration::from_millis(HOUR));
        let world = World::new(options, durability);
        let expires_at = world.in_millis(30 * DAY);
        let ids = random.usize(4..=12);
        let (unsettled, stepped, failing, faults, tally) = (0, false, false, Arc::default(), Tally::default());
        let ttl_millis = HOUR;
        let mut history = Self {
            world,
            random,
            kind,
            ids,
            durability,
            ttl_millis,
            expires_at,
            unsettled,
            stepped,
            failing,
            faults,
            tally,
        };
        // On a disk that does not keep its moments.
        history.crash(Crash::Kill);
        history
    }

    /// Some are written more often than others.
    fn name(&mut self) -> String {
        let number = self.random.usize(..self.ids);
        format!("{}", if self.random.bool() { number / 2 } else { number })
    }

    fn set(&mut self) {
        let name = self.name();
        let len = if self.random.u8(..8) == 0 { 100 } else { self.random.usize(20_000..120_000) };
        self.unsettled += len;
        if self.random.u8(..4) == 0
            && let Some(version) = self.version_of(&name)
        {
            self.set_if(&name, len, version);
            return;
        }
        let called = match self.kind {
            Kind::Touches if self.random.u8(..8) == 0 => {
                let ttl_millis = self.random.u64(1..3000);
                self.world.try_set(&name, len, ttl_millis)
            }
            Kind::Touches => self.world.try_set_for_ttl(&name, len, self.ttl_millis),
            _ => self.world.try_set(&name, len, self.expires_at.as_millis() - self.world.now().as_millis()),
        };
        self.note(called);
    }

    /// Of the session as it is; nothing where that cannot be read.
    fn version_of(&self, name: &str) -> Option<Version> {
        self.world.store().get(&id(name)).ok().flatten().map(|session| session.version)
    }

    /// Writes on condition of the version that is there, and of one that was there before it or never.
    fn set_if(&mut self, name: &str, len: usize, version: Version) {
        let stale = Version::new(self.random.u64(..version.get()));
        let ttl_millis = match self.kind {
            Kind::Touches => self.ttl_millis,
            _ => self.expires_at.as_millis() - self.world.now().as_millis(),
        };
        match self.world.try_set_if(name, len, ttl_millis, stale) {
            Err(Error::Conflict { .. } | Error::Gone { .. }) => {}
            Err(error) => self.note(Err(error)),
            Ok(()) => panic!("{name} has version {}, and was replaced as if it had {}", version.get(), stale.get()),
        }
        let called = self.world.try_set_if(name, len, ttl_millis, version);
        assert!(
            !matches!(called, Err(Error::Conflict { .. } | Error::Gone { .. })),
            "{name} was read at version {}: {called:?}",
            version.get()
        );
        self.note(called);
    }

    fn note(&mut self, called: Result<(), Error>) {
        match called {
            Ok(()) => {}
            Err(_) if self.kind != Kind::Touches => self.tally.refused += 1,
            Err(error) => panic!("refused although nothing fails: {error}"),
        }
    }

    fn touch(&mut self) {
        let name = self.name();
        match self.kind {
            Kind::Faults | Kind::LogFaults => {}
            Kind::Touches => {
                let ttl =
                    if self.random.u8(..6) == 0 { self.random.u64(1..3000) } else { HOUR + self.random.u64(..HOUR) };
                let called = self.world.try_touch(&name, ttl);
                self.note(called);
            }
            // The model knows nothing of it.
            Kind::FaultsAndTouches => {
                let expires_at = Timestamp::from_millis(self.expires_at.as_millis() + self.random.u64(1..HOUR));
                if self.world.store().touch(&id(&name), expires_at).is_err() {
                    self.tally.refused += 1;
                }
                while self.world.simulation().step_reader() {}
            }
        }
    }

    fn step(&mut self) {
        match self.random.u8(..4) {
            0 => drop(self.world.simulation().step_committer()),
            1 => drop(self.world.simulation().step_reader()),
            _ => {
                self.world.simulation().step_maintenance();
                self.stepped = true;
            }
        }
        self.world.poll();
    }

    fn settle(&mut self) {
        let before = self.world.store().stats();
        self.world.settle();
        let after = self.world.store().stats();
        let ended = after.checkpoints - before.checkpoints;
        self.tally.checkpoints += ended;
        self.tally.failed_checkpoints += after.checkpoint_failures - before.checkpoint_failures;
        self.tally.of_older_half += u64::from(ended > 0 && !self.stepped && after.dirty_bytes > LEFT_ALONE_BYTES);
        self.stepped = false;
    }

    fn fail(&mut self) {
        let on_log = self.kind == Kind::LogFaults;
        let actions = [Action::Read, Action::Write, Action::SetLen, Action::Sync];
        let kinds = self.random.usize(1..=actions.len());
        let actions = self.random.choose_multiple(actions, kinds);
        let one_in = self.random.choice([1, 2, 5, 20]).expect("one of them");
        let mut random = self.random.fork();
        let faults = Arc::clone(&self.faults);
        self.world.disk.fail_when(move |event| {
            let is_on = |action: &Action| if on_log { event.is_on_log(*action) } else { event.is_on_base(*action) };
            if !actions.iter().any(is_on) || random.u8(..one_in) > 0 {
                return None;
            }
            faults.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            random.choice([Fault::Error(ErrorKind::Other), Fault::Error(ErrorKind::StorageFull), Fault::Short])
        });
        self.failing = true;
    }

    fn heal(&mut self) {
        self.world.disk.heal();
        self.failing = false;
        // Later than anything is tried again.
        self.settle();
        self.world.advance(1100);
    }

    fn is_poisoned(&self) -> bool {
        self.world.store().is_poisoned()
    }

    /// Compares what the store shows with the model.
    fn check(&mut self) {
        if self.failing || self.is_poisoned() {
            return;
        }
        let found = self.found(self.world.read_all());
        self.compare(&found, "what is there");
    }

    fn compare(&self, found: &Sessions, what: &str) {
        if let Some(difference) = difference(&self.world.model.living(self.world.now()), found) {
            panic!("{what}: {difference}");
        }
    }

    /// What was read, as far as the model knows of it.
    fn found(&self, read: Result<Sessions, String>) -> Sessions {
        let mut found = read.unwrap_or_else(|reason| panic!("{reason}"));
        if self.kind == Kind::FaultsAndTouches {
            for session in found.values_mut() {
                assert!(session.expires_at >= self.expires_at, "a touch moved expiry earlier");
                session.expires_at = self.expires_at;
            }
        }
        found
    }

    fn go_on(&mut self) {
        if self.random.u8(..60) == 0 {
            self.turn();
        }
        if self.kind == Kind::LogFaults && self.random.u8(..8) == 0 && self.is_poisoned() {
            let crash = if self.random.bool() { Crash::Kill } else { Crash::PowerLoss };
            self.crash(crash);
        }
        match self.random.u8(..100) {
            0..50 => {
                self.set();
                if self.random.u8(..4) > 0 {
                    self.settle();
                }
            }
            50..60 => self.touch(),
            60..64 => {
                let name = self.name();
                let called = self.world.try_destroy(&name);
                self.note(called);
            }
            64 if self.random.u8(..3) == 0 => {
                let called = self.world.try_clear();
                self.note(called);
            }
            65..82 => self.step(),
            82..88 => self.settle(),
            88..93 => {
                self.settle();
                let millis = self.random.choice([1, 15, 60, 1100, 5000, 61_000]).expect("one of them");
                self.world.advance(millis);
            }
            93 => {
                self.world.simulation().ask_checkpoint();
                self.stepped = true;
            }
            94 | 95 => self.crash(Crash::Kill),
            96 => self.crash(Crash::PowerLoss),
            97.. if self.kind != Kind::Touches => {
                if self.failing {
                    self.heal();
                } else {
                    self.fail();
                }
            }
            _ => self.check(),
        }
        // Below what makes the store refuse writes, and touches go unlogged.
        if self.unsettled > 250_000 {
            self.world.pass(10);
            self.settle();
            self.unsettled = 0;
        }
    }

    fn end(&mut self) {
        self.heal();
        self.check();
        self.crash(Crash::Kill);
        self.crash(Crash::PowerLoss);
    }
}
