//! How far the log is durable, and who waits for that.
//!
//! An operation is acknowledged by its number: once the log is written or durable up to it, and once the
//! lookup it needed (of a session that was not in memory) is done. Nothing is acknowledged after a failure
//! of the log that was not durable before. Callbacks run on the store's completion thread, never here.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use crate::lock::{Condvar, Mutex};

use crate::error::{Error, Result};

/// What has to have happened to an operation before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    Written,
    Durable,
}

type Callback = Box<dyn FnOnce(Result<()>) + Send>;

/// Who waits for an operation's acknowledgement.
enum Waiter {
    /// Run on the completion thread.
    Callback(Callback),
    /// A blocked thread.
    Thread(Arc<Slot>),
}

/// Where a blocked thread finds its answer, and which others it is to wake.
#[derive(Default)]
struct Slot {
    answer: Mutex<Option<(Result<()>, Vec<Woken>)>>,
    filled: Condvar,
}

impl Slot {
    fn wait(&self) -> Result<()> {
        let mut place = self.answer.lock();
        let (answer, others) = loop {
            match place.take() {
                Some(filled) => break filled,
                None => place = self.filled.wait(place),
            }
        };
        drop(place);
        wake(others);
        answer
    }
}

/// A blocked thread whose answer is known.
type Woken = (Arc<Slot>, Result<()>);

/// Wakes all of these threads: two here, and each of the two wakes half of the others. So whoever publishes
/// progress, above all the committer, pays for two wake-ups however many wait.
fn wake(mut woken: Vec<Woken>) {
    while let Some((slot, answer)) = woken.pop() {
        let others = woken.split_off(woken.len() / 2);
        *slot.answer.lock() = Some((answer, others));
        slot.filled.notify_one();
        let Some((slot, answer)) = woken.pop() else { return };
        *slot.answer.lock() = Some((answer, std::mem::take(&mut woken)));
        slot.filled.notify_one();
    }
}

/// A callback whose answer is known.
pub(crate) struct Ready {
    callback: Callback,
    answer: Result<()>,
}

impl Ready {
    pub(crate) fn run(self) {
        (self.callback)(self.answer);
    }
}

/// Everybody whose answer is known now.
#[derive(Default)]
struct Answered {
    threads: Vec<Woken>,
    callbacks: Vec<Ready>,
}

impl Answered {
    fn push(&mut self, waiter: Waiter, answer: Result<()>) {
        match waiter {
            Waiter::Thread(slot) => self.threads.push((slot, answer)),
            Waiter::Callback(callback) => self.callbacks.push(Ready { callback, answer }),
        }
    }

    fn of(waiter: Waiter, answer: Result<()>) -> Self {
        let mut answered = Self::default();
        answered.push(waiter, answer);
        answered
    }
}

struct Waiting {
    need: Need,
    waiter: Waiter,
}

#[derive(Default)]
struct State {
    written: u64,
    durable: u64,
    /// Operations that wait for a lookup.
    unresolved: HashSet<u64, foldhash::fast::RandomState>,
    /// By number: an operation has one commit, and a commit asks once.
    waiting: BTreeMap<u64, Waiting>,
    /// Fatal: what is not durable now never will be known to be.
    failure: Option<Error>,
    /// For lack of room these operations, from and to, were not acknowledged; they may still be written.
    refused: Option<(u64, u64, Error)>,
}

/// Positions and waiters; shared by all threads.
pub(crate) struct Progress {
    state: Mutex<State>,
    /// For those who wait for a position, not for an operation.
    advanced: Condvar,
    /// Hands what is ready to the completion thread.
    dispatch: Box<dyn Fn(Vec<Ready>) + Send + Sync>,
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        formatter.debug_struct("Progress").field("written", &state.written).field("durable", &state.durable).finish()
    }
}

impl State {
    fn answer(&self, number: u64, need: Need) -> Option<Result<()>> {
        let reached = match need {
            Need::Nothing => true,
            Need::Written => number <= self.written.max(self.durable),
            Need::Durable => number <= self.durable,
        };
        if !reached {
            if let Some(error) = &self.failure {
                return Some(Err(error.clone()));
            }
            if let Some((from, to, error)) = &self.refused
                && (*from..=*to).contains(&number)
            {
                return Some(Err(error.clone()));
            }
            return None;
        }
        (!self.unresolved.contains(&number)).then_some(Ok(()))
    }

