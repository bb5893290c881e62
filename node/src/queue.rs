//! What waits to be told to one environment's JavaScript, filled by the store's threads.
//!
//! Only the first entry of a batch wakes the event loop. Once the environment ends, entries are dropped
//! and nothing is woken.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use napi::Status;
use napi::bindgen_prelude::{Env, FnArgs, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use sessile::{CheckReport, Damage, Ended, Session, SessionId};

use crate::batch::{Notices, Results};
use crate::failure::Failure;
use crate::page::Page;
use crate::raw;

/// The JavaScript function that takes a batch. Weak: by itself it does not keep the process alive.
pub(crate) type Deliver =
    ThreadsafeFunction<(), Unknown<'static>, FnArgs<(u32, Results, Notices)>, Status, false, true>;

/// How a request ended.
pub(crate) enum Outcome {
    Done,
    Found(Option<Session>),
    Count(u64),
    Page(Page),
    Owned(Vec<(SessionId, Session)>),
    Ended(Vec<Ended>),
    Report(CheckReport),
    Dropped(Vec<Damage>),
}

/// The end of the request with that number.
pub(crate) struct Completion {
    pub(crate) request: u32,
    pub(crate) outcome: Result<Outcome, Failure>,
}

/// Something that nobody asked for: a failure in the background, or a warning.
pub(crate) struct Notice {
    pub(crate) number: u32,
    pub(crate) failure: Failure,
    pub(crate) is_warning: bool,
}

/// What has come since the last batch.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) completions: Vec<Completion>,
    pub(crate) notices: Vec<Notice>,
}

/// See the module's own lines.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    deliver: OnceLock<Deliver>,
    is_shut: AtomicBool,
}

impl Queue {
    /// Names the function that is woken. Called once, before anything is queued.
    pub(crate) fn attach(&self, deliver: Deliver) -> Result<(), Failure> {
        self.deliver.set(deliver).map_err(|_| Failure::defect("a queue that was attached twice"))
    }

    pub(crate) fn complete(&self, request: u32, outcome: Result<Outcome, Failure>) {
        self.add(|waiting| waiting.completions.push(Completion { request, outcome }));
    }

    pub(crate) fn tell(&self, notice: Notice) {
        self.add(|waiting| waiting.notices.push(notice));
    }

    /// Takes everything that waits.
    pub(crate) fn take(&self) -> Waiting {
        mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends all telling: the environment is about to go.
    pub(crate) fn shut(&self) {
        self.is_shut.store(true, Ordering::Release);
    }

    /// Lets pending requests keep the process alive, or no longer.
    pub(crate) fn keep_alive(&self, env: &Env, keep: bool) {
        if let Some(deliver) = self.deliver.get() {
            deliver.handle.with_read_aborted(|is_aborted| {
                if !is_aborted {
                    raw::keep_alive(env, deliver.handle.get_raw(), keep);
                }
            });
        }
    }

    fn add(&self, push: impl FnOnce(&mut Waiting)) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = waiting.completions.is_empty() && waiting.notices.is_empty();
        push(&mut waiting);
        drop(waiting);
        if !is_first || self.is_shut.load(Ordering::Acquire) {
            return;
        }
        if let Some(deliver) = self.deliver.get() {
            // It fails only when the environment is closing, and then nobody listens any more.
            let _status = deliver.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}
