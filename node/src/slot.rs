//! The place of one `SessileStore`'s store handle: empty until it is open, and shared with the threads
//! that work on it, so that the store itself is held exactly once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sessile::{Damage, Error, Event, Options, Store, Subscription};

use crate::failure::Failure;
use crate::queue::{Notice, Queue};

/// How long to leave a lock alone that another process has.
const RETRY_AFTER: Duration = Duration::from_millis(20);

/// A store handle that may not be open yet.
pub(crate) struct Slot {
    /// With an `open_timeout` of zero: the waiting is done here, where it can be called off.
    options: Options,
    open_timeout: Duration,
    is_called_off: AtomicBool,
    /// What the store is called in notices.
    number: u32,
    store: OnceLock<Store>,
    subscription: Mutex<Option<Subscription>>,
}

impl Slot {
    /// A place for the store that `options` describe.
    pub(crate) const fn new(options: Options, open_timeout: Duration, number: u32) -> Self {
        Self {
            options: options.open_timeout(Duration::ZERO),
            open_timeout,
            is_called_off: AtomicBool::new(false),
            number,
            store: OnceLock::new(),
            subscription: Mutex::new(None),
        }
    }

    /// Opens the store, or fails at once where another process has it.
    pub(crate) fn open(&self, queue: &Arc<Queue>) -> Result<(), Failure> {
        self.take(Store::open(self.options.clone())?, queue)
    }

    /// Opens the store, waiting for another process as long as the options say or until [`Slot::call_off`].
    pub(crate) fn open_waiting(&self, queue: &Arc<Queue>) -> Result<(), Failure> {
        let store = self.wait(|| Store::open(self.options.clone()))?;
        self.take(store, queue)
    }

    /// Opens what is left of a damaged store, and waits as [`Slot::open_waiting`] does.
    pub(crate) fn salvage_waiting(&self, queue: &Arc<Queue>) -> Result<Vec<Damage>, Failure> {
        let (store, dropped) = self.wait(|| Store::open_salvage(self.options.clone()))?;
        self.take(store, queue)?;
        Ok(dropped)
    }

    fn wait<T>(&self, open: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
        let begun = Instant::now();
        loop {
            match open() {
                Err(Error::Locked { .. }) if !self.is_called_off() && begun.elapsed() < self.open_timeout => {
                    thread::sleep(RETRY_AFTER.min(self.open_timeout.saturating_sub(begun.elapsed())));
                }
                result => return result,
            }
        }
    }

    /// Ends the waiting for another process: nobody wants the store any more.
    pub(crate) fn call_off(&self) {
        self.is_called_off.store(true, Ordering::Release);
    }

    fn is_called_off(&self) -> bool {
        self.is_called_off.load(Ordering::Acquire)
    }

    /// Keeps the store that was opened. Its own failures go to `queue` from now on.
    fn take(&self, store: Store, queue: &Arc<Queue>) -> Result<(), Failure> {
        let (queue, number) = (Arc::clone(queue), self.number);
        let subscription = store.subscribe(move |event| {
            let (failure, is_warning) = match event {
                Event::BackgroundError(error) => (error.clone().into(), false),
                Event::ClockJumped { by_millis } => (Failure::clock_jumped(*by_millis), true),
                Event::LogDamaged { file, offset, bytes } => (Failure::log_damaged(file, *offset, *bytes), true),
                // A later store may tell more than this addon knows of.
                _ => return,
            };
            queue.tell(Notice { number, failure, is_warning });
        });
        *self.subscription() = Some(subscription);
        // Nobody is answered before the turn of the event loop ends, when JavaScript sends them.
        store.gather_writes(true);
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
        let store = self.store()?;
        // First, while a sync at the process's exit still waits for it: once the store is closing, that
        // sync is refused at once, and the process gone before this thread has written anything. A failure
        // is the answer of the close itself.
        let _result = store.sync();
        Ok(store.close()?)
    }

    fn subscription(&self) -> MutexGuard<'_, Option<Subscription>> {
        self.subscription.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
