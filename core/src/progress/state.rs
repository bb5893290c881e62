//! How far the log is, who waits for it, and what an operation is answered: all of it under one lock.

use std::collections::{BTreeMap, HashSet};

use super::Need;
use super::gates::Rounds;
use super::waiter::{Answered, Waiter};
use crate::error::{Error, Result};

pub(super) struct Waiting {
    pub(super) need: Need,
    pub(super) waiter: Waiter,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) written: u64,
    pub(super) durable: u64,
    pub(super) rounds: Rounds,
    /// Operations that wait for a lookup.
    pub(super) unresolved: HashSet<u64, foldhash::fast::RandomState>,
    /// By the operation's number, and in the order in which they asked: whoever touches a session to the expiry that an
    /// operation is bringing waits for that operation, too.
    pub(super) waiting: BTreeMap<(u64, u64), Waiting>,
    /// How many have asked.
    pub(super) asked: u64,
    /// Fatal: what is not durable now never will be known to be.
    pub(super) failure: Option<Error>,
    /// For lack of room these operations, from and to, were not acknowledged; they may still be written.
    pub(super) refused: Option<(u64, u64, Error)>,
}

impl State {
    pub(super) fn answer(&self, number: u64, need: Need) -> Option<Result<()>> {
        let reached = match need {
            Need::Nothing => self.failure.is_none() || number <= self.durable,
            Need::Written => number <= self.written.max(self.durable),
            Need::Durable => number <= self.durable,
        };
        if !reached {
            if let Some(error) = &self.failure {
                return Some(Err(error.clone()));
            }
            if let Some((from, to, error)) = &self.refused
                && (*from..=*to).contains(&number)
            {
                return Some(Err(error.clone()));
            }
            return None;
        }
        (!self.unresolved.contains(&number)).then_some(Ok(()))
    }

    pub(super) fn wait(&mut self, number: u64, waiting: Waiting) {
        self.asked += 1;
        self.waiting.insert((number, self.asked), waiting);
    }

    /// Takes out those of the waiting operations that can be answered now.
    pub(super) fn take_answered(&mut self, numbers: impl IntoIterator<Item = u64>) -> Answered {
        let mut answered = Answered::default();
        for number in numbers {
            let mut asked = 0;
            while let Some((&place, waiting)) = self.waiting.range((number, asked)..=(number, u64::MAX)).next() {
                asked = place.1 + 1;
                let Some(answer) = self.answer(number, waiting.need) else { continue };
                if let Some(waiting) = self.waiting.remove(&place) {
                    answered.push(waiting.waiter, answer);
                }
            }
        }
        answered
    }

    /// The same for all that wait for an operation up to `number`.
    pub(super) fn take_answered_through(&mut self, number: u64) -> Answered {
        let mut answered = Answered::default();
        if self.waiting.first_key_value().is_none_or(|((first, _), _)| *first > number) {
            return answered;
        }
        let later = number.checked_add(1).map(|next| self.waiting.split_off(&(next, 0))).unwrap_or_default();
        for (place, waiting) in std::mem::replace(&mut self.waiting, later) {
            match self.answer(place.0, waiting.need) {
                Some(answer) => answered.push(waiting.waiter, answer),
                None => drop(self.waiting.insert(place, waiting)),
            }
        }
        answered
    }
}
