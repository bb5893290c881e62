//! What a store may hold: every operation in the order it was called, and what was promised of it.
//!
//! After a crash the store has to hold what some number of the first operations led to, and that number has
//! to include every operation that was promised to survive. That is more than each session having one of
//! its own later states: nothing may overtake an earlier operation on another session either. A session has
//! the version that its set was given before the crash, and no number is ever given twice, not even one that
//! a crash took.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use sessile::{Durability, Session, Timestamp};

/// What the process or the machine went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process ended; what it had written is there.
    Kill,
    /// The machine lost its power; what it had synced is there.
    PowerLoss,
}

/// An operation as it was called.
#[derive(Debug, Clone, Hash)]
pub enum Call {
    /// Store this payload until then.
    Set {
        /// The id.
        id: String,
        /// The payload.
        payload: Vec<u8>,
        /// When it expires.
        expires_at: Timestamp,
    },
    /// Move the expiry.
    Touch {
        /// The id.
        id: String,
        /// When it expires from now on.
        expires_at: Timestamp,
    },
    /// Remove it.
    Destroy {
        /// The id.
        id: String,
    },
    /// Remove everything.
    Clear,
}

#[derive(Debug, Clone)]
struct Recorded {
    call: Call,
    /// The number it was given: of a set, the session's version.
    number: u64,
    /// A touch that moves expiry later, or to where such a touch has moved it: acknowledged at once, and losing it
    /// is allowed for a second.
    extends: bool,
    at: Timestamp,
    monotonic_millis: u64,
    called: u64,
    acknowledged: Option<u64>,
    /// A checkpoint or a close that came after it was done at this event: from then on it survives everything.
    flushed: Option<u64>,
    /// A recovery found it: the event from which on it survives everything.
    held: Option<u64>,
    /// A crash took it: the event at which the store was open again without it.
    lost: Option<u64>,
}

/// A session as the model expects it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The bytes.
    pub payload: Vec<u8>,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When it came into being.
    pub created_at: Timestamp,
    /// The number of its last set.
    pub version: u64,
}

impl From<&Session> for Expected {
    fn from(session: &Session) -> Self {
        Self {
            payload: session.payload.to_vec(),
            expires_at: session.expires_at,
            created_at: session.created_at,
            version: session.version.get(),
        }
    }
}

/// All sessions, by id.
pub type Sessions = BTreeMap<String, Expected>;

/// A moment at which the store had done everything it wanted to do.
#[derive(Debug, Clone, Copy)]
struct Settled {
    event: u64,
    monotonic_millis: u64,
}

/// The operations of one history and what was promised of them.
#[derive(Debug, Clone)]
pub struct Model {
    durability: Durability,
    recorded: Vec<Recorded>,
    settled: Vec<Settled>,
}

/// What may pass at most between a call and the write of what nobody waits for, and between write and sync.
const WRITTEN_MILLIS: u64 = 10;
const SYNCED_MILLIS: u64 = 1000;

impl Model {
    /// Of a new store.
    #[must_use]
    pub const fn new(durability: Durability) -> Self {
        Self { durability, recorded: Vec::new(), settled: Vec::new() }
    }

    /// From now on calls are acknowledged like this, by a store that was opened anew.
    pub const fn promise(&mut self, durability: Durability) {
        self.durability = durability;
    }

    /// Notes a call after `event` events of the disk, and the number of the store's last operation with it.
    /// Returns its place, for [`Model::acknowledge`].
    ///
    /// # Panics
    /// Where a set was given a number that is not above all earlier ones.
    pub fn call(&mut self, call: Call, number: u64, at: Timestamp, monotonic_millis: u64, event: u64) -> usize {
        let before = self.recorded.iter().map(|recorded| recorded.number).max().unwrap_or_default();
        let is_new = number > before || !matches!(call, Call::Set { .. });
        assert!(is_new, "version {number} comes after number {before} was given, in this process or before it");
        let extends = match &call {
            Call::Touch { id, expires_at } => match self.state().get(id) {
                Some(session) if session.expires_at == *expires_at => self.extended_last(id),
                Some(session) => session.expires_at < *expires_at,
                None => true,
            },
            _ => false,
        };
        self.recorded.push(Recorded {
            call,
            number,
            extends,
            at,
            monotonic_millis,
            called: event,
            acknowledged: None,
            flushed: None,
            held: None,
            lost: None,
        });
        self.recorded.len() - 1
    }

