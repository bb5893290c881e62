//! The handle that applications hold.
//!
//! Every operation is submitted within the call and completed later; nothing here blocks on the disk but
//! the calls that say so. Under `write` a call may write for itself, into the system's memory of the log. A
//! handle adds a `ttl` of its own and can be closed on its own.

mod handle;
mod owned;
mod upkeep;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::damage::Damage;
use crate::engine::Engine;
use crate::entry::{NewContent, within};
use crate::error::{Error, Result};
use crate::lookup::look_up;
use crate::numbers::to_u64;
use crate::options::{Options, check_expiry};
use crate::progress::Commit;
#[cfg(feature = "simulation")]
use crate::recovery::Surroundings;
use crate::registry;
use crate::scan::{self, Page};
use crate::sequencer::Start;
use crate::session::{Owner, Payload, Session, SessionId, Version};
use crate::shard::{LookupJob, Waiter};
use crate::sync::channel;
use crate::table::{SetIf, Touched, WriteContext};
use crate::time::Timestamp;
use handle::{Handle, Place};

/// What a set says of its session besides the payload; by default nothing.
///
/// ```
/// # use sessile::{Owner, SetOptions};
/// let options = SetOptions { owner: Some(Owner::new("ada")?), ..SetOptions::default() };
/// # Ok::<(), sessile::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SetOptions {
    /// When the session expires; `None`: after the handle's `ttl`. A time that has passed makes a session that is
    /// expired already.
    pub expires_at: Option<Timestamp>,
    /// The time that no expiry of the session passes, neither this one nor that of a later set or touch, for as long as
    /// the session lives: it is taken from the set that creates it, or the first that names one. `None`: no such time.
    pub deadline: Option<Timestamp>,
    /// Whose session it is; see [`Store::sessions_of`]. `None`: nobody's, also where it was somebody's before.
    pub owner: Option<Owner>,
    /// Only where the session has this version; see [`Store::set_if`].
    pub version: Option<Version>,
}

/// An open session store.
///
/// Cheap to clone, and usable from any number of threads at once. Openers of the same directory in one
/// process share one store underneath; it is closed when the last of them closes or drops its handle.
///
/// Reads see a `set`, `touch`, `destroy` or `clear` from the moment it was called, whatever the durability.
/// Expiry is enforced on every read, to the millisecond.
#[derive(Clone)]
pub struct Store(Arc<Handle>);

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Store({})", self.engine().path.display())
    }
}

impl Store {
    /// Opens the store in `options`' directory, creating it if there is none.
    ///
    /// Blocks while recovering what the last process left, a time bounded by `log_bytes_max`, and for up to
    /// `open_timeout` while another process has the store.
    ///
    /// # Errors
    /// [`Error::InvalidOption`], [`Error::NotADirectory`], [`Error::Io`] for a directory that cannot be made
    /// or written, [`Error::Locked`], [`Error::OptionsConflict`], [`Error::Corrupted`],
    /// [`Error::UnsupportedFormat`], [`Error::DiskFull`].
    pub fn open(options: Options) -> Result<Self> {
        let ttl = options.ttl;
        let (registration, _) = registry::open(options, false)?;
        Ok(Self::new(Place::Registered(registration), ttl))
    }

    /// Opens a damaged store with what is left of it, and lists what could not be saved.
    ///
    /// Damaged records are removed and damaged parts of the log stepped over: copy the directory first. An
    /// unreadable base is set aside as `base.redb.damaged`. Sessions may come back in an older state.
    ///
    /// # Errors
    /// As [`Store::open`], but [`Error::Corrupted`] only for what cannot be worked around.
    pub fn open_salvage(options: Options) -> Result<(Self, Vec<Damage>)> {
        let ttl = options.ttl;
        let (registration, dropped) = registry::open(options, true)?;
        Ok((Self::new(Place::Registered(registration), ttl), dropped))
    }

    fn new(place: Place, ttl: Duration) -> Self {
        Self(Arc::new(Handle::new(place, ttl)))
    }

    /// With its threads, on another storage and clock than the machine's.
    #[cfg(feature = "simulation")]
    pub(crate) fn open_in(surroundings: &Surroundings, options: Options) -> Result<Self> {
        let ttl = options.ttl;
        let (registration, _) = registry::open_in(surroundings, options, false)?;
        Ok(Self::new(Place::Registered(registration), ttl))
    }

