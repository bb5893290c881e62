//! Channels as crossbeam's, as far as the store uses them: none is ever full, and each end may be shared.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError};

use shuttle::sync::{Condvar, Mutex, MutexGuard};

/// All senders or all receivers are gone; or, for [`Receiver::try_recv`], nothing has come.
#[derive(Debug)]
pub(crate) struct Disconnected;

struct Channel<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

struct State<T> {
    queue: VecDeque<T>,
    senders: usize,
    receivers: usize,
}

impl<T> Channel<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Sender<T>(Arc<Channel<T>>);

pub(crate) struct Receiver<T>(Arc<Channel<T>>);

pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { queue: VecDeque::new(), senders: 1, receivers: 1 };
    let channel = Arc::new(Channel { state: Mutex::new(state), arrived: Condvar::new() });
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

/// The store never sends more than fits.
pub(crate) fn bounded<T>(_capacity: usize) -> (Sender<T>, Receiver<T>) {
    unbounded()
}

impl<T> Sender<T> {
    pub(crate) fn send(&self, item: T) -> Result<(), Disconnected> {
        let mut state = self.0.lock();
        if state.receivers == 0 {
            return Err(Disconnected);
        }
        state.queue.push_back(item);
        drop(state);
        self.0.arrived.notify_one();
        Ok(())
    }
}

impl<T> Receiver<T> {
    pub(crate) fn recv(&self) -> Result<T, Disconnected> {
        let mut state = self.0.lock();
        loop {
            if let Some(item) = state.queue.pop_front() {
                return Ok(item);
            }
            if state.senders == 0 {
                return Err(Disconnected);
            }
            state = self.0.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn try_recv(&self) -> Result<T, Disconnected> {
        self.0.lock().queue.pop_front().ok_or(Disconnected)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.lock().receivers += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.senders -= 1;
        let is_last = state.senders == 0;
        drop(state);
        if is_last {
            self.0.arrived.notify_all();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.receivers -= 1;
        // As soon as nobody can receive it, what is queued goes.
        let unreceived = if state.receivers == 0 { std::mem::take(&mut state.queue) } else { VecDeque::new() };
        drop(state);
        drop(unreceived);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sender")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Receiver")
    }
}
