//! What one operation on the sessions in use costs, by how many others there are.

use std::time::Duration;

use sessile::{Store, Timestamp};
use sessile_benches::measure::micros_each;
use sessile_benches::sample::{PAYLOAD_BYTES, Sessions};
use sessile_benches::sheet::{Metric, Sheet, parameters};

use crate::effort::Effort;
use crate::stores::Stores;
use crate::traffic::{Callers, sets};

const COST: Metric = Metric::less("cost", "µs");

pub fn run(effort: &Effort, stores: &Stores, sheet: &mut Sheet) {
    let counts: Vec<u64> = std::iter::once(effort.hot).chain(effort.sizes()).collect();
    let opened: Vec<(Sessions, Store)> =
        counts.into_iter().map(|count| (Sessions::new(count), stores.open(count))).collect();
    for (sessions, store) in &opened {
        sessions.warm(store, effort.hot);
    }
    for _ in 0..effort.rounds {
        for (operation, cost) in [("get", get as Cost), ("touch", touch), ("durable set, 64 in flight", set)] {
            let parameters = parameters([("operation", operation.into()), ("in use", effort.hot.into())]);
            for (sessions, store) in &opened {
                let micros = cost(store, *sessions, effort.hot, effort.span / 2);
                let candidate = format!("{} sessions", sessions.count());
                sheet.add("cost by number of sessions", &parameters, &candidate, COST, micros);
            }
        }
        for (_, store) in &opened {
            store.flush().expect("flushed");
        }
    }
    for (_, store) in &opened {
        store.close().expect("closed");
    }
}

type Cost = fn(&Store, Sessions, u64, Duration) -> f64;

fn get(store: &Store, sessions: Sessions, among: u64, span: Duration) -> f64 {
    let mut random = fastrand::Rng::with_seed(5);
    micros_each(span, |_| {
        let session = store.get(&sessions.any(&mut random, among)).expect("read").expect("a session");
        assert_eq!(session.payload.len(), PAYLOAD_BYTES);
    })
}

fn touch(store: &Store, sessions: Sessions, among: u64, span: Duration) -> f64 {
    let mut random = fastrand::Rng::with_seed(6);
    let from = Timestamp::now().saturating_add(Duration::from_secs(48 * 60 * 60));
    micros_each(span, |call| {
        let expires_at = from.saturating_add(Duration::from_millis(call));
        drop(store.touch(&sessions.any(&mut random, among), expires_at).expect("accepted"));
    })
}

fn set(store: &Store, sessions: Sessions, among: u64, span: Duration) -> f64 {
    1e6 / sets(store, sessions, among, Callers::Completions(64), span).rate()
}