    #[cfg(feature = "simulation")]
    pub(crate) fn simulated(engine: Arc<Engine>) -> Self {
        let ttl = engine.options.ttl;
        Self::new(Place::Simulated(engine), ttl)
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.0.engine()
    }

    /// The session, if there is one and it has not expired. Blocks only to read from disk what is not in
    /// memory.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Forked`]; [`Error::Io`] and [`Error::Corrupted`] where the disk fails or
    /// the record is damaged.
    pub fn get(&self, id: &SessionId) -> Result<Option<Session>> {
        let (engine, now) = self.0.readable_engine()?;
        let mut receiver = None;
        let answer = engine.table.get(id, now, || {
            let (sender, answers) = channel::bounded(1);
            receiver = Some(answers);
            Waiter::Blocked(sender)
        })?;
        let (None, Some(receiver)) = (&answer, receiver) else {
            engine.counters.hits.one();
            return Ok(answer.flatten());
        };
        engine.counters.misses.one();
        // Looked up on this thread, instead of waiting for a reader to be free.
        let token = engine.table.lock(id).lookups.get(id).map(|lookup| lookup.token);
        if let Some(token) = token {
            look_up(&engine.table, &engine.base, &[LookupJob { id: id.clone(), token }], now);
        }
        receiver.recv().unwrap_or_else(|_| Err(engine.closed_error()))
    }

