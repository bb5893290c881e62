//! Operations, steps, faults and crashes in any order, next to the model of what a store may hold.
//!
//! After every crash the store holds what the first so many operations led to, everything that was promised among
//! them; in between it shows what the model does. An input is the durability, whether the disk may fail, and the steps.

use std::io::ErrorKind;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use fastrand::Rng;
use sessile::{Durability, Options, Timestamp};
use sessile_tests::disk::{Action, Event, Fault, Loss};
use sessile_tests::model::{Crash, Sessions, difference};
use sessile_tests::world::{World, id};

use crate::options::{LOG_BYTES, options};
use crate::watch::watched;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
const IDS: u8 = 8;
const STEPS_MAX: usize = 100;
/// Below what makes a store refuse writes and leave touches unlogged.
const UNSETTLED_BYTES_MAX: usize = LOG_BYTES as usize / 16;

/// Runs one input.
pub fn run(input: &[u8]) {
    watched(|| live(&mut Unstructured::new(input)));
}

/// One step of a history.
#[derive(Debug, Clone, Arbitrary)]
pub enum Step {
    /// Stores a session.
    Set {
        /// Whose.
        id: u8,
        /// How large.
        len: u16,
        /// For how long.
        ttl: u8,
    },
    /// Moves its expiry.
    Touch {
        /// Whose.
        id: u8,
        /// To when.
        ttl: u8,
    },
    /// Removes a session.
    Destroy {
        /// Whose.
        id: u8,
    },
    /// Removes all.
    Clear,
    /// One round of the committer.
    Commit,
    /// One lookup.
    Look,
    /// One step of maintenance.
    Maintain,
    /// Callbacks run.
    Complete,
    /// Everything is stepped until nothing has anything to do.
    Settle,
    /// Time passes.
    Pass {
        /// How much, of a few choices.
        time: u8,
    },
    /// A checkpoint is asked for.
    Checkpoint,
    /// The process ends, and opens the store again.
    Kill {
        /// With which options.
        options: u8,
    },
    /// The power goes, and comes back.
    LosePower {
        /// With which options the store is opened.
        options: u8,
        /// What is left.
        left: u16,
    },
    /// The disk fails from now on.
    Fail {
        /// What fails, a bit for each.
        what: u8,
        /// Now and then, by this.
        seed: u16,
    },
    /// The disk is full.
    Fill {
        /// But for so many sectors.
        sectors: u16,
    },
    /// The disk is well.
    Heal,
    /// What the store shows is compared with the model.
    Check,
}

struct History {
    world: World,
    durability: Durability,
    /// The disk may fail. Then every session has the same expiry: what a touch came to cannot be told.
    faults: bool,
    expires_at: Timestamp,
    unsettled: usize,
    failing: bool,
}

fn live(input: &mut Unstructured<'_>) {
    let Ok(kind) = u8::arbitrary(input) else { return };
    let durability = [Durability::Fsync, Durability::Write, Durability::Async][usize::from(kind) % 3];
    let mut history = History::new(durability, kind >= 128, kind & 64 == 0);
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(input) else { break };
        history.step(&step);
    }
    history.heal();
    history.check();
    history.crash(Crash::Kill, 0, 0);
    history.crash(Crash::PowerLoss, 0, 0);
}

