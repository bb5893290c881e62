//! What a world's calls were promised: who was answered, and when.

use sessile::Commit;

use super::World;

/// The operations of a world that are not answered, and those that are and not yet in its model.
#[derive(Default)]
pub(super) struct Promises {
    pub(super) waiting: Vec<(usize, Commit)>,
    acknowledged: Vec<(usize, u64)>,
}

impl Promises {
    /// Takes note of what was acknowledged before there were more than `events` events. An operation that
    /// failed may have happened or not.
    pub(super) fn look(&mut self, events: u64) {
        for (place, commit) in std::mem::take(&mut self.waiting) {
            if !commit.is_complete() {
                self.waiting.push((place, commit));
            } else if commit.wait().is_ok() {
                self.acknowledged.push((place, events));
            }
        }
    }
}

impl World {
    /// Takes note of what is acknowledged by now.
    pub fn poll(&mut self) {
        let mut promises = self.promises.lock();
        promises.look(self.disk.events());
        for (place, event) in promises.acknowledged.drain(..) {
            self.model.acknowledge(place, event);
        }
    }

    /// How many operations are not answered.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.promises.lock().waiting.len()
    }
}
