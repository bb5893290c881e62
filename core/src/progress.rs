//! How far the log is durable, and who waits for that.
//!
//! An operation is acknowledged by its number: once the log is written or durable up to it, and once the
//! lookup it needed (of a session that was not in memory) is done. Nothing is acknowledged after a failure
//! of the log that was not durable before. Callbacks run on the store's completion thread, never here.
//!
//! Most threads wait for the batch that is on its way to the disk, or for the next one. Each of the two has a
//! gate, opened for all of them in one call. Whoever waits for something else, or finds no answer behind its
//! gate, is found by the number of its operation.

mod commit;
mod gates;
mod state;
mod waiter;

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::lock::{Condvar, Mutex};
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub use commit::Commit;
pub(crate) use commit::Deferred;
use gates::{Gates, Place};
use state::{State, Waiting};
pub(crate) use waiter::Ready;
use waiter::{Answered, Slot, Waiter, wake};

/// What has to have happened to an operation before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    Written,
    Durable,
}

/// Positions and waiters; shared by all threads.
pub(crate) struct Progress {
    state: Mutex<State>,
    gates: Gates,
    /// `State`'s positions and the number of its unresolved operations, to be read without the lock.
    written: AtomicU64,
    durable: AtomicU64,
    unresolved: AtomicUsize,
    /// For those who wait for a position, not for an operation.
    advanced: Condvar,
    /// Hands what is ready to the completion thread.
    dispatch: Box<dyn Fn(Vec<Ready>) + Send + Sync>,
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        formatter.debug_struct("Progress").field("written", &state.written).field("durable", &state.durable).finish()
    }
}

/// What a thread that asked for its operation got.
enum Asked {
    Answered(Result<()>),
    /// To wait at a gate.
    Gate(Place),
    /// There is no gate to wait at.
    NoGate,
}

