//! The stores whose directories are the images: each has something of all that a directory may hold.

use std::sync::Arc;

use sessile::simulation::{Clock, Simulation};
use sessile::{Durability, SessionId, Timestamp};
use sessile_tests::clock::HandClock;
use sessile_tests::disk::{Loss, SimulatedDisk};

use crate::image::{files, payload};
use crate::options::options;

const HOUR: u64 = 3_600_000;

struct Maker {
    disk: SimulatedDisk,
    clock: Arc<HandClock>,
    simulation: Option<Simulation>,
    ids: Vec<String>,
    sets: u32,
}

impl Maker {
    fn new() -> Self {
        let clock = Arc::new(HandClock::default());
        let mut maker = Self { disk: SimulatedDisk::default(), clock, simulation: None, ids: Vec::new(), sets: 0 };
        maker.open();
        maker
    }

    fn open(&mut self) {
        let (storage, clock) = (Arc::new(self.disk.clone()), Arc::clone(&self.clock));
        let opened = Simulation::open(options(Durability::Fsync), storage, clock);
        self.simulation = Some(opened.expect("a store that opens"));
    }

    fn simulation(&self) -> &Simulation {
        self.simulation.as_ref().expect("an open store")
    }

    fn set(&mut self, name: &str, len: usize, ttl_millis: u64) {
        self.sets += 1;
        let payload = payload::of(name, self.sets, len);
        let expires_at = Timestamp::from_millis(self.clock.wall().as_millis() + ttl_millis);
        drop(self.simulation().store().set(&id(name), payload, Some(expires_at)).expect("a set"));
        self.simulation().settle();
        if !self.ids.iter().any(|known| known == name) {
            self.ids.push(name.to_owned());
        }
    }

    fn touch(&mut self, name: &str, ttl_millis: u64) {
        let expires_at = Timestamp::from_millis(self.clock.wall().as_millis() + ttl_millis);
        drop(self.simulation().store().touch(&id(name), expires_at).expect("a touch"));
        self.pass(10);
    }

    fn destroy(&mut self, name: &str) {
        drop(self.simulation().store().destroy(&id(name)).expect("a destroy"));
        self.simulation().settle();
    }

    fn clear(&mut self) {
        drop(self.simulation().store().clear().expect("a clear"));
        self.simulation().settle();
    }

    fn pass(&mut self, millis: u64) {
        self.clock.advance(millis);
        self.simulation().settle();
    }

    fn checkpoint(&mut self) {
        self.simulation().ask_checkpoint();
        self.simulation().settle();
    }

    fn kill(&mut self) {
        self.simulation = None;
        self.disk = self.disk.moment().after_kill();
    }

    /// Twelve sessions in the base: touched, expired, destroyed, large.
    fn fill(&mut self) {
        for number in 0..12 {
            self.set(&format!("session {number}"), 40 + 30 * number, HOUR * (1 + number as u64));
        }
        self.set("large", 20_000, HOUR);
        self.set("expired", 40, 5);
        self.touch("session 1", 9 * HOUR);
        self.touch("session 2", HOUR / 2);
        self.destroy("session 3");
        self.checkpoint();
    }

    /// Something of each kind in the log.
    fn write_log(&mut self) {
        self.set("session 4", 90, HOUR);
        self.set("logged", 60, HOUR);
        self.touch("session 5", 2 * HOUR);
        self.destroy("session 6");
        self.touch("session 7", HOUR / 4);
    }

    fn save(self, name: &str) {
        files::save(name, self.clock.wall(), &self.ids, &self.disk);
    }
}

fn id(name: &str) -> SessionId {
    SessionId::new(name).expect("an id")
}

/// Makes the stores and writes their images.
pub(super) fn save_all() {
    let mut closed = Maker::new();
    closed.fill();
    closed.write_log();
    closed.checkpoint();
    closed.simulation().shut_down();
    closed.kill();
    closed.save("closed");

    let mut crashed = Maker::new();
    crashed.fill();
    crashed.write_log();
    crashed.pass(60);
    crashed.kill();
    crashed.save("crashed");

    // Over several segments, some of them used for the second time.
    let mut rolled = Maker::new();
    rolled.fill();
    for number in 0..24 {
        rolled.set(&format!("rolled {}", number % 5), 9000, HOUR);
    }
    rolled.write_log();
    rolled.kill();
    rolled.save("rolled");

    let mut recovered = Maker::new();
    recovered.fill();
    recovered.write_log();
    recovered.kill();
    recovered.open();
    recovered.simulation().settle();
    recovered.set("after", 50, HOUR);
    recovered.set("session 5", 70, HOUR);
    recovered.kill();
    recovered.save("recovered");

    let mut cleared = Maker::new();
    cleared.fill();
    cleared.set("before", 50, HOUR);
    cleared.clear();
    cleared.set("session 8", 50, HOUR);
    cleared.kill();
    cleared.save("cleared");

    let mut torn = Maker::new();
    torn.fill();
    torn.write_log();
    for number in 0..6 {
        torn.set(&format!("torn {number}"), 700, HOUR);
    }
    torn.clock.advance(20);
    drop(torn.simulation().store().set(&id("session 9"), payload::of("session 9", 99, 2000), None).expect("a set"));
    torn.simulation().ask_checkpoint();
    torn.simulation().step_maintenance();
    torn.simulation().step_committer();
    torn.simulation = None;
    torn.disk = torn.disk.moment().after_power_loss(Loss::Some, 7);
    torn.save("torn");
}
