//! A store that is killed, at any moment of its life, keeps what it acknowledged.
//!
//! A writer process sets, touches, destroys and clears sessions from several threads, and says of each
//! operation when it was acknowledged, never before. It is killed: while it writes, checkpoints, closes, or
//! opens and replays. Then the store is opened here and compared with what the writer did. Operations come
//! from a seed, so the parent knows them all without being told, also those that were never acknowledged.
//!
//! What is claimed is more than that no acknowledged operation is lost: what is there is exactly what the
//! thread had done at *one* point of its sequence, at or behind its last acknowledgement. A value that is
//! newer than the acknowledged one is allowed, an older one or a mixture is not.
//!
//! `KILL_ROUNDS` and `KILL_SEED` say how often and replay a run; moments of the kill are drawn from the seed
//! too, but what they hit is up to the machine.

mod real;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use real::process::{Role, role, say, wait_for_the_end};
use real::{Place, far, id, scan, seed};
use sessile::{Durability, Options, Store, Timestamp};

/// Has the writer's threads rest between bursts.
const PACED: &str = "SESSILE_TEST_PACED";
const ROUNDS: u64 = 12;
const THREADS: usize = 4;
const KEYS_PER_THREAD: usize = 24;
/// How many operations a thread has under way at most.
const BURST: usize = 16;
/// What a process kill may cost under `async` is 10 ms; a machine under load may stop the committer longer.
const ASYNC_ALLOWANCE: Duration = Duration::from_secs(1);

#[test]
fn acknowledged_under_fsync_survives_kill() {
    kill_rounds(Durability::Fsync, rounds());
}

#[test]
fn acknowledged_under_write_survives_kill() {
    kill_rounds(Durability::Write, rounds());
}

#[test]
fn acknowledged_under_async_a_second_before_survives_kill() {
    kill_rounds(Durability::Async, (rounds() / 10).max(1));
}

#[test]
#[ignore = "the writer that the other tests kill"]
fn writer() {
    let Some(arguments) = role() else { return };
    let [path, durability, seed, plan] = arguments.as_slice() else { panic!("four arguments are needed") };
    let seed = seed.parse().unwrap();
    let plan = Plan::named(plan);
    say("opening");
    let store = Store::open(options(Path::new(path), durability_named(durability), seed)).unwrap();
    say("open");
    std::thread::scope(|scope| {
        let threads = if plan == Plan::Clear { 1 } else { THREADS };
        for thread in 0..threads {
            let store = &store;
            scope.spawn(move || write(store, Operations::new(seed, thread, plan)));
        }
        if plan == Plan::Checkpoint {
            loop {
                store.flush().unwrap();
            }
        }
    });
    say("closing");
    store.close().unwrap();
    say("closed");
    wait_for_the_end();
}

/// What a writer does, besides writing, when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    Write,
    /// One thread writes everywhere, and clears from time to time.
    Clear,
    /// Checkpoints follow each other without a pause.
    Checkpoint,
    /// Writing ends, and the store is closed.
    Close,
    /// It opens, and that is all.
    Open,
}

impl Plan {
    const ALL: [Self; 5] = [Self::Write, Self::Clear, Self::Checkpoint, Self::Close, Self::Open];

    fn name(self) -> String {
        format!("{self:?}")
    }

    fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|plan| plan.name() == name).unwrap()
    }

    /// How many operations each thread does.
    fn operations(self) -> usize {
        match self {
            Self::Open => 0,
            Self::Close => 200,
            Self::Write | Self::Clear | Self::Checkpoint => usize::MAX,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Value {
    payload: Vec<u8>,
    expires_at: Timestamp,
}

#[derive(Debug)]
enum Action {
    Set(Value),
    Touch(Timestamp),
    Destroy,
    Clear,
}

#[derive(Debug)]
struct Operation {
    number: usize,
    key: String,
    action: Action,
}

/// The sequence of one thread's operations.
struct Operations {
    random: Rng,
    seed: u64,
    thread: usize,
    plan: Plan,
    next: usize,
}

impl Operations {
    fn new(seed: u64, thread: usize, plan: Plan) -> Self {
        let random = Rng::with_seed(seed.wrapping_mul(31).wrapping_add(thread as u64));
        Self { random, seed, thread, plan, next: 0 }
    }
}

fn key(thread: usize, index: usize) -> String {
    format!("{thread}-{index}")
}

fn keys_of(thread: usize) -> impl Iterator<Item = String> {
    (0..KEYS_PER_THREAD).map(move |index| key(thread, index))
}

impl Iterator for Operations {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        if self.next >= self.plan.operations() {
            return None;
        }
        let number = self.next;
        self.next += 1;
        let random = &mut self.random;
        let thread = if self.plan == Plan::Clear { random.usize(..THREADS) } else { self.thread };
        let key = key(thread, random.usize(..KEYS_PER_THREAD));
        let expires_at = far().saturating_add(Duration::from_secs(random.u64(..1_000_000)));
        let action = match random.u32(..100) {
            0 if self.plan == Plan::Clear => Action::Clear,
            0..60 => {
                let mut payload = format!("{}:{}:{number}:", self.seed, self.thread).into_bytes();
                // What all threads have under way stays below what the log takes before it refuses more.
                let len = if random.u32(..20) == 0 { random.usize(..6000) } else { random.usize(..600) };
                payload.extend(std::iter::repeat_with(|| random.u8(..)).take(len));
                Action::Set(Value { payload, expires_at })
            }
            60..85 => Action::Touch(expires_at),
            _ => Action::Destroy,
        };
        Some(Operation { number, key, action })
    }
}

/// Does the operations, several at a time, and says of each when it is acknowledged.
fn write(store: &Store, mut operations: Operations) {
    let thread = operations.thread;
    let paced = std::env::var_os(PACED).is_some();
    let mut random = Rng::with_seed(operations.seed);
    loop {
        let mut under_way = Vec::new();
        for operation in operations.by_ref().take(random.usize(1..=BURST)) {
            let (key, number) = (id(&operation.key), operation.number);
            match operation.action {
                Action::Set(value) => {
                    let commit = store.set(&key, value.payload, Some(value.expires_at)).unwrap();
                    under_way.push((number, commit));
                }
                Action::Destroy => under_way.push((number, store.destroy(&key).unwrap())),
                Action::Clear => under_way.push((number, store.clear().unwrap())),
                // One of a session that is not in memory takes its place in the sequence when it was looked up.
                Action::Touch(expires_at) => {
                    store.touch(&key, expires_at).unwrap().wait().unwrap();
                    say(format_args!("{thread} {number}"));
                }
            }
        }
        if under_way.is_empty() && operations.next >= operations.plan.operations() {
            return;
        }
        for (number, commit) in under_way {
            commit.wait().unwrap();
            say(format_args!("{thread} {number}"));
        }
        if paced {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn durability_named(name: &str) -> Durability {
    [Durability::Fsync, Durability::Write, Durability::Async]
        .into_iter()
        .find(|durability| format!("{durability:?}") == name)
        .unwrap()
}

/// A log that is soon full and a cache that holds little, so that segments roll and reads miss.
fn options(path: &Path, durability: Durability, seed: u64) -> Options {
    Options::new(path)
        .durability(durability)
        .payload_bytes_max(1024 * 1024)
        .log_bytes_max(4 * 1024 * 1024)
        .cache_bytes([0, 20_000, 10_000_000][(seed % 3) as usize])
        .checkpoint_interval(Duration::from_millis(if seed.is_multiple_of(2) { 100 } else { 60_000 }))
}

type Model = BTreeMap<String, Value>;

impl Operation {
    fn apply(&self, model: &mut Model) {
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
    fn is_promised(&self, before: &Model) -> bool {
        match self.action {
            Action::Touch(expires_at) => before.get(&self.key).is_some_and(|value| value.expires_at > expires_at),
            _ => true,
        }
    }
}

fn rounds() -> u64 {
    std::env::var("KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap())
}

/// A store through its lives, and what has to be in it.
struct Patient {
    place: Place,
    durability: Durability,
    model: Model,
    /// The highest version seen before the last writer.
    version: u64,
    /// How long the last opening took.
    opening: Duration,
}

fn kill_rounds(durability: Durability, rounds: u64) {
    let seed = seed("KILL_SEED");
    let mut random = Rng::with_seed(seed ^ durability as u64);
    let opening = Duration::from_millis(10);
    let mut patient = Patient { place: Place::new(), durability, model: Model::new(), version: 0, opening };
    for round in 0..rounds {
        eprintln!("round {round} under {durability:?}");
        patient.round(&mut random);
    }
}

/// What the parent heard of a writer.
struct Heard {
    plan: Plan,
    seed: u64,
    /// The operations whose acknowledgement counts, by thread.
    acknowledged: Vec<BTreeSet<usize>>,
    /// No thread can have begun an operation from this one on.
    ends: Vec<usize>,
}

impl Patient {
    fn round(&mut self, random: &mut Rng) {
        let plan = Plan::ALL[random.usize(..Plan::ALL.len() - 1)];
        let heard = self.write_and_kill(plan, random);
        for _ in 0..random.usize(..3) {
            self.open_and_kill(random);
        }
        self.check(&heard, random.bool());
    }

    fn start(&self, plan: Plan, seed: u64) -> Role {
        let path = self.place.store();
        let durability = format!("{:?}", self.durability);
        let arguments = [path.to_str().unwrap(), &durability, &seed.to_string(), &plan.name()];
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        if self.durability == Durability::Async {
            // Unpaced, nothing that is a second old would still be in the log.
            command.env(PACED, "1");
        }
        Role::start_through(command, "writer", &arguments)
    }

    fn write_and_kill(&mut self, plan: Plan, random: &mut Rng) -> Heard {
        let seed = random.u64(..);
        eprintln!("  a writer with seed {seed} to be killed in {plan:?}");
        let mut writer = self.start(plan, seed);
        let mut lines = Vec::new();
        let moment = if plan == Plan::Close { "closing" } else { "open" };
        loop {
            let line = writer.hear();
            let is_moment = line == moment;
            lines.push((Instant::now(), line));
            if is_moment {
                break;
            }
        }
        let mut wait = Duration::from_micros(match plan {
            Plan::Close => random.u64(..20_000),
            _ => random.u64(..100_000),
        });
        let mut allowance = Duration::ZERO;
        if self.durability == Durability::Async && plan != Plan::Close {
            wait += ASYNC_ALLOWANCE;
            allowance = ASYNC_ALLOWANCE;
        } else if self.durability == Durability::Async {
            // Whatever it acknowledged is only just so.
            allowance = Duration::from_secs(3600);
        }
        std::thread::sleep(wait);
        let killed = Instant::now();
        writer.kill();
        lines.extend(writer.rest());
        let mut heard =
            Heard { plan, seed, acknowledged: vec![BTreeSet::new(); THREADS], ends: vec![2 * BURST; THREADS] };
        let closed = lines.iter().any(|(_, line)| line == "closed");
        for (at, line) in &lines {
            let Some((thread, number)) = line.split_once(' ') else { continue };
            let (thread, number): (usize, usize) = (thread.parse().unwrap(), number.parse().unwrap());
            heard.ends[thread] = heard.ends[thread].max(number + 1 + 2 * BURST);
            if closed || *at + allowance <= killed {
                heard.acknowledged[thread].insert(number);
            }
        }
        heard
    }

    fn open_and_kill(&self, random: &mut Rng) {
        let wait = Duration::from_micros(random.u64(..=self.opening.as_micros() as u64 * 3 / 2));
        eprintln!("  an opener to be killed after {wait:?}");
        let mut opener = self.start(Plan::Open, random.u64(..));
        opener.expect("opening");
        std::thread::sleep(wait);
        opener.kill();
    }

    /// Opens the store and compares it with what the writer did.
    fn check(&mut self, heard: &Heard, close: bool) {
        let began = Instant::now();
        let store = Store::open(options(&self.place.store(), self.durability, heard.seed)).unwrap();
        self.opening = began.elapsed();
        let sessions = scan(&store, 7);
        let mut found = Model::new();
        let mut version = self.version;
        for (key, session) in &sessions {
            let key = String::from_utf8(key.as_bytes().to_vec()).unwrap();
            if session.payload.starts_with(format!("{}:", heard.seed).as_bytes()) {
                assert!(session.version.get() > self.version, "the version of {key} was given away before");
            }
            version = version.max(session.version.get());
            found.insert(key, Value { payload: session.payload.to_vec(), expires_at: session.expires_at });
        }
        self.version = version;
        assert_eq!(found.len(), sessions.len(), "a scan returned a session twice");
        assert_eq!(store.len().unwrap(), found.len() as u64);
        for key in (0..THREADS).flat_map(keys_of) {
            let session = store.get(&id(&key)).unwrap();
            assert_eq!(session.is_some(), found.contains_key(&key), "get and scan disagree about {key}");
        }
        if heard.plan == Plan::Clear {
            let model = std::mem::take(&mut self.model);
            self.model = matching_point(heard, 0, model, &found);
        } else {
            for thread in 0..THREADS {
                let keys: BTreeSet<String> = keys_of(thread).collect();
                let only = |model: &Model| -> Model {
                    model.iter().filter(|(key, _)| keys.contains(*key)).map(|(k, v)| (k.clone(), v.clone())).collect()
                };
                let part = matching_point(heard, thread, only(&self.model), &only(&found));
                self.model.retain(|key, _| !keys.contains(key));
                self.model.extend(part);
            }
        }
        assert_eq!(self.model, found);
        if close {
            store.close().unwrap();
        }
    }
}

/// The state after the first point of the thread's sequence that is what was found, at or behind what was
/// acknowledged.
fn matching_point(heard: &Heard, thread: usize, mut model: Model, found: &Model) -> Model {
    let acknowledged = &heard.acknowledged[thread];
    let mut promised = 0;
    let mut before = model.clone();
    for operation in Operations::new(heard.seed, thread, heard.plan).take(heard.ends[thread]) {
        if acknowledged.contains(&operation.number) && operation.is_promised(&before) {
            promised = operation.number + 1;
        }
        operation.apply(&mut before);
    }
    let mut operations = Operations::new(heard.seed, thread, heard.plan);
    for operation in operations.by_ref().take(promised) {
        operation.apply(&mut model);
    }
    let at_promise = model.clone();
    for operation in operations.take(heard.ends[thread] - promised) {
        if model == *found {
            return model;
        }
        operation.apply(&mut model);
    }
    if model == *found {
        return model;
    }
    let mut differences = String::new();
    for key in at_promise.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let (expected, is) = (at_promise.get(key), found.get(key));
        if expected != is {
            let head = |value: Option<&Value>| {
                value.map_or("nothing".to_owned(), |value| {
                    let head: Vec<u8> = value.payload.iter().copied().take(40).collect();
                    format!("{:?} until {}", String::from_utf8_lossy(&head), value.expires_at)
                })
            };
            differences += &format!("\n  {key}: expected at least {}, found {}", head(expected), head(is));
        }
    }
    panic!(
        "thread {thread} of the writer with seed {}: {promised} operations were promised, {} may have been begun; \
         what is in the store is no state at or behind the promise:{differences}",
        heard.seed, heard.ends[thread]
    );
}
