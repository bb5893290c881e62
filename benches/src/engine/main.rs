//! The engine's benchmarks: `engine EFFORT DIRECTORY [PART...]`, which `benches/node/bench.js` runs.
//!
//! Stores are made in DIRECTORY, which is to be on the disk that is measured. Without a part, all of them.

mod durable;
mod effort;
mod expiry;
mod gets;
mod opening;
mod redb_alone;
mod scale;
mod stores;
mod sustained;
mod traffic;
mod waiting;
mod written;

use std::process::ExitCode;

use sessile_benches::sheet::Sheet;

use crate::effort::Effort;
use crate::stores::Stores;

type Part = fn(&Effort, &Stores, &mut Sheet);

/// In the order in which they are run: those that need the small stores first.
const PARTS: [(&str, Part); 7] = [
    ("durable", durable::run),
    ("gets", gets::run),
    ("written", written::run),
    ("sustained", sustained::run),
    ("expiry", expiry::run),
    ("opening", opening::run),
    ("scale", scale::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        // What `opening` has done by processes of their own.
        ["write-until-killed", store, sessions] => opening::write_until_killed(store, sessions),
        ["open-once", store, sessions, millis] => opening::open_once(store, sessions, millis),
        [effort, directory, parts @ ..] => {
            let Some(effort) = Effort::named(effort) else { return usage() };
            if parts.iter().any(|part| PARTS.iter().all(|(name, _)| name != part)) {
                return usage();
            }
            run(&effort, &Stores::new(directory), parts);
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn run(effort: &Effort, stores: &Stores, parts: &[&str]) {
    let mut sheet = Sheet::default();
    for (name, part) in PARTS {
        if parts.is_empty() || parts.contains(&name) {
            eprintln!("engine: {name}");
            part(effort, stores, &mut sheet);
        }
    }
    sheet.print().expect("printed");
}

fn usage() -> ExitCode {
    let parts: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    eprintln!("usage: engine complete|quick|smoke DIRECTORY [{}]...", parts.join(" | "));
    ExitCode::FAILURE
}
