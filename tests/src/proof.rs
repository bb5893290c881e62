//! Crashing a history at every one of its moments.

use crate::disk::{Loss, Moment, SimulatedDisk};
use crate::model::Crash;
use crate::world::World;

/// How thorough a proof is.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// How many disks of each moment are tried: what is not synced is lost, is kept, or is torn at random.
    pub rounds: u64,
    /// About one in this many recoveries is itself crashed at each of its moments.
    pub recoveries: u64,
}

/// Crashes the history of `world` at every moment, by power loss and by kill, opens the store again and
/// compares it with the model; then crashes recoveries at each of their moments in the same way.
///
/// Returns how many crashes that were.
///
/// # Panics
/// Where a store cannot be opened or holds something else, with what it takes to see it again.
#[must_use]
pub fn crash_at_every_moment(world: &World, seed: u64, effort: Effort) -> u64 {
    let mut crashes = 0;
    for moment in world.disk.moments() {
        for round in 0..effort.rounds {
            let seed = mixed(seed, moment.events, round);
            let disk = moment.after_power_loss(Loss::of_round(round), seed);
            crashes += recover(world, &moment, disk, Crash::PowerLoss, seed, effort);
        }
        let seed = mixed(seed, moment.events, effort.rounds);
        crashes += recover(world, &moment, moment.after_kill(), Crash::Kill, seed, effort);
    }
    crashes
}

/// Opens the store on what a crash left, writes to it, and crashes that again.
fn recover(world: &World, moment: &Moment, disk: SimulatedDisk, crash: Crash, seed: u64, effort: Effort) -> u64 {
    let place = format!("{crash:?} after event {} with disk seed {seed}", moment.events);
    let mut recovered = world.after(moment, disk);
    let again = (moment.events + seed % 7).is_multiple_of(effort.recoveries);
    if again {
        recovered.disk.record();
    }
    if let Err(reason) = recovered.try_open(crash) {
        panic!("{place}: {reason}\nbefore that: {}", history(world, moment));
    }
    if !again {
        return 1;
    }
    recovered.set("after the recovery", 100, 3_600_000);
    recovered.settle();
    let mut crashes = 1;
    for later in recovered.disk.moments() {
        let seed = mixed(seed, later.events, 0);
        let loss = Loss::of_round(seed % 4);
        let mut last = recovered.after(&later, later.after_power_loss(loss, seed));
        if let Err(reason) = last.try_open(Crash::PowerLoss) {
            let steps = history(&recovered, &later);
            panic!("{place}, then {loss:?} lost after event {} with seed {seed}: {reason}\n{steps}", later.events);
        }
        crashes += 1;
    }
    crashes
}

/// The last events before a moment.
fn history(world: &World, moment: &Moment) -> String {
    let mut trace = world.disk.trace();
    trace.retain(|event| event.number <= moment.events);
    let lines = trace.iter().rev().take(12).rev().map(|event| format!("\n  {event:?}"));
    lines.collect()
}

fn mixed(seed: u64, event: u64, round: u64) -> u64 {
    fastrand::Rng::with_seed(seed ^ event.rotate_left(20) ^ round.rotate_left(50)).u64(..)
}
