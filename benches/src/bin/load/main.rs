//! The HTTP load: `load PORT USERS CONNECTIONS [PROCESS...]`, which `benches/node/http` runs.
//!
//! It is no part of what is measured and shares two cores with it, so it is to use little of them: a thread for each
//! connection that waits for its answer, and nothing parsed but what is needed to know that the answer is right. What
//! it used is reported beside what the server's processes used, whose numbers it is given.
//!
//! On standard input, a line each, until it ends:
//!
//! ```text
//! login                       logs every user in once; prints {"users": COUNT}
//! read|write|mixed|login WARM_UP_MILLIS MILLIS
//!                             requests over new connections; prints an `Outcome`
//! ```
//!
//! Latencies count once every connection has had its first answer and the warm-up is over: a Node server accepts one
//! connection in each turn of its loop, so what a burst of new connections waits is reported apart.

mod connection;
mod scenario;

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use crate::connection::User;
use crate::scenario::{Load, Scenario};

fn main() -> ExitCode {
    end_with_any_thread();
    let arguments: Option<Vec<u32>> = std::env::args().skip(1).map(|argument| argument.parse().ok()).collect();
    let Some([port, users, connections, processes @ ..]) = arguments.as_deref() else { return usage() };
    let Ok(port) = u16::try_from(*port) else { return usage() };
    let mut load = Load {
        port,
        users: (0..*users).map(User::new).collect(),
        connections: *connections as usize,
        processes: processes.to_vec(),
    };
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words.as_slice() {
            ["login"] => json!({ "users": load.log_in() }),
            [scenario, warm_up, span] => {
                let (Some(scenario), Some(warm_up), Some(span)) =
                    (Scenario::named(scenario), millis(warm_up), millis(span))
                else {
                    return usage();
                };
                json!(load.run(scenario, warm_up, span))
            }
            _ => return usage(),
        };
        let mut output = std::io::stdout().lock();
        writeln!(output, "{answer}").and_then(|()| output.flush()).expect("printed");
    }
    ExitCode::SUCCESS
}

/// A thread that fails ends the program: the others would wait for it at a barrier.
fn end_with_any_thread() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(1);
    }));
}

fn millis(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}

fn usage() -> ExitCode {
    eprintln!("usage: load PORT USERS CONNECTIONS [PROCESS...]; then lines, which its source explains");
    ExitCode::FAILURE
}
