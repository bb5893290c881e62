//! Random histories: a few busy sessions in a small log, crashed at random moments, next to the model.
//!
//! The failure guarded against: an order of operations, steps, faults and crashes that nobody thought of, in
//! which something acknowledged is lost or something removed comes back.

use std::io::ErrorKind;

use fastrand::Rng;
use sessile::{Durability, Timestamp};
use sessile_tests::disk::{Action, Fault, Loss};
use sessile_tests::model::{Crash, difference};
use sessile_tests::seed::{depth, seed};
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// More than tombstones take in memory, less than any session.
const LEFT_ALONE_BYTES: u64 = 15_000;

/// What a history consists of besides sets, destroys, clears, steps and crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Touches, and sessions that expire; the disk works.
    Touches,
    /// The base's file fails now and then; nothing is touched, nothing expires.
    Faults,
    /// The base's file fails now and then. Touches extend what would not expire anyway: they may go unlogged,
    /// and what they touch has to be there all the same.
    FaultsAndTouches,
}

/// Says how to see a history again that fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("replay this history alone, as the first, with SESSILE_TEST_SEED={}", self.0);
        }
    }
}

/// What happened in histories, to see that they are about something.
#[derive(Debug, Default)]
struct Tally {
    crashes: u64,
    checkpoints: u64,
    /// Checkpoints that left sessions to the log although nothing was written meanwhile.
    of_older_half: u64,
    failed_checkpoints: u64,
    refused: u64,
}

struct History<'a> {
    world: World,
    random: Rng,
    kind: Kind,
    ids: usize,
    /// When every session expires that is not touched, but for those of [`Kind::Touches`].
    expires_at: Timestamp,
    /// Bytes that were set since what nobody waits for was written, too.
    unsettled: usize,
    /// A checkpoint may have begun before the last sets.
    stepped: bool,
    failing: bool,
    tally: &'a mut Tally,
}

impl<'a> History<'a> {
    fn new(kind: Kind, seed: u64, tally: &'a mut Tally) -> Self {
        let mut random = Rng::with_seed(seed);
        let durability = match random.u8(..4) {
            0 | 1 => Durability::Fsync,
            2 => Durability::Write,
            _ => Durability::Async,
        };
        let world = World::new(small_options(durability), durability);
        let expires_at = world.in_millis(DAY);
        let ids = random.usize(4..=12);
        let (unsettled, stepped, failing) = (0, false, false);
        let mut history = Self { world, random, kind, ids, expires_at, unsettled, stepped, failing, tally };
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
        let ttl = match self.kind {
            Kind::Touches if self.random.u8(..8) == 0 => self.random.u64(1..3000),
            Kind::Touches => HOUR,
            Kind::Faults | Kind::FaultsAndTouches => self.expires_at.as_millis() - self.world.now().as_millis(),
        };
        let called = self.world.try_set(&name, len, ttl);
        self.note(called);
        self.unsettled += len;
    }

    fn note(&mut self, called: Result<(), sessile::Error>) {
        match called {
            Ok(()) => {}
            Err(_) if self.kind != Kind::Touches => self.tally.refused += 1,
            Err(error) => panic!("refused although nothing fails: {error}"),
        }
    }

    fn touch(&mut self) {
        let name = self.name();
        match self.kind {
            Kind::Faults => {}
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
        let actions = [Action::Read, Action::Write, Action::SetLen, Action::Sync];
        let kinds = self.random.usize(1..=actions.len());
        let actions = self.random.choose_multiple(actions, kinds);
        let one_in = self.random.choice([1, 2, 5, 20]).expect("one of them");
        let mut random = self.random.fork();
        self.world.disk.fail_when(move |event| {
            let fails = actions.iter().any(|action| event.is_on_base(*action)) && random.u8(..one_in) == 0;
            let faults = [Fault::Error(ErrorKind::Other), Fault::Error(ErrorKind::StorageFull), Fault::Short];
            fails.then(|| random.choice(faults).expect("one of them"))
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

    /// Compares what the store shows with the model.
    fn check(&mut self) {
        if self.failing {
            return;
        }
        let found = self.found();
        if let Some(difference) = difference(&self.world.model.living(self.world.now()), &found) {
            panic!("{difference}");
        }
    }

    fn found(&self) -> sessile_tests::model::Sessions {
        let mut found = self.world.read_all().unwrap_or_else(|reason| panic!("{reason}"));
        if self.kind == Kind::FaultsAndTouches {
            for session in found.values_mut() {
                assert!(session.expires_at >= self.expires_at, "a touch moved expiry earlier");
                session.expires_at = self.expires_at;
            }
        }
        found
    }

    fn crash(&mut self, crash: Crash) {
        self.world.kill();
        let moment = self.world.disk.moment();
        self.world.disk = match crash {
            Crash::Kill => moment.after_kill(),
            Crash::PowerLoss => moment.after_power_loss(Loss::of_round(self.random.u64(..4)), self.random.u64(..)),
        };
        self.failing = false;
        self.world.open_unchecked().unwrap_or_else(|error| panic!("opening failed after a {crash:?}: {error}"));
        let opened = self.world.disk.events();
        let found = self.found();
        let now = self.world.now();
        if let Err(reason) = self.world.model.reopened(&found, now, crash, opened) {
            panic!("{reason}");
        }
        (self.unsettled, self.stepped) = (0, false);
        self.tally.crashes += 1;
    }

    fn go_on(&mut self) {
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
}

/// Runs histories one after the other.
fn run(test: &str, kind: Kind, histories: u64) -> Tally {
    let first = seed(test);
    let mut tally = Tally::default();
    for seed in (0..histories * depth()).map(|number| first.wrapping_add(number)) {
        let _named = Named(seed);
        let mut history = History::new(kind, seed, &mut tally);
        for _ in 0..160 {
            history.go_on();
        }
        history.heal();
        history.check();
        history.crash(Crash::Kill);
        history.crash(Crash::PowerLoss);
    }
    println!("{test}: {tally:?}");
    tally
}

#[test]
fn whatever_is_written_and_touched_survives_crashes() {
    let tally = run("whatever_is_written_and_touched_survives_crashes", Kind::Touches, 30);
    assert!(tally.of_older_half >= 5, "{tally:?}");
}

#[test]
fn whatever_is_written_survives_crashes_and_a_failing_base() {
    let tally = run("whatever_is_written_survives_crashes_and_a_failing_base", Kind::Faults, 30);
    assert!(tally.of_older_half > 0 && tally.failed_checkpoints > 0, "{tally:?}");
}

#[test]
fn whatever_is_touched_while_the_base_fails_is_there_afterwards() {
    let tally = run("whatever_is_touched_while_the_base_fails_is_there_afterwards", Kind::FaultsAndTouches, 30);
    assert!(tally.of_older_half > 0 && tally.failed_checkpoints > 0, "{tally:?}");
}
