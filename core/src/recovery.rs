//! Opening a store: creating what is missing, taking the lock, and recovering what was acknowledged.
//!
//! Recovery trusts nothing that it only read. What it replays may exist in the page cache alone, so it is
//! written again, into the first segments of a new run, and synced before the base names that run; only
//! then is anything acknowledged, and only then are the old segments free. A crash at any point before
//! leaves the old run in force.

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::channel;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::lock::{Mutex, RwLock};

use crate::base::{BASE_FILE, Base, Batch};
use crate::clock::{Clock, TimeKeeper};
use crate::codec::{Created, FORMAT, Malformed, Meta, Operation, encode_operation};
use crate::committer::Committer;
use crate::damage::Damage;
use crate::engine::Engine;
use crate::entry::{Content, Entry, NewContent};
use crate::error::{Error, Result};
use crate::events::{Event, Observers, Tasks, guard};
use crate::frame::{FRAME_HEADER_BYTES, FrameKind, begin_frame};
use crate::health::Health;
use crate::log::{AppendError, FrameContent, Log, LogWriter, SpaceFor};
use crate::maintenance::Maintenance;
use crate::numbers::START_MAX;
use crate::options::Options;
use crate::progress::Progress;
use crate::replay::{Passed, Replayed, replay};
use crate::reserve::Reserve;
use crate::salvage::DamagedBase;
use crate::segment::Segment;
use crate::sequencer::Sequencer;
use crate::session::SessionId;
use crate::shard::Job;
use crate::stats::Counters;
use crate::storage::{Kind, Storage, StorageLock};
use crate::table::{Beginning, ShardHasher, Table};

const LOCK_FILE: &str = "LOCK";
const LOG_DIRECTORY: &str = "log";
/// Numbers that a crash may have given away without a trace are skipped: at most a second's worth.
const NUMBER_GAP: u64 = 1 << 24;
const FRAME_BYTES: usize = 1024 * 1024;
const LOCK_POLL: Duration = Duration::from_millis(20);

/// Where the store's bytes and its time come from, and what its order in memory depends on.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Random, since ids come from outside; fixed where a test wants a recovery to write the same bytes again.
    pub(crate) hasher: ShardHasher,
}

/// Creates the store's directory where it is missing, durably, and returns its one name.
///
/// # Errors
/// [`Error::NotADirectory`], [`Error::Io`]
pub(crate) fn prepare_directory(storage: &dyn Storage, path: &Path) -> Result<PathBuf> {
    let not_a_directory = || Error::NotADirectory { path: path.to_owned() };
    match storage.kind(path) {
        Ok(Some(Kind::Directory)) => {}
        Ok(Some(Kind::File)) => return Err(not_a_directory()),
        Ok(None) => create_directory(storage, path)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Err(not_a_directory()),
        Err(error) => return Err(Error::io("look at", path, error)),
    }
    storage.canonical(path).map_err(|error| Error::io("look at", path, error))
}

/// Creates a directory and makes its entry durable.
fn create_directory(storage: &dyn Storage, path: &Path) -> Result<()> {
    match storage.create_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(Error::io("create the directory", path, error)),
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    storage.sync_dir(parent).map_err(|error| Error::io("sync the directory", parent, error))
}

/// Makes the names of the store's files, and the store's own, durable: a process that was killed may have
/// created them and never synced their directories.
fn sync_names(storage: &dyn Storage, path: &Path) -> Result<()> {
    storage.sync_dir(path).map_err(|error| Error::io("sync the directory", path, error))?;
    let Some(parent) = path.parent() else { return Ok(()) };
    match storage.sync_dir(parent) {
        // A parent that may be entered but not read was there before the store.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced.map_err(|error| Error::io("sync the directory", parent, error)),
    }
}

/// Takes the store's lock, waiting at most `open_timeout` for whoever has it.
fn lock(surroundings: &Surroundings, path: &Path, open_timeout: Duration) -> Result<Box<dyn StorageLock>> {
    let lock_path = path.join(LOCK_FILE);
    let waits_until = surroundings.clock.monotonic_millis() + crate::time::millis(open_timeout);
    loop {
        match surroundings.storage.try_lock(&lock_path) {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) if surroundings.clock.monotonic_millis() < waits_until => std::thread::sleep(LOCK_POLL),
            Ok(None) => return Err(Error::Locked { path: path.to_owned() }),
            Err(error) => return Err(Error::io("lock", lock_path, error)),
        }
    }
}

