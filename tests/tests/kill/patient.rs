//! A store through its lives, and what has to be in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use fastrand::Rng;
use sessile::simulation::{Disk, Storage};
use sessile::{Durability, Store};

use super::aim::Aim;
use super::backups;
use super::history::{Heard, differences, points};
use super::operations::{Model, THREADS, Value, keys_of, signature};
use super::phase::Phase;
use super::tally::Tally;
use super::writer::{Pace, expiring, options};
use crate::real::process::Role;
use crate::real::{Place, id, scan};

/// What a process kill may cost under `async` is 10 ms, and what the disk has held the committer up for; the rest is
/// for a machine that has too many threads to run.
const ASYNC_ALLOWANCE: Duration = Duration::from_millis(500);
/// How often a phase may pass without reaching the operation that was aimed at.
const PASSES: usize = 2;

/// A phase as it was the last time.
#[derive(Debug, Clone, Copy)]
struct Known {
    operations: u64,
    span: Duration,
}

pub struct Patient {
    place: Place,
    durability: Durability,
    model: Model,
    /// The highest version seen before the last writer.
    version: u64,
    known: BTreeMap<Phase, Known>,
    pub tally: Tally,
    /// The age of the oldest acknowledged write that a kill has cost, beyond what the disk held the committer up for.
    pub lost: Option<Duration>,
}

/// How a kill went.
struct Killed {
    lines: Vec<(Instant, String)>,
    /// When the process was killed, or stood still.
    ended: Instant,
}

impl Patient {
    pub fn new(durability: Durability) -> Self {
        Self {
            place: Place::new(),
            durability,
            model: Model::new(),
            version: 0,
            known: BTreeMap::new(),
            tally: Tally::default(),
            lost: None,
        }
    }

    /// A store is killed in this phase, perhaps some more until it has recovered, and compared with what it has to
    /// have.
    pub fn round(&mut self, phase: Phase, random: &mut Rng) {
        let mut chain = Vec::new();
        match phase {
            Phase::Create => {
                self.begin_anew();
                self.kill(Phase::Create, random.u64(..), random);
                self.kill_recoveries(0..3, &[Phase::Create, Phase::Open, Phase::Replay], random);
            }
            Phase::Open | Phase::Replay => {
                chain.push(self.kill_writer(Phase::Write, random));
                self.kill_recoveries(1..4, &[phase], random);
            }
            _ => {
                chain.push(self.kill_writer(phase, random));
                self.kill_recoveries(0..3, &[Phase::Open, Phase::Replay], random);
            }
        }
        if !matches!(phase, Phase::Create | Phase::Clear) && random.u32(..3) == 0 {
            let again = [Phase::Write, Phase::Checkpoint, Phase::Reap, Phase::Close];
            chain.push(self.kill_writer(again[random.usize(..again.len())], random));
            self.kill_recoveries(0..2, &[Phase::Open, Phase::Replay], random);
        }
        self.check(&chain, random.bool());
    }

    /// What is known of the phases stays, the store does not.
    fn begin_anew(&mut self) {
        self.place = Place::new();
        self.model = Model::new();
        self.version = 0;
    }

    fn kill_recoveries(&mut self, times: std::ops::Range<usize>, phases: &[Phase], random: &mut Rng) {
        for _ in 0..random.usize(times) {
            self.kill(phases[random.usize(..phases.len())], random.u64(..), random);
        }
    }

    fn kill_writer(&mut self, phase: Phase, random: &mut Rng) -> Heard {
        let seed = random.u64(..);
        let Killed { lines, ended } = self.kill(phase, seed, random);
        let allowance = (self.durability == Durability::Async).then_some(ASYNC_ALLOWANCE);
        let heard = Heard::new(phase, seed, &lines, ended - longest_held(&lines, ended), allowance);
        if phase == Phase::Backup {
            backups::check(self.place.path(), &heard, &self.model);
        }
        heard
    }

