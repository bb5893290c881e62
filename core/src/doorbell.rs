//! The doorbell: what others want of maintenance, and what became of it.
//!
//! A ring is never lost: one that comes while maintenance is not waiting ends its next wait at once. Whoever asked is
//! answered once maintenance has done what was asked for, or has failed to, or the store has closed.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::lock::{Condvar, Mutex};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::Timestamp;

/// What others want of maintenance, and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Doorbell {
    requests: Mutex<Requests>,
    rung: Condvar,
    answered: Condvar,
    /// A session that expires before this time has to ring. 0: maintenance is awake anyway.
    wakes_at: AtomicU64,
}

#[derive(Debug, Default)]
struct Requests {
    rung: bool,
    checkpoint: Ticket,
    reap: Ticket,
    /// What everybody is told who was not answered before.
    closed: Option<Error>,
}

/// Requests of one kind, by the numbers that they got as they came.
#[derive(Debug, Default)]
struct Ticket {
    asked: u64,
    answered: u64,
    /// The last that succeeded: it did what all before it asked for, whatever became of later ones.
    made: u64,
    result: u64,
    /// How the last that failed did.
    failure: Option<Error>,
}

impl Ticket {
    /// What became of a request; `None`: nothing yet.
    fn outcome(&self, ticket: u64) -> Option<Result<u64>> {
        if ticket <= self.made {
            return Some(Ok(self.result));
        }
        self.failure.clone().filter(|_| ticket <= self.answered).map(Err)
    }
}

impl Doorbell {
    /// Wakes maintenance: there may be something to do.
    pub(crate) fn ring(&self) {
        self.wakes_at.store(0, Ordering::Relaxed);
        self.requests.lock().rung = true;
        self.rung.notify_one();
    }

    /// From now on every session that is written rings once, until [`Doorbell::sleep_until`] says otherwise:
    /// what comes while the next due time is being found out would be missed.
    pub(crate) fn wake_for_all(&self) {
        self.wakes_at.store(u64::MAX, Ordering::Relaxed);
    }

    /// Sessions that expire before this time have to ring. Nothing changes where one has already.
    pub(crate) fn sleep_until(&self, wakes_at: u64) {
        let exchanged = self.wakes_at.compare_exchange(u64::MAX, wakes_at, Ordering::Relaxed, Ordering::Relaxed);
        if exchanged.is_err() {
            tracing::trace!("maintenance was rung while it looked for what is due");
        }
    }

    /// Wakes maintenance if a session expires before it would wake by itself.
    pub(crate) fn expires(&self, expires_at: Timestamp) {
        if expires_at.as_millis() < self.wakes_at.load(Ordering::Relaxed) {
            self.ring();
        }
    }

    pub(crate) fn ask_checkpoint(&self) -> u64 {
        self.ask(|requests| &mut requests.checkpoint)
    }

    pub(crate) fn ask_reap(&self) -> u64 {
        self.ask(|requests| &mut requests.reap)
    }

    fn ask(&self, kind: impl FnOnce(&mut Requests) -> &mut Ticket) -> u64 {
        let mut requests = self.requests.lock();
        let ticket = kind(&mut requests);
        ticket.asked += 1;
        let asked = ticket.asked;
        drop(requests);
        self.ring();
        asked
    }

    /// The last checkpoint that was asked for, and whether it waits for its answer.
    pub(crate) fn checkpoint_asked(&self) -> (u64, bool) {
        let requests = self.requests.lock();
        let Ticket { asked, answered, .. } = requests.checkpoint;
        (asked, asked > answered)
    }

    /// The last reap that was asked for.
    pub(crate) fn reap_asked(&self) -> u64 {
        self.requests.lock().reap.asked
    }

    /// Whether the reap of this ticket waits for its answer.
    pub(crate) fn awaits_reap(&self, ticket: u64) -> bool {
        ticket > self.requests.lock().reap.answered
    }

    /// Whether a checkpoint that was asked for has been made.
    #[cfg(feature = "simulation")]
    pub(crate) fn has_made(&self, ticket: u64) -> bool {
        self.requests.lock().checkpoint.made >= ticket
    }

