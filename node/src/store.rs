//! The operations of a store, each one call that answers at once or under a request number.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use napi::bindgen_prelude::{Env, External, Unknown};
use napi_derive::napi;
use sessile::{Commit, Options, SetOptions, Store, Timestamp, Version};

use crate::answer::{Answer, answer, found};
use crate::failure::Failure;
use crate::inbox::Inbox;
use crate::options::StoreOptions;
use crate::page::{Page, place};
use crate::port::Port;
use crate::queue::Outcome;
use crate::slot::Slot;
use crate::{id, raw};

/// What most sessions fit into; longer ones are read through the heap.
const PAYLOAD_BUFFER_LEN: usize = 2048;

/// What JavaScript holds of a store.
pub(crate) struct Handle {
    pub(crate) port: Rc<Port>,
    slot: Arc<Slot>,
    /// For sessions that expire, and for those that are destroyed.
    pub(crate) inboxes: [RefCell<Option<Arc<Inbox>>>; 2],
}

impl Drop for Handle {
    /// The garbage collector may have found a store that nobody closed. Letting go of it waits for the disk,
    /// which is no matter for the event loop; at the environment's end there is none any more.
    fn drop(&mut self) {
        self.slot.call_off();
        self.inboxes.iter().filter_map(RefCell::take).for_each(|inbox| inbox.leave());
        if self.slot.opened().is_none() || self.port.has_ended() {
            return;
        }
        let slot = Arc::clone(&self.slot);
        // Where no thread can be had, it happens here.
        let _result = thread::Builder::new().name("sessile-drop".to_owned()).spawn(move || {
            // Before the slot goes, since the process's exit waits for slots that are there and no others.
            if let Some(store) = slot.opened() {
                let _result = store.sync();
            }
            drop(slot);
        });
    }
}

impl Handle {
    pub(crate) fn store(&self) -> Result<&Store, Failure> {
        self.slot.store()
    }

    /// Runs a blocking operation on a thread of its own.
    pub(crate) fn spawn(
        &self,
        env: &Env,
        request: u32,
        work: impl FnOnce(&Store) -> Result<Outcome, Failure> + Send + 'static,
    ) -> Result<Answer, Failure> {
        let slot = Arc::clone(&self.slot);
        self.port.spawn(env, request, move || work(slot.store()?))
    }

    /// Keeps `text` under `id`, and writes its version to the port's figures, where it is known.
    fn set(
        &self,
        env: &Env,
        id: &Unknown<'_>,
        text: &Unknown<'_>,
        options: SetOptions,
        request: u32,
    ) -> Result<Answer, Failure> {
        let id = id::required(env, id)?;
        let store = self.store()?;
        let commit = raw::with_utf8::<PAYLOAD_BUFFER_LEN, _>(env, text, |bytes| store.set_with(&id, bytes, options));
        let commit = commit.ok_or_else(|| Failure::defect("a session that is not a string"))??;
        self.port.write_version(commit.version());
        self.acknowledge(env, request, commit)
    }

    /// Answers for a write that the store has taken.
    fn acknowledge(&self, env: &Env, request: u32, commit: Commit) -> Result<Answer, Failure> {
        self.port.sync_if_exiting(self.store()?)?;
        let queue = Arc::clone(self.port.queue());
        let result = commit.on_complete(move |result| {
            queue.complete(request, result.map(|()| Outcome::Done).map_err(Failure::from));
        });
        match result {
            Some(result) => Ok(result.map(|()| Answer::Done)?),
            None => Ok(self.port.pend(env)),
        }
    }
}

/// A handle for the store that `options` describe, not open yet. `number` is what notices call it.
#[napi]
pub(crate) fn store_new(
    port: &External<Rc<Port>>,
    options: StoreOptions,
    number: u32,
) -> napi::Result<External<Handle>> {
    let open_timeout = options.open_timeout();
    let options = Options::try_from(options).map_err(|_| napi::Error::from_reason("the durability is unknown"))?;
    let slot = Arc::new(Slot::new(options, open_timeout, number));
    port.add(&slot);
    Ok(External::new(Handle { port: Rc::clone(port), slot, inboxes: Default::default() }))
}

/// Opens the store without waiting for another process.
#[napi]
pub(crate) fn open_now<'env>(env: &'env Env, handle: &External<Handle>) -> napi::Result<Unknown<'env>> {
    answer(env, || handle.slot.open(handle.port.queue()).map(|()| Answer::Done))
}

/// Opens the store on a thread of its own, waiting for another process as long as the options say.
#[napi]
pub(crate) fn open_later<'env>(env: &'env Env, handle: &External<Handle>, request: u32) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let (slot, queue) = (Arc::clone(&handle.slot), Arc::clone(handle.port.queue()));
        handle.port.spawn(env, request, move || slot.open_waiting(&queue).map(|()| Outcome::Done))
    })
}

/// Opens what is left of a damaged store on a thread of its own, waiting as [`open_later`] does; answers with what
/// could not be saved.
#[napi]
pub(crate) fn open_salvage<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let (slot, queue) = (Arc::clone(&handle.slot), Arc::clone(handle.port.queue()));
        handle.port.spawn(env, request, move || slot.salvage_waiting(&queue).map(Outcome::Dropped))
    })
}

/// Ends the waiting of [`open_later`]; it fails then if another process still has the store.
#[napi]
pub(crate) fn open_call_off<'env>(env: &'env Env, handle: &External<Handle>) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        handle.slot.call_off();
        Ok(Answer::Done)
    })
}

