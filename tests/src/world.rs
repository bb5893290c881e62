//! A store, driven step by step on a simulated disk and a moved clock, next to the model of what it may hold.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sessile::simulation::{Clock, Simulation, Storage};
use sessile::{Commit, Dropped, Durability, Error, Options, SessionId, Store, Timestamp};

use crate::clock::HandClock;
use crate::disk::{Loss, Moment, SimulatedDisk};
use crate::faulty::FaultyDisk;
use crate::model::{Call, Crash, Expected, Model, Sessions, difference};

/// Where the store of a world is.
pub const PATH: &str = "/sessions";

/// Options with small bounds, so that segments roll and checkpoints come soon.
pub fn small_options(durability: Durability) -> Options {
    Options::new(PATH)
        .durability(durability)
        .log_bytes_max(4 << 20)
        .payload_bytes_max(1 << 20)
        .base_cache_bytes(1 << 20)
        .open_timeout(Duration::ZERO)
}

/// The id of this name.
#[must_use]
pub fn id(name: &str) -> SessionId {
    SessionId::new(name).expect("a valid id")
}

/// The operations of a world that are not answered, and those that are and not yet in its model.
#[derive(Default)]
struct Promises {
    waiting: Vec<(usize, Commit)>,
    acknowledged: Vec<(usize, u64)>,
}

impl Promises {
    /// Takes note of what was acknowledged before there were more than `events` events. An operation that
    /// failed may have happened or not.
    fn look(&mut self, events: u64) {
        for (place, commit) in std::mem::take(&mut self.waiting) {
            if !commit.is_complete() {
                self.waiting.push((place, commit));
            } else if commit.wait().is_ok() {
                self.acknowledged.push((place, events));
            }
        }
    }
}

/// A store with everything around it.
pub struct World {
    /// The disk under the store.
    pub disk: SimulatedDisk,
    /// The store's clock.
    pub clock: Arc<HandClock>,
    /// What the store may hold.
    pub model: Model,
    /// What stands between the store and the disk from the next open on, if anything.
    pub faulty: Option<FaultyDisk>,
    options: Options,
    simulation: Option<Arc<Simulation>>,
    promises: Arc<Mutex<Promises>>,
    /// When events happened: the number of events before each move of the clock, and the time then.
    times: Vec<(u64, Timestamp, u64)>,
    sets: u64,
}

impl World {
    /// An open, new store on an empty disk, which records its moments from the beginning.
    #[must_use]
    pub fn new(options: Options, durability: Durability) -> Self {
        let disk = SimulatedDisk::default();
        disk.record();
        let mut world = Self::on(disk, options, Model::new(durability), HandClock::START_MILLIS);
        world.open(Crash::Kill);
        world
    }

    /// A world whose store is not open yet, which records nothing.
    #[must_use]
    pub fn unopened(disk: SimulatedDisk, options: Options, model: Model) -> Self {
        Self::on(disk, options, model, HandClock::START_MILLIS)
    }

    /// An empty disk that keeps no moments, and nobody who has made a store on it.
    #[must_use]
    pub fn empty(options: Options, durability: Durability) -> Self {
        Self::unopened(SimulatedDisk::default(), options, Model::new(durability))
    }

    /// As [`World::new`], with [`small_options`] and fsync.
    #[must_use]
    pub fn small() -> Self {
        Self::new(small_options(Durability::Fsync), Durability::Fsync)
    }

    fn on(disk: SimulatedDisk, options: Options, model: Model, wall_millis: u64) -> Self {
        let clock = Arc::new(HandClock::at(Timestamp::from_millis(wall_millis)));
        let times = vec![(0, clock.wall(), clock.monotonic_millis())];
        Self { disk, clock, model, faulty: None, options, simulation: None, promises: Arc::default(), times, sets: 0 }
    }

    /// The world of somebody who finds `disk` after a crash at `moment` of this one; the store is not open.
    #[must_use]
    pub fn after(&self, moment: &Moment, disk: SimulatedDisk) -> Self {
        let wall_millis = self.time_at(moment.events).as_millis();
        let mut world = Self::on(disk, self.options.clone(), self.model.at(moment.events), wall_millis);
        // Payloads stay unlike any before.
        world.sets = self.sets + 100_000;
        world
    }

    /// What the wall clock showed when there had been this many events.
    #[must_use]
    pub fn time_at(&self, event: u64) -> Timestamp {
        let before = self.times.iter().rev().find(|(events, ..)| *events <= event);
        before.map_or(self.times[0].1, |(_, wall, _)| *wall)
    }

