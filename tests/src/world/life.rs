//! A world's store is opened, closed, killed, and loses its power.

use std::sync::Arc;

use sessile::simulation::{Clock, Simulation, Storage};
use sessile::{Damage, Error};

use super::World;
use crate::disk::Loss;
use crate::model::Crash;

impl World {
    /// Opens the store after this kind of crash and checks what it holds.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn try_open(&mut self, crash: Crash) -> Result<(), String> {
        self.open_unchecked().map_err(|error| format!("opening failed after a {crash:?}: {error}"))?;
        let opened = self.disk.events();
        let found = self.read_all()?;
        self.model.reopened(&found, self.clock.wall(), crash, opened)
    }

    /// Opens the store as after this kind of crash.
    ///
    /// # Panics
    /// Where the store does not hold what it has to.
    pub fn open(&mut self, crash: Crash) {
        if let Err(reason) = self.try_open(crash) {
            panic!("{reason}");
        }
    }

    /// Opens the store and does not look what is in it.
    ///
    /// # Errors
    /// As opening.
    pub fn open_unchecked(&mut self) -> Result<(), Error> {
        self.open_as(false).map(drop)
    }

    /// As [`World::open_unchecked`], as a salvage. Returns what that lists as dropped.
    ///
    /// # Errors
    /// As opening.
    pub fn open_salvage_unchecked(&mut self) -> Result<Vec<Damage>, Error> {
        self.open_as(true)
    }

    fn open_as(&mut self, salvage: bool) -> Result<Vec<Damage>, Error> {
        let storage: Arc<dyn Storage> = match &self.faulty {
            Some(faulty) => Arc::new(faulty.clone()),
            None => Arc::new(self.disk.clone()),
        };
        // An acknowledgement counts from the moment it could be seen, even in the middle of a step.
        let promises = Arc::clone(&self.promises);
        self.disk.watch(move |events| promises.lock().look(events));
        let clock = Arc::clone(&self.clock) as _;
        let (simulation, dropped) = Simulation::open_with(self.options.clone(), storage, clock, salvage)?;
        simulation.let_callers_write(self.callers_write);
        self.simulation = Some(Arc::new(simulation));
        Ok(dropped)
    }

    /// Closes the store as its last user does.
    ///
    /// # Panics
    /// Where the checkpoint fails that closing makes.
    pub fn close(&mut self) {
        self.checkpoint();
        assert!(self.model.is_flushed(), "closing made no checkpoint");
        self.simulation().close();
        self.kill();
    }

    /// Closes the store as its last user does, but for the checkpoint.
    ///
    /// # Panics
    /// Where an operation is never answered.
    pub fn close_without_checkpoint(&mut self) {
        self.simulation().close();
        self.poll();
        assert_eq!(self.waiting(), 0, "the store was closed, and operations were never answered");
        self.simulation = None;
    }

    /// Ends the process without a word.
    pub fn kill(&mut self) {
        self.poll();
        self.promises.lock().waiting.clear();
        self.simulation = None;
    }

    /// Ends the process and starts it again.
    pub fn restart(&mut self) {
        self.kill();
        self.open(Crash::Kill);
    }

    /// Ends the process and starts it again, whatever the store holds then.
    ///
    /// # Panics
    /// Where it cannot be opened.
    pub fn restart_unchecked(&mut self) {
        self.kill();
        self.open_unchecked().expect("a store that can be opened");
    }

    /// Takes the power away, then starts the machine and the store again.
    pub fn lose_power(&mut self, loss: Loss, seed: u64) {
        self.kill();
        self.disk = self.disk.moment().after_power_loss(loss, seed);
        self.disk.record();
        self.open(Crash::PowerLoss);
    }
}
