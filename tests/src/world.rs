//! A store, driven step by step on a simulated disk and a moved clock, next to the model of what it may hold.

mod calls;
mod contents;
mod life;
mod promises;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sessile::simulation::{Clock, Simulation};
use sessile::{Durability, Options, SessionId, Store, Timestamp};

use crate::clock::HandClock;
use crate::disk::{Moment, SimulatedDisk};
use crate::faulty::FaultyDisk;
use crate::model::{Crash, Model};
use promises::Promises;

/// Where the store of a world is.
pub const PATH: &str = "/sessions";

/// Options with small bounds, so that segments roll and checkpoints come soon, and with touches that are all logged.
pub fn small_options(durability: Durability) -> Options {
    Options::new(PATH)
        .durability(durability)
        .log_bytes_max(4 << 20)
        .payload_bytes_max(1 << 20)
        .base_cache_bytes(1 << 20)
        .touch_after(Duration::ZERO)
        .open_timeout(Duration::ZERO)
}

/// The id of this name.
#[must_use]
pub fn id(name: &str) -> SessionId {
    SessionId::new(name).expect("a valid id")
}

/// A store with everything around it.
pub struct World {
    /// The disk under the store.
    pub disk: SimulatedDisk,
    /// The store's clock.
    pub clock: Arc<HandClock>,
    /// What the store may hold.
    pub model: Model,
    /// What stands between the store and the disk from the next open on, if anything.
    pub faulty: Option<FaultyDisk>,
    /// Whether under `write` callers write themselves, from the next open on.
    pub callers_write: bool,
    options: Options,
    simulation: Option<Arc<Simulation>>,
    promises: Arc<Mutex<Promises>>,
    /// When events happened: the number of events before each move of the clock, and the time then.
    times: Vec<(u64, Timestamp, u64)>,
    sets: u64,
}

impl World {
    /// An open, new store on an empty disk, which records its moments from the beginning.
    #[must_use]
    pub fn new(options: Options, durability: Durability) -> Self {
        let disk = SimulatedDisk::default();
        disk.record();
        let mut world = Self::on(disk, options, Model::new(durability), HandClock::START_MILLIS);
        world.open(Crash::Kill);
        world
    }

    /// A world whose store is not open yet, which records nothing.
    #[must_use]
    pub fn unopened(disk: SimulatedDisk, options: Options, model: Model) -> Self {
        Self::on(disk, options, model, HandClock::START_MILLIS)
    }

    /// An empty disk that keeps no moments, and nobody who has made a store on it.
    #[must_use]
    pub fn empty(options: Options, durability: Durability) -> Self {
        Self::unopened(SimulatedDisk::default(), options, Model::new(durability))
    }

    /// As [`World::new`], with [`small_options`] and fsync.
    #[must_use]
    pub fn small() -> Self {
        Self::new(small_options(Durability::Fsync), Durability::Fsync)
    }

    fn on(disk: SimulatedDisk, options: Options, model: Model, wall_millis: u64) -> Self {
        let clock = Arc::new(HandClock::at(Timestamp::from_millis(wall_millis)));
        let times = vec![(0, clock.wall(), clock.monotonic_millis())];
        Self {
            disk,
            clock,
            model,
            faulty: None,
            callers_write: true,
            options,
            simulation: None,
            promises: Arc::default(),
            times,
            sets: 0,
        }
    }

    /// The world of somebody who finds `disk` after a crash at `moment` of this one; the store is not open.
    #[must_use]
    pub fn after(&self, moment: &Moment, disk: SimulatedDisk) -> Self {
        let wall_millis = self.time_at(moment.events).as_millis();
        let mut world = Self::on(disk, self.options.clone(), self.model.at(moment.events), wall_millis);
        // Payloads stay unlike any before.
        world.sets = self.sets + 100_000;
        world.callers_write = self.callers_write;
        world
    }

    /// What the wall clock showed when there had been this many events.
    #[must_use]
    pub fn time_at(&self, event: u64) -> Timestamp {
        let before = self.times.iter().rev().find(|(events, ..)| *events <= event);
        before.map_or(self.times[0].1, |(_, wall, _)| *wall)
    }

    /// The open store, to be stepped.
    #[must_use]
    pub fn simulation(&self) -> &Arc<Simulation> {
        self.simulation.as_ref().expect("an open store")
    }

    /// A handle of the open store, for calls that the model is to know nothing of.
    #[must_use]
    pub fn store(&self) -> Store {
        self.simulation().store().clone()
    }

    /// The store is opened with these options from now on. The model goes by the durability: where that changes, it is
    /// to be told by [`Model::promise`].
    pub fn reopen_with(&mut self, options: Options) {
        self.options = options;
    }

    /// What the wall clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// What the wall clock will show `millis` from now.
    #[must_use]
    pub fn in_millis(&self, millis: u64) -> Timestamp {
        self.clock.wall().saturating_add(Duration::from_millis(millis))
    }
}