    fn aim(&self, phase: Phase, seed: u64, random: &mut Rng) -> Aim {
        let known = self.known.get(&phase).copied();
        let Known { operations, span } = known.unwrap_or(match phase {
            Phase::Write | Phase::Clear => Known { operations: 150, span: Duration::from_millis(100) },
            _ => Known { operations: 8, span: Duration::from_millis(5) },
        });
        let is_writing = !phase.is_opening() && phase != Phase::Close;
        if is_writing && self.durability == Durability::Async && Pace::of(self.durability, phase, seed) == Pace::Resting
        {
            // So that there is something old enough to have to be there.
            return Aim::After(ASYNC_ALLOWANCE + Duration::from_micros(random.u64(..100_000)));
        }
        Aim::random(random, operations, span)
    }

    /// Starts a process and kills it in this phase; anything else that ends it fails the test.
    fn kill(&mut self, phase: Phase, seed: u64, random: &mut Rng) -> Killed {
        let aim = self.aim(phase, seed, random);
        eprintln!("  seed {seed} is to be killed in {phase}: {aim:?}");
        let path = self.place.store();
        let durability = format!("{:?}", self.durability);
        let argument = aim.argument(phase);
        let arguments = [path.to_str().unwrap(), &durability, &seed.to_string(), &phase.to_string(), &argument];
        let mut role = Role::start("writer", &arguments);
        let mut lines = Vec::new();
        // A phase that comes again and again is met the first time or a later one.
        let mut passes = if phase.is_opening() { 0 } else { random.usize(..2) };
        let mut is_exact = false;
        let mut ended = loop {
            let (at, line) = role.hear_at();
            lines.push((at, line.clone()));
            let is_begin = line == format!("in {phase}");
            if line.starts_with("stopped ") {
                is_exact = true;
                self.look_at_the_stopped(phase, &line);
                break at;
            }
            if let Aim::After(span) = aim
                && is_begin
            {
                if passes == 0 || matches!(phase, Phase::Write | Phase::Clear | Phase::Close) {
                    std::thread::sleep(span);
                    break Instant::now();
                }
                passes -= 1;
            }
            let is_over = (phase.is_opening() && line == "open") || line == "closed";
            let is_vain = lines.iter().filter(|(_, line)| line.starts_with(&format!("out {phase} "))).count() > PASSES;
            if is_over || is_vain {
                break Instant::now();
            }
        };
        if is_exact {
            // The other threads go on for a moment, as far as they can.
            std::thread::sleep(Duration::from_micros(random.u64(..2000)));
        } else {
            ended = ended.max(Instant::now());
        }
        role.kill();
        lines.extend(role.rest());
        let last = lines.iter().rev().find(|(_, line)| line.starts_with("in ") || line.starts_with("out "));
        let is_hit = is_exact || last.is_some_and(|(_, line)| *line == format!("in {phase}"));
        self.tally.note(phase, is_hit, is_exact);
        self.learn(&lines);
        Killed { lines, ended }
    }

    /// The process stands still in the phase: it has the store, and what it has not finished is not to be seen.
    fn look_at_the_stopped(&self, phase: Phase, line: &str) {
        if !matches!(phase, Phase::Create | Phase::Open) {
            let lock = Disk.try_lock(&self.place.store().join("LOCK")).unwrap();
            assert!(lock.is_none() || (phase == Phase::Close && lock.is_some()), "nobody has the store: {line}");
        }
    }

    /// Notes how many operations the phases had, and how long they took.
    fn learn(&mut self, lines: &[(Instant, String)]) {
        let mut began = None;
        for (at, line) in lines {
            if line.starts_with("in ") {
                began = Some(*at);
            } else if let (Some(rest), Some(began)) = (line.strip_prefix("out "), began) {
                let (phase, operations) = rest.split_once(' ').unwrap();
                let known = Known { operations: operations.parse().unwrap(), span: *at - began };
                self.known.insert(Phase::named(phase), known);
            }
        }
    }

