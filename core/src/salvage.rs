//! Making a base that works from one that is damaged.
//!
//! A base all of whose blocks are sound loses at most its damaged records. Any other is set aside, and what can be
//! read of it goes into a new one: first what its blocks' checksums vouch for, then what redb's or a record's own do.
//! Nothing is lost but what is listed. A base that cannot be opened at all leaves the log.
//!
//! Until the new base has taken the damaged one's name, every try begins with the damaged one, which is only read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::backup::whole;
use crate::base::{BASE_FILE, Base, Batch, NEW_BASE_FILE, StoredSession};
use crate::codec::Meta;
use crate::damage::Damage;
use crate::error::{Error, Result};
use crate::segment::{Found, find_segment};
use crate::session::SessionId;
use crate::storage::Storage;
use crate::sweep::Change;

/// The base's file, once it was set aside.
const DAMAGED_BASE_FILE: &str = "base.redb.damaged";
const SESSIONS_PER_COMMIT: usize = 1000;
const BYTES_PER_COMMIT: usize = 16 << 20;
/// How many blocks are verified in one call.
const BLOCKS_AT_ONCE: u64 = 256;

/// A store's base, to be salvaged.
pub(crate) struct DamagedBase<'a> {
    pub(crate) storage: &'a Arc<dyn Storage>,
    /// The store's.
    pub(crate) directory: &'a Path,
    pub(crate) log_directory: &'a Path,
    pub(crate) cache_bytes: u64,
}

