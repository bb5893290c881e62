//! Opening a store after its process was killed while it was writing, and what memory it then takes. Writers and
//! openers are processes of their own: the ones are killed, the others are to have no memory but what they need.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sessile::{Options, Store};
use sessile_benches::kernel::resident_mib;
use sessile_benches::sample::{PAYLOAD_BYTES, Sessions};
use sessile_benches::sheet::{Metric, Sheet, parameters};

use crate::effort::Effort;
use crate::stores::Stores;
use crate::traffic::{Callers, sets};

const OPEN: Metric = Metric::less("open and first get", "ms");
const COUNTED: Metric = Metric::less("until length() is known", "ms");
const LOG: Metric = Metric::less("log", "MiB");
const RESIDENT: Metric = Metric::less("resident after opening", "MiB");
const RESIDENT_LOADED: Metric = Metric::less("resident after random gets and sets", "MiB");

/// What an opener reports.
#[derive(Debug, Serialize, Deserialize)]
struct Opened {
    open_millis: f64,
    counted_millis: f64,
    resident_mib: Option<f64>,
    resident_loaded_mib: Option<f64>,
}

pub fn run(effort: &Effort, stores: &Stores, sheet: &mut Sheet) {
    for count in effort.sizes() {
        let path = stores.filled(count);
        let parameters = parameters([("sessions", count.into())]);
        for _ in 0..effort.rounds {
            kill_under_load(&path, count, effort.span * 2);
            let log_mib = log_bytes(&path) as f64 / 1024.0 / 1024.0;
            let opened = open_in_another_process(&path, count, effort.span * 2);
            let figures = [
                (OPEN, Some(opened.open_millis)),
                (COUNTED, Some(opened.counted_millis)),
                (LOG, Some(log_mib)),
                (RESIDENT, opened.resident_mib),
                (RESIDENT_LOADED, opened.resident_loaded_mib),
            ];
            for (metric, figure) in figures {
                if let Some(figure) = figure {
                    sheet.add("open after kill -9", &parameters, "sessile", metric, figure);
                }
            }
        }
    }
}

fn log_bytes(store: &Path) -> u64 {
    let files = std::fs::read_dir(store.join("log")).expect("the log");
    files.map(|file| file.expect("a file").metadata().expect("its size").len()).sum()
}

fn this_program() -> Command {
    Command::new(std::env::current_exe().expect("this program"))
}

fn kill_under_load(store: &Path, count: u64, after: Duration) {
    let mut command = this_program();
    command.arg("write-until-killed").arg(store).arg(count.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("a process");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    std::thread::sleep(after);
    child.kill().expect("killed");
    child.wait().expect("ended");
}

/// Writes random sessions until it is killed, or its parent has gone and closed the pipe between them.
pub fn write_until_killed(store: &str, count: &str) {
    let sessions = Sessions::new(count.parse().expect("a number of sessions"));
    let store = Store::open(Options::new(store)).expect("opened");
    println!("writing");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Nothing is ever sent.
            std::io::stdin().lines().for_each(drop);
            std::process::exit(1);
        });
        sets(&store, sessions, sessions.count(), Callers::Threads(64), Duration::from_secs(60 * 60));
    });
}

fn open_in_another_process(store: &Path, count: u64, load: Duration) -> Opened {
    let mut command = this_program();
    command.arg("open-once").arg(store).arg(count.to_string()).arg(load.as_millis().to_string());
    let output = command.stderr(Stdio::inherit()).output().expect("a process");
    assert!(output.status.success(), "opening after a kill failed");
    serde_json::from_slice(&output.stdout).expect("a report")
}

/// Opens a store, and prints how long it took and what memory it takes.
pub fn open_once(store: &str, count: &str, millis: &str) {
    let sessions = Sessions::new(count.parse().expect("a number of sessions"));
    let load = Duration::from_millis(millis.parse().expect("a number of milliseconds"));
    let start = Instant::now();
    let store = Store::open(Options::new(store)).expect("opened");
    assert!(store.get(&sessions.id(7)).expect("read").is_some());
    let open_millis = start.elapsed().as_secs_f64() * 1e3;
    assert_eq!(store.len().expect("counted"), sessions.count());
    let counted_millis = start.elapsed().as_secs_f64() * 1e3;
    let resident = resident_mib();
    get_and_set(&store, sessions, load);
    let opened = Opened { open_millis, counted_millis, resident_mib: resident, resident_loaded_mib: resident_mib() };
    println!("{}", serde_json::to_string(&opened).expect("a report"));
    store.close().expect("closed");
}

fn get_and_set(store: &Store, sessions: Sessions, span: Duration) {
    let mut random = fastrand::Rng::with_seed(9);
    let start = Instant::now();
    while start.elapsed() < span {
        let id = sessions.id(random.u64(..sessions.count()));
        if random.u8(..10) == 0 {
            // A store that has enough to do for now refuses; the next set is as good.
            drop(store.set(&id, vec![9; PAYLOAD_BYTES], None));
        } else {
            store.get(&id).expect("read");
        }
    }
}
