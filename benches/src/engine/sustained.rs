//! Random durable sets over all sessions of a store, long enough for many checkpoints: the rate in each sixtieth of
//! the time, and the longest that anybody waited.

use sessile_benches::sample::Sessions;
use sessile_benches::sheet::{Metric, Series, Sheet, parameters};

use crate::effort::Effort;
use crate::stores::Stores;
use crate::traffic::{Callers, sets_in_steps};

const RATE: Metric = Metric::more("rate", "sets/s");
const SLOWEST: Metric = Metric::more("slowest of 60 parts", "sets/s");
const MEDIAN: Metric = Metric::less("median", "ms");
const P999: Metric = Metric::less("p99.9", "ms");
const LONGEST: Metric = Metric::less("longest", "ms");
const CHECKPOINTS: Metric = Metric::less("checkpoints", "");
const DELAYED: Metric = Metric::less("batches held back", "");

const CALLERS: Callers = Callers::Threads(64);
const STEPS: u32 = 60;

pub fn run(effort: &Effort, stores: &Stores, sheet: &mut Sheet) {
    for count in effort.sizes() {
        let store = stores.open(count);
        let sessions = Sessions::new(count);
        let outcome = sets_in_steps(&store, sessions, count, CALLERS, effort.long_span, STEPS);
        let step_seconds = effort.long_span.as_secs_f64() / f64::from(STEPS);
        let points: Vec<f64> = outcome.steps.iter().map(|count| *count as f64 / step_seconds).collect();
        let parameters = parameters([
            ("in flight", CALLERS.count().into()),
            ("sessions", count.into()),
            ("seconds", effort.long_span.as_secs_f64().into()),
        ]);
        let slowest = points.iter().copied().fold(f64::INFINITY, f64::min);
        let figures = [
            (RATE, outcome.rate()),
            (SLOWEST, slowest),
            (CHECKPOINTS, outcome.checkpoints as f64),
            (DELAYED, outcome.delayed_batches as f64),
        ];
        let sorted = outcome.latencies.sorted();
        let waits = [(MEDIAN, sorted.millis(0.5)), (P999, sorted.millis(0.999)), (LONGEST, sorted.millis(1.0))];
        for (metric, figure) in figures.into_iter().chain(waits) {
            sheet.add("sustained random sets", &parameters, "sessile", metric, figure);
        }
        let (bench, candidate) = ("sustained random sets".to_owned(), "sessile".to_owned());
        sheet.add_series(Series { bench, parameters, candidate, unit: "sets/s", step_seconds, points });
        store.close().expect("closed");
    }
}
