//! Crashes workloads at every event, recovers from what each may leave, and crashes the recoveries.
//!
//! A disk is tried once with what may be found on it, however many ways lead there. Whatever is wrong comes with
//! one line that shows it again alone: workload, event, what became of each pending change, and the same of the
//! recovery if that was crashed.

mod tally;
mod trial;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::disk::{Moment, SimulatedDisk};
use crate::losses::{Effort, losses};
use crate::model::Crash;
use crate::workload::{Beginnings, Workload};
use crate::world::World;

pub use tally::Tally;
pub use trial::{Ending, Trial};

/// How thorough an exploration is.
#[derive(Debug, Clone, Copy)]
pub struct Thoroughness {
    /// The disks of each moment of a workload.
    pub of_workload: Effort,
    /// The disks of each moment of a recovery.
    pub of_recovery: Effort,
    /// One in this many recoveries is crashed.
    pub recoveries: u64,
    /// Where the draws begin.
    pub seed: u64,
}

/// Explores workloads on several threads.
pub struct Explorer {
    seen: Mutex<HashSet<u64>>,
    /// What has been done so far.
    pub tally: Tally,
    failure: Mutex<Option<String>>,
    stop: AtomicBool,
}

impl Default for Explorer {
    fn default() -> Self {
        Self::new()
    }
}

impl Explorer {
    /// One that has tried nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            seen: Mutex::default(),
            tally: Tally::default(),
            failure: Mutex::new(None),
            stop: AtomicBool::new(false),
        }
    }

    /// Explores all of `workloads` on `threads` threads, or until [`Explorer::stop`].
    ///
    /// # Errors
    /// What is wrong, and the line that shows it again.
    pub fn explore(&self, workloads: &[(Workload, Thoroughness)], threads: usize) -> Result<(), String> {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let beginnings = Beginnings::new();
                    while let Some((workload, thoroughness)) = workloads.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if self.stop.load(Ordering::Relaxed) {
                            return;
                        }
                        if let Err(reason) = self.explore_one(workload, thoroughness, &beginnings) {
                            self.stop();
                            self.failure.lock().get_or_insert(reason);
                        }
                    }
                });
            }
        });
        self.failure.lock().take().map_or(Ok(()), Err)
    }

    /// Begins no more workloads.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn explore_one(
        &self,
        workload: &Workload,
        thoroughness: &Thoroughness,
        beginnings: &Beginnings,
    ) -> Result<(), String> {
        let alone = Trial { workload: workload.clone(), crash: None, again: None };
        let world = guarded(&alone, || beginnings.run(workload))?;
        self.tally.workloads.add(1);
        for (place, moment) in of_last_step(&world).iter().enumerate() {
            self.tally.events.add(1);
            let seed = mixed(thoroughness.seed, &[moment.events, place as u64]);
            for fates in losses(&moment.pending(), &thoroughness.of_workload, seed) {
                let trial = Trial { crash: Some((moment.events, Ending::PowerLoss(fates.clone()))), ..alone.clone() };
                self.crash(&world, moment, &trial, thoroughness)?;
            }
            let trial = Trial { crash: Some((moment.events, Ending::Kill)), ..alone.clone() };
            self.crash(&world, moment, &trial, thoroughness)?;
        }
        Ok(())
    }

    /// Crashes a workload, recovers, goes on for a moment, and crashes that where it is wanted.
    fn crash(&self, world: &World, moment: &Moment, trial: &Trial, thoroughness: &Thoroughness) -> Result<(), String> {
        let Some((_, ending)) = &trial.crash else { return Ok(()) };
        self.tally.tried.add(1);
        let Some((fingerprint, disk)) = self.unseen(world, moment, ending, ending.crash()) else { return Ok(()) };
        let again = fingerprint.is_multiple_of(thoroughness.recoveries);
        let (recovered, opened) = guarded(trial, || {
            let mut recovered = world.after(moment, disk);
            if again {
                recovered.disk.record();
            }
            recovered.try_open(ending.crash())?;
            let opened = recovered.disk.events();
            if again {
                go_on(&mut recovered)?;
            }
            Ok((recovered, opened))
        })?;
        if !again {
            return Ok(());
        }
        self.tally.recoveries.add(1);
        for later in recovered.disk.moments().iter().skip(1) {
            self.tally.recovery_events.add(1);
            let seed = mixed(fingerprint, &[later.events]);
            let fates = losses(&later.pending(), &thoroughness.of_recovery, seed);
            for ending in fates.into_iter().map(Ending::PowerLoss).chain([Ending::Kill]) {
                self.tally.tried.add(1);
                let crash = if later.events < opened { trial.worse(&ending) } else { ending.crash() };
                let Some((_, disk)) = self.unseen(&recovered, later, &ending, crash) else { continue };
                let trial = Trial { again: Some((later.events, ending)), ..trial.clone() };
                guarded(&trial, || recovered.after(later, disk).try_open(crash))?;
            }
        }
        Ok(())
    }

    /// The disk that a crash leaves, if it has not been tried, with a number of its own.
    fn unseen(&self, world: &World, moment: &Moment, ending: &Ending, crash: Crash) -> Option<(u64, SimulatedDisk)> {
        let left = ending.of(moment);
        let expected = world.model.at(moment.events).fingerprint(crash, world.time_at(moment.events));
        let fingerprint = mixed(left.fingerprint(), &[expected]);
        let is_new = self.seen.lock().insert(fingerprint);
        if is_new {
            self.tally.distinct.add(1);
        }
        is_new.then(|| (fingerprint, left.after_kill()))
    }
}