    /// Opens the store and compares it with what the writers did, one after the other.
    fn check(&mut self, chain: &[Heard], close: bool) {
        let seed = chain.last().map_or(0, |heard| heard.seed);
        let store = Store::open(options(&self.place.store(), self.durability, seed)).unwrap();
        let mut found = self.look_at_everything(&store, chain);
        self.take_out_expiring(&store, chain, &mut found);
        if chain.iter().any(|heard| heard.phase == Phase::Clear) {
            self.compare(chain, 0, &self.model.clone(), &found);
        } else {
            for thread in 0..THREADS {
                let keys: BTreeSet<String> = keys_of(thread).collect();
                let only = |model: &Model| -> Model {
                    model.iter().filter(|(key, _)| keys.contains(*key)).map(|(k, v)| (k.clone(), v.clone())).collect()
                };
                self.compare(chain, thread, &only(&self.model), &only(&found));
            }
            assert!(found.keys().all(|key| (0..THREADS).flat_map(keys_of).any(|known| known == *key)));
        }
        self.model = found;
        if close {
            store.close().unwrap();
        }
    }

    /// All sessions, by every way there is to see them; and no version is given twice.
    fn look_at_everything(&mut self, store: &Store, chain: &[Heard]) -> Model {
        let sessions = scan(store, 7);
        let mut found = Model::new();
        let mut versions = vec![Vec::new(); chain.len()];
        let before = self.version;
        for (key, session) in &sessions {
            let key = String::from_utf8(key.as_bytes().to_vec()).unwrap();
            let version = session.version.get();
            let writer = chain.iter().position(|heard| session.payload.starts_with(signature(heard.seed).as_bytes()));
            if let Some(writer) = writer {
                assert!(version > before, "the version of {key} was given away before");
                versions[writer].push(version);
            }
            self.version = self.version.max(version);
            found.insert(key, Value { payload: session.payload.to_vec().into(), expires_at: session.expires_at });
        }
        for writers in versions.windows(2) {
            let (one, next) = (writers[0].iter().max(), writers[1].iter().min());
            assert!(one.is_none() || next.is_none() || one < next, "a later writer's version is not higher");
        }
        assert_eq!(found.len(), sessions.len(), "a scan returned a session twice");
        assert_eq!(store.len().unwrap(), found.len() as u64);
        for key in (0..THREADS).flat_map(keys_of).chain(found.keys().cloned()) {
            let session = store.get(&id(&key)).unwrap();
            assert_eq!(session.is_some(), found.contains_key(&key), "get and scan disagree about {key}");
        }
        found
    }

    /// Those that expire are whole or gone, and gone where they were reaped.
    fn take_out_expiring(&self, store: &Store, chain: &[Heard], found: &mut Model) {
        let reaped: BTreeSet<String> =
            chain.iter().flat_map(|heard| heard.reaped.iter().flat_map(|pass| expiring(heard.seed, *pass))).collect();
        found.retain(|key, value| {
            let stays = !key.starts_with("expiring ");
            if !stays {
                assert_eq!(*value.payload, *key.as_bytes());
                assert!(!reaped.contains(key), "{key} was reaped, and is back");
                store.destroy(&id(key)).unwrap().wait().unwrap();
            }
            stays
        });
    }

    fn compare(&mut self, chain: &[Heard], thread: usize, start: &Model, found: &Model) {
        let Some(points) = points(chain, thread, start, found) else {
            panic!(
                "what thread {thread} left is no state at or behind what was promised: {}",
                differences(chain, thread, start, found)
            );
        };
        for (heard, point) in chain.iter().zip(points) {
            self.lost = self.lost.max(heard.age_of_lost(thread, point));
        }
    }
}

/// How long the disk held the committer up at most, up to a moment.
fn longest_held(lines: &[(Instant, String)], until: Instant) -> Duration {
    let before = lines.iter().take_while(|(at, _)| *at <= until);
    let held = before.filter_map(|(_, line)| line.strip_prefix("held ")).map(|held| held.parse().unwrap()).max();
    Duration::from_millis(held.unwrap_or(0))
}