    /// Whether a session's expiry comes from a touch that moved it later.
    fn extended_last(&self, id: &str) -> bool {
        let of_id = |recorded: &&Recorded| match &recorded.call {
            Call::Set { id: other, .. } | Call::Touch { id: other, .. } => recorded.lost.is_none() && other == id,
            Call::Destroy { .. } | Call::Clear => false,
        };
        self.recorded.iter().rev().find(of_id).is_some_and(|recorded| recorded.extends)
    }

    /// Notes that an operation was acknowledged after `event` events.
    pub fn acknowledge(&mut self, place: usize, event: u64) {
        self.recorded[place].acknowledged.get_or_insert(event);
    }

    /// How many calls there were.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.recorded.len()
    }

    /// Whether there was none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.recorded.is_empty()
    }

    /// Notes that the first `calls` calls are on the disk, as a checkpoint or a close has said.
    pub fn flush(&mut self, calls: usize, event: u64) {
        for recorded in &mut self.recorded[..calls] {
            recorded.flushed.get_or_insert(event);
        }
    }

    /// Whether all that was called is on the disk, by what was promised.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.recorded.iter().all(|recorded| recorded.flushed.is_some() || recorded.lost.is_some())
    }

    /// Notes that the store has nothing to do at this time.
    pub fn settle(&mut self, monotonic_millis: u64, event: u64) {
        self.settled.push(Settled { event, monotonic_millis });
    }

    /// The model as it was after `event` events.
    #[must_use]
    pub fn at(&self, event: u64) -> Self {
        let mut model = self.clone();
        model.recorded.retain(|recorded| recorded.called <= event);
        model.settled.retain(|settled| settled.event <= event);
        for recorded in &mut model.recorded {
            recorded.acknowledged = recorded.acknowledged.filter(|acknowledged| *acknowledged <= event);
            recorded.flushed = recorded.flushed.filter(|flushed| *flushed <= event);
            recorded.held = recorded.held.filter(|held| *held <= event);
            recorded.lost = recorded.lost.filter(|lost| *lost <= event);
        }
        model
    }

    /// Every id that was ever written.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        let ids = self.recorded.iter().filter_map(|recorded| match &recorded.call {
            Call::Set { id, .. } | Call::Touch { id, .. } | Call::Destroy { id } => Some(id.clone()),
            Call::Clear => None,
        });
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// All sessions as of the last call, expired ones included.
    #[must_use]
    pub fn state(&self) -> Sessions {
        let mut sessions = Sessions::new();
        for recorded in self.recorded.iter().filter(|recorded| recorded.lost.is_none()) {
            recorded.apply(&mut sessions);
        }
        sessions
    }

    /// The sessions that live at `now`, as of the last call.
    #[must_use]
    pub fn living(&self, now: Timestamp) -> Sessions {
        living(&self.state(), now)
    }

    /// Whether what was promised of an operation is that it survives this crash.
    fn must_survive(&self, recorded: &Recorded, crash: Crash) -> bool {
        if recorded.held.is_some() || recorded.flushed.is_some() {
            return true;
        }
        // Nobody was promised anything.
        if recorded.acknowledged.is_none() {
            return false;
        }
        let settled_after = |millis| {
            self.settled.iter().any(|settled| {
                settled.event >= recorded.called && settled.monotonic_millis >= recorded.monotonic_millis + millis
            })
        };
        match (recorded.extends, self.durability, crash) {
            (false, Durability::Fsync, _) | (false, Durability::Write, Crash::Kill) => true,
            (false, Durability::Write, Crash::PowerLoss) => settled_after(SYNCED_MILLIS),
            (true, _, Crash::Kill) | (false, Durability::Async, Crash::Kill) => settled_after(WRITTEN_MILLIS),
            (true, _, Crash::PowerLoss) | (false, Durability::Async, Crash::PowerLoss) => {
                settled_after(WRITTEN_MILLIS + SYNCED_MILLIS)
            }
        }
    }

    /// A number that tells what may be found after this crash from what may be found after others: the same in
    /// every process.
    #[must_use]
    pub fn fingerprint(&self, crash: Crash, now: Timestamp) -> u64 {
        let mut hasher = DefaultHasher::new();
        now.hash(&mut hasher);
        for recorded in self.recorded.iter().filter(|recorded| recorded.lost.is_none()) {
            recorded.call.hash(&mut hasher);
            (recorded.number, recorded.at, self.must_survive(recorded, crash)).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Checks what a store holds that was opened after a crash: the sessions that live at `now`. From then
    /// on the model takes that for granted: what is there stays, what is not has never been.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn reopened(&mut self, found: &Sessions, now: Timestamp, crash: Crash, event: u64) -> Result<(), String> {
        let alive: Vec<usize> = (0..self.recorded.len()).filter(|place| self.recorded[*place].lost.is_none()).collect();
        let least = alive
            .iter()
            .rposition(|place| self.must_survive(&self.recorded[*place], crash))
            .map_or(0, |position| position + 1);
        let mut sessions = Sessions::new();
        let mut closest: Option<(usize, String)> = None;
        for cut in 0..=alive.len() {
            if cut > 0 {
                self.recorded[alive[cut - 1]].apply(&mut sessions);
            }
            if cut < least {
                continue;
            }
            match difference(&living(&sessions, now), found) {
                None => {
                    for (position, place) in alive.iter().enumerate() {
                        let recorded = &mut self.recorded[*place];
                        if position < cut {
                            recorded.held.get_or_insert(event);
                        } else {
                            recorded.lost = Some(event);
                        }
                    }
                    return Ok(());
                }
                Some(difference) => {
                    closest.get_or_insert((cut, difference));
                }
            }
        }
        let (cut, difference) = closest.unwrap_or_default();
        Err(format!(
            "after a {crash:?} no number of the first {} operations from {least} on explains what is there; \
             as of operation {cut}: {difference}",
            alive.len()
        ))
    }
}

