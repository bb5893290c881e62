//! The engine's benchmark: `engine sets`, `engine open` and `engine expire`, or all of them without an argument.
//!
//! Figures that are compared are taken in one run, in turn, since machines are shared and noisy; each is
//! given with its median and its spread. Nothing here is a test.

mod expire;
mod measure;
mod open;
mod sets;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => {
            measure::machine();
            sets::run();
            open::run(1_000_000);
            expire::run(1_000_000);
        }
        ["sets"] => sets::run(),
        ["open"] => open::run(1_000_000),
        ["open", sessions] => open::run(sessions.parse().expect("a number of sessions")),
        ["expire"] => expire::run(1_000_000),
        ["load", path] => open::load(path.as_ref()),
        _ => {
            eprintln!("usage: engine [sets | open [SESSIONS] | expire]");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
