//! Reads from one thread: of sessions in memory, and of such as have to be looked up in the base, with the kernel's
//! page cache as warm as it is. redb alone beside them, a transaction for each read.

use std::time::{Duration, Instant};

use sessile::{Options, SessionId, Store};
use sessile_benches::latencies::Latencies;
use sessile_benches::measure::micros_each;
use sessile_benches::sample::{PAYLOAD_BYTES, Sessions};
use sessile_benches::sheet::{Metric, Parameters, Sheet, parameters};

use crate::effort::Effort;
use crate::stores::Stores;

const MEAN: Metric = Metric::less("mean", "µs");
const MEDIAN: Metric = Metric::less("median", "µs");
const P999: Metric = Metric::less("p99.9", "µs");

pub fn run(effort: &Effort, stores: &Stores, sheet: &mut Sheet) {
    let sessions = Sessions::new(effort.sessions);
    let redb = stores.redb(sessions.count());
    let read_redb = |id: &SessionId| redb.get(id);

    let store = stores.open(sessions.count());
    sessions.warm(&store, effort.hot);
    let read = |id: &SessionId| get(&store, id);
    in_memory(effort, sessions, sheet, [("sessile", &read), ("redb alone", &read_redb)]);
    store.close().expect("closed");

    let options = Options::new(stores.filled(sessions.count())).cache_bytes(0);
    let store = Store::open(options).expect("opened");
    let read = |id: &SessionId| get(&store, id);
    from_the_base(effort, sessions, sheet, [("sessile", &read), ("redb alone", &read_redb)]);
    store.close().expect("closed");
}

/// Who reads, and how.
type Sides<'a> = [(&'a str, &'a dyn Fn(&SessionId)); 2];

fn get(store: &Store, id: &SessionId) {
    assert_eq!(store.get(id).expect("read").expect("a session").payload.len(), PAYLOAD_BYTES);
}

fn parameters_of(sessions: Sessions, among: u64) -> Parameters {
    parameters([("in use", among.into()), ("sessions", sessions.count().into())])
}

fn in_memory(effort: &Effort, sessions: Sessions, sheet: &mut Sheet, sides: Sides<'_>) {
    let parameters = parameters_of(sessions, effort.hot);
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..effort.rounds {
        for (candidate, read) in sides {
            let mean = micros_each(effort.span, |_| read(&sessions.any(&mut random, effort.hot)));
            sheet.add("get in memory", &parameters, candidate, MEAN, mean);
        }
    }
}

fn from_the_base(effort: &Effort, sessions: Sessions, sheet: &mut Sheet, sides: Sides<'_>) {
    let parameters = parameters_of(sessions, sessions.count());
    for _ in 0..effort.rounds {
        for (candidate, read) in sides {
            let (latencies, mean) = timed(sessions, effort.span, read);
            let sorted = latencies.sorted();
            sheet.add("get from the base", &parameters, candidate, MEAN, mean);
            sheet.add("get from the base", &parameters, candidate, MEDIAN, sorted.micros(0.5));
            sheet.add("get from the base", &parameters, candidate, P999, sorted.micros(0.999));
        }
    }
}

/// Reads any sessions for `span`: how long each took, and the mean in microseconds.
fn timed(sessions: Sessions, span: Duration, read: &dyn Fn(&SessionId)) -> (Latencies, f64) {
    let mut random = fastrand::Rng::with_seed(3);
    let mut latencies = Latencies::default();
    let start = Instant::now();
    while latencies.count() == 0 || start.elapsed() < span {
        let id = sessions.any(&mut random, sessions.count());
        let begin = Instant::now();
        read(&id);
        latencies.add(begin.elapsed());
    }
    let mean = start.elapsed().as_secs_f64() * 1e6 / latencies.count() as f64;
    (latencies, mean)
}