    pub(crate) fn wait_checkpoint(&self, ticket: u64) -> Result<u64> {
        self.wait_answer(ticket, |requests| &requests.checkpoint)
    }

    pub(crate) fn wait_reap(&self, ticket: u64) -> Result<u64> {
        self.wait_answer(ticket, |requests| &requests.reap)
    }

    fn wait_answer(&self, ticket: u64, kind: impl Fn(&Requests) -> &Ticket) -> Result<u64> {
        let mut requests = self.requests.lock();
        loop {
            if let Some(outcome) = kind(&requests).outcome(ticket) {
                return outcome;
            }
            if let Some(closed) = &requests.closed {
                return Err(closed.clone());
            }
            requests = self.answered.wait(requests);
        }
    }

    pub(crate) fn answer_checkpoint(&self, ticket: u64, result: Result<u64>) {
        self.answer(|requests| &mut requests.checkpoint, ticket, result);
    }

    pub(crate) fn answer_reap(&self, ticket: u64, result: Result<u64>) {
        self.answer(|requests| &mut requests.reap, ticket, result);
    }

    /// Whatever was asked for until now has failed.
    pub(crate) fn answer_failed(&self, error: &Error) {
        let (checkpoint, reap) = {
            let requests = self.requests.lock();
            (requests.checkpoint.asked, requests.reap.asked)
        };
        self.answer_checkpoint(checkpoint, Err(error.clone()));
        self.answer_reap(reap, Err(error.clone()));
    }

    fn answer(&self, kind: impl FnOnce(&mut Requests) -> &mut Ticket, ticket: u64, result: Result<u64>) {
        let mut requests = self.requests.lock();
        let place = kind(&mut requests);
        place.answered = place.answered.max(ticket);
        match result {
            Ok(result) => {
                place.made = place.made.max(ticket);
                place.result = result;
            }
            Err(error) => place.failure = Some(error),
        }
        drop(requests);
        self.answered.notify_all();
    }

    /// Whoever waits, now or later, is told that the store is closed.
    pub(crate) fn close(&self, error: &Error) {
        self.requests.lock().closed = Some(error.clone());
        self.answered.notify_all();
        self.ring();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.requests.lock().closed.is_some()
    }

    /// Waits until rung, at most `span`.
    pub(crate) fn wait(&self, span: Duration) {
        let mut requests = self.requests.lock();
        if !requests.rung {
            requests = self.rung.wait_for(requests, span);
        }
        requests.rung = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_while_the_store_closes_succeeds_only_if_it_was_done() {
        let doorbell = Doorbell::default();
        let done = doorbell.ask_checkpoint();
        doorbell.answer_checkpoint(done, Ok(7));
        let under_way = doorbell.ask_checkpoint();
        doorbell.close(&Error::Closed { path: "sessions".into() });
        assert_eq!(doorbell.wait_checkpoint(done).unwrap(), 7);
        assert!(matches!(doorbell.wait_checkpoint(under_way), Err(Error::Closed { .. })));
        let later = doorbell.ask_checkpoint();
        assert!(matches!(doorbell.wait_checkpoint(later), Err(Error::Closed { .. })));
        let later = doorbell.ask_reap();
        assert!(matches!(doorbell.wait_reap(later), Err(Error::Closed { .. })));
    }

    #[test]
    fn whoever_asked_is_told_what_became_of_that_and_not_of_what_was_asked_later() {
        let doorbell = Doorbell::default();
        let failed = doorbell.ask_checkpoint();
        doorbell.answer_checkpoint(failed, Err(Error::Closed { path: "sessions".into() }));
        assert!(doorbell.wait_checkpoint(failed).is_err());
        let made = doorbell.ask_checkpoint();
        doorbell.answer_checkpoint(made, Ok(7));
        let later = doorbell.ask_checkpoint();
        doorbell.answer_failed(&Error::Closed { path: "sessions".into() });
        assert_eq!(doorbell.wait_checkpoint(made).unwrap(), 7);
        assert!(doorbell.wait_checkpoint(later).is_err());
        assert_eq!(doorbell.wait_checkpoint(failed).unwrap(), 7, "what it asked for was done later");
    }
}