    /// Takes out those of the waiting operations that can be answered now.
    fn take_answered(&mut self, numbers: impl IntoIterator<Item = u64>) -> Answered {
        let mut answered = Answered::default();
        for number in numbers {
            let Some(waiting) = self.waiting.get(&number) else { continue };
            let Some(answer) = self.answer(number, waiting.need) else { continue };
            if let Some(waiting) = self.waiting.remove(&number) {
                answered.push(waiting.waiter, answer);
            }
        }
        answered
    }

    fn waiting_through(&self, number: u64) -> Vec<u64> {
        self.waiting.range(..=number).map(|(number, _)| *number).collect()
    }
}

impl Progress {
    pub(crate) fn new(dispatch: impl Fn(Vec<Ready>) + Send + Sync + 'static) -> Self {
        Self { state: Mutex::default(), advanced: Condvar::new(), dispatch: Box::new(dispatch) }
    }

    pub(crate) fn durable(&self) -> u64 {
        self.state.lock().durable
    }

    /// Notes that operation `number` waits for a lookup.
    pub(crate) fn unresolved(&self, number: u64) {
        self.state.lock().unresolved.insert(number);
    }

    /// Notes that the lookups of these operations are done.
    pub(crate) fn resolved(&self, numbers: &[u64]) {
        if numbers.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        for number in numbers {
            state.unresolved.remove(number);
        }
        let answered = state.take_answered(numbers.iter().copied());
        drop(state);
        self.tell(answered);
    }

    /// Publishes how far the log is written and durable.
    pub(crate) fn publish(&self, written: u64, durable: u64) {
        let mut state = self.state.lock();
        if state.written == written && state.durable == durable {
            return;
        }
        state.written = written;
        state.durable = durable;
        if state.refused.as_ref().is_some_and(|(_, to, _)| *to <= durable) {
            state.refused = None;
        }
        let numbers = state.waiting_through(written.max(durable));
        let answered = state.take_answered(numbers);
        drop(state);
        self.advanced.notify_all();
        self.tell(answered);
    }

    /// The log failed: nothing that is not durable will be acknowledged.
    pub(crate) fn fail(&self, error: Error) {
        self.change(|state| {
            state.failure.get_or_insert(error);
        });
    }

    /// There is no room: operations up to `number` that wait now are not acknowledged.
    pub(crate) fn refuse(&self, number: u64, error: Error) {
        self.change(|state| {
            let from = state.refused.as_ref().map_or(state.durable + 1, |(from, ..)| *from);
            state.refused = Some((from, number, error));
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        change(&mut state);
        let numbers = state.waiting_through(u64::MAX);
        let answered = state.take_answered(numbers);
        drop(state);
        self.advanced.notify_all();
        self.tell(answered);
    }

    /// Wakes threads, and leaves callbacks to the completion thread.
    fn tell(&self, answered: Answered) {
        wake(answered.threads);
        if !answered.callbacks.is_empty() {
            (self.dispatch)(answered.callbacks);
        }
    }

    fn answer(&self, number: u64, need: Need) -> Option<Result<()>> {
        self.state.lock().answer(number, need)
    }

    fn wait(&self, number: u64, need: Need) -> Result<()> {
        let slot = Arc::new(Slot::default());
        match self.ask(number, need, Waiter::Thread(Arc::clone(&slot))) {
            Some(answer) => answer,
            None => slot.wait(),
        }
    }

    /// Waits until everything up to `number` is durable.
    pub(crate) fn wait_durable(&self, number: u64) -> Result<()> {
        let mut state = self.state.lock();
        loop {
            if state.durable >= number {
                return Ok(());
            }
            if let Some(error) = &state.failure {
                return Err(error.clone());
            }
            if let Some((_, _, error)) = &state.refused {
                return Err(error.clone());
            }
            state = self.advanced.wait(state);
        }
    }

    fn ask(&self, number: u64, need: Need, waiter: Waiter) -> Option<Result<()>> {
        let mut state = self.state.lock();
        if let Some(answer) = state.answer(number, need) {
            return Some(answer);
        }
        state.waiting.insert(number, Waiting { need, waiter });
        None
    }
}

/// A write that was accepted: visible to every read from now on, acknowledged as the store's durability says.
///
/// Dropping it does not undo the write; it only means that nobody asks.
#[derive(Debug)]
#[must_use = "a write is acknowledged only once its commit says so"]
pub struct Commit(Inner);

#[derive(Debug)]
enum Inner {
    Done,
    At { progress: Arc<Progress>, number: u64, need: Need },
    Deferred { progress: Arc<Progress>, deferred: Arc<Deferred> },
}

impl Commit {
    pub(crate) const fn done() -> Self {
        Self(Inner::Done)
    }

    pub(crate) const fn at(progress: Arc<Progress>, number: u64, need: Need) -> Self {
        Self(Inner::At { progress, number, need })
    }

    pub(crate) const fn deferred(progress: Arc<Progress>, deferred: Arc<Deferred>) -> Self {
        Self(Inner::Deferred { progress, deferred })
    }

    /// Whether the write is acknowledged, or has failed, already.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        match &self.0 {
            Inner::Done => true,
            Inner::At { progress, number, need } => progress.answer(*number, *need).is_some(),
            Inner::Deferred { progress, deferred } => match &*deferred.state.lock() {
                DeferredState::Waiting(_) => false,
                DeferredState::At(number, need) => progress.answer(*number, *need).is_some(),
                DeferredState::Done(_) => true,
            },
        }
    }

