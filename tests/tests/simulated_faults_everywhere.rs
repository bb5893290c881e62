//! Every operation on the disk fails once, in every way it can fail, alone and with all that come after it.
//!
//! The failures guarded against: a panic, a caller who is never answered, an acknowledgement of what is not there, a
//! store poisoned by something else than its log, a lock that stays taken, an open that leaves harm behind, a backup
//! that says it is one. A short history does everything that a store does; it is run again for each of its operations
//! on the disk. `make faults-full` runs them all, `make test` some, chosen at random.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sessile::simulation::{Simulation, Storage};
use sessile::{Durability, Error, Options};
use sessile_tests::disk::{Action, Loss};
use sessile_tests::faulty::{Failure, FaultyDisk, Plan};
use sessile_tests::model::Crash;
use sessile_tests::seed::{depth, is_full, seed};
use sessile_tests::world::{World, id, small_options};

const HOUR: u64 = 3_600_000;

/// A history during which the disk fails as planned.
struct Trial {
    world: World,
    faulty: FaultyDisk,
    plan: Plan,
    backups: u32,
}

impl Trial {
    fn new(durability: Durability, plan: Plan) -> Self {
        // Lookups and the reaper go to the disk, and the base is larger than its cache of pages.
        let options = small_options(durability).cache_bytes(0);
        let mut world = World::empty(options, durability);
        let faulty = FaultyDisk::new(&world.disk, Some(plan));
        world.faulty = Some(faulty.clone());
        Self { world, faulty, plan, backups: 0 }
    }

    fn has_failed(&self) -> bool {
        self.faulty.failed() > 0
    }

    /// Whether something may fail still.
    fn fails(&self) -> bool {
        self.has_failed() && self.plan.lasts
    }

    /// Opens the store and looks what is in it. One that fails says why, and changes nothing.
    fn open(&mut self) {
        let failed = self.faulty.failed();
        if let Err(error) = self.world.open_unchecked() {
            assert!(self.faulty.failed() > failed, "nothing failed, and opening did: {error}");
            self.check_error(&error);
            if self.plan.lasts {
                let again = self.world.open_unchecked().expect_err("the disk fails still");
                self.check_error(&again);
                self.faulty.heal();
            }
            // The lock is free, and nothing is lost.
            self.world.open_unchecked().unwrap_or_else(|error| panic!("opening again failed: {error}"));
        }
        self.faulty.forget_log_failed();
        let found = match self.world.read_all() {
            Ok(found) => found,
            Err(reason) => {
                assert!(self.faulty.failed() > failed, "{reason}");
                if self.plan.lasts {
                    self.faulty.heal();
                }
                self.world.read_all().unwrap_or_else(|reason| panic!("reading again: {reason}"))
            }
        };
        let (now, event) = (self.world.now(), self.world.disk.events());
        if let Err(reason) = self.world.model.reopened(&found, now, Crash::Kill, event) {
            panic!("{reason}");
        }
    }

    /// A failure has the name of what failed.
    fn check_error(&self, error: &Error) {
        assert!(self.has_failed(), "nothing failed, and {error}");
        let fits = match error {
            Error::Poisoned { .. } => self.faulty.log_failed(),
            Error::DiskFull { .. } => self.plan.failure == Failure::Full,
            Error::Io { .. } => true,
            _ => false,
        };
        assert!(fits, "after a failure of {:?}: {error:?}", self.faulty.first_failed());
    }

    /// Does everything there is to do, then looks whether the store is as it has to be.
    fn settle(&mut self) {
        self.world.settle();
        let is_poisoned = self.world.store().is_poisoned();
        let log_failed = self.faulty.log_failed();
        assert_eq!(is_poisoned, log_failed, "poisoned, after a failure of {:?}", self.faulty.first_failed());
    }

    fn accepted(&mut self, called: Result<(), Error>) -> bool {
        if let Err(error) = &called {
            self.check_error(error);
        }
        called.is_ok()
    }

