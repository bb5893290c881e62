//! What a writer does: a sequence for each thread, from a seed, so that the parent knows it without being told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use sessile::Timestamp;

use super::phase::Phase;
use crate::real::far;

pub const THREADS: usize = 4;
const KEYS_PER_THREAD: usize = 24;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub payload: Arc<[u8]>,
    pub expires_at: Timestamp,
}

#[derive(Debug)]
pub enum Action {
    Set(Value),
    Touch(Timestamp),
    Destroy,
    Clear,
}

#[derive(Debug)]
pub struct Operation {
    pub number: usize,
    pub key: String,
    pub action: Action,
}

/// The sequence of one thread's operations.
///
/// Expiries are whole minutes apart, so that no touch is too slight to be written: one that is not written may be lost
/// although a later operation is there, and what a writer left would be no state that it had passed through.
pub struct Operations {
    random: Rng,
    pub seed: u64,
    pub thread: usize,
    pub phase: Phase,
    pub next: usize,
}

impl Operations {
    pub fn new(seed: u64, thread: usize, phase: Phase) -> Self {
        let random = Rng::with_seed(seed.wrapping_mul(31).wrapping_add(thread as u64));
        Self { random, seed, thread, phase, next: 0 }
    }
}

fn key(thread: usize, index: usize) -> String {
    format!("{thread}-{index}")
}

pub fn keys_of(thread: usize) -> impl Iterator<Item = String> {
    (0..KEYS_PER_THREAD).map(move |index| key(thread, index))
}

/// What the payloads of a writer with this seed begin with.
pub fn signature(seed: u64) -> String {
    format!("{seed}:")
}

impl Iterator for Operations {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        if self.next >= self.phase.operations() {
            return None;
        }
        let number = self.next;
        self.next += 1;
        let random = &mut self.random;
        let thread = if self.phase == Phase::Clear { random.usize(..THREADS) } else { self.thread };
        let key = key(thread, random.usize(..KEYS_PER_THREAD));
        let expires_at = far().saturating_add(Duration::from_secs(60 * random.u64(..16_000)));
        let action = match random.u32(..100) {
            0 if self.phase == Phase::Clear => Action::Clear,
            0..60 => {
                let mut payload = format!("{}{}:{number}:", signature(self.seed), self.thread).into_bytes();
                // What all threads have under way stays below what the log takes before it refuses more.
                let len = if random.u32(..20) == 0 { random.usize(..6000) } else { random.usize(..600) };
                payload.extend(std::iter::repeat_with(|| random.u8(..)).take(len));
                Action::Set(Value { payload: payload.into(), expires_at })
            }
            60..85 => Action::Touch(expires_at),
            _ => Action::Destroy,
        };
        Some(Operation { number, key, action })
    }
}

pub type Model = BTreeMap<String, Value>;

impl Operation {
    pub fn apply(&self, model: &mut Model) {
        match &self.action {
            Action::Set(value) => drop(model.insert(self.key.clone(), value.clone())),
            Action::Destroy => drop(model.remove(&self.key)),
            Action::Clear => model.clear(),
            Action::Touch(expires_at) => {
                if let Some(value) = model.get_mut(&self.key) {
                    value.expires_at = *expires_at;
                }
            }
        }
    }

    /// Whether its acknowledgement promises that it stays: all but a touch that moves expiry later.
    pub fn is_promised(&self, before: &Model) -> bool {
        match self.action {
            Action::Touch(expires_at) => before.get(&self.key).is_some_and(|value| value.expires_at > expires_at),
            _ => true,
        }
    }
}