impl Recorded {
    fn apply(&self, sessions: &mut Sessions) {
        match &self.call {
            Call::Set { id, payload, expires_at } => {
                let before = sessions.get(id).filter(|before| before.expires_at > self.at);
                let created_at = before.map_or(self.at, |before| before.created_at);
                let (payload, expires_at, version) = (payload.clone(), *expires_at, self.number);
                let expected = Expected { payload, expires_at, created_at, version };
                sessions.insert(id.clone(), expected);
            }
            Call::Touch { id, expires_at } => {
                if let Some(session) = sessions.get_mut(id)
                    && session.expires_at > self.at
                {
                    session.expires_at = *expires_at;
                }
            }
            Call::Destroy { id } => {
                sessions.remove(id);
            }
            Call::Clear => sessions.clear(),
        }
    }
}

fn living(sessions: &Sessions, now: Timestamp) -> Sessions {
    let living = sessions.iter().filter(|(_, session)| session.expires_at > now);
    living.map(|(id, session)| (id.clone(), session.clone())).collect()
}

/// The first difference between two sets of sessions, as a sentence.
#[must_use]
pub fn difference(expected: &Sessions, found: &Sessions) -> Option<String> {
    for (id, session) in expected {
        match found.get(id) {
            None => return Some(format!("{id} is missing")),
            Some(other) if other == session => {}
            Some(other) if other.payload != session.payload => {
                return Some(format!(
                    "{id} has another payload: {} bytes of {:?} instead of {} of {:?}",
                    other.payload.len(),
                    other.payload.first(),
                    session.payload.len(),
                    session.payload.first()
                ));
            }
            Some(other) if other.version != session.version => {
                return Some(format!("{id} has version {} instead of {}", other.version, session.version));
            }
            Some(other) => {
                return Some(format!(
                    "{id} expires at {} and was created at {}, instead of {} and {}",
                    other.expires_at, other.created_at, session.expires_at, session.created_at
                ));
            }
        }
    }
    found.keys().find(|id| !expected.contains_key(*id)).map(|id| format!("{id} should not be there"))
}