impl History {
    fn new(durability: Durability, faults: bool, callers_write: bool) -> Self {
        let mut world = World::new(options(durability), durability);
        world.callers_write = callers_write;
        let expires_at = world.in_millis(DAY);
        let mut history = Self { world, durability, faults, expires_at, unsettled: 0, failing: false };
        // On a disk that does not keep its moments.
        history.crash(Crash::Kill, 0, 0);
        history
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Set { id, len, ttl } => {
                let len = payload_len(*len);
                let ttl = if self.faults { self.until_expiry() } else { millis(*ttl) };
                let called = self.world.try_set(&name(*id), len, ttl);
                self.unsettled += len;
                self.note(called);
            }
            Step::Touch { id, ttl } => self.touch(&name(*id), *ttl),
            Step::Destroy { id } => {
                let called = self.world.try_destroy(&name(*id));
                self.note(called);
            }
            Step::Clear => {
                let called = self.world.try_clear();
                self.note(called);
            }
            Step::Commit => drop(self.world.simulation().step_committer()),
            Step::Look => drop(self.world.simulation().step_reader()),
            Step::Maintain => drop(self.world.simulation().step_maintenance()),
            Step::Complete => drop(self.world.simulation().step_completions()),
            Step::Settle => self.settle(),
            Step::Pass { time } => {
                self.settle();
                self.world.advance([1, 15, 60, 1100, 5000, 61_000][usize::from(*time) % 6]);
            }
            Step::Checkpoint => {
                self.world.simulation().ask_checkpoint();
            }
            Step::Kill { options } => self.crash(Crash::Kill, *options, 0),
            Step::LosePower { options, left } => self.crash(Crash::PowerLoss, *options, *left),
            Step::Fail { what, seed } if self.faults => self.fail(*what, *seed),
            Step::Fill { sectors } if self.faults => {
                self.world.disk.set_capacity(Some(self.world.disk.used_bytes() + u64::from(*sectors) * 512));
                self.failing = true;
            }
            Step::Fail { .. } | Step::Fill { .. } => {}
            Step::Heal => self.heal(),
            Step::Check => self.check(),
        }
        self.world.poll();
        if self.world.store().is_poisoned() {
            self.crash(Crash::Kill, 0, 0);
        }
        if self.unsettled > UNSETTLED_BYTES_MAX {
            self.world.pass(10);
            self.settle();
        }
    }

    fn until_expiry(&self) -> u64 {
        self.expires_at.as_millis().saturating_sub(self.world.now().as_millis()).max(1)
    }

    /// Where no disk fails, nothing is refused.
    fn note(&self, called: Result<(), sessile::Error>) {
        if let Err(error) = called {
            assert!(self.faults, "refused although nothing fails: {error}");
        }
    }

    fn touch(&mut self, name: &str, ttl: u8) {
        if !self.faults {
            let called = self.world.try_touch(name, millis(ttl));
            return self.note(called);
        }
        // The model knows nothing of it: it may go unlogged, and what it touches is there all the same.
        let expires_at = Timestamp::from_millis(self.expires_at.as_millis() + 1 + u64::from(ttl));
        drop(self.world.store().touch(&id(name), expires_at));
        while self.world.simulation().step_reader() {}
    }

    fn settle(&mut self) {
        self.world.settle();
        self.unsettled = 0;
    }

    fn fail(&mut self, what: u8, seed: u16) {
        let all = [Action::Read, Action::Write, Action::SetLen, Action::Sync, Action::Create, Action::SyncDirectory];
        let (base_only, one_in) = (what & 128 != 0, [1, 2, 5, 20][usize::from(seed % 4)]);
        let mut random = Rng::with_seed(u64::from(seed));
        self.world.disk.fail_when(move |event: &Event| {
            let bit = all.iter().position(|action| *action == event.action)?;
            let on_base = event.path.extension().is_none_or(|extension| extension != "log");
            let fails = what & (1 << bit) != 0 && (on_base || !base_only) && random.u8(..one_in) == 0;
            let faults = [Fault::Error(ErrorKind::Other), Fault::Error(ErrorKind::StorageFull), Fault::Short];
            fails.then(|| random.choice(faults).expect("one of them"))
        });
        self.failing = true;
    }

    fn heal(&mut self) {
        self.world.disk.heal();
        self.world.disk.set_capacity(None);
        if self.world.store().is_poisoned() {
            self.crash(Crash::Kill, 0, 0);
        }
        self.failing = false;
        self.settle();
        // Later than anything is tried again.
        self.world.advance(1100);
    }

    fn check(&mut self) {
        if self.failing {
            return;
        }
        let (expected, found) = (self.world.model.living(self.world.now()), self.found());
        if let Some(difference) = difference(&expected, &found) {
            panic!("{difference}");
        }
    }

    fn found(&self) -> Sessions {
        let mut found = self.world.read_all().unwrap_or_else(|reason| panic!("{reason}"));
        if self.faults {
            for session in found.values_mut() {
                assert!(session.expires_at >= self.expires_at, "a touch moved expiry earlier");
                session.expires_at = self.expires_at;
            }
        }
        found
    }

    fn crash(&mut self, crash: Crash, options: u8, left: u16) {
        self.world.kill();
        let moment = self.world.disk.moment();
        self.world.disk = match crash {
            Crash::Kill => moment.after_kill(),
            Crash::PowerLoss => moment.after_power_loss(Loss::of_round(u64::from(left % 4)), u64::from(left)),
        };
        (self.failing, self.unsettled) = (false, 0);
        self.world.reopen_with(self.options(options));
        self.world.open_unchecked().unwrap_or_else(|error| panic!("opening failed after a {crash:?}: {error}"));
        let opened = self.world.disk.events();
        let (found, now) = (self.found(), self.world.now());
        if let Err(reason) = self.world.model.reopened(&found, now, crash, opened) {
            panic!("{reason}");
        }
    }

    /// A few of the options that a store may be opened with.
    fn options(&self, number: u8) -> Options {
        let options = options(self.durability);
        let options = if number & 1 != 0 { options.cache_bytes(0) } else { options };
        let options = if number & 2 != 0 { options.dirty_bytes(1 << 20) } else { options };
        let options = if number & 4 != 0 { options.log_bytes_max(2 * LOG_BYTES) } else { options };
        let options = if number & 8 != 0 { options.checkpoint_interval(Duration::from_millis(100)) } else { options };
        if number & 16 != 0 { options.base_cache_bytes(2 << 20) } else { options }
    }
}

fn name(id: u8) -> String {
    format!("{}", id % IDS)
}

/// Few of them large: those take the time.
fn payload_len(number: u16) -> usize {
    let len = usize::from(number);
    if len.is_multiple_of(16) { len } else { len % 1024 }
}

/// From a millisecond to about a day.
fn millis(ttl: u8) -> u64 {
    match ttl {
        0..64 => u64::from(ttl) * 50 + 1,
        64..128 => u64::from(ttl) * 1000,
        _ => HOUR + u64::from(ttl) * 100_000,
    }
}
