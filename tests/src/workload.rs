//! Short workloads: what a store is made to do before it is crashed, in a notation that can be read again.
//!
//! A workload is crashed only at the events of its last step: those before belong to the workload without it.
//! The first of the two ids that is named is `a`, since the other way round would be the same.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sessile::{Durability, Options};

use crate::disk::SimulatedDisk;
use crate::model::{Crash, Model};
use crate::world::{PATH, World};

/// How long a session lives that was set and not touched.
const TTL_MILLIS: u64 = 10_000;
/// A session that was touched outlives a reap.
const TOUCHED_MILLIS: u64 = 60_000;
/// One that was touched again is cut short.
const CUT_MILLIS: u64 = 5_000;

/// Something that a store is made to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A new store is created and opened. Stands alone.
    Create,
    /// An id is set to a few bytes.
    Set(usize),
    /// An id is set to so much that the log goes on in another segment.
    Fill(usize),
    /// An id's expiry is moved: later the first time, earlier the second.
    Touch(usize),
    /// An id is destroyed.
    Destroy(usize),
    /// All is destroyed.
    Clear,
    /// A checkpoint is made; segments are recycled.
    Checkpoint,
    /// Time passes until everything has expired that was not touched; the reaper runs.
    Reap,
    /// The store is closed.
    Close,
    /// It is opened again.
    Open,
}

const IDS: [&str; 2] = ["a", "b"];

/// Everything but [`Step::Create`].
const STEPS: [Step; 13] = [
    Step::Set(0),
    Step::Set(1),
    Step::Touch(0),
    Step::Touch(1),
    Step::Destroy(0),
    Step::Destroy(1),
    Step::Fill(0),
    Step::Fill(1),
    Step::Clear,
    Step::Checkpoint,
    Step::Reap,
    Step::Close,
    Step::Open,
];

impl Step {
    const fn id(self) -> Option<usize> {
        match self {
            Self::Set(id) | Self::Fill(id) | Self::Touch(id) | Self::Destroy(id) => Some(id),
            _ => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create => formatter.write_str("create"),
            Self::Set(id) => write!(formatter, "set {}", IDS[*id]),
            Self::Fill(id) => write!(formatter, "fill {}", IDS[*id]),
            Self::Touch(id) => write!(formatter, "touch {}", IDS[*id]),
            Self::Destroy(id) => write!(formatter, "destroy {}", IDS[*id]),
            Self::Clear => formatter.write_str("clear"),
            Self::Checkpoint => formatter.write_str("checkpoint"),
            Self::Reap => formatter.write_str("reap"),
            Self::Close => formatter.write_str("close"),
            Self::Open => formatter.write_str("open"),
        }
    }
}

/// Steps of a store with this durability. But for [`Step::Create`] they begin with a new store that was closed
/// and opened again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// The store's durability.
    pub durability: Durability,
    /// What it does.
    pub steps: Vec<Step>,
}

const DURABILITIES: [(Durability, &str); 3] =
    [(Durability::Fsync, "fsync"), (Durability::Write, "write"), (Durability::Async, "async")];

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = DURABILITIES.iter().find(|(durability, _)| *durability == self.durability).map(|(_, name)| name);
        write!(formatter, "{}:", name.unwrap_or(&"?"))?;
        for (place, step) in self.steps.iter().enumerate() {
            write!(formatter, "{} {step}", if place > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, steps) = text.split_once(':').ok_or("a workload begins with its durability and a colon")?;
        let durability = DURABILITIES.iter().find(|(_, known)| *known == name.trim());
        let (durability, _) = durability.ok_or_else(|| format!("{name:?} is no durability"))?;
        let step = |text: &str| {
            let all = STEPS.iter().copied().chain([Step::Create]);
            all.into_iter().find(|step| step.to_string() == text).ok_or_else(|| format!("{text:?} is no step"))
        };
        let steps: Result<_, _> = steps.split(',').map(|text| step(text.trim())).collect();
        Ok(Self { durability: *durability, steps: steps? })
    }
}

/// All workloads of up to `steps_max` steps, short ones first.
#[must_use]
pub fn workloads(steps_max: usize) -> Vec<Workload> {
    let mut all = vec![vec![Step::Create], vec![Step::Open]];
    let mut longest = vec![Vec::new()];
    for _ in 0..steps_max {
        longest = longest.iter().flat_map(|before| extended(before)).collect();
        all.extend(longest.iter().cloned());
    }
    let of_each = |steps: Vec<Step>| DURABILITIES.map(|(durability, _)| Workload { durability, steps: steps.clone() });
    all.into_iter().flat_map(of_each).collect()
}

/// The workloads with one step more.
fn extended(before: &[Step]) -> Vec<Vec<Step>> {
    let is_closed = before.last() == Some(&Step::Close);
    let is_named = before.iter().any(|step| step.id().is_some());
    let may_follow = |step: &Step| match step {
        Step::Open => is_closed,
        _ if is_closed => false,
        // A touch of what is not there does nothing.
        Step::Touch(id) => may_be_there(before, *id),
        step => is_named || step.id().is_none_or(|id| id == 0),
    };
    let with = |step: &Step| before.iter().copied().chain([*step]).collect();
    STEPS.iter().filter(|step| may_follow(step)).map(with).collect()
}