/// Opens the store in the directory `path`, which [`prepare_directory`] returned. No threads run yet.
///
/// # Errors
/// All that opening can fail with; nothing on disk is changed by a failure but what was already agreed on.
pub(crate) fn open(
    options: Options,
    path: PathBuf,
    surroundings: &Surroundings,
    salvage: bool,
) -> Result<(Arc<Engine>, Vec<Damage>)> {
    let storage = Arc::clone(&surroundings.storage);
    let lock = lock(surroundings, &path, options.open_timeout)?;
    let log_directory = path.join(LOG_DIRECTORY);
    create_directory(storage.as_ref(), &log_directory)?;

    let mut dropped = Vec::new();
    let reserve = Arc::new(Reserve::find(&storage, &path, options.log_bytes_max)?);
    let (base, meta) = open_base(&storage, &path, &log_directory, &options, salvage, &mut dropped)?;
    let base = base.with_reserve(&reserve);

    let counters = Arc::new(Counters::default());
    let tasks = Tasks::default();
    let sequencer = Arc::new(Sequencer::new(1));
    let progress = {
        let tasks = tasks.clone();
        Arc::new(Progress::new(move |ready| {
            tasks.push(Box::new(move || ready.into_iter().for_each(|ready| guard(|| ready.run()))));
        }))
    };
    let jobs = channel::unbounded();
    let table = Table::new(
        Beginning {
            cache_bytes: options.cache_bytes,
            touch_after: options.touch_after,
            hasher: surroundings.hasher.clone(),
            cleared: meta.cleared,
        },
        Arc::clone(&counters),
        Arc::clone(&sequencer),
        Arc::clone(&progress),
        jobs.0.clone(),
        tasks.clone(),
    );
    let mut failure = None;
    let mut replayed = replay(storage.as_ref(), &log_directory, &meta, salvage, &mut |number, operation| {
        if let Err(error) = table.replay(number, operation) {
            failure.get_or_insert(error);
        }
    })?;
    if let Some(error) = failure {
        return Err(error);
    }
    if !table.clear_pending() {
        // After the replay, since a replayed clear begins to count anew, also one that the base has seen.
        table.living.fetch_add(i64::try_from(base.count()?).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
    dropped.extend(replayed.dropped.iter().cloned());

    sync_names(storage.as_ref(), &path)?;
    remove_unneeded(storage.as_ref(), &base, &meta, &mut replayed, !reserve.is_whole())?;
    let new_log =
        |run| Log::new(Arc::clone(&storage), &log_directory, run, options.log_bytes_max, Arc::clone(&reserve));
    let (log, writer, meta) = begin_run(new_log, &log_directory, &table, &base, &meta, &replayed)?;
    let last = meta.first_number - 1;
    sequencer.begin(meta.first_number);
    progress.publish(last, last);
    discard(storage.as_ref(), &log, replayed.segments, &replayed.unreadable);

    let health = Arc::new(Health::default());
    let observers = Observers::new(tasks.clone());
    for Passed { file, offset, bytes } in replayed.passed {
        observers.emit_while_opening(Event::LogDamaged { file, offset, bytes });
    }
    let committer = Committer::new(
        writer,
        Arc::clone(&sequencer),
        Arc::clone(&progress),
        Arc::clone(&health),
        observers.clone(),
        Arc::clone(&counters),
        path.clone(),
    );
    let time = TimeKeeper::new(Arc::clone(&surroundings.clock));
    let maintenance = Maintenance::new(meta, options.scrub_interval, time.monotonic_millis());
    // What was replayed is looked up behind the first requests, so that `len` is exact soon.
    drop(jobs.0.send(Job::Settle));
    let engine = Engine {
        options,
        path,
        storage,
        time,
        table,
        base,
        log,
        reserve,
        sequencer,
        progress,
        counters,
        health,
        observers,
        tasks,
        jobs,
        doorbell: Arc::default(),
        checkpoint_rung: AtomicBool::new(false),
        callers_write_from: AtomicU64::new(0),
        preparing: AtomicBool::new(false),
        prepare_at_millis: AtomicU64::new(0),
        base_gate: RwLock::new(()),
        committer: Mutex::new(Some(committer)),
        maintenance: Mutex::new(maintenance),
        lock: Mutex::new(Some(lock)),
        process_id: std::process::id(),
        process_checked_at: AtomicU64::new(0),
        threads: Mutex::default(),
    };
    Ok((Arc::new(engine), dropped))
}

/// Opens the base, or creates it where the store is new. With salvage an unreadable base is set aside.
fn open_base(
    storage: &Arc<dyn Storage>,
    path: &Path,
    log_directory: &Path,
    options: &Options,
    salvage: bool,
    dropped: &mut Vec<Damage>,
) -> Result<(Base, Meta)> {
    let base_path = path.join(BASE_FILE);
    let exists = storage.kind(&base_path).map_err(|error| Error::io("look at", &base_path, error))?.is_some();
    let has_log = storage
        .list(log_directory)
        .map_err(|error| Error::io("list", log_directory, error))?
        .iter()
        .any(|name| name.ends_with(".log"));
    if !exists && !has_log {
        let base = Base::create(storage, path, options.base_cache_bytes, &Meta::NEW)?;
        return Ok((base, Meta::NEW));
    }
    if salvage {
        let cache_bytes = options.base_cache_bytes;
        return DamagedBase { storage, directory: path, log_directory, cache_bytes }.salvage(dropped);
    }
    if exists {
        return Base::open(storage, path, options.base_cache_bytes);
    }
    let reason = "it is missing although the store has a log".to_owned();
    Err(Error::Corrupted { file: base_path, offset: 0, reason })
}

/// Removes what openings that failed have left: without this each try for lack of room would take more. On a disk that
/// was full, and may be so still, segments go that no replay needs, too: what is written next has to fit.
///
/// That the base names another run, or a later segment, was only read, so it is made durable once more before they go.
fn remove_unneeded(
    storage: &dyn Storage,
    base: &Base,
    meta: &Meta,
    replayed: &mut Replayed,
    lacks_room: bool,
) -> Result<()> {
    let visited = std::mem::take(&mut replayed.visited);
    let is_unneeded = |segment: &mut Segment| {
        segment.header.run > meta.run || (lacks_room && !visited.contains(&segment.header.number))
    };
    let unneeded: Vec<Segment> = replayed.segments.extract_if(.., is_unneeded).collect();
    if unneeded.is_empty() {
        return Ok(());
    }
    base.commit(&Batch { meta: Some(*meta), makes_room: true, ..Batch::default() })?;
    for segment in unneeded {
        storage.remove_file(&segment.path).map_err(|error| Error::io("remove", &segment.path, error))?;
    }
    Ok(())
}

/// Starts a new run of the log with what was replayed, and has the base name it.
fn begin_run(
    new_log: impl FnOnce(u64) -> Log,
    log_directory: &Path,
    table: &Table,
    base: &Base,
    meta: &Meta,
    replayed: &Replayed,
) -> Result<(Arc<Log>, LogWriter, Meta)> {
    let run = replayed.highest_segment.max(meta.run) + 1;
    let highest_number = replayed.highest_number.max(meta.covered).max(meta.first_number);
    let first_number = highest_number + NUMBER_GAP;
    if run > START_MAX || first_number > START_MAX {
        let reason = "its numbers are higher than any store gives".to_owned();
        return Err(Error::Corrupted { file: log_directory.to_owned(), offset: 0, reason });
    }
    let log = Arc::new(new_log(run));
    let mut writer = LogWriter::begin(Arc::clone(&log), first_number - 1)?;
    let recovered_frames = write_again(table, &mut writer, meta, first_number - 1)?;
    writer.end_recovery()?;
    let meta = Meta { format: FORMAT, run, start_segment: run, recovered_frames, first_number, ..*meta };
    base.commit(&Batch { meta: Some(meta), makes_room: true, ..Batch::default() })?;
    Ok((log, writer, meta))
}

/// Writes the table's changes, which come from the old run, into the new one. Returns the number of frames.
fn write_again(table: &Table, writer: &mut LogWriter, meta: &Meta, last: u64) -> Result<u64> {
    let mut frames = Frames { writer, first: meta.covered, last, frame: Vec::new(), count: 0, frames: 0 };
    begin_frame(&mut frames.frame);
    if table.clear_pending() {
        frames.push(table.cleared(), &Operation::Clear)?;
    }
    for shard in table.shards() {
        let shard = shard.lock();
        for (id, entry) in shard.entries.iter() {
            frames.push_entry(id, entry)?;
        }
    }
    frames.finish()?;
    Ok(frames.frames)
}

/// Frames of recovered operations being filled.
struct Frames<'a> {
    writer: &'a mut LogWriter,
    /// Offsets count from here.
    first: u64,
    last: u64,
    frame: Vec<u8>,
    count: u32,
    frames: u64,
}

impl Frames<'_> {
    fn push_entry(&mut self, id: &SessionId, entry: &Entry) -> Result<()> {
        let id = id.as_bytes();
        match &entry.content {
            Content::Gone => self.push(entry.changed, &Operation::Destroy { id }),
            Content::Touched { expires_at } => {
                self.push(entry.changed, &Operation::Touch { id, expires_at: expires_at.as_millis() })
            }
            Content::Live(live) => {
                if let (Some(touched), Created::Inherited(_)) = (live.touched_before, live.created) {
                    self.push(live.version, &Operation::Touch { id, expires_at: touched.as_millis() })?;
                }
                let content = NewContent {
                    payload: live.payload.clone().unwrap_or_default(),
                    expires_at: live.expires_at,
                    deadline: live.deadline,
                    owner: live.owner.clone(),
                };
                self.push(live.version, &content.operation(id, live.created))
            }
        }
    }

    fn push(&mut self, number: u64, operation: &Operation<'_>) -> Result<()> {
        encode_operation(number.saturating_sub(self.first), operation, &mut self.frame).map_err(
            |Malformed(reason)| Error::Internal { what: format!("an operation that cannot be encoded: {reason}") },
        )?;
        self.count += 1;
        if self.frame.len() - FRAME_HEADER_BYTES >= FRAME_BYTES { self.finish() } else { Ok(()) }
    }

    fn finish(&mut self) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let content =
            FrameContent { kind: FrameKind::Recovered, count: self.count, first: self.first, last: self.last };
        let appended = self.writer.append(&mut self.frame, content, SpaceFor::Recovery);
        appended.map_err(|error| match error {
            AppendError::Broken(error) | AppendError::NoSegment(error) => {
                Error::io("write the recovered sessions to", self.writer.path(), error)
            }
            AppendError::Full => Error::Internal { what: "a recovery that hit the log's bound".to_owned() },
        })?;
        begin_frame(&mut self.frame);
        self.count = 0;
        self.frames += 1;
        Ok(())
    }
}