    fn set(&mut self, name: &str, len: usize, ttl_millis: u64) -> bool {
        let called = self.world.try_set(name, len, ttl_millis);
        let accepted = self.accepted(called);
        if accepted {
            // It is in memory, so the disk has no say in this.
            let read = self.world.store().get(&id(name)).expect("a read from memory");
            assert_eq!(read.expect("what was just set").payload.len(), len);
        }
        self.settle();
        accepted
    }

    /// One that is refused entry to the log is not what the model knows of: touches come behind what was accepted.
    fn touch(&mut self, name: &str, ttl_millis: u64) {
        if self.set("before a touch", 10, HOUR) {
            let called = self.world.try_touch(name, ttl_millis);
            self.accepted(called);
            self.settle();
        }
    }

    fn destroy(&mut self, name: &str) {
        let called = self.world.try_destroy(name);
        self.accepted(called);
        self.settle();
    }

    fn clear(&mut self) {
        let called = self.world.try_clear();
        self.accepted(called);
        self.settle();
    }

    fn checkpoint(&mut self) {
        self.world.simulation().ask_checkpoint();
        self.settle();
    }

    fn advance(&mut self, millis: u64) {
        self.world.advance(millis);
        self.settle();
    }

    /// Reads show what was called, whatever has failed since; only a read that itself fails may say so.
    fn check(&mut self) {
        let failed = self.faulty.failed();
        let found = match self.world.read_all() {
            Err(reason) if self.faulty.failed() > failed => {
                if self.plan.lasts {
                    return;
                }
                self.world.read_all().unwrap_or_else(|again| panic!("{reason}, then {again}"))
            }
            found => found.unwrap_or_else(|reason| panic!("{reason}")),
        };
        if let Some(difference) = sessile_tests::model::difference(&self.world.model.living(self.world.now()), &found) {
            panic!("{difference}");
        }
    }

    /// A backup is complete, or fails and leaves nothing that could be taken for one.
    fn backup(&mut self) {
        self.checkpoint();
        if self.world.store().stats().dirty_bytes > 0 {
            // What `Store::backup` would have answered with.
            return;
        }
        self.backups += 1;
        let path = format!("/backup {}", self.backups);
        let failed = self.faulty.failed();
        if let Err(error) = self.world.simulation().backup(Path::new(&path)) {
            assert!(self.faulty.failed() > failed, "nothing failed, and the backup did: {error}");
            self.check_error(&error);
            // Only the last sync comes behind the rename.
            let is_there = self.world.disk.kind(Path::new(&path)).expect("a look at the disk").is_some();
            if !is_there {
                return;
            }
        }
        let options = Options::new(&path).log_bytes_max(4 << 20).payload_bytes_max(1 << 20);
        let disk = Arc::new(self.world.disk.clone());
        let copy = Simulation::open(options, disk, Arc::clone(&self.world.clock) as _).expect("a backup that opens");
        let living = self.world.model.living(self.world.now());
        assert_eq!(copy.store().len().expect("a backup that can be counted"), living.len() as u64);
    }

    /// Everything that a store does.
    fn run(&mut self) {
        self.open();
        for number in 0..40 {
            let called = self.world.try_set(&format!("small {number}"), 700, HOUR);
            self.accepted(called);
        }
        self.set("a", 300, HOUR);
        self.set("short", 40, 5000);
        self.checkpoint();
        self.touch("a", 2 * HOUR);
        self.touch("small 3", HOUR / 2);
        for number in 0..14 {
            let called = self.world.try_destroy(&format!("small {}", 2 * number));
            self.accepted(called);
        }
        self.destroy("small 1");
        self.advance(1100);
        self.checkpoint();
        self.check();
        // The log goes on in other segments, and recycled ones.
        for round in 0..7 {
            self.set(&format!("big {}", round % 3), 180_000, HOUR);
            self.world.advance(20);
        }
        self.checkpoint();
        self.advance(4000);
        self.backup();
        self.destroy("big 1");
        self.set("small 5", 100, HOUR);
        self.check();
        self.world.kill();
        // Cold, with a log to replay.
        self.open();
        self.touch("small 7", 2 * HOUR);
        self.set("small 9", 20, 4000);
        self.destroy("small 11");
        self.set("new", 20, HOUR);
        self.checkpoint();
        self.clear();
        self.set("a", 500, HOUR);
        self.set("b", 90_000, 3000);
        self.checkpoint();
        self.check();
        self.advance(10_000);
        self.check();
        if !self.fails() && !self.world.store().is_poisoned() {
            assert!(self.set("works", 10, HOUR), "nothing fails any more, and a set is refused");
            assert_eq!(self.world.waiting(), 0, "nothing fails any more, and a set is not answered");
        }
        self.world.close_without_checkpoint();
        self.open();
        self.set("c", 100, HOUR);
        self.advance(1100);
        self.check();
        assert_eq!(self.world.waiting(), 0, "operations were not answered");
    }

