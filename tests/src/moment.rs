//! Moments in the life of a simulated disk, and the disks that a crash at one of them may leave.

use fastrand::Rng;

use crate::disk::SimulatedDisk;
use crate::event::Loss;
use crate::fate::{Fates, Pending};
use crate::state::State;

/// A moment in the life of a disk, between two of its events.
#[derive(Debug, Clone)]
pub struct Moment {
    /// How many events came before.
    pub events: u64,
    state: State,
}

impl Moment {
    pub(crate) const fn new(events: u64, state: State) -> Self {
        Self { events, state }
    }

    /// What a power loss at this moment may take.
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        self.state.pending()
    }

    /// The moment after a power loss which did this to the pending changes.
    #[must_use]
    pub fn with_fates(&self, fates: &Fates) -> Self {
        Self::new(self.events, self.state.after_power_loss(fates))
    }

    /// The disk that a power loss at this moment leaves. Its events go on being counted from here.
    #[must_use]
    pub fn after_power_loss(&self, loss: Loss, seed: u64) -> SimulatedDisk {
        let fates = Fates::of(loss, &self.pending(), &mut Rng::with_seed(seed));
        self.with_fates(&fates).after_kill()
    }

    /// The disk that the end of the process at this moment leaves: everything written, synced or not.
    #[must_use]
    pub fn after_kill(&self) -> SimulatedDisk {
        SimulatedDisk::with(self.state.clone(), self.events)
    }

    /// A number that tells this disk, as reads show it, from all others.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.state.fingerprint()
    }
}
