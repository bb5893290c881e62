//! The place of one `SessileStore`'s store handle: empty until it is open, and shared with the threads
//! that work on it, so that the store itself is held exactly once.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sessile::{Event, Options, Store, Subscription};

use crate::failure::Failure;
use crate::queue::{Notice, Queue};

/// A store handle that may not be open yet.
pub(crate) struct Slot {
    options: Options,
    /// What the store is called in notices.
    number: u32,
    store: OnceLock<Store>,
    subscription: Mutex<Option<Subscription>>,
}

impl Slot {
    /// A place for the store that `options` describe.
    pub(crate) const fn new(options: Options, number: u32) -> Self {
        Self { options, number, store: OnceLock::new(), subscription: Mutex::new(None) }
    }

    /// Opens the store, waiting for another process as long as the options say, or not at all. The
    /// store's own failures go to `queue` from then on.
    pub(crate) fn open(&self, queue: &Arc<Queue>, wait: bool) -> Result<(), Failure> {
        let mut options = self.options.clone();
        if !wait {
            options = options.open_timeout(std::time::Duration::ZERO);
        }
        let store = Store::open(options)?;
        let (queue, number) = (Arc::clone(queue), self.number);
        let subscription = store.subscribe(move |event| {
            let (failure, is_warning) = match event {
                Event::BackgroundError(error) => (error.clone().into(), false),
                Event::ClockJumped { by_millis } => (Failure::clock_jumped(*by_millis), true),
                // A later store may tell more than this addon knows of.
                _ => return,
            };
            queue.tell(Notice { number, failure, is_warning });
        });
        *self.subscription() = Some(subscription);
        self.store.set(store).map_err(|_| Failure::defect("a store that was opened twice"))
    }

    /// The store. JavaScript asks for nothing before it is open.
    pub(crate) fn store(&self) -> Result<&Store, Failure> {
        self.store.get().ok_or_else(|| Failure::defect("an operation on a store that is not open"))
    }

    /// The store, once it is open.
    pub(crate) fn opened(&self) -> Option<&Store> {
        self.store.get()
    }

    /// Closes the store; closing it again does nothing.
    pub(crate) fn close(&self) -> Result<(), Failure> {
        *self.subscription() = None;
        Ok(self.store()?.close()?)
    }

    fn subscription(&self) -> MutexGuard<'_, Option<Subscription>> {
        self.subscription.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