/// A session's text, or null; its expiry, versions and deadline are written to the port's figures.
#[napi]
pub(crate) fn get<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    id: Unknown<'_>,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let Some(id) = id::known(env, &id) else { return Ok(Answer::Missing) };
        let store = handle.store()?;
        let queue = Arc::clone(handle.port.queue());
        let session = if handle.port.is_exiting() {
            Some(store.get(&id))
        } else {
            store.get_async(&id, move |session| {
                queue.complete(request, session.map(Outcome::Found).map_err(Failure::from));
            })
        };
        let Some(session) = session else { return Ok(handle.port.pend(env)) };
        let (answer, figures) = found(session?);
        handle.port.write_figures(figures);
        Ok(answer)
    })
}

/// Keeps `text` under `id` until `expires_at` in milliseconds, or for the store's ttl where that is 0; if `version` is
/// not 0, only where the session has that one. The new version is written to the port's figures, where it is known.
#[napi]
pub(crate) fn set<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    id: Unknown<'_>,
    text: Unknown<'_>,
    expires_at: f64,
    version: f64,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let options = SetOptions { expires_at: time(expires_at), version: condition(version), ..SetOptions::default() };
        handle.set(env, &id, &text, options, request)
    })
}

/// [`set`] of a session of `owner`, nobody's where that is empty, that lives until `deadline` in milliseconds at most;
/// 0 is none.
#[napi]
#[allow(clippy::too_many_arguments, reason = "one call for each operation")]
pub(crate) fn set_with<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    id: Unknown<'_>,
    text: Unknown<'_>,
    expires_at: f64,
    version: f64,
    owner: Unknown<'_>,
    deadline: f64,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let options = SetOptions {
            expires_at: time(expires_at),
            deadline: time(deadline),
            owner: id::owner(env, &owner)?,
            version: condition(version),
        };
        handle.set(env, &id, &text, options, request)
    })
}

/// A version on condition of which is written; 0 is none.
fn condition(version: f64) -> Option<Version> {
    Some(raw::whole(version)).filter(|version| *version != 0).map(Version::new)
}

/// A time in milliseconds; 0 is none.
fn time(millis: f64) -> Option<Timestamp> {
    Some(raw::whole(millis)).filter(|millis| *millis != 0).map(Timestamp::from_millis)
}

/// Moves the session's expiry to `expires_at` in milliseconds.
#[napi]
pub(crate) fn touch<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    id: Unknown<'_>,
    expires_at: f64,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let Some(id) = id::known(env, &id) else { return Ok(Answer::Done) };
        let commit = handle.store()?.touch(&id, Timestamp::from_millis(raw::whole(expires_at)))?;
        handle.acknowledge(env, request, commit)
    })
}

/// Removes the session.
#[napi]
pub(crate) fn destroy<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    id: Unknown<'_>,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let Some(id) = id::known(env, &id) else { return Ok(Answer::Done) };
        let commit = handle.store()?.destroy(&id)?;
        handle.acknowledge(env, request, commit)
    })
}

/// Removes every session.
#[napi]
pub(crate) fn clear<'env>(env: &'env Env, handle: &External<Handle>, request: u32) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let commit = handle.store()?.clear()?;
        handle.acknowledge(env, request, commit)
    })
}

/// Counts the living sessions.
#[napi]
pub(crate) fn len<'env>(env: &'env Env, handle: &External<Handle>, request: u32) -> napi::Result<Unknown<'env>> {
    answer(env, || handle.spawn(env, request, |store| Ok(Outcome::Count(store.len()?))))
}

/// Reads the page of at most `limit` sessions that follows `after`.
#[napi]
#[allow(clippy::needless_pass_by_value, reason = "napi makes owned arguments only")]
pub(crate) fn scan<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    after: Option<String>,
    limit: u32,
    with_payloads: bool,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let after = place(after.as_deref())?;
        handle.spawn(env, request, move |store| {
            let page = store.scan(after.as_ref(), usize::try_from(limit).unwrap_or(usize::MAX))?;
            Ok(Outcome::Page(Page { sessions: page.sessions, next: page.next, with_payloads }))
        })
    })
}

/// Moves every change into the base.
#[napi]
pub(crate) fn flush<'env>(env: &'env Env, handle: &External<Handle>, request: u32) -> napi::Result<Unknown<'env>> {
    answer(env, || handle.spawn(env, request, |store| Ok(store.flush().map(|()| Outcome::Done)?)))
}

/// Removes what is due and says how much that was.
#[napi]
pub(crate) fn reap<'env>(env: &'env Env, handle: &External<Handle>, request: u32) -> napi::Result<Unknown<'env>> {
    answer(env, || handle.spawn(env, request, |store| Ok(Outcome::Count(store.reap()?))))
}

/// Verifies all that the store has on the disk.
#[napi]
pub(crate) fn check<'env>(env: &'env Env, handle: &External<Handle>, request: u32) -> napi::Result<Unknown<'env>> {
    answer(env, || handle.spawn(env, request, |store| Ok(Outcome::Report(store.check()?))))
}

/// Copies the store into a new directory.
#[napi]
pub(crate) fn backup<'env>(
    env: &'env Env,
    handle: &External<Handle>,
    directory: String,
    request: u32,
) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        handle.spawn(env, request, move |store| Ok(store.backup(directory.as_ref()).map(|()| Outcome::Done)?))
    })
}

/// The store's figures, by name.
#[napi]
pub(crate) fn stats<'env>(env: &'env Env, handle: &External<Handle>) -> napi::Result<Unknown<'env>> {
    answer(env, || Ok(Answer::Figures(handle.store()?.stats().figures())))
}

/// Closes the store.
#[napi]
pub(crate) fn close<'env>(env: &'env Env, handle: &External<Handle>, request: u32) -> napi::Result<Unknown<'env>> {
    answer(env, || {
        let slot = Arc::clone(&handle.slot);
        handle.port.spawn(env, request, move || slot.close().map(|()| Outcome::Done))
    })
}
