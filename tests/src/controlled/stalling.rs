//! A scheduler that stands one thread still at each of its places in turn, until nobody else can go on.
//!
//! Some faults need nothing but that: a thread has asked something, is held up, and goes on when all others have
//! come to their ends and the answer is no longer true. Random orders hit one certain place too seldom. Where it
//! takes two threads, pairs of places are tried, chosen at random; who stood still first goes on first.
//!
//! Otherwise the thread of the highest priority runs as long as it can, and has the lowest from when it yields. The
//! seed gives priorities, pairs, and what the history draws; only where threads stand still differs between runs.

use std::cell::Cell;
use std::sync::Arc;

use fastrand::Rng;
use parking_lot::Mutex;
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

/// A thread, by the order in which threads were made, and the how many-th of its places.
type Place = (usize, usize);

thread_local! {
    /// All threads of a run are one of the system's.
    static COUNTING: Cell<bool> = const { Cell::new(false) };
}

/// Says whether threads' places are to be counted: not while a history is only prepared or looked at. Who stands still
/// when that ends goes on at once, so that what it does is seen.
pub(super) fn count_places(counting: bool) {
    COUNTING.set(counting);
}

#[derive(Debug)]
pub(super) struct StallingScheduler {
    seed: u64,
    /// Whether a thread of this name is to be held up.
    who: fn(Option<&str>) -> bool,
    /// What the history draws, the same in each run.
    drawn: Rng,
    chosen: Rng,
    runs: usize,
    pairs_left: usize,
    single: Place,
    /// Where threads are still to stand still in this run.
    ahead: Vec<Place>,
    standing: Vec<usize>,
    /// How many places of each thread there were in this run, and in any.
    places: Vec<usize>,
    places_most: Vec<usize>,
    /// The lowest runs.
    priorities: Vec<u64>,
    behind_all: u64,
    /// Of this run, for whoever reports that it failed.
    stalls: Arc<Mutex<Vec<Place>>>,
}

impl StallingScheduler {
    pub(super) fn new(seed: u64, who: fn(Option<&str>) -> bool, pairs: usize, stalls: Arc<Mutex<Vec<Place>>>) -> Self {
        Self {
            seed,
            who,
            drawn: Rng::with_seed(seed),
            chosen: Rng::with_seed(seed),
            runs: 0,
            pairs_left: pairs,
            single: (0, 0),
            ahead: Vec::new(),
            standing: Vec::new(),
            places: Vec::new(),
            places_most: Vec::new(),
            priorities: Vec::new(),
            behind_all: 0,
            stalls,
        }
    }

    /// Where threads are to stand still next: nowhere in the first run, then at each place, then at two.
    fn next_stalls(&mut self) -> Option<Vec<Place>> {
        self.runs += 1;
        if self.runs == 1 {
            return Some(Vec::new());
        }
        self.single.1 += 1;
        while let Some(most) = self.places_most.get(self.single.0) {
            if self.single.1 <= *most {
                return Some(vec![self.single]);
            }
            self.single = (self.single.0 + 1, 1);
        }
        self.pairs_left = self.pairs_left.checked_sub(1)?;
        let with_places: Vec<_> = self.places_most.iter().enumerate().filter(|(_, most)| **most > 0).collect();
        let threads = self.chosen.choose_multiple(with_places, 2);
        Some(threads.into_iter().map(|(thread, most)| (thread, self.chosen.usize(1..=*most))).collect())
    }

    fn priority(&mut self, thread: usize) -> u64 {
        while self.priorities.len() <= thread {
            let number = self.priorities.len() as u64;
            self.priorities.push(Rng::with_seed(self.seed ^ (number << 32)).u64(..u64::MAX / 2));
        }
        self.priorities[thread]
    }

    /// Notes that a thread has come to its next place.
    fn arrive(&mut self, thread: usize) {
        if self.places.len() <= thread {
            self.places.resize(thread + 1, 0);
        }
        self.places[thread] += 1;
        let place = (thread, self.places[thread]);
        if self.ahead.contains(&place) {
            self.standing.push(thread);
        }
        if self.places_most.len() <= thread {
            self.places_most.resize(thread + 1, 0);
        }
        self.places_most[thread] = self.places_most[thread].max(self.places[thread]);
    }
}

impl Scheduler for StallingScheduler {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.ahead = self.next_stalls()?;
        self.stalls.lock().clone_from(&self.ahead);
        self.drawn = Rng::with_seed(self.seed);
        self.standing.clear();
        self.places.clear();
        self.priorities.clear();
        self.behind_all = u64::MAX / 2;
        count_places(false);
        Some(Schedule::new(self.seed))
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        if let Some(current) = current.map(usize::from) {
            // One that waits, or has ended, is at no place.
            let task = runnable.iter().find(|task| usize::from(task.id()) == current);
            if COUNTING.get() && task.is_some_and(|task| (self.who)(task.name().as_deref())) {
                self.arrive(current);
            }
            if is_yielding {
                self.priority(current);
                self.behind_all += 1;
                self.priorities[current] = self.behind_all;
            }
        }
        if !COUNTING.get() {
            for thread in std::mem::take(&mut self.standing) {
                self.priority(thread);
                self.priorities[thread] = 0;
            }
        }
        let runnable: Vec<_> = runnable.iter().map(|task| task.id()).collect();
        let awake = runnable.iter().copied().filter(|task| !self.standing.contains(&usize::from(*task)));
        let awake: Vec<_> = awake.collect();
        if let Some(task) = awake.into_iter().min_by_key(|task| self.priority(usize::from(*task))) {
            return Some(task);
        }
        // Nobody else can go on.
        let first = self.standing.iter().position(|thread| runnable.contains(&TaskId::from(*thread)))?;
        Some(TaskId::from(self.standing.remove(first)))
    }

    fn next_u64(&mut self) -> u64 {
        self.drawn.u64(..)
    }
}