/// Recycles or removes what the old run left. A failure costs space, not sessions.
fn discard(storage: &dyn Storage, log: &Log, segments: Vec<Segment>, unreadable: &[PathBuf]) {
    for segment in segments {
        if let Err(error) = log.adopt(segment) {
            tracing::warn!(%error, "an old log segment could not be recycled");
        }
    }
    for path in unreadable {
        if let Err(error) = storage.remove_file(path) {
            tracing::warn!(%error, path = %path.display(), "an unfinished log segment could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::disk::Disk;

    /// The log may have nothing left of what the base covers, and a run be as long as it likes.
    #[test]
    fn numbers_go_on_above_what_the_base_covers() {
        let directory = tempfile::tempdir().unwrap();
        let storage: Arc<dyn Storage> = Arc::new(Disk);
        let covered = 1 << 40;
        let meta = Meta {
            format: FORMAT,
            run: 0,
            start_segment: 0,
            recovered_frames: 0,
            first_number: 1,
            covered,
            cleared: 0,
        };
        Base::create(&storage, directory.path(), 1 << 20, &meta).unwrap().close();
        let (clock, hasher) = (Arc::new(SystemClock::default()), ShardHasher::fixed());
        let surroundings = Surroundings { storage, clock, hasher };
        let options = Options::new(directory.path());
        let (engine, _) = open(options, directory.path().to_owned(), &surroundings, false).unwrap();
        assert!(engine.sequencer.last() > covered);
    }
}
