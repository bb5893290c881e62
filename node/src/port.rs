//! One environment's end of the addon: the main thread has one, and each worker thread its own.
//!
//! What it keeps true: the process lives as long as a request is pending and no longer on account of an
//! idle store; and when the environment ends, in whatever way, what was acknowledged is on disk first.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::thread;

use napi::bindgen_prelude::{Env, External, Float64Array, FnArgs, Function, Unknown};
use napi_derive::napi;
use sessile::{Store, Version};

use crate::answer::{Answer, answer};
use crate::batch::{Notices, Results};
use crate::failure::Failure;
use crate::guard::guarded;
use crate::queue::{Completion, Outcome, Queue, Waiting};
use crate::raw;
use crate::slot::Slot;

/// How many figures a session has: expiry, version, the first version that is known, and deadline.
pub(crate) const HEAD: usize = 4;

/// Which of them is the version.
const VERSION: usize = 1;

/// See the module's own lines. Lives on its environment's thread.
pub(crate) struct Port {
    queue: Arc<Queue>,
    /// Shared with JavaScript. First the [`HEAD`] figures of the session that a call returned or wrote at once, then
    /// the numbers of the requests that were acknowledged, of which [`deliver`](Port::batch) gives the count.
    figures: RefCell<Float64Array>,
    pending: Cell<usize>,
    /// How many of those are no reason for the process to live.
    idle: Cell<usize>,
    is_kept: Cell<bool>,
    is_exiting: Cell<bool>,
    has_ended: Cell<bool>,
    slots: RefCell<Vec<Weak<Slot>>>,
}

/// Opens the environment's port. `deliver(done, results, notices)` is called with each batch.
#[napi]
#[allow(clippy::needless_pass_by_value, reason = "napi makes owned arguments only")]
pub(crate) fn port_open(
    env: &Env,
    deliver: Function<'_, FnArgs<(u32, Results, Notices)>, Unknown<'static>>,
    figures: Float64Array,
) -> napi::Result<External<Rc<Port>>> {
    let port = Rc::new(Port {
        queue: Arc::default(),
        figures: RefCell::new(figures),
        pending: Cell::new(0),
        idle: Cell::new(0),
        is_kept: Cell::new(false),
        is_exiting: Cell::new(false),
        has_ended: Cell::new(false),
        slots: RefCell::default(),
    });
    let reader = Rc::clone(&port);
    let deliver = deliver
        .build_threadsafe_function::<()>()
        .weak::<true>()
        .build_callback(move |call| Ok(guarded(|| Ok(reader.batch(&call.env))).unwrap_or_else(|_| nothing()).into()))?;
    port.queue.attach(deliver).map_err(|_| napi::Error::from_reason("the port is open already"))?;
    // Registered after the threadsafe function's own hook, and so run before it.
    env.add_env_cleanup_hook(Rc::clone(&port), |port| port.end())?;
    Ok(External::new(port))
}

/// Puts what was acknowledged on disk, and from now on every write before it returns; what was called from now on is
/// answered within the call. The process is leaving, and no other moment will come.
#[napi]
pub(crate) fn port_exit<'env>(env: &'env Env, port: &External<Rc<Port>>) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        port.is_exiting.set(true);
        port.sync();
        Ok(Answer::Done)
    })
}

/// Sends the writes of this turn of the event loop on their way to the disk, together.
#[napi]
pub(crate) fn port_send<'env>(env: &'env Env, port: &External<Rc<Port>>) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        // Once in each turn, and so without a list of them.
        for slot in port.slots.borrow().iter().filter_map(Weak::upgrade) {
            if let Some(store) = slot.opened() {
                store.send_gathered();
            }
        }
        Ok(Answer::Done)
    })
}

/// Says that one more pending request is no reason for the process to live, or one less.
#[napi]
pub(crate) fn port_idle<'env>(env: &'env Env, port: &External<Rc<Port>>, is_more: bool) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let idle = port.idle.get();
        port.idle.set(if is_more { idle + 1 } else { idle.saturating_sub(1) });
        port.keep_alive(env);
        Ok(Answer::Done)
    })
}

type Arguments = (u32, Results, Notices);

