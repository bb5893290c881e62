//! What the store has to say that no call was made for: failures in the background, and warnings.
//!
//! Everything that runs an application's code runs on one completion thread, through [`Tasks`]: never on
//! the committer, so that a callback may write without a deadlock, and never while a lock is held.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use crate::lock::Mutex;
use crate::sync::channel::{self, Receiver, Sender};

use crate::error::Error;

/// Something that happened in the background.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A checkpoint, the reaper, or the log failed at something. Unless the store is poisoned, it goes on
    /// and tries again.
    BackgroundError(Error),
    /// The wall clock was set, or the machine slept. Nothing is physically reaped for ten minutes.
    ClockJumped {
        /// By how much the wall clock moved beyond the time that passed, in milliseconds.
        by_millis: i64,
    },
    /// Opening found a damaged part of the log that it did not need, since the base has all of it. Nothing is
    /// lost, but the disk deserves a look.
    LogDamaged {
        /// The segment.
        file: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// How many bytes.
        bytes: u64,
    },
}

/// Work for the completion thread.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// The queue of the completion thread.
#[derive(Debug, Clone)]
pub(crate) struct Tasks {
    sender: Sender<Option<Task>>,
    receiver: Receiver<Option<Task>>,
    /// Set together with the queue's end, so that no task gets behind it unnoticed.
    ended: Arc<Mutex<bool>>,
}

impl Default for Tasks {
    fn default() -> Self {
        let (sender, receiver) = channel::unbounded();
        Self { sender, receiver, ended: Arc::default() }
    }
}

impl Tasks {
    /// Has the completion thread run `task`; behind the queue's end, where only the answer to a lookup that was
    /// under way while the store closed can come, this thread does.
    pub(crate) fn push(&self, task: Task) {
        if let Err(late) = self.try_push(task) {
            guard(late);
        }
    }

    /// Gives `task` back where the queue has ended: nothing runs behind that.
    pub(crate) fn try_push(&self, task: Task) -> Result<(), Task> {
        let ended = self.ended.lock();
        if *ended {
            return Err(task);
        }
        // The queue holds its own receiver, so it is never disconnected.
        drop(self.sender.send(Some(task)));
        Ok(())
    }

    /// Ends [`Tasks::run`] behind the tasks that are queued now.
    pub(crate) fn end(&self) {
        let mut ended = self.ended.lock();
        *ended = true;
        drop(self.sender.send(None));
    }

    /// Runs tasks until the end.
    pub(crate) fn run(&self) {
        while let Ok(Some(task)) = self.receiver.recv() {
            guard(task);
        }
    }

    /// Runs what is queued now. Returns whether there was anything.
    #[cfg(feature = "simulation")]
    pub(crate) fn run_queued(&self) -> bool {
        let mut any = false;
        while let Ok(Some(task)) = self.receiver.try_recv() {
            guard(task);
            any = true;
        }
        any
    }
}

/// A panic in an application's callback is reported by the panic hook and must not stop the others.
pub(crate) fn guard(task: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(task)).is_err() {
        tracing::error!("a completion callback panicked; the store goes on");
    }
}

type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// Who wants to know of events.
#[derive(Clone)]
pub(crate) struct Observers {
    observers: Arc<Mutex<Vec<Observer>>>,
    /// What happened while the store was opened, for the first who asks.
    from_opening: Arc<Mutex<Vec<Event>>>,
    tasks: Tasks,
}

impl fmt::Debug for Observers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Observers({})", self.observers.lock().len())
    }
}

impl Observers {
    pub(crate) fn new(tasks: Tasks) -> Self {
        Self { observers: Arc::default(), from_opening: Arc::default(), tasks }
    }

    pub(crate) fn emit(&self, event: Event) {
        match &event {
            Event::BackgroundError(error) => tracing::warn!(%error, "the store failed at something in the background"),
            Event::ClockJumped { by_millis } => tracing::warn!(by_millis, "the wall clock jumped; reaping pauses"),
            Event::LogDamaged { file, offset, bytes } => {
                let file = file.display();
                tracing::warn!(%file, offset, bytes, "a part of the log is damaged that is not needed any more");
            }
        }
        let observers = self.observers.lock().clone();
        if !observers.is_empty() {
            self.tasks.push(Box::new(move || observers.iter().for_each(|observer| observer(&event))));
        }
    }

    /// As [`Observers::emit`], while the store is opened and nobody can have subscribed.
    pub(crate) fn emit_while_opening(&self, event: Event) {
        self.emit(event.clone());
        self.from_opening.lock().push(event);
    }

    pub(crate) fn subscribe(&self, observer: Observer) -> Subscription {
        let place = Arc::downgrade(&observer);
        let from_opening = std::mem::take(&mut *self.from_opening.lock());
        if !from_opening.is_empty() {
            let observer = Arc::clone(&observer);
            self.tasks.push(Box::new(move || from_opening.iter().for_each(|event| observer(event))));
        }
        self.observers.lock().push(observer);
        Subscription { observer: place, observers: Arc::downgrade(&self.observers) }
    }
}

/// An observer's place in the list; dropping it ends the calls that have not begun yet.
#[must_use = "dropping a subscription ends it"]
pub struct Subscription {
    observer: Weak<dyn Fn(&Event) + Send + Sync>,
    observers: Weak<Mutex<Vec<Observer>>>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Subscription")
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let (Some(observers), Some(observer)) = (self.observers.upgrade(), self.observer.upgrade()) {
            observers.lock().retain(|other| !Arc::ptr_eq(other, &observer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_comes_after_the_end_is_run_all_the_same() {
        let tasks = Tasks::default();
        let (sender, done) = crossbeam_channel::unbounded();
        let task = |name| -> Task {
            let sender = sender.clone();
            Box::new(move || sender.send(name).unwrap())
        };
        tasks.push(task("before"));
        tasks.end();
        tasks.run();
        tasks.push(task("late"));
        assert!(tasks.try_push(task("refused")).is_err());
        assert_eq!(done.try_iter().collect::<Vec<_>>(), ["before", "late"]);
    }
}
