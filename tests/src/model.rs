//! What a store may hold: every operation in the order it was called, and what was promised of it.
//!
//! After a crash the store has to hold what some number of the first operations led to, and that number has
//! to include every operation that was promised to survive. That is more than each session having one of
//! its own later states: nothing may overtake an earlier operation on another session either.

use std::collections::BTreeMap;

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
#[derive(Debug, Clone)]
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
    /// A touch that moves expiry later: acknowledged at once, and losing it is allowed for a second.
    extends: bool,
    at: Timestamp,
    monotonic_millis: u64,
    called: u64,
    acknowledged: Option<u64>,
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
}

impl From<&Session> for Expected {
    fn from(session: &Session) -> Self {
        Self { payload: session.payload.to_vec(), expires_at: session.expires_at, created_at: session.created_at }
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

    /// Notes a call after `event` events of the disk. Returns its place, for [`Model::acknowledge`].
    pub fn call(&mut self, call: Call, at: Timestamp, monotonic_millis: u64, event: u64) -> usize {
        let extends = match &call {
            Call::Touch { id, expires_at } => {
                self.state().get(id).is_none_or(|session| session.expires_at < *expires_at)
            }
            _ => false,
        };
        let (called, acknowledged, held, lost) = (event, None, None, None);
        self.recorded.push(Recorded { call, extends, at, monotonic_millis, called, acknowledged, held, lost });
        self.recorded.len() - 1
    }

    /// Notes that an operation was acknowledged after `event` events.
    pub fn acknowledge(&mut self, place: usize, event: u64) {
        self.recorded[place].acknowledged.get_or_insert(event);
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
        if recorded.held.is_some() {
            return true;
        }
        let settled_after = |millis| {
            self.settled.iter().any(|settled| {
                settled.event >= recorded.called && settled.monotonic_millis >= recorded.monotonic_millis + millis
            })
        };
        let acknowledged = recorded.acknowledged.is_some();
        match (recorded.extends, self.durability, crash) {
            (true, _, Crash::Kill) => settled_after(WRITTEN_MILLIS),
            (true, _, Crash::PowerLoss) => settled_after(WRITTEN_MILLIS + SYNCED_MILLIS),
            (false, Durability::Fsync, _) | (false, Durability::Write, Crash::Kill) => acknowledged,
            (false, Durability::Write, Crash::PowerLoss) => acknowledged && settled_after(SYNCED_MILLIS),
            (false, Durability::Async, Crash::Kill) => acknowledged && settled_after(WRITTEN_MILLIS),
            (false, Durability::Async, Crash::PowerLoss) => {
                acknowledged && settled_after(WRITTEN_MILLIS + SYNCED_MILLIS)
            }
        }
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
                let expected = Expected { payload: payload.clone(), expires_at: *expires_at, created_at };
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