    /// Blocks until the write is acknowledged.
    ///
    /// # Errors
    /// [`Error::Poisoned`]: the outcome is unknown until the store was opened again.
    /// [`Error::DiskFull`]: not acknowledged; it will be written should there be room again.
    /// [`Error::Io`], [`Error::Corrupted`]: a touch could not read the session it was for.
    pub fn wait(self) -> Result<()> {
        match self.0 {
            Inner::Done => Ok(()),
            Inner::At { progress, number, need } => progress.wait(number, need),
            Inner::Deferred { progress, deferred } => {
                let slot = Arc::new(Slot::default());
                match deferred.ask(&progress, Waiter::Thread(Arc::clone(&slot))) {
                    Some(answer) => answer,
                    None => slot.wait(),
                }
            }
        }
    }

    /// Answers at once if the write is acknowledged already, and drops `callback`. Otherwise `None`:
    /// `callback` is called once, on the store's completion thread, as [`Commit::wait`] would return.
    ///
    /// The callback may call any operation of the store. It should not block for long: the other
    /// completions of the store wait behind it.
    pub fn on_complete<F>(self, callback: F) -> Option<Result<()>>
    where
        F: FnOnce(Result<()>) + Send + 'static,
    {
        match self.0 {
            Inner::Done => Some(Ok(())),
            Inner::At { progress, number, need } => progress.ask(number, need, Waiter::Callback(Box::new(callback))),
            Inner::Deferred { progress, deferred } => deferred.ask(&progress, Waiter::Callback(Box::new(callback))),
        }
    }
}

/// The place where a write that first has to be looked up will say what became of it.
pub(crate) struct Deferred {
    state: Mutex<DeferredState>,
}

enum DeferredState {
    Waiting(Option<Waiter>),
    At(u64, Need),
    Done(Result<()>),
}

impl fmt::Debug for Deferred {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Deferred")
    }
}

impl Default for Deferred {
    fn default() -> Self {
        Self { state: Mutex::new(DeferredState::Waiting(None)) }
    }
}

impl Deferred {
    fn ask(&self, progress: &Progress, waiter: Waiter) -> Option<Result<()>> {
        let mut state = self.state.lock();
        match &mut *state {
            DeferredState::Waiting(place) => {
                *place = Some(waiter);
                None
            }
            DeferredState::At(number, need) => progress.ask(*number, *need, waiter),
            DeferredState::Done(answer) => Some(answer.clone()),
        }
    }

    /// The write got a number and is acknowledged with it.
    pub(crate) fn follow(&self, progress: &Progress, number: u64, need: Need) {
        let before = std::mem::replace(&mut *self.state.lock(), DeferredState::At(number, need));
        if let DeferredState::Waiting(Some(waiter)) = before {
            let mut state = progress.state.lock();
            state.waiting.insert(number, Waiting { need, waiter });
            let answered = state.take_answered([number]);
            drop(state);
            progress.tell(answered);
        }
    }

    /// The write is decided without a number.
    pub(crate) fn complete(&self, progress: &Progress, answer: Result<()>) {
        let before = std::mem::replace(&mut *self.state.lock(), DeferredState::Done(answer.clone()));
        if let DeferredState::Waiting(Some(waiter)) = before {
            progress.tell(Answered::of(waiter, answer));
        }
    }
}