/// Tries what a line says, alone.
///
/// # Errors
/// What is wrong, or that the line does not fit.
pub fn replay(line: &str) -> Result<(), String> {
    let trial: Trial = line.parse()?;
    let world = Beginnings::new().run(&trial.workload)?;
    let Some((event, ending)) = &trial.crash else { return Ok(()) };
    let moments = world.disk.moments();
    let moment = moment_at(&moments, *event, ending)?;
    let mut recovered = world.after(moment, ending.of(moment).after_kill());
    recovered.disk.record();
    recovered.try_open(ending.crash())?;
    let opened = recovered.disk.events();
    go_on(&mut recovered)?;
    let Some((event, ending)) = &trial.again else { return Ok(()) };
    let moments = recovered.disk.moments();
    let later = moment_at(&moments, *event, ending)?;
    let crash = if later.events < opened { trial.worse(ending) } else { ending.crash() };
    recovered.after(later, ending.of(later).after_kill()).try_open(crash)
}

fn moment_at<'a>(moments: &'a [Moment], event: u64, ending: &Ending) -> Result<&'a Moment, String> {
    let moment = moments.iter().find(|moment| moment.events == event);
    let moment = moment.ok_or_else(|| format!("the line does not fit: there is no event {event}"))?;
    let pending = moment.pending().len();
    match ending {
        Ending::PowerLoss(fates) if fates.0.len() != pending => {
            Err(format!("the line does not fit: behind event {event} there are {pending} pending changes"))
        }
        _ => Ok(moment),
    }
}

/// What is written after a recovery has to survive the next crash.
fn go_on(recovered: &mut World) -> Result<(), String> {
    recovered.try_set("after", 20, 3_600_000).map_err(|error| format!("a set was refused: {error}"))?;
    recovered.settle();
    recovered.try_check()
}

/// The moments behind each event of the last step; its end, where it had none.
fn of_last_step(world: &World) -> Vec<Moment> {
    let mut moments = world.disk.moments();
    if moments.len() > 1 {
        moments.remove(0);
    }
    moments
}

/// Runs it; what goes wrong, a panic too, is told with the line that shows it again.
fn guarded<T>(trial: &Trial, run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(format!("panicked: {}", text.unwrap_or_default()))
    });
    result.map_err(|reason| format!("{reason}\nshow it again with SESSILE_CRASH='{trial}'"))
}

fn mixed(seed: u64, numbers: &[u64]) -> u64 {
    numbers.iter().fold(seed, |seed, number| fastrand::Rng::with_seed(seed.rotate_left(23) ^ number).u64(..))
}

impl Trial {
    /// What the store went through when its recovery was crashed before it was through: both.
    fn worse(&self, again: &Ending) -> Crash {
        match &self.crash {
            Some((_, Ending::PowerLoss(_))) => Crash::PowerLoss,
            _ => again.crash(),
        }
    }
}

impl Ending {
    /// What is left of a moment.
    fn of(&self, moment: &Moment) -> Moment {
        match self {
            Self::Kill => moment.clone(),
            Self::PowerLoss(fates) => moment.with_fates(fates),
        }
    }

    const fn crash(&self) -> Crash {
        match self {
            Self::Kill => Crash::Kill,
            Self::PowerLoss(_) => Crash::PowerLoss,
        }
    }
}