impl DamagedBase<'_> {
    /// Opens what is left of the base, and adds what is not to `dropped`.
    ///
    /// # Errors
    /// [`Error::UnsupportedFormat`], [`Error::Io`], [`Error::DiskFull`]
    pub(crate) fn salvage(&self, dropped: &mut Vec<Damage>) -> Result<(Base, Meta)> {
        self.take_back()?;
        let path = self.directory.join(BASE_FILE);
        let exists = self.exists(BASE_FILE)?;
        let opened = if exists {
            Base::open_damaged(self.storage, self.directory, self.cache_bytes)
        } else {
            let reason = "it is missing although the store has a log".to_owned();
            Err(Error::Corrupted { file: path, offset: 0, reason })
        };
        let mut damage = Vec::new();
        let (verified, meta) = match opened {
            Ok((base, Ok(meta))) => match repair(&base, dropped) {
                Ok(true) => return Ok((base, meta)),
                Ok(false) | Err(Error::Corrupted { .. }) => (Some(base), Some(meta)),
                Err(error) => return Err(error),
            },
            Ok((base, Err(error @ Error::Corrupted { .. }))) => {
                drop_part(&mut damage, error);
                (Some(base), None)
            }
            Err(error @ Error::Corrupted { .. }) => {
                drop_part(&mut damage, error);
                (None, None)
            }
            Ok((_, Err(error))) | Err(error) => return Err(error),
        };
        // Also where there is no base: beside the new one it would pass for one that was to be salvaged.
        self.remove_if_there(DAMAGED_BASE_FILE)?;
        let saved = self.save(verified, meta, damage, exists, dropped)?;
        if exists {
            self.set_aside()?;
        }
        Ok((saved.0.install(self.directory)?, saved.1))
    }

    /// Fills a new base with all that can be read of the damaged one.
    fn save(
        &self,
        verified: Option<Base>,
        meta: Option<Meta>,
        mut damage: Vec<Damage>,
        exists: bool,
        dropped: &mut Vec<Damage>,
    ) -> Result<(Base, Meta)> {
        let mut rescue = Rescue {
            new: Base::begin(self.storage, self.directory, self.cache_bytes, &meta.unwrap_or(Meta::NEW))?,
            highest: 0,
            named: BTreeSet::new(),
            is_complete: false,
            unsaved: BTreeMap::new(),
        };
        if let Some(verified) = verified {
            rescue.save_verified(&verified, &mut damage)?;
            // Closed, it would be written to.
            drop(verified);
        }
        let has_everything = rescue.is_complete && rescue.unsaved.is_empty() && meta.is_some();
        let unverified = if exists && !has_everything { self.open_unverified()? } else { None };
        let meta_unverified = unverified.as_ref().and_then(Base::meta_if_readable);
        match unverified {
            Some(base) if base.is_integral() => {
                tracing::warn!(path = %base.path().display(), "of the damaged base it is only checksums that are damaged");
                rescue.save_all(&base)?;
                damage.clear();
            }
            Some(base) => match base.trust_leaves() {
                Ok(()) => rescue.save_unverified(&base)?,
                Err(Error::Corrupted { .. }) => {}
                Err(error) => return Err(error),
            },
            None => {}
        }
        dropped.append(&mut damage);
        if exists && !rescue.is_complete {
            let (file, reason) = (self.directory.join(BASE_FILE), INCOMPLETE.to_owned());
            dropped.push(Damage { file, offset: 0, id: None, reason });
        }
        dropped.extend(rescue.unsaved.into_iter().map(|(id, error)| dropped_session(&id, error)));
        let meta = match meta.or(meta_unverified) {
            Some(meta) => meta,
            None => {
                let run = last_run(self.storage.as_ref(), self.log_directory)?;
                Meta { run, start_segment: run, ..Meta::NEW }
            }
        };
        // Numbers go on above everything that was copied, also where the meta record was lost.
        let meta = Meta { first_number: meta.first_number.max(rescue.highest.max(meta.covered) + 1), ..meta };
        rescue.new.commit(&Batch { meta: Some(meta), ..Batch::default() })?;
        Ok((rescue.new, meta))
    }

    fn open_unverified(&self) -> Result<Option<Base>> {
        match Base::open_unverified(self.storage, self.directory, self.cache_bytes) {
            Ok(base) => Ok(Some(base)),
            Err(Error::Corrupted { .. } | Error::UnsupportedFormat { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn exists(&self, name: &str) -> Result<bool> {
        let path = self.directory.join(name);
        Ok(self.storage.kind(&path).map_err(|error| Error::io("look at", path, error))?.is_some())
    }

    fn sync(&self) -> Result<()> {
        self.storage.sync_dir(self.directory).map_err(|error| Error::io("sync the directory", self.directory, error))
    }

    fn remove_if_there(&self, name: &str) -> Result<()> {
        if !self.exists(name)? {
            return Ok(());
        }
        let path = self.directory.join(name);
        self.storage.remove_file(&path).map_err(|error| Error::io("remove", path, error))?;
        self.sync()
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.directory.join(from), self.directory.join(to));
        self.storage.rename(&from, &to).map_err(|error| Error::io("rename", from, error))
    }

    /// Gives the damaged base its other name, once the new one is durable under its own: whoever finds that one without
    /// a base knows that a salvage was stopped here.
    fn set_aside(&self) -> Result<()> {
        self.sync()?;
        self.rename(BASE_FILE, DAMAGED_BASE_FILE)
    }

    /// Where a salvage was stopped between the new base's and the damaged one's change of names, it begins anew. What
    /// an earlier one set aside is not taken for that: it was removed before the new base was begun.
    fn take_back(&self) -> Result<()> {
        if self.exists(BASE_FILE)? || !self.exists(NEW_BASE_FILE)? || !self.exists(DAMAGED_BASE_FILE)? {
            return Ok(());
        }
        self.rename(DAMAGED_BASE_FILE, BASE_FILE)?;
        self.sync()
    }
}

/// What is listed where neither the records nor the expiry index could be read to their ends.
const INCOMPLETE: &str = "parts that name sessions are not readable: some may be missing that nothing names any more, \
                          and some may be as they were earlier, or be there although they were destroyed";

/// A new base being filled.
struct Rescue {
    new: Base,
    /// The highest version that was copied.
    highest: u64,
    /// The sessions that verified parts of the damaged base name.
    named: BTreeSet<SessionId>,
    /// Whether these are all.
    is_complete: bool,
    /// Those of them that were not copied, and why.
    unsaved: BTreeMap<SessionId, Error>,
}

impl Rescue {
    /// Copies what verified blocks have.
    fn save_verified(&mut self, old: &Base, damage: &mut Vec<Damage>) -> Result<()> {
        let survey = old.ids();
        for error in survey.damage {
            drop_part(damage, error);
        }
        (self.named, self.is_complete) = (survey.ids, survey.is_complete);
        let named = std::mem::take(&mut self.named);
        self.copy(old, named.iter(), |unsaved, id, error| {
            // What the index alone names was removed: it is kept lazily.
            unsaved.extend(error.map(|error| (id.clone(), error)));
        })?;
        self.named = named;
        Ok(())
    }

    /// Copies all that a base has which is sound but for the checksums of its blocks.
    fn save_all(&mut self, old: &Base) -> Result<()> {
        let (mut after, unsaved) = (None, std::mem::take(&mut self.unsaved));
        loop {
            let page = old.range(after.as_ref(), SESSIONS_PER_COMMIT)?.items;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            let mut batch = Changes::default();
            for (id, session) in page {
                match session {
                    Ok(_) if self.named.contains(&id) && !unsaved.contains_key(&id) => {}
                    Ok(session) => self.take(&mut batch, &id, session)?,
                    Err(error) => drop(self.unsaved.insert(id, error)),
                }
            }
            batch.commit(&self.new)?;
        }
        self.is_complete = true;
        Ok(())
    }

    /// Copies single records of damaged blocks; and where those that are named may not be all, whatever is found.
    fn save_unverified(&mut self, old: &Base) -> Result<()> {
        let unsaved = std::mem::take(&mut self.unsaved);
        self.copy(old, unsaved.keys(), |still, id, _| {
            still.extend(unsaved.get(id).map(|error| (id.clone(), error.clone())));
        })?;
        if self.is_complete {
            return Ok(());
        }
        let found = old.ids().ids;
        let named = std::mem::take(&mut self.named);
        self.copy(old, found.difference(&named), |unsaved, id, error| {
            unsaved.extend(error.map(|error| (id.clone(), error)));
        })
    }

    /// Copies sessions; says of each that cannot be copied why, or that there is none.
    fn copy<'a>(
        &mut self,
        old: &Base,
        ids: impl Iterator<Item = &'a SessionId>,
        unsaved: impl Fn(&mut BTreeMap<SessionId, Error>, &SessionId, Option<Error>),
    ) -> Result<()> {
        let mut batch = Changes::default();
        for id in ids {
            match old.get(id).and_then(Option::transpose) {
                Ok(Some(stored)) => self.take(&mut batch, id, stored)?,
                Ok(None) => unsaved(&mut self.unsaved, id, None),
                Err(error @ Error::Corrupted { .. }) => unsaved(&mut self.unsaved, id, Some(error)),
                Err(error) => return Err(error),
            }
        }
        batch.commit(&self.new)
    }

    fn take(&mut self, batch: &mut Changes, id: &SessionId, stored: StoredSession) -> Result<()> {
        self.highest = self.highest.max(stored.version);
        batch.bytes += stored.payload.len();
        batch.changes.push(whole(id.clone(), stored));
        if batch.changes.len() >= SESSIONS_PER_COMMIT || batch.bytes >= BYTES_PER_COMMIT {
            batch.commit(&self.new)?;
        }
        Ok(())
    }
}

/// Sessions on their way into the new base.
#[derive(Default)]
struct Changes {
    changes: Vec<Change>,
    bytes: usize,
}

impl Changes {
    fn commit(&mut self, new: &Base) -> Result<()> {
        if !self.changes.is_empty() {
            new.commit(&Batch { changes: &self.changes, ..Batch::default() })?;
        }
        *self = Self::default();
        Ok(())
    }
}

/// Removes damaged records from a base whose blocks are sound. `false`: they are not.
fn repair(base: &Base, dropped: &mut Vec<Damage>) -> Result<bool> {
    let mut block = 0;
    loop {
        let verified = base.verify(block..block + BLOCKS_AT_ONCE)?;
        if !verified.damaged.is_empty() || !verified.unsure.is_empty() {
            return Ok(false);
        }
        if !verified.more {
            break;
        }
        block += BLOCKS_AT_ONCE;
    }
    let mut damaged = Vec::new();
    let mut after: Option<SessionId> = None;
    loop {
        let page = base.range(after.as_ref(), SESSIONS_PER_COMMIT)?.items;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        damaged.extend(page.into_iter().filter_map(|(id, session)| Some((id, session.err()?))));
    }
    if !damaged.is_empty() {
        let ids: Vec<_> = damaged.iter().map(|(id, _)| id.clone()).collect();
        base.remove_damaged(&ids)?;
        dropped.extend(damaged.into_iter().map(|(id, error)| dropped_session(&id, error)));
    }
    Ok(true)
}

fn drop_part(dropped: &mut Vec<Damage>, error: Error) {
    dropped.extend(Damage::of(error, None));
}

fn dropped_session(id: &SessionId, error: Error) -> Damage {
    let id = Some(id.clone());
    Damage::of(error, id.clone()).unwrap_or_else(|error| {
        let reason = error.to_string();
        Damage { file: std::path::PathBuf::new(), offset: 0, id, reason }
    })
}

/// The newest run that any segment belongs to.
fn last_run(storage: &dyn Storage, log_directory: &Path) -> Result<u64> {
    let mut last = 0;
    for name in storage.list(log_directory).map_err(|error| Error::io("list", log_directory, error))? {
        if name.ends_with(".log")
            && let Found::Segment(segment) = find_segment(storage, &log_directory.join(name))?
        {
            last = last.max(segment.header.run);
        }
    }
    Ok(last)
}
