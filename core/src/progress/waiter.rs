//! Who waits for an acknowledgement, and how they are told.
//!
//! A thread is woken once, with its answer; a callback is handed to the completion thread.

use std::sync::Arc;

use crate::error::Result;
use crate::lock::{Condvar, Mutex};

type Callback = Box<dyn FnOnce(Result<()>) + Send>;

/// Who waits for an operation's acknowledgement.
pub(super) enum Waiter {
    /// Run on the completion thread.
    Callback(Callback),
    /// A blocked thread.
    Thread(Arc<Slot>),
}

/// Where a blocked thread finds its answer, and which others it is to wake.
#[derive(Default)]
pub(super) struct Slot {
    answer: Mutex<Option<(Result<()>, Vec<Woken>)>>,
    filled: Condvar,
}

impl Slot {
    pub(super) fn wait(&self) -> Result<()> {
        let mut place = self.answer.lock();
        let (answer, others) = loop {
            match place.take() {
                Some(filled) => break filled,
                None => place = self.filled.wait(place),
            }
        };
        drop(place);
        wake(others);
        answer
    }
}

/// A blocked thread whose answer is known.
pub(super) type Woken = (Arc<Slot>, Result<()>);

/// Wakes all of these threads: two here, and each of the two wakes half of the others. So whoever publishes
/// progress, above all the committer, pays for two wake-ups however many wait.
pub(super) fn wake(mut woken: Vec<Woken>) {
    while let Some((slot, answer)) = woken.pop() {
        let others = woken.split_off(woken.len() / 2);
        *slot.answer.lock() = Some((answer, others));
        slot.filled.notify_one();
        let Some((slot, answer)) = woken.pop() else { return };
        *slot.answer.lock() = Some((answer, std::mem::take(&mut woken)));
        slot.filled.notify_one();
    }
}

/// A callback whose answer is known.
pub(crate) struct Ready {
    callback: Callback,
    answer: Result<()>,
}

impl Ready {
    pub(crate) fn run(self) {
        (self.callback)(self.answer);
    }
}

/// Everybody whose answer is known now.
#[derive(Default)]
pub(super) struct Answered {
    pub(super) threads: Vec<Woken>,
    pub(super) callbacks: Vec<Ready>,
}

impl Answered {
    pub(super) fn push(&mut self, waiter: Waiter, answer: Result<()>) {
        match waiter {
            Waiter::Thread(slot) => self.threads.push((slot, answer)),
            Waiter::Callback(callback) => self.callbacks.push(Ready { callback, answer }),
        }
    }

    pub(super) fn of(waiter: Waiter, answer: Result<()>) -> Self {
        let mut answered = Self::default();
        answered.push(waiter, answer);
        answered
    }
}
