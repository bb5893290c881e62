//! Reading the log after the store was last used: what was acknowledged, and whether all of it is there.
//!
//! Replay applies frames in order and stops at the first that is not whole. A frame found behind that place
//! tells what it was: if it says that the missing operations had been durable, acknowledged data was
//! damaged and opening fails with the place; if not, a power loss tore what nobody had been promised.
//! Damage before a frame which shows that the base has all that stood there costs nothing: it is passed over
//! with a warning. With salvage, all damage is stepped over, and what costs something is listed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::codec::{Meta, Operation};
use crate::damage::Damage;
use crate::error::{Error, Result};
use crate::frame::{FRAME_ALIGNMENT, Frame, FrameKind, MARK_ALIGNMENT, Salt};
use crate::numbers::{START_MAX, to_u64, to_usize};
use crate::segment::{Found, SEGMENT_HEADER_BYTES, Segment, find_segment};
use crate::storage::Storage;

/// A damaged part of the log that nobody needs.
#[derive(Debug, Clone)]
pub(crate) struct Passed {
    pub(crate) file: PathBuf,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// What a replay found besides the operations.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// The highest number seen in any frame, applied or not.
    pub(crate) highest_number: u64,
    /// The highest number a segment has.
    pub(crate) highest_segment: u64,
    /// Every segment found; none is needed any more once what was replayed is durable elsewhere.
    pub(crate) segments: Vec<Segment>,
    /// The numbers of those that were read.
    pub(crate) visited: BTreeSet<u64>,
    /// Files whose headers are not readable and that no replay needed.
    pub(crate) unreadable: Vec<PathBuf>,
    pub(crate) dropped: Vec<Damage>,
    pub(crate) passed: Vec<Passed>,
}

/// Replays the run that `meta` names, calling `apply` for each operation that the base may not have.
///
/// # Errors
/// [`Error::Corrupted`] where acknowledged operations are damaged or missing and `salvage` is off,
/// [`Error::UnsupportedFormat`], [`Error::Io`].
pub(crate) fn replay(
    storage: &dyn Storage,
    directory: &Path,
    meta: &Meta,
    salvage: bool,
    apply: &mut dyn FnMut(u64, &Operation<'_>),
) -> Result<Replayed> {
    let mut replay = Replay {
        directory,
        meta,
        salvage,
        segments: BTreeMap::new(),
        visited: BTreeSet::new(),
        next: None,
        recovered: 0,
        highest_number: 0,
        dropped: Vec::new(),
        passed: Vec::new(),
        apply,
    };
    let unreadable = replay.find(storage)?;
    replay.check_run()?;
    // Names count too: a file whose creation a crash stopped has no readable number.
    // A name that no store gives is nothing to go on from.
    let named = unreadable.iter().filter_map(|path| path.file_stem()?.to_str()?.parse::<u64>().ok());
    let named = named.filter(|number| *number < START_MAX);
    let highest_segment = replay.segments.keys().copied().chain(named).max().unwrap_or_default();
    if meta.run != 0 {
        replay.run(&unreadable)?;
    }
    Ok(Replayed {
        highest_number: replay.highest_number,
        highest_segment,
        segments: replay.segments.into_values().collect(),
        visited: replay.visited,
        unreadable,
        dropped: replay.dropped,
        passed: replay.passed,
    })
}

struct Replay<'a> {
    directory: &'a Path,
    meta: &'a Meta,
    salvage: bool,
    segments: BTreeMap<u64, Segment>,
    visited: BTreeSet<u64>,
    /// The number the next batch has to begin with, once one was seen.
    next: Option<u64>,
    recovered: u64,
    highest_number: u64,
    dropped: Vec<Damage>,
    passed: Vec<Passed>,
    apply: &'a mut dyn FnMut(u64, &Operation<'_>),
}

/// How the reading of a segment ended.
enum End {
    /// Its last frame names the segment that goes on.
    Continued(u64),
    /// At this offset there is no whole frame.
    Stopped(u64),
}