    /// The open store, to be stepped.
    #[must_use]
    pub fn simulation(&self) -> &Arc<Simulation> {
        self.simulation.as_ref().expect("an open store")
    }

    /// A handle of the open store, for calls that the model is to know nothing of.
    #[must_use]
    pub fn store(&self) -> Store {
        self.simulation().store().clone()
    }

    /// The store is opened with these options from now on. The model goes by the durability: where that changes, it is
    /// to be told by [`Model::promise`].
    pub fn reopen_with(&mut self, options: Options) {
        self.options = options;
    }

    /// Opens the store after this kind of crash and checks what it holds.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn try_open(&mut self, crash: Crash) -> Result<(), String> {
        self.open_unchecked().map_err(|error| format!("opening failed after a {crash:?}: {error}"))?;
        let opened = self.disk.events();
        let found = self.read_all()?;
        self.model.reopened(&found, self.clock.wall(), crash, opened)
    }

    /// Opens the store as after this kind of crash.
    ///
    /// # Panics
    /// Where the store does not hold what it has to.
    pub fn open(&mut self, crash: Crash) {
        if let Err(reason) = self.try_open(crash) {
            panic!("{reason}");
        }
    }

    /// Opens the store and does not look what is in it.
    ///
    /// # Errors
    /// As opening.
    pub fn open_unchecked(&mut self) -> Result<(), Error> {
        self.open_as(false).map(drop)
    }

    fn open_as(&mut self, salvage: bool) -> Result<Vec<Dropped>, Error> {
        let storage: Arc<dyn Storage> = match &self.faulty {
            Some(faulty) => Arc::new(faulty.clone()),
            None => Arc::new(self.disk.clone()),
        };
        // An acknowledgement counts from the moment it could be seen, even in the middle of a step.
        let promises = Arc::clone(&self.promises);
        self.disk.watch(move |events| promises.lock().look(events));
        let clock = Arc::clone(&self.clock) as _;
        let (simulation, dropped) = Simulation::open_with(self.options.clone(), storage, clock, salvage)?;
        self.simulation = Some(Arc::new(simulation));
        Ok(dropped)
    }

    /// Closes the store as its last user does, but for the checkpoint.
    ///
    /// # Panics
    /// Where an operation is never answered.
    pub fn close_without_checkpoint(&mut self) {
        self.simulation().close();
        self.poll();
        assert_eq!(self.waiting(), 0, "the store was closed, and operations were never answered");
        self.simulation = None;
    }

    /// As [`World::open_unchecked`], as a salvage. Returns what that lists as dropped.
    ///
    /// # Errors
    /// As opening.
    pub fn open_salvage_unchecked(&mut self) -> Result<Vec<Dropped>, Error> {
        self.open_as(true)
    }

    /// Sets the wall clock while the store is not open.
    pub fn jump_closed(&mut self, by_millis: i64) {
        self.clock.jump(by_millis);
        self.pass(0);
    }

    /// Sets the wall clock ahead, and has the store notice.
    pub fn jump_ahead(&mut self, by_millis: u64) {
        self.clock.jump(by_millis.cast_signed());
        self.pass(0);
        self.settle();
    }

    /// Ends the process without a word.
    pub fn kill(&mut self) {
        self.poll();
        self.promises.lock().waiting.clear();
        self.simulation = None;
    }

    /// Ends the process and starts it again.
    pub fn restart(&mut self) {
        self.kill();
        self.open(Crash::Kill);
    }

    /// Ends the process and starts it again, whatever the store holds then.
    ///
    /// # Panics
    /// Where it cannot be opened.
    pub fn restart_unchecked(&mut self) {
        self.kill();
        self.open_unchecked().expect("a store that can be opened");
    }

    /// Takes the power away, then starts the machine and the store again.
    pub fn lose_power(&mut self, loss: Loss, seed: u64) {
        self.kill();
        self.disk = self.disk.moment().after_power_loss(loss, seed);
        self.disk.record();
        self.open(Crash::PowerLoss);
    }

    /// What the wall clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// What the wall clock will show `millis` from now.
    #[must_use]
    pub fn in_millis(&self, millis: u64) -> Timestamp {
        self.clock.wall().saturating_add(Duration::from_millis(millis))
    }

    /// A payload unlike any other.
    fn payload(&mut self, len: usize) -> Vec<u8> {
        self.sets += 1;
        let mut payload = vec![self.sets as u8; len];
        for (place, byte) in payload.iter_mut().zip(self.sets.to_le_bytes()) {
            *place = byte;
        }
        payload
    }

    /// Stores `len` bytes for `ttl_millis`; not stepped. The result is that of the call itself.
    ///
    /// # Errors
    /// As [`sessile::Store::set`].
    pub fn try_set(&mut self, name: &str, len: usize, ttl_millis: u64) -> Result<(), Error> {
        let (payload, expires_at) = (self.payload(len), self.in_millis(ttl_millis));
        let commit = self.simulation().store().set(&id(name), payload.clone(), Some(expires_at))?;
        self.called(Call::Set { id: name.to_owned(), payload, expires_at }, commit);
        Ok(())
    }

    /// As [`World::try_set`], for the store's ttl, which this is.
    ///
    /// # Errors
    /// As [`sessile::Store::set`].
    pub fn try_set_for_ttl(&mut self, name: &str, len: usize, ttl_millis: u64) -> Result<(), Error> {
        let (payload, expires_at) = (self.payload(len), self.in_millis(ttl_millis));
        let commit = self.simulation().store().set(&id(name), payload.clone(), None)?;
        self.called(Call::Set { id: name.to_owned(), payload, expires_at }, commit);
        Ok(())
    }

    /// As [`World::try_set`].
    pub fn set(&mut self, name: &str, len: usize, ttl_millis: u64) {
        self.try_set(name, len, ttl_millis).expect("a set that is accepted");
    }

    /// Moves the expiry to `ttl_millis` from now. A lookup it needs is done at once.
    ///
    /// # Errors
    /// As [`sessile::Store::touch`].
    pub fn try_touch(&mut self, name: &str, ttl_millis: u64) -> Result<(), Error> {
        let expires_at = self.in_millis(ttl_millis);
        let commit = self.simulation().store().touch(&id(name), expires_at)?;
        while self.simulation().step_reader() {}
        if commit.is_complete() {
            // One whose session could not be looked up has touched nothing.
            commit.wait()?;
            let (place, events) = (self.note(Call::Touch { id: name.to_owned(), expires_at }), self.disk.events());
            self.model.acknowledge(place, events);
            return Ok(());
        }
        self.called(Call::Touch { id: name.to_owned(), expires_at }, commit);
        Ok(())
    }

    /// As [`World::try_touch`].
    pub fn touch(&mut self, name: &str, ttl_millis: u64) {
        self.try_touch(name, ttl_millis).expect("a touch that is accepted");
    }

    /// Removes the session; not stepped.
    ///
    /// # Errors
    /// As [`sessile::Store::destroy`].
    pub fn try_destroy(&mut self, name: &str) -> Result<(), Error> {
        let commit = self.simulation().store().destroy(&id(name))?;
        self.called(Call::Destroy { id: name.to_owned() }, commit);
        Ok(())
    }

    /// As [`World::try_destroy`].
    pub fn destroy(&mut self, name: &str) {
        self.try_destroy(name).expect("a destroy that is accepted");
    }

    /// Removes all sessions; not stepped.
    ///
    /// # Errors
    /// As [`sessile::Store::clear`].
    pub fn try_clear(&mut self) -> Result<(), Error> {
        let commit = self.simulation().store().clear()?;
        self.called(Call::Clear, commit);
        Ok(())
    }

    /// As [`World::try_clear`].
    pub fn clear(&mut self) {
        self.try_clear().expect("a clear that is accepted");
    }

    fn note(&mut self, call: Call) -> usize {
        let (wall, monotonic_millis) = (self.clock.wall(), self.clock.monotonic_millis());
        let number = self.simulation().last_number();
        self.model.call(call, number, wall, monotonic_millis, self.disk.events())
    }

    fn called(&mut self, call: Call, commit: Commit) {
        let place = self.note(call);
        self.promises.lock().waiting.push((place, commit));
        self.poll();
    }

    /// Takes note of what is acknowledged by now.
    pub fn poll(&mut self) {
        let mut promises = self.promises.lock();
        promises.look(self.disk.events());
        for (place, event) in promises.acknowledged.drain(..) {
            self.model.acknowledge(place, event);
        }
    }

    /// How many operations are not answered.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.promises.lock().waiting.len()
    }

    /// One round of the committer, and the lookups that its batch waits for.
    pub fn commit(&mut self) {
        self.simulation().step_committer();
        self.poll();
        self.simulation().step_reader();
        self.poll();
    }

    /// Steps everything until nothing has anything to do.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            // The committer first: it hands the readers what its batch waits for.
            self.simulation().step_committer();
            self.poll();
            let mut busy = self.simulation().step_reader();
            self.poll();
            busy |= self.simulation().step_maintenance();
            self.poll();
            busy |= self.simulation().step_completions();
            self.poll();
            if !busy {
                // A poisoned store has promised nothing since.
                if !self.simulation().store().is_poisoned() {
                    self.model.settle(self.clock.monotonic_millis(), self.disk.events());
                }
                return;
            }
        }
        panic!("the store does not come to rest");
    }

    /// Moves everything that changed into the base.
    pub fn checkpoint(&mut self) {
        let asked = self.simulation().ask_checkpoint();
        let called = self.model.len();
        self.settle();
        if self.simulation().has_made(asked) {
            self.model.flush(called, self.disk.events());
        }
    }

    /// Closes the store as its last user does.
    ///
    /// # Panics
    /// Where the checkpoint fails that closing makes.
    pub fn close(&mut self) {
        self.checkpoint();
        assert!(self.model.is_flushed(), "closing made no checkpoint");
        self.simulation().close();
        self.kill();
    }

    /// Lets time pass, stepping everything as often as the store's threads would wake up.
    pub fn advance(&mut self, millis: u64) {
        self.settle();
        let mut left = millis;
        for at_most in [10, 1000].into_iter().chain(std::iter::repeat(60_000)) {
            let part = left.min(at_most);
            if part == 0 {
                return;
            }
            self.pass(part);
            self.settle();
            left -= part;
        }
    }

    /// Lets time pass while the store's threads do not run.
    pub fn pass(&mut self, millis: u64) {
        self.clock.advance(millis);
        self.times.push((self.disk.events(), self.clock.wall(), self.clock.monotonic_millis()));
    }

    /// Fills the base with more than its cache of pages holds, so that reads of other sessions go to the disk
    /// after [`World::evict_pages`].
    pub fn fill_base(&mut self) {
        for number in 0..24 {
            self.set(&format!("filler {number}"), 100_000, 30 * 24 * 3_600_000);
            self.advance(10);
            if number % 6 == 5 {
                self.checkpoint();
            }
        }
    }

    /// Pushes everything but the fillers out of the base's cache of pages.
    pub fn evict_pages(&self) {
        for number in 0..24 {
            assert!(self.has(&format!("filler {number}")));
        }
    }

    /// Everything in the store, by `get` and by `scan`, which have to agree with each other and with `len`.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn read_all(&self) -> Result<Sessions, String> {
        self.read_all_of(self.simulation().store())
    }

    /// As [`World::read_all`], of another store that has to hold the same.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn read_all_of(&self, store: &Store) -> Result<Sessions, String> {
        let mut found = Sessions::new();
        for name in self.model.ids() {
            if let Some(session) = store.get(&id(&name)).map_err(|error| format!("reading {name} failed: {error}"))? {
                found.insert(name, Expected::from(&session));
            }
        }
        let len = store.len().map_err(|error| format!("len failed: {error}"))?;
        if len != found.len() as u64 {
            return Err(format!("len is {len}, and {} sessions can be read", found.len()));
        }
        let scanned = scan(store)?;
        match difference(&found, &scanned) {
            None => Ok(found),
            Some(difference) => Err(format!("a scan does not show what reads do: {difference}")),
        }
    }

    /// All pages of a scan.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn scan(&self) -> Result<Sessions, String> {
        scan(self.simulation().store())
    }

    /// Checks that the store shows exactly what the model says.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn try_check(&self) -> Result<(), String> {
        let found = self.read_all()?;
        difference(&self.model.living(self.clock.wall()), &found).map_or(Ok(()), Err)
    }

    /// As [`World::try_check`].
    ///
    /// # Panics
    /// Where the store shows something else.
    pub fn check(&self) {
        if let Err(reason) = self.try_check() {
            panic!("{reason}");
        }
    }

    /// What a read of this session shows.
    ///
    /// # Panics
    /// Where reading fails.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Expected> {
        let session = self.simulation().store().get(&id(name)).expect("a read that does not fail");
        session.as_ref().map(Expected::from)
    }

    /// Whether a read finds this session.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

fn scan(store: &Store) -> Result<Sessions, String> {
    let mut scanned = Sessions::new();
    let mut after = None;
    loop {
        let page = store.scan(after.as_ref(), 3);
        let page = page.map_err(|error| format!("scanning failed: {error}"))?;
        for (id, session) in page.sessions {
            let name = String::from_utf8_lossy(id.as_bytes()).into_owned();
            if scanned.insert(name.clone(), Expected::from(&session)).is_some() {
                return Err(format!("a scan shows {name} twice"));
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(scanned);
        }
    }
}
