//! A load: what the connections ask for, from the burst in which they are opened to the last answer that counts.

use std::process;
use std::sync::{Barrier, OnceLock};
use std::time::{Duration, Instant};

use serde::Serialize;
use sessile_benches::kernel::processor_micros;
use sessile_benches::latencies::Latencies;

use crate::connection::{Connection, Request, User};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Pages that read the session.
    Read,
    /// Pages that change it.
    Write,
    /// Nine that read, one that changes.
    Mixed,
    /// Logins, each of which makes a new session of the old one.
    Login,
}

impl Scenario {
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "mixed" => Some(Self::Mixed),
            "login" => Some(Self::Login),
            _ => None,
        }
    }

    /// What a connection asks for as its `count`th request.
    fn request(self, count: usize) -> Request {
        match self {
            Self::Read => Request::Read,
            Self::Write => Request::Write,
            Self::Mixed if count % 10 == 9 => Request::Write,
            Self::Mixed => Request::Read,
            Self::Login => Request::Login,
        }
    }
}

/// Whom to ask, for whom, over how many connections.
pub struct Load {
    pub port: u16,
    pub users: Vec<User>,
    pub connections: usize,
    /// The processes that make up the server.
    pub processes: Vec<u32>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Outcome {
    requests: u64,
    seconds: f64,
    median_millis: f64,
    p99_millis: f64,
    p999_millis: f64,
    longest_millis: f64,
    /// From the moment when all connections are begun until one has its first answer: the middle one, the last one.
    burst_median_millis: f64,
    burst_last_millis: f64,
    /// Answers by which the server did not know the user.
    wrong: u64,
    server_micros: Option<u64>,
    client_micros: Option<u64>,
}

/// When answers count.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: Instant,
    to: Instant,
}

#[derive(Default)]
struct Answers {
    first: Latencies,
    counted: Latencies,
    wrong: u64,
}

impl Load {
    /// Logs every user in. How many that were.
    pub fn log_in(&mut self) -> usize {
        let mut connection = Connection::open(self.port).expect("connected");
        for user in &mut self.users {
            assert!(connection.ask(Request::Login, user).expect("answered"), "a login was refused");
        }
        self.users.len()
    }

    /// Opens all connections at once, and asks over each of them until `span` is over, which begins when every one
    /// has had its first answer and `warm_up` has passed. A user belongs to one connection.
    pub fn run(&mut self, scenario: Scenario, warm_up: Duration, span: Duration) -> Outcome {
        let each = self.users.len().div_ceil(self.connections);
        let (port, processes) = (self.port, &self.processes);
        let groups: Vec<&mut [User]> = self.users.chunks_mut(each).collect();
        let (begin, answered) = (Barrier::new(groups.len() + 1), Barrier::new(groups.len() + 1));
        let window = OnceLock::new();
        let (mut used, mut answers) = ((None, None), Vec::new());
        std::thread::scope(|scope| {
            let (begin, answered, window) = (&begin, &answered, &window);
            let ask = |users| scope.spawn(move || ask(port, users, scenario, begin, answered, window));
            let threads: Vec<_> = groups.into_iter().map(ask).collect();
            begin.wait();
            answered.wait();
            let from = Instant::now() + warm_up;
            let Window { from, to } = *window.get_or_init(|| Window { from, to: from + span });
            sleep_until(from);
            let before = processor_time(processes);
            sleep_until(to);
            used = since(before, processor_time(processes));
            answers = threads.into_iter().map(|thread| thread.join().expect("ended")).collect();
        });
        let wrong = answers.iter().map(|answers| answers.wrong).sum();
        let (first, counted): (Vec<_>, Vec<_>) = answers.into_iter().map(|all| (all.first, all.counted)).unzip();
        let first = Latencies::from_iter(first).sorted();
        let counted = Latencies::from_iter(counted);
        let requests = counted.count();
        let counted = counted.sorted();
        Outcome {
            requests,
            seconds: span.as_secs_f64(),
            median_millis: counted.millis(0.5),
            p99_millis: counted.millis(0.99),
            p999_millis: counted.millis(0.999),
            longest_millis: counted.millis(1.0),
            burst_median_millis: first.millis(0.5),
            burst_last_millis: first.millis(1.0),
            wrong,
            server_micros: used.0,
            client_micros: used.1,
        }
    }
}

fn ask(
    port: u16,
    users: &mut [User],
    scenario: Scenario,
    begin: &Barrier,
    answered: &Barrier,
    window: &OnceLock<Window>,
) -> Answers {
    let mut answers = Answers::default();
    begin.wait();
    let start = Instant::now();
    let mut connection = Connection::open(port).expect("connected");
    for count in 0.. {
        let user = &mut users[count % users.len()];
        let sent = Instant::now();
        if window.get().is_some_and(|window| sent >= window.to) {
            break;
        }
        let is_right = connection.ask(scenario.request(count), user).expect("answered");
        answers.wrong += u64::from(!is_right);
        let now = Instant::now();
        if count == 0 {
            answers.first.add(now - start);
            answered.wait();
        } else if window.get().is_some_and(|window| now >= window.from && now < window.to) {
            answers.counted.add(now - sent);
        }
    }
    answers
}

fn sleep_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(Instant::now()));
}

/// Of the server's processes together, and of this one.
fn processor_time(server: &[u32]) -> (Option<u64>, Option<u64>) {
    let server = server.iter().map(|process| processor_micros(*process)).sum();
    (server, processor_micros(process::id()))
}

fn since(before: (Option<u64>, Option<u64>), after: (Option<u64>, Option<u64>)) -> (Option<u64>, Option<u64>) {
    let difference = |before: Option<u64>, after: Option<u64>| Some(after?.saturating_sub(before?));
    (difference(before.0, after.0), difference(before.1, after.1))
}
