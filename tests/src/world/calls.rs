//! The calls that a world's model knows of.

use sessile::simulation::Clock;
use sessile::{Commit, Error, Timestamp, Version};

use super::{World, id};
use crate::model::Call;

impl World {
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

    /// As [`World::try_set`], if the session has this version. A lookup it needs is done at once.
    ///
    /// # Errors
    /// As [`sessile::Store::set_if`], of the call and of its lookup.
    pub fn try_set_if(&mut self, name: &str, len: usize, ttl_millis: u64, version: Version) -> Result<(), Error> {
        let (payload, expires_at) = (self.payload(len), self.in_millis(ttl_millis));
        let commit = self.simulation().store().set_if(&id(name), payload.clone(), Some(expires_at), version)?;
        // The committer first: it hands the readers what an earlier write of the session waits for.
        self.simulation().step_committer();
        while self.simulation().step_reader() {}
        if commit.version().is_none() {
            assert!(commit.is_complete(), "{name} was not looked up");
            // Its condition did not hold, or could not be looked at.
            return commit.wait();
        }
        self.called(Call::Set { id: name.to_owned(), payload, expires_at }, commit);
        Ok(())
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

    /// Has a session in the base that expired by what stands there, and lives on by a touch that only the log knows of:
    /// set, touched before a restart, and not looked up since. Returns when it came into being.
    pub fn keep_by_a_touch(&mut self, name: &str) -> Timestamp {
        self.set(name, 100, 10_000);
        self.checkpoint();
        let created_at = self.get(name).expect("it was set").created_at;
        self.touch(name, 3_600_000);
        self.advance(1100);
        self.restart_unchecked();
        self.pass(20_000);
        created_at
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
}
