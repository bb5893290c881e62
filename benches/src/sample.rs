//! The sessions that are measured with: their ids and payloads, and stores filled with them.
//!
//! Ids are spread evenly over all there are, in the order of their numbers, so that a store can be filled in the
//! order of its keys and a random number is a random place in it.

use std::path::Path;
use std::time::Duration;

use sessile::{Commit, Durability, Error, Options, SessionId, Store, Timestamp};

/// The bytes of a session.
pub const PAYLOAD_BYTES: usize = 300;

/// The bytes of an id.
pub const ID_BYTES: usize = 32;

/// A number of sessions, each with its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sessions {
    count: u64,
    stride: u128,
}

impl Sessions {
    /// So many of them.
    #[must_use]
    pub fn new(count: u64) -> Self {
        Self { count, stride: u128::MAX / u128::from(count) }
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> u64 {
        self.count
    }

    /// The id of one, by its number below the count. In hexadecimal by hand: `format!` would cost as much as some of
    /// the calls that are measured.
    #[must_use]
    pub fn id(self, number: u64) -> SessionId {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let digit = |byte: u8, shift: u8| DIGITS[usize::from((byte >> shift) & 15)];
        let mut text = [0; ID_BYTES];
        let bytes = (self.stride * u128::from(number)).to_be_bytes();
        for (place, byte) in text.chunks_exact_mut(2).zip(bytes) {
            place.copy_from_slice(&[digit(byte, 4), digit(byte, 0)]);
        }
        SessionId::new(text).expect("an id of 32 bytes")
    }

    /// A random one of `among` sessions, which lie spread over all.
    #[must_use]
    pub fn any(self, random: &mut fastrand::Rng, among: u64) -> SessionId {
        self.one_of(random.u64(..among.min(self.count)), among)
    }

    fn one_of(self, number: u64, among: u64) -> SessionId {
        self.id(number * (self.count / among.min(self.count)))
    }

    /// Reads each of `among` sessions once, so that they are in memory where there is room for them.
    pub fn warm(self, store: &Store, among: u64) {
        for number in 0..among.min(self.count) {
            assert!(store.get(&self.one_of(number, among)).expect("read").is_some());
        }
    }

    /// Makes a store of all of them in a directory that does not exist yet.
    pub fn fill(self, path: &Path) {
        let store = Store::open(Options::new(path).durability(Durability::Async)).expect("a store");
        for number in 0..self.count {
            drop(set_patiently(&store, &self.id(number), None));
        }
        store.close().expect("closed");
    }
}

/// Sets a session of which nobody waits for the acknowledgement, as soon as the store takes it.
pub fn set_patiently(store: &Store, id: &SessionId, expires_at: Option<Timestamp>) -> Commit {
    loop {
        match store.set(id, vec![7; PAYLOAD_BYTES], expires_at) {
            Ok(commit) => return commit,
            Err(Error::Overloaded { .. }) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => panic!("{error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_one_length_distinct_and_in_the_order_of_their_numbers() {
        let sessions = Sessions::new(1000);
        let ids: Vec<SessionId> = (0..1000).map(|number| sessions.id(number)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.as_bytes().len() == ID_BYTES));
    }

    #[test]
    fn a_few_among_many_are_as_many_as_asked_for() {
        let sessions = Sessions::new(1000);
        let mut random = fastrand::Rng::with_seed(1);
        let mut seen: Vec<SessionId> = (0..500).map(|_| sessions.any(&mut random, 10)).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen, (0..10).map(|number| sessions.one_of(number, 10)).collect::<Vec<_>>());
    }
}
