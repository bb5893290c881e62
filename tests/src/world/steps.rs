//! What moves a world on: steps of its store, and its time.

use sessile::simulation::Clock;

use super::World;

impl World {
    /// One round of the committer, and the lookups that its batch waits for.
    pub fn commit(&mut self) {
        self.simulation().step_committer();
        self.poll();
        self.simulation().step_reader();
        self.poll();
    }

    /// Steps everything until nothing has anything to do.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            // The committer first: it hands the readers what its batch waits for.
            self.simulation().step_committer();
            self.poll();
            let mut busy = self.simulation().step_reader();
            self.poll();
            busy |= self.simulation().step_maintenance();
            self.poll();
            busy |= self.simulation().step_completions();
            self.poll();
            if !busy {
                // A poisoned store has promised nothing since, nor has one without room.
                if self.simulation().takes_writes() {
                    self.model.settle(self.clock.monotonic_millis(), self.disk.events());
                }
                return;
            }
        }
        panic!("the store does not come to rest");
    }

    /// Moves everything that changed into the base.
    pub fn checkpoint(&mut self) {
        let asked = self.simulation().ask_checkpoint();
        let called = self.model.len();
        self.settle();
        if self.simulation().has_made(asked) {
            self.model.flush(called, self.disk.events());
        }
    }

    /// Lets time pass, stepping everything as often as the store's threads would wake up.
    pub fn advance(&mut self, millis: u64) {
        self.settle();
        let mut left = millis;
        for at_most in [10, 1000].into_iter().chain(std::iter::repeat(60_000)) {
            let part = left.min(at_most);
            if part == 0 {
                return;
            }
            self.pass(part);
            self.settle();
            left -= part;
        }
    }

    /// Lets time pass while the store's threads do not run.
    pub fn pass(&mut self, millis: u64) {
        self.clock.advance(millis);
        self.times.push((self.disk.events(), self.clock.wall(), self.clock.monotonic_millis()));
    }

    /// Sets the wall clock while the store is not open.
    pub fn jump_closed(&mut self, by_millis: i64) {
        self.clock.jump(by_millis);
        self.pass(0);
    }

    /// Sets the wall clock ahead, and has the store notice.
    pub fn jump_ahead(&mut self, by_millis: u64) {
        self.clock.jump(by_millis.cast_signed());
        self.pass(0);
        self.settle();
    }

    /// Fills the base with more than its cache of pages holds, so that reads of other sessions go to the disk
    /// after [`World::evict_pages`].
    pub fn fill_base(&mut self) {
        for number in 0..24 {
            self.set(&format!("filler {number}"), 100_000, 30 * 24 * 3_600_000);
            self.advance(10);
            if number % 6 == 5 {
                self.checkpoint();
            }
        }
    }

    /// Pushes everything but the fillers out of the base's cache of pages.
    pub fn evict_pages(&self) {
        for number in 0..24 {
            assert!(self.has(&format!("filler {number}")));
        }
    }
}
