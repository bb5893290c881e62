//! A thread's calls of a store that other threads use at the same time, noted in a history.

use std::sync::Arc;

use fastrand::Rng;
use sessile::{Commit, Error, Session, SessionId, Store, Timestamp};

use crate::linearizable::{Act, History, Seen, State};

/// A point in time that no test lives to see; expiries are this and a number that tells them apart.
pub const FAR_MILLIS: u64 = 4_102_444_800_000;
/// A point in time before all tests.
const PAST_MILLIS: u64 = 1_000_000;

/// What a worker may call besides sets and reads.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    /// How many sessions are used.
    pub ids: usize,
    /// The longest payload, in bytes.
    pub payload_bytes_max: usize,
    /// Whether it also removes all sessions.
    pub clears: bool,
}

/// A thread that calls.
pub struct Worker {
    thread: usize,
    store: Store,
    history: Arc<History>,
    random: Rng,
    calls: Calls,
    number: u64,
}

/// The id of this number.
#[must_use]
pub fn id(number: usize) -> SessionId {
    SessionId::new(format!("{number}")).expect("a valid id")
}

/// What is to be noted of a session that was read.
///
/// # Panics
/// Where its payload is none that a worker has set.
#[must_use]
pub fn seen(session: Option<Session>) -> Seen {
    session.map(|session| {
        let (number, rest) = session.payload.split_first_chunk().expect("a payload that begins with its number");
        assert!(rest.iter().all(|byte| *byte == number[0]), "a payload is not as it was set");
        (u64::from_le_bytes(*number), session.expires_at.as_millis())
    })
}

/// All sessions of these ids, with a scan and `len` that agree.
///
/// # Panics
/// Where they do not, or reading fails.
#[must_use]
pub fn read_all(store: &Store, ids: usize) -> State {
    let state: State = (0..ids).map(|number| seen(store.get(&id(number)).expect("a read"))).collect();
    let living = state.iter().flatten().count();
    assert_eq!(store.len().expect("the number of sessions"), living as u64, "len is not what reads show: {state:?}");
    let page = store.scan(None, ids + 1).expect("a page");
    assert_eq!(page.sessions.len(), living, "a scan is not what reads show");
    state
}

impl Worker {
    /// A worker whose calls follow from `random`.
    #[must_use]
    pub fn new(thread: usize, store: Store, history: Arc<History>, random: Rng, calls: Calls) -> Self {
        Self { thread, store, history, random, calls, number: 0 }
    }

    /// Calls something at random. Returns whether the store still took it.
    ///
    /// # Panics
    /// Where a call fails with anything but that the store is closed.
    pub fn step(&mut self) -> bool {
        let number = self.random.usize(..self.calls.ids);
        match self.random.u32(..100) {
            0..35 => self.read(number),
            35..65 => self.set(number),
            65..75 => {
                let until = self.later();
                self.touch(number, Some(until))
            }
            75..80 => self.touch(number, None),
            80 if self.calls.clears => self.write(Act::Clear, Store::clear),
            80..97 => self.write(Act::Destroy(number), |store| store.destroy(&id(number))),
            _ => self.set_expired(number),
        }
    }

    /// Sets some of the sessions, the first one among them, and does not wait.
    ///
    /// # Panics
    /// Where the store does not take them.
    pub fn fill(&mut self) {
        for number in 0..self.calls.ids {
            if number == 0 || self.random.bool() {
                let content = self.unique();
                let (payload, expires_at) = (self.payload(content), Timestamp::from_millis(FAR_MILLIS));
                drop(self.store.set(&id(number), payload, Some(expires_at)).expect("a set"));
            }
        }
    }

    /// Reads the session of this number.
    ///
    /// # Panics
    /// Where that fails.
    pub fn read_this(&mut self, number: usize) {
        assert!(self.read(number), "the store is closed");
    }

    /// Stores or removes the session of this number, and has that in the base before it returns.
    ///
    /// # Panics
    /// Where that fails.
    pub fn change_in_base(&mut self, number: usize) {
        let taken = if self.random.bool() {
            self.write(Act::Destroy(number), |store| store.destroy(&id(number)))
        } else {
            self.set(number)
        };
        assert!(taken, "the store is closed");
        self.store.flush().expect("a flush");
    }

    /// A number that no other call has.
    fn unique(&mut self) -> u64 {
        self.number += 1;
        (self.thread as u64 + 1) * 1_000_000 + self.number
    }

    fn later(&mut self) -> u64 {
        FAR_MILLIS + self.unique()
    }

    fn read(&mut self, number: usize) -> bool {
        let place = self.history.call(self.thread, Act::Get(number, None));
        match self.store.get(&id(number)) {
            Ok(session) => {
                self.history.saw(place, seen(session));
                true
            }
            Err(error) => self.refused(place, &error),
        }
    }

    fn payload(&mut self, number: u64) -> Vec<u8> {
        let number = number.to_le_bytes();
        let mut payload = vec![number[0]; self.random.usize(8..=self.calls.payload_bytes_max)];
        payload[..8].copy_from_slice(&number);
        payload
    }

    fn set(&mut self, number: usize) -> bool {
        let content = self.unique();
        // Now and then one that a touch of another thread can bring back.
        let expires_at = if self.random.bool() { FAR_MILLIS } else { self.later() };
        let payload = self.payload(content);
        self.write(Act::Set(number, Some((content, expires_at))), |store| {
            store.set(&id(number), payload, Some(Timestamp::from_millis(expires_at)))
        })
    }

    /// As a session that expires in this moment: it is the reaper's at once.
    fn set_expired(&mut self, number: usize) -> bool {
        let content = self.unique();
        let payload = self.payload(content);
        self.write(Act::Set(number, None), |store| {
            store.set(&id(number), payload, Some(Timestamp::from_millis(PAST_MILLIS)))
        })
    }

    fn touch(&mut self, number: usize, until: Option<u64>) -> bool {
        let expires_at = Timestamp::from_millis(until.unwrap_or(PAST_MILLIS));
        self.write(Act::Touch(number, until), |store| store.touch(&id(number), expires_at))
    }

    fn write(&mut self, act: Act, call: impl FnOnce(&Store) -> Result<Commit, Error>) -> bool {
        let place = self.history.call(self.thread, act);
        match call(&self.store) {
            Ok(commit) => {
                self.history.returned(place);
                // Should the store gather, nobody else does.
                self.store.send_gathered();
                self.follow(place, commit)
            }
            Err(error) => self.refused(place, &error),
        }
    }

    /// Waits for the acknowledgement, has it come by a callback, or does not care.
    fn follow(&mut self, place: usize, commit: Commit) -> bool {
        match self.random.u8(..4) {
            0 => true,
            1 => {
                let history = Arc::clone(&self.history);
                let answer = commit.on_complete(move |answer| {
                    if answer.is_ok() {
                        history.acknowledged(place);
                    }
                });
                if matches!(answer, Some(Ok(()))) {
                    self.history.acknowledged(place);
                }
                !matches!(answer, Some(Err(_)))
            }
            _ => match commit.wait() {
                Ok(()) => {
                    self.history.acknowledged(place);
                    true
                }
                Err(error) => {
                    assert!(matches!(error, Error::Closed { .. }), "a write failed: {error}");
                    false
                }
            },
        }
    }

    fn refused(&self, place: usize, error: &Error) -> bool {
        assert!(matches!(error, Error::Closed { .. }), "a call was refused: {error}");
        self.history.refused(place);
        false
    }
}