    /// Answers at once where memory knows, and drops `callback`. Otherwise `None`: `callback` is called
    /// once, on the store's completion thread, with what [`Store::get`] would return.
    pub fn get_async<F>(&self, id: &SessionId, callback: F) -> Option<Result<Option<Session>>>
    where
        F: FnOnce(Result<Option<Session>>) + Send + 'static,
    {
        let (engine, now) = match self.0.readable_engine() {
            Ok(readable) => readable,
            Err(error) => return Some(Err(error)),
        };
        let answer = match engine.table.get(id, now, || Waiter::Read(Box::new(callback))) {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error)),
        };
        if answer.is_some() {
            engine.counters.hits.one();
        } else {
            engine.counters.misses.one();
        }
        answer.map(Ok)
    }

    /// Stores `payload` under `id`, replacing what was there, until `expires_at`; `None`: the handle's
    /// `ttl` from now. A time that has passed makes a session that is already expired.
    ///
    /// Acknowledged as the store's durability says.
    ///
    /// # Errors
    /// Refused before anything happened: [`Error::ValueTooLarge`], [`Error::InvalidArgument`],
    /// [`Error::Overloaded`], [`Error::Poisoned`], [`Error::DiskFull`], [`Error::Io`] where the log cannot be
    /// extended for another reason, [`Error::Closed`], [`Error::Forked`].
    pub fn set<P>(&self, id: &SessionId, payload: P, expires_at: Option<Timestamp>) -> Result<Commit>
    where
        P: AsRef<[u8]> + Into<Payload>,
    {
        self.set_with(id, payload, SetOptions { expires_at, ..SetOptions::default() })
    }

    /// As [`Store::set`], but only if the session is still the one of `version`, as [`Session::version`] or
    /// [`Commit::version`] has given it: nobody has set it since, it was not destroyed, and it has not expired. A touch
    /// changes nothing of that. Compared and written in one step, also where other threads do the same.
    ///
    /// For whoever reads a session, works on it and writes it back: nothing that another has written meanwhile is lost,
    /// and no session comes back that is gone. Versions hold across closing and opening.
    ///
    /// Within the call where the session is in memory, as it is after it was read. Otherwise the session is looked up
    /// first, and [`Commit::wait`] gives the answer; reads that are called meanwhile wait for it.
    ///
    /// # Errors
    /// As [`Store::set`], and from the call or from [`Commit::wait`]: [`Error::Conflict`] where it was set since,
    /// [`Error::Gone`] where it is gone, or gone and there again as another session. Of a session that stood
    /// in the log when the store was opened, a version from before the first of its sets there may be `Gone`.
    /// [`Commit::wait`] fails where a session that is not in memory cannot be read.
    pub fn set_if<P>(
        &self,
        id: &SessionId,
        payload: P,
        expires_at: Option<Timestamp>,
        version: Version,
    ) -> Result<Commit>
    where
        P: AsRef<[u8]> + Into<Payload>,
    {
        self.set_with(id, payload, SetOptions { expires_at, version: Some(version), ..SetOptions::default() })
    }

    /// [`Store::set`] with all that can be said of a session; see [`SetOptions`]. With a version it is
    /// [`Store::set_if`].
    ///
    /// # Errors
    /// As [`Store::set`] and [`Store::set_if`].
    pub fn set_with<P>(&self, id: &SessionId, payload: P, options: SetOptions) -> Result<Commit>
    where
        P: AsRef<[u8]> + Into<Payload>,
    {
        let engine = self.0.writable_engine()?;
        // Before it is copied: what is too large may be larger than memory.
        let bytes = to_u64(payload.as_ref().len());
        let bytes_max = engine.options.payload_bytes_max;
        if bytes > bytes_max {
            return Err(Error::ValueTooLarge { bytes, bytes_max });
        }
        if let Some(error) = engine.overload() {
            engine.ring_if_dirty();
            return Err(error);
        }
        let write = self.0.write_context(engine);
        let SetOptions { expires_at, deadline, owner, version } = options;
        let expires_at = match expires_at {
            Some(expires_at) => check_expiry(expires_at)?,
            None => write.now.saturating_add(self.0.ttl),
        };
        let deadline = deadline.map_or(Ok(Timestamp::MIN), check_expiry)?;
        let content = NewContent { payload: payload.into(), expires_at, deadline, owner };
        let set = match version {
            None => SetIf::At(engine.table.set(id, content, &write)?),
            Some(version) => engine.table.set_if(id, content, version, &write)?,
        };
        engine.counters.sets.one();
        engine.doorbell.expires(within(expires_at, deadline));
        Ok(match set {
            SetIf::At(number) => self.commit(engine, number, &write).with_version(),
            SetIf::Deferred(deferred) => Commit::deferred(Arc::clone(&engine.progress), deferred).with_version(),
        })
    }

    /// Moves the session's expiry to `expires_at`. Creates nothing where there is no living session.
    ///
    /// A later expiry is acknowledged at once and reaches the disk within a second, or 10 ms for a process kill; losing
    /// it leaves the earlier one. One that is later by less than [`Options::touch_after`] is kept in memory until the
    /// next checkpoint. An earlier expiry follows the store's durability.
    ///
    /// # Errors
    /// As [`Store::set`]; [`Error::Overloaded`] and [`Error::DiskFull`] only where it moves expiry earlier, and
    /// from [`Commit::wait`] where that shows only once the session is found. [`Commit::wait`] fails where a
    /// session that is not in memory cannot be read.
    pub fn touch(&self, id: &SessionId, expires_at: Timestamp) -> Result<Commit> {
        let engine = self.0.open_engine()?;
        let expires_at = check_expiry(expires_at)?;
        if let Some(error) = engine.health.poisoned() {
            return Err(error);
        }
        let mut write = self.0.write_context(engine);
        write.refusal = engine.health.check_write().and_then(|()| engine.check_queue()).err();
        let touched = engine.table.touch(id, expires_at, &write)?;
        engine.counters.touches.one();
        engine.doorbell.expires(expires_at);
        Ok(match touched {
            Touched::Done => {
                engine.ring_if_dirty();
                Commit::done()
            }
            Touched::At(number) => self.commit(engine, number, &write),
            Touched::Deferred(deferred) => Commit::deferred(Arc::clone(&engine.progress), deferred),
        })
    }

    /// Removes the session. Without one, nothing happens, and that is acknowledged in the same way.
    ///
    /// Acknowledged as the store's durability says: an acknowledged logout stays. On a full disk it is taken, since it
    /// makes room; where [`Commit::wait`] then fails with [`Error::DiskFull`], the session is gone, and is written to
    /// be so when there is room: a crash before that brings it back.
    ///
    /// # Errors
    /// As [`Store::set`].
    pub fn destroy(&self, id: &SessionId) -> Result<Commit> {
        let engine = self.0.removing_engine()?;
        let write = self.0.write_context(engine);
        let number = engine.table.destroy(id, &write)?;
        engine.counters.destroys.one();
        Ok(self.commit(engine, number, &write))
    }

    /// Removes every session that there is at the moment of the call, as one operation.
    ///
    /// Acknowledged as the store's durability says, on a full disk as [`Store::destroy`] has it. The space comes back
    /// later, in the background.
    ///
    /// # Errors
    /// As [`Store::set`].
    pub fn clear(&self) -> Result<Commit> {
        let engine = self.0.removing_engine()?;
        let write = self.0.write_context(engine);
        let number = engine.table.clear(&write)?;
        Ok(self.commit(engine, number, &write))
    }

    /// Has the writes of this handle and its clones wait for one another from now on, or no longer: they go to the disk
    /// together, with the next [`Store::send_gathered`], when 32 are waiting, or after 10 ms, whichever is first. So do the
    /// lookups of sessions that are not in memory, also of writes that wait for no disk.
    ///
    /// For an event loop, which makes many calls in a turn and cannot be answered within it: one sync then does for all
    /// of them, where it would otherwise begin with the first, and the next one with the second. Reads see a write from
    /// the moment it was called, and it is acknowledged as ever; whoever blocks in [`Commit::wait`] sends first. Under
    /// `write` a call that writes to the log itself waits for nothing; what it leaves to the committer does.
    pub fn gather_writes(&self, gathers: bool) {
        self.0.gather_writes(gathers);
        if !gathers {
            self.send_gathered();
        }
    }

    /// Sends the writes that wait for one another on their way to the disk. Does not wait, and does nothing where there
    /// are none, or in a forked child.
    pub fn send_gathered(&self) {
        let engine = self.engine();
        if !engine.is_forked() {
            engine.table.send_write_lookups();
            engine.sequencer.send_gathered();
        }
    }

    fn commit(&self, engine: &Engine, number: u64, write: &WriteContext) -> Commit {
        if write.haste.start == Start::ByCaller {
            engine.write_queued(self.0.gathers());
        }
        Commit::at(Arc::clone(&engine.progress), number, write.need)
    }

    /// The exact number of living sessions. May block on reading the disk: after opening, while what was
    /// replayed is looked up, and while many sessions have just expired.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn len(&self) -> Result<u64> {
        self.0.open_engine()?.len()
    }

    /// Whether there is no living session.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Up to `limit` living sessions behind `after`, in order of id; fewer where they are large, since a page
    /// ends at about 16 MiB. Blocks on reading the disk.
    ///
    /// Nothing is held between pages: a session that lives through the whole scan is in it exactly once;
    /// one that comes or goes meanwhile may or may not be.
    ///
    /// # Errors
    /// As [`Store::get`]; [`Error::InvalidArgument`] for a `limit` of zero.
    pub fn scan(&self, after: Option<&SessionId>, limit: usize) -> Result<Page> {
        scan::page(self.0.open_engine()?, after, limit)
    }

    /// Whether operations can be called: neither this handle nor the store is closed, and this is the process that
    /// opened it.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Forked`]
    pub fn check_open(&self) -> Result<()> {
        self.0.open_engine().map(drop)
    }

    /// Has `task` called once on the completion thread, behind the callbacks that are queued there: for a boundary
    /// whose callers must not be called back from within their own call.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Forked`]: `task` is dropped without being called.
    pub fn run_later<F>(&self, task: F) -> Result<()>
    where
        F: FnOnce() + Send + 'static,
    {
        let engine = self.engine();
        engine.check_process()?;
        engine.tasks.try_push(Box::new(task)).map_err(|_late| engine.closed_error())
    }

    /// Whether a failure of the log has ended all writing; see [`Error::Poisoned`].
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.engine().health.poisoned().is_some()
    }

    /// Closes this handle and its clones. The last handle of the process flushes the store, waits for all
    /// completions, and lets go of the lock. Blocks. Closing again does nothing.
    ///
    /// A handle that is dropped instead makes everything durable in the log, and leaves the base to the
    /// next open.
    ///
    /// # Errors
    /// As [`Store::flush`]; the store is closed all the same.
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }
}
