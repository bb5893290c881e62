//! Two gates for the threads that wait for a batch: the one on its way to the disk, and the one after it.
//!
//! A gate is opened for all who wait at it in one call, which costs whoever opens it, above all the
//! committer, far less than waking each. It promises nothing: whoever comes through looks whether there is an
//! answer.

use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{wait, wake_all};

/// Which operations are in which batch, and how many threads wait for it; kept under the lock of progress.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// The batch on its way has the numbers behind `before`, up to `taken`.
    before: u64,
    taken: u64,
    /// Counts the batches; says which gate is whose.
    round: usize,
    waiting: [usize; 2],
}

impl Rounds {
    /// The committer took everything up to `number`.
    pub(super) const fn took(&mut self, number: u64) {
        self.before = self.taken;
        self.taken = number;
        self.round += 1;
    }

    /// What was taken last is not all on its way: nobody waits at a gate for it.
    pub(super) const fn put_back(&mut self) {
        self.before = self.taken;
    }

    /// How many threads wait at the gates.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.iter().sum()
    }

    /// The gate of the batch on its way.
    const fn current(&self) -> usize {
        self.round % 2
    }

    /// The gate that opens with the batch the operation is in, if that is not past.
    const fn gate(&self, number: u64) -> Option<usize> {
        if number > self.taken {
            Some(1 - self.current())
        } else if number > self.before {
            Some(self.current())
        } else {
            None
        }
    }
}

/// A place at a gate. Whoever holds it misses no opening after it was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    gate: usize,
    value: u32,
}

/// Gates whose openings are still to be carried out, with the number of threads that wait.
#[derive(Debug, Default)]
#[must_use = "whoever waits at a gate waits until it is opened"]
pub(super) struct Openings([usize; 2]);

/// The gates; a gate's value changes whenever it opens.
#[derive(Debug, Default)]
pub(super) struct Gates([AtomicU32; 2]);

#[expect(clippy::indexing_slicing, reason = "there are two gates, and their numbers are 0 and 1")]
impl Gates {
    /// A place to wait for the operation.
    pub(super) fn place(&self, rounds: &mut Rounds, number: u64) -> Option<Place> {
        let gate = rounds.gate(number)?;
        rounds.waiting[gate] += 1;
        Some(Place { gate, value: self.0[gate].load(Ordering::Acquire) })
    }

    /// Lets through those who wait for the batch on its way, once [`Gates::open`] is called without the lock.
    pub(super) fn arrived(&self, rounds: &mut Rounds) -> Openings {
        let mut openings = Openings::default();
        self.let_through(rounds, rounds.current(), &mut openings);
        openings
    }

    /// Lets everybody through.
    pub(super) fn everybody(&self, rounds: &mut Rounds) -> Openings {
        let mut openings = Openings::default();
        self.let_through(rounds, 0, &mut openings);
        self.let_through(rounds, 1, &mut openings);
        openings
    }

    fn let_through(&self, rounds: &mut Rounds, gate: usize, openings: &mut Openings) {
        self.0[gate].fetch_add(1, Ordering::Release);
        openings.0[gate] = std::mem::take(&mut rounds.waiting[gate]);
    }

    pub(super) fn open(&self, openings: &Openings) {
        for (gate, waiting) in self.0.iter().zip(openings.0) {
            if waiting > 0 {
                wake_all(gate);
            }
        }
    }

    /// Blocks until the gate has opened, or for less.
    pub(super) fn wait(&self, place: Place) {
        wait(&self.0[place.gate], place.value);
    }
}