impl Replay<'_> {
    /// Opens every segment of the directory; returns the files that are none.
    fn find(&mut self, storage: &dyn Storage) -> Result<Vec<PathBuf>> {
        let mut unreadable = Vec::new();
        let mut names = storage.list(self.directory).map_err(|error| Error::io("list", self.directory, error))?;
        names.sort();
        for name in names.iter().filter(|name| name.ends_with(".log")) {
            match find_segment(storage, &self.directory.join(name))? {
                Found::Unreadable(path) => unreadable.push(path),
                Found::Segment(segment) => {
                    let path = segment.path.clone();
                    if self.segments.insert(segment.header.number, segment).is_some() {
                        self.damaged(&path, 0, "another file holds the segment of the same number")?;
                    }
                }
            }
        }
        Ok(unreadable)
    }

    /// The base names a run before anything is acknowledged in it: where a later one has operations or marks, the base
    /// is an older one than the log belongs to.
    fn check_run(&mut self) -> Result<()> {
        for (number, segment) in &self.segments {
            let run = segment.header.run;
            if run <= self.meta.run || self.salvage {
                continue;
            }
            let mut bytes = vec![0; to_usize(segment.bytes)];
            segment.file.read_at(0, &mut bytes).map_err(|error| Error::io("read", &segment.path, error))?;
            let is_used = frames_behind(&bytes, SEGMENT_HEADER_BYTES, segment.header.salt)
                .any(|(_, frame)| matches!(frame.header.kind, FrameKind::Batch | FrameKind::Mark));
            if is_used {
                let reason = format!(
                    "segment {number} has operations of run {run}, and the base belongs to run {}: it is an older one",
                    self.meta.run
                );
                return Err(Error::Corrupted { file: segment.path.clone(), offset: 0, reason });
            }
        }
        Ok(())
    }

    fn run(&mut self, unreadable: &[PathBuf]) -> Result<()> {
        let mut number = self.meta.start_segment;
        loop {
            let Some(bytes) = self.read(number)? else {
                let reason = match unreadable.first() {
                    Some(path) => format!("segment {number} is missing, perhaps it was {}", path.display()),
                    None => format!("segment {number}, which holds acknowledged sessions, is missing"),
                };
                let directory = self.directory.to_owned();
                self.damaged(&directory, 0, &reason)?;
                return self.rest();
            };
            self.check_len(number)?;
            match self.frames(number, &bytes)? {
                End::Continued(successor) if !self.visited.contains(&successor) => number = successor,
                End::Continued(_) => return self.rest(),
                End::Stopped(at) => {
                    self.check_end(number, &bytes, at)?;
                    return self.rest();
                }
            }
        }
    }

    /// The content of a segment of this run, which counts as visited from now on.
    fn read(&mut self, number: u64) -> Result<Option<Vec<u8>>> {
        let content = self.content(number)?;
        if content.is_some() {
            self.visited.insert(number);
        }
        Ok(content)
    }

    /// The content of a segment of this run.
    fn content(&mut self, number: u64) -> Result<Option<Vec<u8>>> {
        let Some(segment) = self.segments.get(&number).filter(|segment| segment.header.run == self.meta.run) else {
            return Ok(None);
        };
        let mut bytes = vec![0; to_usize(segment.bytes)];
        match segment.file.read_at(0, &mut bytes) {
            Ok(()) => {}
            Err(_) if self.salvage => bytes = self.read_pages(number),
            Err(error) => return Err(Error::io("read", &segment.path, error)),
        }
        Ok(Some(bytes))
    }

    /// With salvage: what the disk refuses to read at once, page by page. What it still refuses counts as zeros, and is
    /// listed; a failure that was gone with the second try costs nothing.
    fn read_pages(&mut self, number: u64) -> Vec<u8> {
        let Some(segment) = self.segments.get(&number) else { return Vec::new() };
        let mut bytes = vec![0; to_usize(segment.bytes)];
        let mut at = 0;
        for page in bytes.chunks_mut(to_usize(SEGMENT_HEADER_BYTES)) {
            if let Err(error) = segment.file.read_at(at, page) {
                page.fill(0);
                let reason = format!("{} bytes cannot be read: {error}", page.len());
                self.dropped.push(Damage { file: segment.path.clone(), offset: at, id: None, reason });
            }
            at += to_u64(page.len());
        }
        bytes
    }

    /// A segment has its whole length before anything in it is acknowledged: no crash cuts one short.
    fn check_len(&mut self, number: u64) -> Result<()> {
        let Some(segment) = self.segments.get(&number) else { return Ok(()) };
        let (is, was, path) = (segment.bytes, segment.header.bytes, segment.path.clone());
        if is >= was { Ok(()) } else { self.damaged(&path, is, &format!("it ends here and had {was} bytes")) }
    }

    /// Applies the segment's frames from its beginning.
    fn frames(&mut self, number: u64, bytes: &[u8]) -> Result<End> {
        let Some(segment) = self.segments.get(&number) else { return Ok(End::Stopped(0)) };
        let salt = segment.header.salt;
        let path = segment.path.clone();
        let mut at = SEGMENT_HEADER_BYTES;
        loop {
            let Some(frame) = frame_at(bytes, at, salt).filter(|frame| self.follows(frame)) else {
                if let Some(mark) = self.mark_behind(bytes, at, salt) {
                    at = mark;
                    continue;
                }
                if let Some((next, first)) = self.behind_covered(bytes, at, salt) {
                    self.passed.push(Passed { file: path.clone(), offset: at, bytes: next - at });
                    self.next = Some(first);
                    at = next;
                    continue;
                }
                if !self.salvage {
                    return Ok(End::Stopped(at));
                }
                let Some(next) = next_frame(bytes, at, salt) else { return Ok(End::Stopped(at)) };
                self.damaged(&path, at, &format!("{} bytes are not readable", next - at))?;
                self.next = None;
                at = next;
                continue;
            };
            if frame.header.kind == FrameKind::Continued {
                return Ok(End::Continued(frame.header.first));
            }
            self.apply_frame(&frame, &path, at)?;
            at += frame.len;
        }
    }

    /// Where the mark stands that comes next, if one does: in the next block of the disk, and by its number nothing is
    /// missing before it.
    fn mark_behind(&self, bytes: &[u8], at: u64, salt: Salt) -> Option<u64> {
        let place = at.next_multiple_of(MARK_ALIGNMENT);
        let header = frame_at(bytes, place, salt)?.header;
        let expected = self.next.unwrap_or_else(|| self.base_position() + 1);
        (place > at && header.kind == FrameKind::Mark && header.first <= expected).then_some(place)
    }

    /// Where the next whole frame begins, and with which number, if that shows that everything before it in
    /// the segment is in the base. A batch and a mark show it: they say which number comes next. What a recovery
    /// wrote again has older numbers than every batch of its run.
    fn behind_covered(&self, bytes: &[u8], at: u64, salt: Salt) -> Option<(u64, u64)> {
        let next = next_frame(bytes, at, salt)?;
        let header = frame_at(bytes, next, salt)?.header;
        let shows = matches!(header.kind, FrameKind::Batch | FrameKind::Mark);
        let is_covered = header.first <= self.meta.covered + 1 && self.has_recovered();
        (next > at && shows && is_covered).then_some((next, header.first))
    }

    /// Whether the base has what the last recovery wrote again.
    fn has_recovered(&self) -> bool {
        self.meta.covered + 1 >= self.meta.first_number
    }

    /// Whether a whole frame is the one that comes next.
    fn follows(&self, frame: &Frame<'_>) -> bool {
        if self.salvage || frame.header.kind != FrameKind::Batch {
            return true;
        }
        match self.next {
            Some(next) => frame.header.first == next,
            None => frame.header.first <= self.base_position() + 1,
        }
    }

    /// The number up to which operations are in the base or were written again by the last recovery.
    fn base_position(&self) -> u64 {
        self.meta.covered.max(self.meta.first_number.saturating_sub(1))
    }

    fn apply_frame(&mut self, frame: &Frame<'_>, path: &Path, at: u64) -> Result<()> {
        let operations = match frame.operations() {
            Ok(operations) => operations,
            Err(malformed) => return self.damaged(path, at, &malformed.0),
        };
        for (number, operation) in &operations {
            self.highest_number = self.highest_number.max(*number);
            // What a clear that the base knows of made void stays void, also where its own frame is damaged.
            if *number > self.meta.covered.max(self.meta.cleared) {
                (self.apply)(*number, operation);
            }
        }
        match frame.header.kind {
            FrameKind::Batch => self.next = Some(frame.header.first + u64::from(frame.header.count)),
            FrameKind::Recovered => self.recovered += 1,
            FrameKind::Mark | FrameKind::Continued => {}
        }
        Ok(())
    }

    /// Decides whether the log ends at `at`, or is damaged there.
    fn check_end(&mut self, number: u64, bytes: &[u8], at: u64) -> Result<()> {
        let Some(segment) = self.segments.get(&number) else { return Ok(()) };
        let (salt, path) = (segment.header.salt, segment.path.clone());
        let from_start = self.meta.start_segment == self.meta.run;
        if from_start && self.recovered < self.meta.recovered_frames && !self.has_recovered() {
            return self.damaged(&path, at, "sessions that the last recovery wrote again are missing");
        }
        let lost = self.next.unwrap_or_else(|| self.base_position() + 1);
        let mut claimed = self.claims(bytes, at, salt, lost);
        let later: Vec<u64> = self.segments.keys().copied().filter(|later| !self.visited.contains(later)).collect();
        for later in later {
            if claimed {
                break;
            }
            let Some(content) = self.content(later)? else { continue };
            let Some(salt) = self.segments.get(&later).map(|segment| segment.header.salt) else { continue };
            claimed = self.claims(&content, SEGMENT_HEADER_BYTES, salt, lost);
        }
        if claimed {
            let reason = format!("operation {lost} was acknowledged and is not readable");
            return self.damaged(&path, at, &reason);
        }
        Ok(())
    }

    /// Whether a frame at or behind `at` says that operation `lost` had been durable.
    fn claims(&mut self, bytes: &[u8], at: u64, salt: Salt, lost: u64) -> bool {
        for (_, frame) in frames_behind(bytes, at, salt) {
            if frame.header.kind == FrameKind::Batch {
                let last = frame.header.first + u64::from(frame.header.count);
                self.highest_number = self.highest_number.max(last);
            }
            if frame.header.durable >= lost {
                return true;
            }
        }
        false
    }

    /// With salvage: applies what the chain did not lead to.
    fn rest(&mut self) -> Result<()> {
        if !self.salvage {
            return Ok(());
        }
        // In the order in which they were written: one that was prepared ahead may be used after a later one.
        let unvisited: Vec<u64> =
            self.segments.keys().copied().filter(|number| !self.visited.contains(number)).collect();
        let mut rest = Vec::new();
        for number in unvisited {
            let Some(bytes) = self.read(number)? else { continue };
            let Some(salt) = self.segments.get(&number).map(|segment| segment.header.salt) else { continue };
            let first = next_frame(&bytes, SEGMENT_HEADER_BYTES, salt).and_then(|at| frame_at(&bytes, at, salt));
            rest.extend(first.map(|frame| (frame.header.first, number)));
        }
        rest.sort_unstable();
        for (_, number) in rest {
            if let Some(bytes) = self.read(number)? {
                self.frames(number, &bytes)?;
            }
        }
        Ok(())
    }

    /// Damage: an error, or with salvage a line in the list.
    fn damaged(&mut self, file: &Path, offset: u64, reason: &str) -> Result<()> {
        if !self.salvage {
            return Err(Error::Corrupted { file: file.to_owned(), offset, reason: reason.to_owned() });
        }
        self.dropped.push(Damage { file: file.to_owned(), offset, id: None, reason: reason.to_owned() });
        Ok(())
    }
}

fn frame_at(bytes: &[u8], at: u64, salt: Salt) -> Option<Frame<'_>> {
    Frame::read(bytes.get(to_usize(at)..)?, salt)
}

/// The whole frames at `at` and behind it, with their places.
fn frames_behind(bytes: &[u8], mut at: u64, salt: Salt) -> impl Iterator<Item = (u64, Frame<'_>)> {
    std::iter::from_fn(move || {
        let found = next_frame(bytes, at, salt)?;
        let frame = frame_at(bytes, found, salt)?;
        at = found + frame.len;
        Some((found, frame))
    })
}

/// Where, at `at` or behind it, the next whole frame begins.
fn next_frame(bytes: &[u8], at: u64, salt: Salt) -> Option<u64> {
    let marker = salt.marker.to_le_bytes();
    let step = to_usize(FRAME_ALIGNMENT);
    let start = to_usize(at.next_multiple_of(FRAME_ALIGNMENT));
    let places = bytes.get(start..)?.chunks(step).enumerate();
    places
        .filter(|(_, place)| place.starts_with(&marker))
        .map(|(index, _)| to_u64(start + index * step))
        .find(|place| frame_at(bytes, *place, salt).is_some())
}
