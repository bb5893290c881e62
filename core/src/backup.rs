//! A copy of a live store in another directory.
//!
//! The copy is built beside its final place, made durable, and only then renamed, so that a directory with
//! the backup's name is always a complete store. It is read from the base a page at a time, and nothing is
//! held between pages: what was acknowledged before the backup was asked for is in the base by then, and
//! each session is copied as it was then or later.

use std::io;
use std::path::{Path, PathBuf};

use crate::base::{Base, Batch};
use crate::codec::{FORMAT, Meta};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::session::SessionId;
use crate::sweep::{Change, ChangeKind};

/// How many sessions one transaction of the copy holds.
const SESSIONS_PER_COMMIT: usize = 20_000;

/// Copies what the base has into `directory`. Everything that has to be in the copy is in the base.
pub(crate) fn backup(engine: &Engine, directory: &Path) -> Result<()> {
    let partial = create_partial(engine, directory)?;
    let finished = copy_and_rename(engine, &partial, directory);
    if finished.is_err() {
        remove(engine, &partial);
    }
    finished
}

/// The failure for a place that is taken.
pub(crate) fn exists_already(directory: &Path) -> Error {
    let reason = format!("{} exists already; name a directory that does not", directory.display());
    Error::InvalidArgument { what: "directory", reason }
}

fn copy_and_rename(engine: &Engine, partial: &Path, directory: &Path) -> Result<()> {
    let failed = |error| Error::io("create the backup", directory, error);
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    engine.storage.sync_dir(parent).map_err(failed)?;
    copy(engine, partial)?;
    engine.storage.sync_dir(partial).map_err(failed)?;
    engine.storage.rename(partial, directory).map_err(|error| match error.kind() {
        // Another backup was there first.
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => exists_already(directory),
        _ => failed(error),
    })?;
    engine.storage.sync_dir(parent).map_err(failed)
}

fn copy(engine: &Engine, partial: &Path) -> Result<()> {
    let meta = |covered| Meta {
        format: FORMAT,
        run: 0,
        start_segment: 0,
        recovered_frames: 0,
        first_number: covered + 1,
        covered,
        cleared: 0,
    };
    let copy = Base::create(&engine.storage, partial, engine.options.base_cache_bytes, &meta(0))?;
    let mut after = None;
    loop {
        let page = engine.base.range(after.as_ref(), SESSIONS_PER_COMMIT)?;
        let cleared = engine.table.cleared();
        after = page.items.last().map(|(id, _)| id.clone());
        let mut changes = Vec::with_capacity(page.items.len());
        for (id, session) in page.items {
            let stored = session?;
            if stored.version > cleared {
                changes.push(whole(id, stored));
            }
        }
        copy.commit(&Batch { changes: &changes, ..Batch::default() })?;
        if !page.more {
            break;
        }
    }
    // Numbers go on above everything that the copied sessions carry, those of the last page, too.
    let meta = meta(engine.sequencer.last());
    copy.commit(&Batch { meta: Some(meta), ..Batch::default() })?;
    copy.close();
    Ok(())
}

/// A session as the base has it, as what another base is to have.
pub(crate) fn whole(id: SessionId, stored: crate::base::StoredSession) -> Change {
    Change { id, changed: stored.version, index_at: None, kind: ChangeKind::Whole(stored.into()) }
}

/// Makes a directory for this copy alone: several may be under way to one place, and one that was killed is left.
fn create_partial(engine: &Engine, directory: &Path) -> Result<PathBuf> {
    let mut number = 0_u32;
    loop {
        let partial = partial_path(directory, number)?;
        match engine.storage.create_dir(&partial) {
            Ok(()) => return Ok(partial),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number = number.saturating_add(1),
            Err(error) => return Err(Error::io("create the directory", &partial, error)),
        }
    }
}

/// Beside the final place, so that the rename stays on one disk.
fn partial_path(directory: &Path, number: u32) -> Result<PathBuf> {
    let Some(name) = directory.file_name() else {
        let reason = format!("{} has no name of its own", directory.display());
        return Err(Error::InvalidArgument { what: "directory", reason });
    };
    let mut partial = std::ffi::OsString::from(".");
    partial.push(name);
    partial.push(format!(".partial-{}-{number}", std::process::id()));
    Ok(directory.with_file_name(partial))
}

/// Takes back a copy that did not come about; what cannot be removed is only in the way.
fn remove(engine: &Engine, partial: &Path) {
    for name in engine.storage.list(partial).unwrap_or_default() {
        if let Err(error) = engine.storage.remove_file(&partial.join(name)) {
            tracing::warn!(%error, path = %partial.display(), "an unfinished backup could not be removed");
        }
    }
    if let Err(error) = engine.storage.remove_dir(partial) {
        tracing::warn!(%error, path = %partial.display(), "an unfinished backup could not be removed");
    }
}
