//! Sessions that have ended, on their way to JavaScript: a batch for each request, so that its listener sets the pace.
//!
//! A request that finds nothing waits for the first that comes; leaving answers it with nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sessile::{EndCause, Ended, Listener, Store};

use crate::failure::Failure;
use crate::queue::{Outcome, Queue};

/// A batch holds no more sessions than this,
const BATCH_LEN_MAX: usize = 100;
/// and ends behind the session with which it has so many bytes: JavaScript parses it in one piece.
const BATCH_BYTES: u64 = 64 * 1024;

/// See the module's own lines.
pub(crate) struct Inbox {
    queue: Arc<Queue>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` before it listens, and after it left.
    listener: Option<Listener>,
    /// The request that waits for a batch.
    waiting: Option<u32>,
    /// Whether nothing more will come: a request is answered with what there is.
    is_finishing: bool,
}

impl State {
    fn take(&self) -> Vec<Ended> {
        self.listener.as_ref().map_or_else(Vec::new, |listener| listener.take(BATCH_LEN_MAX, BATCH_BYTES))
    }
}

impl Inbox {
    /// Listens for sessions that end so.
    pub(crate) fn open(store: &Store, cause: EndCause, queue: &Arc<Queue>) -> Result<Arc<Self>, Failure> {
        let inbox = Arc::new(Self { queue: Arc::clone(queue), state: Mutex::default() });
        let place = Arc::downgrade(&inbox);
        let listener = store.listen(cause, move || {
            if let Some(inbox) = place.upgrade() {
                inbox.answer();
            }
        })?;
        inbox.state().listener = Some(listener);
        Ok(inbox)
    }

    /// Answers `request` with the next batch, when there is one; with an empty one where nothing more will come.
    pub(crate) fn next(&self, request: u32) {
        self.state().waiting = Some(request);
        self.answer();
    }

    /// Nothing more will come.
    pub(crate) fn finish(&self) {
        self.state().is_finishing = true;
        self.answer();
    }

    /// Listens no longer.
    pub(crate) fn leave(&self) {
        // Dropped behind the lock: that takes the store's own, under which the store calls here.
        let listener = self.state().listener.take();
        drop(listener);
        self.finish();
    }

    fn answer(&self) {
        let mut state = self.state();
        let Some(request) = state.waiting else { return };
        let batch = state.take();
        if !batch.is_empty() || state.is_finishing {
            state.waiting = None;
            self.queue.complete(request, Ok(Outcome::Ended(batch)));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.leave();
    }
}