const fn nothing() -> Arguments {
    (0, Results(Vec::new()), Notices(Vec::new()))
}

impl Port {
    /// Remembers a slot for the end of the environment.
    pub(crate) fn add(&self, slot: &Arc<Slot>) {
        let mut slots = self.slots.borrow_mut();
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(slot));
    }

    pub(crate) const fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Hands JavaScript the figures of the session that is being returned.
    pub(crate) fn write_figures(&self, head: [f64; HEAD]) {
        let mut figures = self.figures.borrow_mut();
        for (index, figure) in head.into_iter().enumerate() {
            raw::write(&mut figures, index, figure);
        }
    }

    /// Hands JavaScript the version that a write has given its session; 0 where that is not known yet.
    pub(crate) fn write_version(&self, version: Option<Version>) {
        raw::write(&mut self.figures.borrow_mut(), VERSION, version.map_or(0.0, |version| raw::number(version.get())));
    }

    /// Counts a request whose answer comes later.
    pub(crate) fn pend(&self, env: &Env) -> Answer {
        self.pending.set(self.pending.get() + 1);
        self.keep_alive(env);
        Answer::Pending
    }

    /// Lets the process live or go, as what is pending asks for.
    fn keep_alive(&self, env: &Env) {
        let keep = self.pending.get() > self.idle.get();
        if self.is_kept.replace(keep) != keep {
            self.queue.keep_alive(env, keep);
        }
    }

    /// Runs `work` on a thread of its own and answers `request` with its outcome.
    pub(crate) fn spawn(
        &self,
        env: &Env,
        request: u32,
        work: impl FnOnce() -> Result<Outcome, Failure> + Send + 'static,
    ) -> Result<Answer, Failure> {
        let queue = Arc::clone(&self.queue);
        thread::Builder::new().name("sessile-node".to_owned()).spawn(move || queue.complete(request, guarded(work)))?;
        Ok(self.pend(env))
    }

    /// At the process's exit a write is not left to the store's own threads: what was called is on the disk and can be
    /// answered when this returns. A failure is the answer, also where the durability does not wait for the disk.
    pub(crate) fn sync_if_exiting(&self, store: &Store) -> Result<(), Failure> {
        if self.is_exiting() { Ok(store.sync()?) } else { Ok(()) }
    }

    /// Whether the process is leaving: what is not answered within a call is never answered.
    pub(crate) const fn is_exiting(&self) -> bool {
        self.is_exiting.get()
    }

    /// Takes what waits, as the arguments of one call.
    fn batch(&self, env: &Env) -> Arguments {
        let Waiting { mut completions, notices } = self.queue.take();
        self.pending.set(self.pending.get().saturating_sub(completions.len()));
        self.keep_alive(env);
        let done = self.write_done(&mut completions);
        (done, Results(completions), Notices(notices))
    }

    /// Moves the numbers of requests that are simply done to where JavaScript reads them without a call
    /// for each, as far as there is room.
    fn write_done(&self, completions: &mut Vec<Completion>) -> u32 {
        let mut figures = self.figures.borrow_mut();
        let room = figures.len().saturating_sub(HEAD);
        let mut done = 0;
        completions.retain(|completion| {
            if done == room || !matches!(completion.outcome, Ok(Outcome::Done)) {
                return true;
            }
            raw::write(&mut figures, HEAD + done, f64::from(completion.request));
            done += 1;
            false
        });
        u32::try_from(done).unwrap_or_default()
    }

    fn sync(&self) {
        for slot in self.live() {
            if let Some(store) = slot.opened() {
                // A store that is closed or poisoned has nothing more to save, and nobody is left to tell.
                let _result = store.sync();
            }
        }
    }

    /// The environment ends: saves what was acknowledged, and wakes nobody again. The handles go when Node
    /// finalizes what JavaScript held, which comes next.
    fn end(&self) {
        self.queue.shut();
        self.has_ended.set(true);
        for slot in self.live() {
            slot.call_off();
        }
        let _result = guarded(|| {
            self.sync();
            Ok(())
        });
    }

    /// Whether the environment is going.
    pub(crate) const fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    fn live(&self) -> Vec<Arc<Slot>> {
        self.slots.borrow().iter().filter_map(Weak::upgrade).collect()
    }
}
