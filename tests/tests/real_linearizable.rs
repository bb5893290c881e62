//! Whatever threads do to few sessions at once, one order of their calls explains what each of them saw.
//!
//! The failure guarded against: an interleaving of calls, lookups, checkpoints, evictions and the reaper in which
//! a read shows something that was replaced before it began, or in which a clear reaches one session sooner than
//! another.

mod real;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use real::{Place, options, scan};
use sessile::{Durability, Store};
use sessile_tests::linearizable::{Act, History, State};
use sessile_tests::seed::{depth, seed};
use sessile_tests::worker::{Calls, Worker, read_all};

const THREADS: usize = 4;
const CALLS: usize = 150;
/// How many histories there are at most, where what the test is for has not happened in the first ones.
const HISTORIES_MAX: u64 = 60;

/// What goes on meanwhile, until the others have ended.
fn disturb(store: &Store, random: &mut Rng, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        match random.u8(..8) {
            0..4 => store.flush().unwrap(),
            4 | 5 => drop(store.reap().unwrap()),
            6 => drop(store.len().unwrap()),
            _ => drop(scan(store, 2)),
        }
        std::thread::yield_now();
    }
}

/// Threads call for a while; then what they saw is explained. Returns what is there.
fn round(store: &Store, calls: Calls, state: &State, random: &mut Rng) -> State {
    let history = Arc::new(History::default());
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut for_disturbing = random.fork();
        let ended = &ended;
        let disturbing = scope.spawn(move || disturb(store, &mut for_disturbing, ended));
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let mut worker = Worker::new(thread, store.clone(), Arc::clone(&history), random.fork(), calls);
                scope.spawn(move || assert!((0..CALLS).all(|_| worker.step()), "the store was closed"))
            })
            .collect();
        let failed = threads.into_iter().filter_map(|thread| thread.join().err()).count();
        ended.store(true, Ordering::Relaxed);
        disturbing.join().unwrap();
        assert_eq!(failed, 0, "threads failed");
    });
    let end = read_all(store, calls.ids);
    for (id, seen) in end.iter().enumerate() {
        let place = history.call(THREADS, Act::Get(id, None));
        history.saw(place, *seen);
    }
    if let Err(reason) = history.explain(state) {
        panic!("{reason}");
    }
    end
}

fn threads_agree(test: &str, durability: Durability, cache_bytes: u64) {
    let first = seed(test);
    let (mut misses, mut checkpoints, mut reaped) = (0, 0, 0);
    for number in 0..HISTORIES_MAX * depth() {
        // What happens meanwhile depends on how the threads are run: few histories may have none of it.
        if number >= 3 * depth() && misses > 0 && checkpoints > 0 && reaped > 0 {
            break;
        }
        let seed = first.wrapping_add(number);
        let mut random = Rng::with_seed(seed);
        // On a disk of memory where there is one: checkpoints are quick there, and there are more of them.
        let memory = tempfile::Builder::new().prefix("sessile-test-").tempdir_in("/dev/shm").ok();
        let place = memory.map_or_else(Place::new, Place::from);
        let options = || {
            options(&place.store())
                .durability(durability)
                .cache_bytes(cache_bytes)
                .touch_after(Duration::ZERO)
                .checkpoint_interval(Duration::from_millis(100))
        };
        let calls = Calls { ids: random.usize(1..=4), payload_bytes_max: random.usize(8..4000), clears: true };
        let mut state: State = vec![None; calls.ids];
        for _ in 0..4 {
            let store = Store::open(options()).unwrap();
            assert_eq!(read_all(&store, calls.ids), state, "what was there before it was closed");
            state = round(&store, calls, &state, &mut random);
            state = round(&store, calls, &state, &mut random);
            let stats = store.stats();
            misses += stats.misses;
            checkpoints += stats.checkpoints;
            reaped += stats.reaped;
            if random.bool() { store.close().unwrap() } else { drop(store) }
        }
    }
    assert!(
        misses > 0 && checkpoints > 0 && reaped > 0,
        "the test missed its point: {misses} misses, {checkpoints} checkpoints, {reaped} reaped"
    );
}

#[test]
fn threads_on_few_sessions_agree_on_one_order() {
    threads_agree("threads_on_few_sessions_agree_on_one_order", Durability::Write, 2000);
}

#[test]
fn threads_on_sessions_that_memory_never_keeps_agree_on_one_order() {
    threads_agree("threads_on_sessions_that_memory_never_keeps_agree_on_one_order", Durability::Async, 0);
}

#[test]
fn threads_that_wait_for_the_disk_agree_on_one_order() {
    threads_agree("threads_that_wait_for_the_disk_agree_on_one_order", Durability::Fsync, 0);
}
