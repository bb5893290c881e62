//! What a world's store holds, by every way there is to read it.

use sessile::Store;
use sessile::simulation::Clock;

use super::{World, id};
use crate::model::{Expected, Sessions, difference};

impl World {
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