fn may_be_there(before: &[Step], id: usize) -> bool {
    let last = before.iter().rev().find(|step| match step {
        Step::Set(other) | Step::Fill(other) | Step::Destroy(other) => *other == id,
        step => **step == Step::Clear,
    });
    matches!(last, Some(Step::Set(_) | Step::Fill(_)))
}

/// A log of eight pages, so that segments roll and go round; checkpoints only when the steps say so, or the log is
/// half full.
fn options(durability: Durability) -> Options {
    Options::new(PATH)
        .durability(durability)
        .log_bytes_max(64 << 10)
        .payload_bytes_max(8 << 10)
        .base_cache_bytes(1 << 20)
        .checkpoint_interval(Duration::from_secs(24 * 60 * 60))
        .open_timeout(Duration::ZERO)
}

/// A new store of each durability that was closed, from which workloads begin.
pub struct Beginnings(Vec<(Durability, World)>);

impl Default for Beginnings {
    fn default() -> Self {
        Self::new()
    }
}

impl Beginnings {
    /// Creates the stores.
    #[must_use]
    pub fn new() -> Self {
        let closed = |(durability, _)| {
            let mut world = World::unopened(SimulatedDisk::default(), options(durability), Model::new(durability));
            world.open(Crash::Kill);
            world.close();
            (durability, world)
        };
        Self(DURABILITIES.into_iter().map(closed).collect())
    }

    /// Runs a workload. The world has recorded the moments of the last step, and of no other.
    ///
    /// # Errors
    /// A sentence that says what was wrong before any crash.
    pub fn run(&self, workload: &Workload) -> Result<World, String> {
        let (last, before) = workload.steps.split_last().ok_or("a workload has a step at least")?;
        if *last == Step::Create {
            let options = options(workload.durability);
            let mut world = World::unopened(SimulatedDisk::default(), options, Model::new(workload.durability));
            world.disk.record();
            world.try_open(Crash::Kill)?;
            return Ok(world);
        }
        let (_, closed) =
            self.0.iter().find(|(durability, _)| *durability == workload.durability).ok_or("no such durability")?;
        let mut world = closed.after(&closed.disk.moment(), closed.disk.moment().after_kill());
        if workload.steps == [Step::Open] {
            world.disk.record();
            world.try_open(Crash::Kill)?;
            return Ok(world);
        }
        world.try_open(Crash::Kill)?;
        world.settle();
        for step in before {
            make(&mut world, *step)?;
        }
        world.disk.record();
        make(&mut world, *last)?;
        if *last != Step::Close {
            world.try_check()?;
        }
        Ok(world)
    }
}

fn make(world: &mut World, step: Step) -> Result<(), String> {
    let refused = |error| format!("{step} was refused: {error}");
    // Under `async` three of the large sets are as much as may wait for so small a log: then sets are refused, and
    // nothing is promised of touches that extend.
    let waits = matches!(step, Step::Set(_) | Step::Fill(_) | Step::Touch(_));
    if waits && world.simulation().is_overloaded() {
        world.advance(10);
    }
    match step {
        Step::Create => return Err("create is a workload of its own".to_owned()),
        Step::Open => return world.try_open(Crash::Kill).map(|()| world.settle()),
        Step::Set(id) => world.try_set(IDS[id], 20, TTL_MILLIS).map_err(refused)?,
        Step::Fill(id) => world.try_set(IDS[id], 3_000, TTL_MILLIS).map_err(refused)?,
        Step::Touch(id) => touch(world, IDS[id]).map_err(refused)?,
        Step::Destroy(id) => world.try_destroy(IDS[id]).map_err(refused)?,
        Step::Clear => world.try_clear().map_err(refused)?,
        Step::Checkpoint => world.checkpoint(),
        Step::Reap => world.advance(TTL_MILLIS + 1),
        Step::Close => {
            world.close();
            return Ok(());
        }
    }
    world.settle();
    Ok(())
}

/// Later the first time, earlier the second; never to the same time twice.
fn touch(world: &mut World, name: &str) -> Result<(), sessile::Error> {
    let touched_before = world
        .model
        .living(world.now())
        .get(name)
        .is_some_and(|session| session.expires_at > world.in_millis(TTL_MILLIS));
    let millis = if touched_before { CUT_MILLIS } else { TOUCHED_MILLIS };
    world.try_touch(name, millis + world.model.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_can_be_read_again() {
        for workload in workloads(2) {
            assert_eq!(workload.to_string().parse(), Ok(workload));
        }
    }

    #[test]
    fn no_workload_comes_twice_and_none_is_another_with_the_ids_exchanged() {
        let all: Vec<String> = workloads(3).iter().map(ToString::to_string).collect();
        let other = |text: &String| text.replace(" a", " x").replace(" b", " a").replace(" x", " b");
        let set: std::collections::HashSet<&String> = all.iter().collect();
        assert_eq!(set.len(), all.len());
        assert!(all.iter().all(|text| other(text) == *text || !set.contains(&other(text))));
    }
}