    /// Opens the store again once the disk is well, with or without a power loss in between.
    fn recover(mut self, power_loss: Option<u64>) {
        self.world.kill();
        self.faulty.heal();
        self.world.faulty = None;
        let crash = match power_loss {
            None => Crash::Kill,
            Some(seed) => {
                self.world.disk = self.world.disk.moment().after_power_loss(Loss::of_round(seed % 4), seed);
                Crash::PowerLoss
            }
        };
        self.world.open(crash);
        self.world.set("after", 100, HOUR);
        self.world.settle();
        self.world.checkpoint();
        self.world.check();
        // Nothing of it was in the page cache alone.
        self.world.kill();
        self.world.disk = self.world.disk.moment().after_power_loss(Loss::Everything, 0);
        self.world.open(Crash::PowerLoss);
    }
}

/// What was made to fail.
#[derive(Default)]
struct Tally {
    histories: u64,
    by_action: BTreeMap<Action, u64>,
}

fn fail_everywhere(test: &str, durability: Durability) {
    let seed = seed(test);
    let mut random = fastrand::Rng::with_seed(seed);
    let one_in = if is_full() { 1 } else { 40_u64.div_ceil(depth()) };
    let mut tally = Tally::default();
    let operations = {
        let mut trial = Trial::new(durability, Plan { from: u64::MAX, lasts: false, failure: Failure::Refused });
        trial.run();
        assert_eq!(trial.faulty.failed(), 0);
        trial.faulty.operations()
    };
    for from in 1..=operations {
        for failure in Failure::ALL {
            for lasts in [false, true] {
                if random.u64(..one_in) > 0 || (lasts && matches!(failure, Failure::Short | Failure::Unsaid)) {
                    continue;
                }
                let plan = Plan { from, lasts, failure };
                let power_losses = if is_full() {
                    vec![None, Some(random.u64(..))]
                } else {
                    vec![random.bool().then(|| random.u64(..))]
                };
                for power_loss in power_losses {
                    let _named = Named { durability, plan, power_loss };
                    let mut trial = Trial::new(durability, plan);
                    trial.run();
                    let Some((action, _)) = trial.faulty.first_failed() else { continue };
                    tally.histories += 1;
                    *tally.by_action.entry(action).or_default() += 1;
                    trial.recover(power_loss);
                }
            }
        }
    }
    println!(
        "{test}: {operations} operations; {} histories in which one failed: {:?}",
        tally.histories, tally.by_action
    );
    assert!(tally.histories > operations / one_in);
}

/// Says what failed in a history that does not end well.
struct Named {
    durability: Durability,
    plan: Plan,
    power_loss: Option<u64>,
}

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { durability, plan, power_loss } = self;
            println!("{durability:?}, {plan:?}, power loss {power_loss:?}");
        }
    }
}

#[test]
fn a_failure_of_any_operation_costs_nothing_acknowledged_with_fsync() {
    fail_everywhere("a_failure_of_any_operation_costs_nothing_acknowledged_with_fsync", Durability::Fsync);
}

#[test]
fn a_failure_of_any_operation_costs_nothing_acknowledged_with_write() {
    fail_everywhere("a_failure_of_any_operation_costs_nothing_acknowledged_with_write", Durability::Write);
}

#[test]
fn a_failure_of_any_operation_costs_nothing_acknowledged_with_async() {
    fail_everywhere("a_failure_of_any_operation_costs_nothing_acknowledged_with_async", Durability::Async);
}
