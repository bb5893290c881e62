//! Random histories: a few busy sessions in a small log, and whatever a store goes through in its life, next to
//! the model.
//!
//! A history follows from its seed. It writes, touches, steps and checkpoints, makes the base's or the log's file
//! fail, moves the clock, ends the process in every way there is, and opens the store again with other options, as
//! a salvage, or from a backup.

mod tally;

pub use tally::Tally;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use sessile::simulation::Simulation;
use sessile::{Durability, Error, Options, Timestamp};

use crate::disk::{Action, Fault, Loss};
use crate::model::{Crash, Sessions, difference};
use crate::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// More than tombstones take in memory, less than any session.
const LEFT_ALONE_BYTES: u64 = 15_000;

/// What a history consists of besides sets, destroys, clears, steps, crashes, and reopenings of every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Touches, and sessions that expire; the disk works, and the clock jumps ahead.
    Touches,
    /// The base's file fails now and then; nothing is touched, nothing expires, and the clock jumps either way.
    Faults,
    /// The base's file fails now and then. Touches extend what would not expire anyway: they may go unlogged,
    /// and what they touch has to be there all the same.
    FaultsAndTouches,
    /// The log's files fail now and then, which ends the store's writing until it is opened again; otherwise as
    /// [`Kind::Faults`].
    LogFaults,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Touches, Self::Faults, Self::FaultsAndTouches, Self::LogFaults];

    /// Acknowledged at once is more than is promised while the log cannot be written.
    fn durability(self, random: &mut Rng) -> Durability {
        match random.u8(..4) {
            0 | 1 => Durability::Fsync,
            2 => Durability::Write,
            _ if self == Self::LogFaults => Durability::Write,
            _ => Durability::Async,
        }
    }
}

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

    fn crash(&mut self, crash: Crash) {
        self.end_process(crash);
        self.open(crash, false);
    }

    fn end_process(&mut self, crash: Crash) {
        self.tally.poisoned += u64::from(self.is_poisoned());
        self.world.kill();
        let moment = self.world.disk.moment();
        self.world.disk = match crash {
            Crash::Kill => moment.after_kill(),
            Crash::PowerLoss => moment.after_power_loss(Loss::of_round(self.random.u64(..4)), self.random.u64(..)),
        };
        self.failing = false;
        match crash {
            Crash::Kill => self.tally.kills += 1,
            Crash::PowerLoss => self.tally.power_losses += 1,
        }
    }

    fn open(&mut self, crash: Crash, salvage: bool) {
        let opened = if salvage {
            self.tally.salvages += 1;
            self.world.open_salvage_unchecked().map(|dropped| assert!(dropped.is_empty(), "it dropped {dropped:?}"))
        } else {
            self.world.open_unchecked()
        };
        opened.unwrap_or_else(|error| panic!("opening failed after a {crash:?}: {error}"));
        let opened = self.world.disk.events();
        let found = self.found(self.world.read_all());
        let now = self.world.now();
        if let Err(reason) = self.world.model.reopened(&found, now, crash, opened) {
            panic!("{reason}");
        }
        // What was there before is judged by what was promised before.
        self.world.model.promise(self.durability);
        (self.unsettled, self.stepped) = (0, false);
    }

    /// Nothing is under way any more, and nothing fails.
    fn calm(&mut self) {
        if self.failing {
            self.heal();
        }
        if self.is_poisoned() {
            self.crash(Crash::Kill);
        }
        self.world.advance(10);
    }

    fn choose_options(&mut self) {
        let mib = 1 << 20;
        self.durability = self.kind.durability(&mut self.random);
        let cache_bytes = self.random.choice([0, 50_000, mib, 64 * mib]).expect("one of them");
        let dirty_bytes = self.random.choice([3 * mib, 8 * mib, 64 * mib]).expect("one of them");
        let log_bytes_max = self.random.choice([4 * mib, 4 * mib, 5 * mib, 8 * mib]).expect("one of them");
        self.ttl_millis = self.random.u64(HOUR..2 * HOUR);
        let options = small_options(self.durability)
            .cache_bytes(cache_bytes)
            .dirty_bytes(dirty_bytes)
            .log_bytes_max(log_bytes_max)
            .ttl(Duration::from_millis(self.ttl_millis));
        self.world.reopen_with(options);
        self.tally.other_options += 1;
    }

    /// The wall clock is set, while the store is closed.
    fn jump_closed(&mut self) {
        let minutes = self.random.u64(2..60);
        // Into the past only where nothing has been reaped that would live again.
        let back = self.kind != Kind::Touches && self.random.bool();
        let by_millis = (minutes * 60_000).cast_signed();
        self.world.jump_closed(if back { -by_millis } else { by_millis });
        self.tally.jumps += 1;
    }

    /// The wall clock is set ahead. Until it is opened again the store has to believe it.
    fn jump_ahead(&mut self) {
        let by_millis = self.random.u64(2..60) * 60_000;
        self.world.jump_ahead(by_millis);
        self.tally.jumps += 1;
    }

    fn close_and_open(&mut self) {
        self.calm();
        if self.random.bool() {
            self.world.checkpoint();
        }
        let expected = self.world.model.living(self.world.now());
        self.world.close();
        self.tally.closes += 1;
        if self.random.bool() {
            self.choose_options();
        }
        let salvage = self.random.u8(..4) == 0;
        self.open(Crash::Kill, salvage);
        if let Some(difference) = difference(&expected, &self.found(self.world.read_all())) {
            panic!("after an orderly end: {difference}");
        }
    }

    /// A backup has everything, and is a store of its own.
    fn back_up(&mut self) {
        self.calm();
        self.world.checkpoint();
        self.tally.backups += 1;
        let path = PathBuf::from(format!("/backup-{}", self.tally.backups));
        self.world.simulation().backup(&path).unwrap_or_else(|error| panic!("a backup failed: {error}"));
        let options = Options::new(&path).log_bytes_max(4 << 20).payload_bytes_max(1 << 20);
        let copy = Simulation::open(options, Arc::new(self.world.disk.clone()), self.world.clock.clone());
        let copy = copy.unwrap_or_else(|error| panic!("a backup cannot be opened: {error}"));
        let found = self.found(self.world.read_all_of(copy.store()));
        self.compare(&found, "what the backup has");
    }

    /// Something that happens to a store now and then in its life.
    fn turn(&mut self) {
        match self.random.u8(..6) {
            0 => self.close_and_open(),
            1 => self.back_up(),
            2 => {
                let crash = if self.random.bool() { Crash::Kill } else { Crash::PowerLoss };
                self.end_process(crash);
                self.choose_options();
                self.open(crash, false);
            }
            3 => {
                self.end_process(Crash::Kill);
                self.open(Crash::Kill, true);
            }
            4 => {
                self.end_process(Crash::Kill);
                self.jump_closed();
                self.open(Crash::Kill, false);
            }
            _ => self.jump_ahead(),
        }
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