impl Progress {
    pub(crate) fn new(dispatch: impl Fn(Vec<Ready>) + Send + Sync + 'static) -> Self {
        Self {
            state: Mutex::default(),
            gates: Gates::default(),
            written: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            unresolved: AtomicUsize::new(0),
            advanced: Condvar::new(),
            dispatch: Box::new(dispatch),
        }
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Notes that operation `number` waits for a lookup.
    pub(crate) fn unresolved(&self, number: u64) {
        if self.state.lock().unresolved.insert(number) {
            self.unresolved.fetch_add(1, Ordering::Release);
        }
    }

    /// Notes that the lookups of these operations are done.
    pub(crate) fn resolved(&self, numbers: &[u64]) {
        if numbers.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        for number in numbers {
            if state.unresolved.remove(number) {
                self.unresolved.fetch_sub(1, Ordering::Release);
            }
        }
        let answered = state.take_answered(numbers.iter().copied());
        drop(state);
        self.advanced.notify_all();
        self.tell(answered);
    }

    /// Publishes how far the log is written and durable.
    pub(crate) fn publish(&self, written: u64, durable: u64) {
        let mut state = self.state.lock();
        if state.written == written && state.durable == durable {
            return;
        }
        state.written = written;
        state.durable = durable;
        if state.refused.as_ref().is_some_and(|(_, to, _)| *to <= durable) {
            state.refused = None;
        }
        self.written.store(written, Ordering::Release);
        self.durable.store(durable, Ordering::Release);
        let answered = state.take_answered_through(written.max(durable));
        let openings = self.gates.arrived(&mut state.rounds);
        drop(state);
        self.advanced.notify_all();
        self.gates.open(&openings);
        self.tell(answered);
    }

    /// Notes that the committer took everything up to `number` on its way to the disk.
    pub(crate) fn took(&self, number: u64) {
        self.state.lock().rounds.took(number);
    }

    /// Notes that what was taken last is not all on its way: whoever waits for it finds another place to wait.
    pub(crate) fn put_back(&self) {
        self.change(|state| state.rounds.put_back());
    }

    /// The log failed: nothing that is not durable will be acknowledged.
    pub(crate) fn fail(&self, error: Error) {
        self.change(|state| {
            state.failure.get_or_insert(error);
        });
    }

    /// There is no room: operations up to `number` that wait now are not acknowledged.
    pub(crate) fn refuse(&self, number: u64, error: Error) {
        self.change(|state| {
            let from = state.refused.as_ref().map_or(state.durable + 1, |(from, ..)| *from);
            state.refused = Some((from, number, error));
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        change(&mut state);
        let answered = state.take_answered_through(u64::MAX);
        let openings = self.gates.everybody(&mut state.rounds);
        drop(state);
        self.advanced.notify_all();
        self.gates.open(&openings);
        self.tell(answered);
    }

    /// Wakes threads, and leaves callbacks to the completion thread.
    fn tell(&self, answered: Answered) {
        wake(answered.threads);
        if !answered.callbacks.is_empty() {
            (self.dispatch)(answered.callbacks);
        }
    }

    fn answer(&self, number: u64, need: Need) -> Option<Result<()>> {
        self.state.lock().answer(number, need)
    }

    /// Whether it is known without the lock that the operation is acknowledged.
    fn is_acknowledged(&self, number: u64, need: Need) -> bool {
        let reached = match need {
            // Whether the log has failed is known under the lock.
            Need::Nothing => number <= self.durable(),
            Need::Written => number <= self.written.load(Ordering::Acquire).max(self.durable()),
            Need::Durable => number <= self.durable(),
        };
        reached && self.unresolved.load(Ordering::Acquire) == 0
    }

    fn wait(&self, number: u64, need: Need) -> Result<()> {
        if self.is_acknowledged(number, need) {
            return Ok(());
        }
        match self.ask_gate(number, need) {
            Asked::Answered(answer) => return answer,
            Asked::Gate(place) => {
                // It may open for another reason, and the operation be unanswered still.
                self.gates.wait(place);
                if self.is_acknowledged(number, need) {
                    return Ok(());
                }
            }
            Asked::NoGate => {}
        }
        let slot = Arc::new(Slot::default());
        match self.ask(number, need, Waiter::Thread(Arc::clone(&slot))) {
            Some(answer) => answer,
            None => slot.wait(),
        }
    }

    /// Waits until everything up to `number` is durable.
    pub(crate) fn wait_durable(&self, number: u64) -> Result<()> {
        let mut state = self.state.lock();
        loop {
            if state.durable >= number {
                return Ok(());
            }
            if let Some(error) = &state.failure {
                return Err(error.clone());
            }
            if let Some((_, _, error)) = &state.refused {
                return Err(error.clone());
            }
            state = self.advanced.wait(state);
        }
    }

    /// Waits until everything up to `number` is durable, and no operation up to it waits for a lookup: then all of
    /// them are acknowledged, under each durability.
    pub(crate) fn wait_acknowledged(&self, number: u64) -> Result<()> {
        self.wait_durable(number)?;
        let mut state = self.state.lock();
        loop {
            // Until that one is done, the others are none of our business.
            let Some(next) = state.unresolved.iter().copied().find(|unresolved| *unresolved <= number) else {
                return Ok(());
            };
            while state.unresolved.contains(&next) {
                state = self.advanced.wait(state);
            }
        }
    }

    fn ask_gate(&self, number: u64, need: Need) -> Asked {
        let mut state = self.state.lock();
        if let Some(answer) = state.answer(number, need) {
            return Asked::Answered(answer);
        }
        if state.unresolved.contains(&number) {
            return Asked::NoGate;
        }
        self.gates.place(&mut state.rounds, number).map_or(Asked::NoGate, Asked::Gate)
    }

    fn ask(&self, number: u64, need: Need, waiter: Waiter) -> Option<Result<()>> {
        let mut state = self.state.lock();
        if let Some(answer) = state.answer(number, need) {
            return Some(answer);
        }
        state.wait(number, Waiting { need, waiter });
        None
    }
}

#[cfg(test)]
mod tests {
    //! A thread that waits is let through whatever happens to its batch. The failure guarded against: it
    //! waits at a gate that nobody opens.

    use std::path::PathBuf;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// Has a thread wait for the operation, and goes on once it does.
    fn waiter(progress: &Arc<Progress>, number: u64) -> mpsc::Receiver<Result<()>> {
        let (sender, receiver) = mpsc::channel();
        let theirs = Arc::clone(progress);
        let waiting = || {
            let state = progress.state.lock();
            state.rounds.waiting() + state.waiting.len()
        };
        let before = waiting();
        let thread = std::thread::spawn(move || sender.send(theirs.wait(number, Need::Durable)));
        while waiting() == before && !thread.is_finished() {
            std::thread::yield_now();
        }
        receiver
    }

    fn progress() -> Arc<Progress> {
        Arc::new(Progress::new(drop))
    }

    /// The answer, or a failed test where there is none.
    fn answer(receiver: &mpsc::Receiver<Result<()>>) -> Result<()> {
        receiver.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    #[test]
    fn those_on_the_way_and_those_behind_are_let_through_in_turn() {
        let progress = progress();
        progress.took(1);
        let first = waiter(&progress, 1);
        let second = waiter(&progress, 2);
        progress.publish(1, 1);
        answer(&first).unwrap();
        let third = waiter(&progress, 4);
        progress.took(3);
        let late = waiter(&progress, 3);
        progress.publish(3, 3);
        answer(&second).unwrap();
        answer(&late).unwrap();
        assert!(third.try_recv().is_err());
        progress.took(4);
        progress.publish(4, 4);
        answer(&third).unwrap();
    }

    #[test]
    fn those_whose_batch_was_put_back_wait_for_the_next() {
        let progress = progress();
        let first = waiter(&progress, 1);
        progress.took(3);
        let second = waiter(&progress, 2);
        progress.put_back();
        let third = waiter(&progress, 3);
        progress.took(3);
        progress.publish(3, 3);
        for waiter in [first, second, third] {
            answer(&waiter).unwrap();
        }
    }

    #[test]
    fn a_batch_that_is_written_and_not_synced_answers_nobody_who_needs_it_durable() {
        let progress = progress();
        let first = waiter(&progress, 1);
        progress.took(1);
        progress.publish(1, 0);
        progress.took(2);
        progress.publish(2, 0);
        assert!(first.try_recv().is_err());
        progress.publish(2, 2);
        answer(&first).unwrap();
    }

    #[test]
    fn a_failure_and_a_lack_of_room_reach_those_at_both_gates() {
        let progress = progress();
        progress.took(1);
        let both = [waiter(&progress, 1), waiter(&progress, 2)];
        progress.refuse(2, Error::DiskFull { path: PathBuf::new() });
        for waiter in both {
            assert!(matches!(answer(&waiter), Err(Error::DiskFull { .. })));
        }
        let later = waiter(&progress, 3);
        progress.fail(Error::Closed { path: PathBuf::new() });
        assert!(matches!(answer(&later), Err(Error::Closed { .. })));
    }

    #[test]
    fn a_lookup_that_is_not_done_keeps_its_operation_waiting() {
        let progress = progress();
        progress.took(2);
        let other = waiter(&progress, 2);
        progress.unresolved(1);
        let first = waiter(&progress, 1);
        progress.publish(2, 2);
        answer(&other).unwrap();
        assert!(first.try_recv().is_err());
        progress.resolved(&[1]);
        answer(&first).unwrap();
    }
}
