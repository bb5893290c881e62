//! What a call from C costs, against the same call from Rust: `calls SHARED STATIC`, two programs made of
//! `benches/c/calls.c`, which `make bench-c` builds. Each has a store of its own, filled alike.
//!
//! The sides take turns, in an order that changes from round to round; none has anything to do while it is
//! another's turn. A ratio is the median of the rounds' ratios, so that what disturbs a whole round, as other users
//! of the machine do, disturbs it less than it does the figures. Nothing here is a test.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sessile::{Options, SessionId, Store};
use sessile_benches::measure::{machine, print, rate};

// As in calls.c.
const SESSIONS: usize = 10_000;
const PAYLOAD: [u8; 300] = [7; 300];
const CALLS_BETWEEN_CLOCKS: u64 = 1000;

const THREADS: usize = 64;
const GET_ROUNDS: usize = 15;
const GET_SPAN: Duration = Duration::from_millis(300);
const SET_ROUNDS: usize = 61;
const SET_SPAN: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [shared, fixed] = arguments.as_slice() else {
        eprintln!("usage: calls SHARED STATIC; `make bench-c` runs it");
        return ExitCode::FAILURE;
    };
    machine();
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let rust = Rust::filled(&directory.path().join("rust"));
    let mut shared = C::start(shared, &directory.path().join("shared"));
    let mut fixed = C::start(fixed, &directory.path().join("static"));
    get(&rust, &mut shared, &mut fixed);
    set(&rust, &mut shared);
    shared.end();
    fixed.end();
    rust.store.close().expect("closed");
    ExitCode::SUCCESS
}

fn get(rust: &Rust, shared: &mut C, fixed: &mut C) {
    println!("\nget of a session in memory, {} B, {SESSIONS} sessions, one thread", PAYLOAD.len());
    let request = format!("get {}", GET_SPAN.as_millis());
    let mut sides: [(&str, &mut dyn FnMut() -> f64); 4] = [
        ("Rust", &mut || rust.get_nanos()),
        ("Rust, the id made from bytes for each call", &mut || rust.get_from_bytes_nanos()),
        ("C, shared library", &mut || shared.ask(&request)),
        ("C, static library", &mut || fixed.ask(&request)),
    ];
    in_turn("ns", GET_ROUNDS, &mut sides);
}

fn set(rust: &Rust, shared: &mut C) {
    println!("\nset of {} B among {SESSIONS} sessions, {THREADS} blocked threads, fsync", PAYLOAD.len());
    let request = format!("set {THREADS} {}", SET_SPAN.as_millis());
    let mut sides: [(&str, &mut dyn FnMut() -> f64); 2] =
        [("Rust", &mut || rust.sets_per_second()), ("C, shared library", &mut || shared.ask(&request))];
    in_turn("sets/s", SET_ROUNDS, &mut sides);
}

/// Lets every side run once in each round, and prints their figures and how they compare with the first one's.
fn in_turn(unit: &str, rounds: usize, sides: &mut [(&str, &mut dyn FnMut() -> f64)]) {
    let mut figures = vec![Vec::new(); sides.len()];
    for round in 0..=rounds {
        for turn in 0..sides.len() {
            let at = (turn + round) % sides.len();
            let figure = (sides[at].1)();
            // The first round warms up.
            if round > 0 {
                figures[at].push(figure);
            }
        }
    }
    for ((name, _), figures) in sides.iter().zip(&figures) {
        print(name, unit, figures);
    }
    for ((name, _), others) in sides.iter().zip(&figures).skip(1) {
        let ratios: Vec<f64> = others.iter().zip(&figures[0]).map(|(other, first)| other / first).collect();
        let mut sorted = ratios.clone();
        sorted.sort_by(f64::total_cmp);
        println!(
            "{name}: {:.2} x Rust   ({:.2} to {:.2})",
            sorted[sorted.len() / 2],
            sorted[0],
            sorted[sorted.len() - 1]
        );
    }
}

/// The same numbers as in `calls.c`.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn any(state: &mut u64) -> usize {
    usize::try_from(next(state) % SESSIONS as u64).expect("a small number")
}

/// The Rust side.
struct Rust {
    store: Store,
    bytes: Vec<[u8; 32]>,
    ids: Vec<SessionId>,
}

impl Rust {
    fn filled(path: &Path) -> Self {
        let store = Store::open(Options::new(path)).expect("a store");
        let mut state = 7;
        let mut one = || format!("{:016x}{:016x}", next(&mut state), next(&mut state));
        let bytes: Vec<[u8; 32]> = (0..SESSIONS).map(|_| one().into_bytes().try_into().expect("32 bytes")).collect();
        let ids: Vec<SessionId> = bytes.iter().map(|bytes| SessionId::new(bytes).expect("an id")).collect();
        for id in &ids {
            store.set(id, PAYLOAD.as_slice(), None).expect("accepted").wait().expect("acknowledged");
        }
        store.flush().expect("flushed");
        Self { store, bytes, ids }
    }

    fn get_nanos(&self) -> f64 {
        reads(|at| self.store.get(&self.ids[at]).expect("read").expect("a session").payload.len())
    }

    fn get_from_bytes_nanos(&self) -> f64 {
        let id = |at: usize| SessionId::new(self.bytes[at]).expect("an id");
        reads(|at| self.store.get(&id(at)).expect("read").expect("a session").payload.len())
    }

    fn sets_per_second(&self) -> f64 {
        let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
        let start = Instant::now();
        std::thread::scope(|scope| {
            for seed in 0..THREADS {
                let (stop, done) = (&stop, &done);
                scope.spawn(move || {
                    let (mut state, mut calls) = (seed as u64, 0);
                    while !stop.load(Ordering::Relaxed) {
                        let id = SessionId::new(self.bytes[any(&mut state)]).expect("an id");
                        let commit = self.store.set(&id, PAYLOAD.as_slice(), None).expect("accepted");
                        commit.wait().expect("acknowledged");
                        calls += 1;
                    }
                    done.fetch_add(calls, Ordering::Relaxed);
                });
            }
            std::thread::sleep(SET_SPAN);
            stop.store(true, Ordering::Relaxed);
        });
        let rate = rate(done.load(Ordering::Relaxed), start.elapsed());
        self.store.flush().expect("flushed");
        rate
    }
}

fn reads(read: impl Fn(usize) -> usize) -> f64 {
    let (mut state, mut calls, mut bytes) = (1, 0, 0);
    let start = Instant::now();
    while start.elapsed() < GET_SPAN {
        for _ in 0..CALLS_BETWEEN_CLOCKS {
            bytes += read(any(&mut state));
        }
        calls += CALLS_BETWEEN_CLOCKS;
    }
    assert_eq!(bytes as u64, calls * PAYLOAD.len() as u64);
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// A C program, which answers a line with a figure.
struct C {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl C {
    fn start(program: &str, store: &Path) -> Self {
        let mut command = Command::new(program);
        command.arg(store).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the C program started");
        let answers = BufReader::new(child.stdout.take().expect("its output"));
        let mut this = Self { child, answers };
        assert_eq!(this.answer(), "ready");
        this
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        line.trim().to_owned()
    }

    fn ask(&mut self, request: &str) -> f64 {
        writeln!(self.child.stdin.as_ref().expect("its input"), "{request}").expect("a question");
        self.answer().parse().expect("a figure")
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().expect("an end").success());
    }
}
