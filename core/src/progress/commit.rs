//! What a write hands its caller: the promise of an acknowledgement.
//!
//! A commit is answered once, by waiting or by a callback. One whose session has to be looked up first gets
//! its number later, or none.

use std::fmt;
use std::sync::Arc;

use super::waiter::{Answered, Slot, Waiter};
use super::{Need, Progress, Waiting};
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::lock::Mutex;
use crate::session::Version;
#[cfg(doc)]
use crate::store::Store;

/// A write that was accepted: visible to every read from now on, acknowledged as the store's durability says.
///
/// Dropping it does not undo the write; it only means that nobody asks.
#[derive(Debug)]
#[must_use = "a write is acknowledged only once its commit says so"]
pub struct Commit(Inner);

#[derive(Debug)]
enum Inner {
    Done,
    At { progress: Arc<Progress>, number: u64, need: Need, is_version: bool },
    Deferred { progress: Arc<Progress>, deferred: Arc<Deferred>, is_version: bool },
}

impl Commit {
    pub(crate) const fn done() -> Self {
        Self(Inner::Done)
    }

    pub(crate) const fn at(progress: Arc<Progress>, number: u64, need: Need) -> Self {
        Self(Inner::At { progress, number, need, is_version: false })
    }

    /// Of a set: its number is the session's version.
    pub(crate) const fn with_version(mut self) -> Self {
        if let Inner::At { is_version, .. } | Inner::Deferred { is_version, .. } = &mut self.0 {
            *is_version = true;
        }
        self
    }

    pub(crate) const fn deferred(progress: Arc<Progress>, deferred: Arc<Deferred>) -> Self {
        Self(Inner::Deferred { progress, deferred, is_version: false })
    }

    /// The version that a [`Store::set`] or a [`Store::set_if`] has given its session, for the next `set_if`. `None` of
    /// every other write, and of a `set_if` whose session has yet to be looked up.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match &self.0 {
            Inner::At { number, is_version: true, .. } => Some(Version::new(*number)),
            Inner::Deferred { deferred, is_version: true, .. } => deferred.number().map(Version::new),
            _ => None,
        }
    }

    /// Whether the write is acknowledged, or has failed, already.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        match &self.0 {
            Inner::Done => true,
            Inner::At { progress, number, need, .. } => progress.answer(*number, *need).is_some(),
            Inner::Deferred { progress, deferred, .. } => match &*deferred.state.lock() {
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
    /// [`Error::Conflict`], [`Error::Gone`]: a [`Store::set_if`] whose condition does not hold; nothing was written.
    /// [`Error::Io`], [`Error::Corrupted`]: a touch, or a `set_if`, could not read the session it was for.
    pub fn wait(self) -> Result<()> {
        match self.0 {
            Inner::Done => Ok(()),
            Inner::At { progress, number, need, .. } => progress.wait(number, need),
            Inner::Deferred { progress, deferred, .. } => {
                let slot = Arc::new(Slot::default());
                match deferred.ask(&progress, Waiter::Thread(Arc::clone(&slot))) {
                    Some(answer) => answer,
                    None => slot.wait(),
                }
            }
        }
    }

    /// As [`Commit::wait`], and gives what [`Commit::version`] gives then.
    ///
    /// # Errors
    /// As [`Commit::wait`].
    pub fn wait_version(self) -> Result<Option<Version>> {
        let version = self.version();
        let deferred = match &self.0 {
            Inner::Deferred { deferred, is_version: true, .. } => Some(Arc::clone(deferred)),
            _ => None,
        };
        self.wait()?;
        Ok(version.or_else(|| deferred?.number().map(Version::new)))
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
            Inner::At { progress, number, need, .. } => {
                progress.ask(number, need, Waiter::Callback(Box::new(callback)))
            }
            Inner::Deferred { progress, deferred, .. } => deferred.ask(&progress, Waiter::Callback(Box::new(callback))),
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

    /// The number that the write got, if it got one by now.
    fn number(&self) -> Option<u64> {
        match &*self.state.lock() {
            DeferredState::At(number, _) => Some(*number),
            DeferredState::Waiting(_) | DeferredState::Done(_) => None,
        }
    }

    /// The write got a number and is acknowledged with it.
    pub(crate) fn follow(&self, progress: &Progress, number: u64, need: Need) {
        let before = std::mem::replace(&mut *self.state.lock(), DeferredState::At(number, need));
        if let DeferredState::Waiting(Some(waiter)) = before {
            let mut state = progress.state.lock();
            state.wait(number, Waiting { need, waiter });
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
