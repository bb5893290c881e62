//! Making a base that works from one that is damaged.
//!
//! A base all of whose blocks are sound loses at most its damaged records. Any other is set aside, and what can be
//! read of it goes into a new one: nothing is lost but what is listed. A base that cannot be opened at all leaves the
//! log.

use std::path::Path;
use std::sync::Arc;

use crate::backup::whole;
use crate::base::{Base, Batch};
use crate::codec::Meta;
use crate::error::{Error, Result};
use crate::replay::Dropped;
use crate::segment::{Found, find_segment};
use crate::session::SessionId;
use crate::storage::Storage;

/// The base's file, once it was set aside.
const DAMAGED_BASE_FILE: &str = "base.redb.damaged";
const SESSIONS_PER_COMMIT: usize = 1000;
/// How many blocks are verified in one call.
const BLOCKS_AT_ONCE: u64 = 256;

/// Opens what is left of the base, and adds what is not to `dropped`.
///
/// # Errors
/// [`Error::UnsupportedFormat`], [`Error::Io`], [`Error::DiskFull`]
pub(crate) fn salvage_base(
    storage: &Arc<dyn Storage>,
    directory: &Path,
    log_directory: &Path,
    cache_bytes: u64,
    exists: bool,
    dropped: &mut Vec<Dropped>,
) -> Result<(Base, Meta)> {
    let base_path = directory.join(crate::base::BASE_FILE);
    let opened = if exists {
        Base::open_damaged(storage, directory, cache_bytes)
    } else {
        let reason = "it is missing although the store has a log".to_owned();
        Err(Error::Corrupted { file: base_path.clone(), offset: 0, reason })
    };
    let (old, meta) = match opened {
        Ok((base, Ok(meta))) => match repair(&base, dropped) {
            Ok(true) => return Ok((base, meta)),
            Ok(false) | Err(Error::Corrupted { .. }) => (Some(base), Some(meta)),
            Err(error) => return Err(error),
        },
        Ok((base, Err(error @ Error::Corrupted { .. }))) => {
            drop_part(dropped, error);
            (Some(base), None)
        }
        Err(error @ Error::Corrupted { .. }) => {
            drop_part(dropped, error);
            (None, None)
        }
        Ok((_, Err(error))) | Err(error) => return Err(error),
    };
    let meta = match meta {
        Some(meta) => meta,
        None => {
            let run = last_run(storage.as_ref(), log_directory)?;
            Meta { run, start_segment: run, ..Meta::NEW }
        }
    };
    let new = Base::begin(storage, directory, cache_bytes, &meta)?;
    let meta = match &old {
        Some(old) => copy(old, &new, meta, dropped)?,
        None => meta,
    };
    if let Some(old) = old {
        old.close();
    }
    if exists {
        let aside = directory.join(DAMAGED_BASE_FILE);
        storage.rename(&base_path, &aside).map_err(|error| Error::io("set aside", &base_path, error))?;
    }
    Ok((new.install(directory)?, meta))
}

/// Removes damaged records from a base whose blocks are sound. `false`: they are not.
fn repair(base: &Base, dropped: &mut Vec<Dropped>) -> Result<bool> {
    let mut block = 0;
    while block < base.blocks() {
        let verified = base.verify(block..block + BLOCKS_AT_ONCE)?;
        if !verified.damaged.is_empty() || !verified.unsure.is_empty() {
            return Ok(false);
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

/// Copies what can be read of `old` into `new`. Returns what the new base says of itself.
fn copy(old: &Base, new: &Base, meta: Meta, dropped: &mut Vec<Dropped>) -> Result<Meta> {
    let survey = old.ids();
    for error in survey.damage {
        drop_part(dropped, error);
    }
    let ids: Vec<SessionId> = survey.ids.into_iter().collect();
    let mut highest = meta.covered;
    for ids in ids.chunks(SESSIONS_PER_COMMIT) {
        let mut changes = Vec::with_capacity(ids.len());
        for id in ids {
            match old.get(id).and_then(Option::transpose) {
                Ok(Some(stored)) => {
                    highest = highest.max(stored.version);
                    changes.push(whole(id.clone(), stored));
                }
                Ok(None) => {}
                Err(error @ Error::Corrupted { .. }) => dropped.push(dropped_session(id, error)),
                Err(error) => return Err(error),
            }
        }
        new.commit(&Batch { changes: &changes, ..Batch::default() })?;
    }
    if !survey.is_complete {
        let (file, reason) = (old.path().to_owned(), "sessions whose ids nothing tells any more".to_owned());
        dropped.push(Dropped { file, offset: 0, id: None, reason });
    }
    // Numbers go on above everything that was copied, also where the meta record was lost.
    let meta = Meta { first_number: meta.first_number.max(highest + 1), ..meta };
    new.commit(&Batch { meta: Some(meta), ..Batch::default() })?;
    Ok(meta)
}

fn drop_part(dropped: &mut Vec<Dropped>, error: Error) {
    if let Error::Corrupted { file, offset, reason } = error {
        dropped.push(Dropped { file, offset, id: None, reason });
    }
}

fn dropped_session(id: &SessionId, error: Error) -> Dropped {
    let id = Some(id.clone());
    match error {
        Error::Corrupted { file, offset, reason } => Dropped { file, offset, id, reason },
        error => Dropped { file: std::path::PathBuf::new(), offset: 0, id, reason: error.to_string() },
    }
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
