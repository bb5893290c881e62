//! The log: every acknowledged operation, in the order it was called, in a bounded number of segments.
//!
//! - A segment is synced before anything in its successor is written, and its last frame names the
//!   successor: a segment that goes missing is noticed.
//! - Operations as they come fill at most five eighths of `log_bytes_max`. The rest is kept for what a
//!   checkpoint waits for, and exceeded rather than have it wait for ever: a full log can always be emptied.
//! - The committer writes; anyone may prepare segments ahead of it or release those a checkpoint covered.

mod writer;
mod written;

pub(crate) use writer::{FrameContent, LogWriter};
pub(crate) use written::WrittenSegment;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::lock::Mutex;

use crate::error::{Error, Result, is_no_room};
use crate::frame::FRAME_HEADER_BYTES;
use crate::reserve::Reserve;
use crate::segment::{Fill, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, random_salt};
use crate::storage::Storage;

/// The first segment of a run: opening a store should not wait for megabytes of zeros.
const FIRST_SEGMENT_BYTES: u64 = 1024 * 1024;
/// The same on a full disk.
const SMALL_SEGMENT_BYTES: u64 = 64 * 1024;
/// The largest segment, but for a larger payload: however big the log, filling one with zeros and reading one
/// stay short.
const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Kept free at the end of each segment for the frame that names its successor.
const CONTINUED_BYTES: u64 = FRAME_HEADER_BYTES as u64;

/// Why a frame could not be appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// The log has reached its bound; a checkpoint has to release segments first.
    Full,
    /// No new segment could be made, mostly for lack of room. Nothing was written; try again later.
    NoSegment(io::Error),
    /// A write or sync of the segment in use failed: nothing written since the last sync is sure.
    Broken(io::Error),
}

/// The log's segments other than the one being written.
#[derive(Debug)]
pub(crate) struct Log {
    storage: Arc<dyn Storage>,
    directory: PathBuf,
    run: u64,
    segment_bytes: u64,
    bytes_max: u64,
    reserve: Arc<Reserve>,
    space: Mutex<Space>,
}

#[derive(Debug)]
struct Space {
    /// Full segments that no checkpoint has covered yet, oldest first.
    sealed: VecDeque<Sealed>,
    /// Segments ready to be written, their headers durable.
    spares: VecDeque<Segment>,
    /// The bytes of all files.
    bytes: u64,
    next_number: u64,
    active_number: u64,
    active_used: u64,
    /// The segment being written, for who verifies it.
    active: Option<WrittenSegment>,
    /// Operations wait for segments to be released.
    is_short: bool,
}

#[derive(Debug)]
struct Sealed {
    segment: Segment,
    last: u64,
    /// Where its last frame ends.
    end: u64,
}

/// What the log of a run occupies, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogUsage {
    /// All files.
    pub(crate) bytes: u64,
    /// What no checkpoint has covered yet.
    pub(crate) used: u64,
    /// How much can be used before acknowledgements stop: what whole segments have room for.
    pub(crate) used_max: u64,
    /// Operations wait for segments to be released, however little is used: a frame may be larger than what is left.
    pub(crate) is_short: bool,
}

impl LogUsage {
    /// How full the log is.
    pub(crate) fn percent(&self) -> u64 {
        if self.is_short { 100 } else { self.used * 100 / self.used_max.max(1) }
    }
}

/// A part of the log from its beginning, of half of it at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OlderHalf {
    /// The number of its last operation.
    pub(crate) last: u64,
    /// How much of what is used of the log it is.
    pub(crate) percent: u64,
}

impl Log {
    /// The log of a new run whose first segment will have the number `run`; nothing is on disk yet.
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        directory: &Path,
        run: u64,
        bytes_max: u64,
        reserve: Arc<Reserve>,
    ) -> Self {
        let space = Space {
            sealed: VecDeque::new(),
            spares: VecDeque::new(),
            bytes: 0,
            next_number: run,
            active_number: run,
            active_used: 0,
            active: None,
            is_short: false,
        };
        Self {
            storage,
            directory: directory.to_owned(),
            run,
            segment_bytes: (bytes_max / 8).min(SEGMENT_BYTES_MAX) / SEGMENT_HEADER_BYTES * SEGMENT_HEADER_BYTES,
            bytes_max,
            reserve,
            space: Mutex::new(space),
        }
    }

    fn used_max(&self) -> u64 {
        self.bytes_max / 8 * 5
    }

    /// How many bytes of operations may wait to be written, so that the reserve always holds them.
    pub(crate) const fn queued_bytes_max(&self) -> u64 {
        self.bytes_max / 8
    }

    pub(crate) fn usage(&self) -> LogUsage {
        let space = self.space.lock();
        let sealed: u64 = space.sealed.iter().map(|sealed| sealed.segment.bytes).sum();
        LogUsage {
            bytes: space.bytes,
            used: sealed + space.active_used,
            used_max: self.usable(&space),
            is_short: space.is_short,
        }
    }

    /// How much of the bound operations as they come can fill with the segments in use and those that still fit. Less
    /// than the bound where one of another size, such as a run's first, leaves a rest too small for a segment: counted
    /// as room, it would have acknowledgements stop in one step before they were delayed by much.
    fn usable(&self, space: &Space) -> u64 {
        let spare: u64 = space.spares.iter().map(|spare| spare.bytes).sum();
        let in_use = space.bytes.saturating_sub(spare).min(self.used_max());
        let rest = self.used_max() - in_use;
        in_use + rest - rest % self.segment_bytes.max(1)
    }

    /// The segment at which a replay begins once everything up to `covered` is in the base.
    pub(crate) fn start_after(&self, covered: u64) -> u64 {
        let space = self.space.lock();
        let needed = space.sealed.iter().find(|sealed| sealed.last > covered);
        needed.map_or(space.active_number, |sealed| sealed.segment.header.number)
    }

    /// The log's older half, as far as that consists of full segments.
    pub(crate) fn older_half(&self) -> Option<OlderHalf> {
        let space = self.space.lock();
        let sealed: u64 = space.sealed.iter().map(|sealed| sealed.segment.bytes).sum();
        let used = sealed + space.active_used;
        let mut bytes = 0;
        let mut older = None;
        for sealed in &space.sealed {
            bytes += sealed.segment.bytes;
            if bytes > used / 2 {
                break;
            }
            older = Some(OlderHalf { last: sealed.last, percent: bytes * 100 / used });
        }
        older
    }

    /// Whether the disk has room for more than what makes room.
    pub(crate) fn has_reserve(&self) -> bool {
        self.reserve.is_whole()
    }

    /// Whether the committer would find no segment ready.
    pub(crate) fn wants_segment(&self) -> bool {
        let space = self.space.lock();
        space.spares.is_empty() && space.bytes + self.segment_bytes <= self.used_max()
    }

    /// Zero-fills a segment ahead of the committer's need, if there is none.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Io`]: nothing is lost, the committer will try itself.
    pub(crate) fn prepare(&self) -> Result<()> {
        if !self.wants_segment() {
            return Ok(());
        }
        let segment = self
            .create_beside_reserve(self.segment_bytes)
            .map_err(|error| Error::io("create a segment in", &self.directory, error))?;
        self.space.lock().spares.push_back(segment);
        Ok(())
    }

    /// Takes over a segment file of an earlier run, whose content no recovery needs any more.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub(crate) fn adopt(&self, segment: Segment) -> Result<()> {
        let path = segment.path.clone();
        self.recycle(segment).map_err(|error| Error::io("recycle", path, error))
    }

    /// Recycles every full segment whose operations, up to `covered`, are durable in the base, but not the one in which
    /// a replay begins by what the base says: that may have become full meanwhile without a further operation in it.
    ///
    /// # Errors
    /// [`Error::Io`]: the segments concerned stay counted and are tried again with the next call.
    pub(crate) fn release_through(&self, covered: u64, start_segment: u64) -> Result<()> {
        loop {
            let sealed = {
                let mut space = self.space.lock();
                let is_needed =
                    |sealed: &Sealed| sealed.segment.header.number == start_segment || sealed.last > covered;
                match space.sealed.front() {
                    Some(oldest) if !is_needed(oldest) => space.sealed.pop_front(),
                    _ => None,
                }
            };
            let Some(Sealed { segment, .. }) = sealed else { return Ok(()) };
            self.space.lock().bytes -= segment.bytes;
            let path = segment.path.clone();
            self.recycle(segment).map_err(|error| Error::io("recycle", path, error))?;
        }
    }

    /// Makes a segment that nobody needs a spare, or removes it where it has another size or too many wait.
    fn recycle(&self, segment: Segment) -> io::Result<()> {
        let wanted = {
            let space = self.space.lock();
            segment.bytes == self.segment_bytes
                && space.spares.len() < 4
                && space.bytes + segment.bytes <= self.used_max()
        };
        if !wanted {
            return self.storage.remove_file(&segment.path);
        }
        let header = self.next_header(segment.bytes)?;
        let bytes = segment.bytes;
        let path = segment.path.clone();
        match segment.reuse(header) {
            Ok(segment) => {
                self.space.lock().spares.push_back(segment);
                Ok(())
            }
            Err(error) => {
                self.space.lock().bytes -= bytes;
                self.storage.remove_file(&path)?;
                Err(error)
            }
        }
    }

    /// Reserves a number, and the space for `bytes` bytes.
    fn next_header(&self, bytes: u64) -> io::Result<SegmentHeader> {
        let salt = random_salt(self.storage.as_ref())?;
        let mut space = self.space.lock();
        let number = space.next_number;
        space.next_number += 1;
        space.bytes += bytes;
        Ok(SegmentHeader { number, run: self.run, bytes, salt })
    }

    fn create(&self, bytes: u64, fill: Fill) -> io::Result<Segment> {
        self.create_as(self.next_header(bytes)?, fill)
    }

    /// Creates the segment for which [`Log::next_header`] has reserved the space.
    fn create_as(&self, header: SegmentHeader, fill: Fill) -> io::Result<Segment> {
        let path = self.directory.join(format!("{:08}.log", header.number));
        let created = Segment::create(self.storage.as_ref(), &path, header, header.bytes, fill);
        if created.is_err() {
            self.space.lock().bytes -= header.bytes;
        }
        created
    }

    /// A segment for ordinary operations, for which the disk has room besides the reserve.
    fn create_beside_reserve(&self, bytes: u64) -> io::Result<Segment> {
        match self.reserve.restore() {
            Err(error) if is_no_room(&error) => return Err(error),
            Err(error) => tracing::warn!(%error, "no reserve could be made for when the disk is full"),
            Ok(()) => {}
        }
        self.create(bytes, Fill::Zeros)
    }

    /// A segment for what has to be written before there can be room again: of the first of these sizes for which the
    /// disk has room, and at the cost of the reserve where it has for none. Its number is the same in any case.
    fn create_in_need(&self, sizes: [u64; 2], fill: Fill) -> io::Result<Segment> {
        let [bytes, smaller] = sizes;
        let header = self.next_header(bytes)?;
        let mut created = self.create_as(header, fill);
        for is_last in [false, true] {
            let no_room = created.as_ref().is_err_and(is_no_room);
            if !no_room || (is_last && !self.reserve.give_up()) {
                break;
            }
            self.space.lock().bytes += smaller;
            created = self.create_as(SegmentHeader { bytes: smaller, ..header }, fill);
            if is_last {
                self.reserve.restore_rest();
            }
        }
        created
    }

    /// The segment that operations are written to first.
    fn create_first(&self) -> Result<Segment> {
        let bytes = FIRST_SEGMENT_BYTES.min(self.segment_bytes);
        self.create_in_need([bytes, SMALL_SEGMENT_BYTES], Fill::Zeros)
            .map_err(|error| Error::io("create a segment in", &self.directory, error))
    }

    /// Makes the segments that wait to be used smaller by one. Returns whether there was one.
    pub(crate) fn drop_spare(&self) -> bool {
        let spare = {
            let mut space = self.space.lock();
            let spare = space.spares.pop_front();
            space.bytes -= spare.as_ref().map_or(0, |spare| spare.bytes);
            spare
        };
        let Some(spare) = spare else { return false };
        match self.storage.remove_file(&spare.path) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, path = %spare.path.display(), "a spare segment could not be removed");
                false
            }
        }
    }

    /// A segment with room for a frame of `frame_bytes` bytes.
    fn take(&self, frame_bytes: u64, space_for: SpaceFor) -> Result<Segment, AppendError> {
        let taken = self.find_or_create(frame_bytes, space_for);
        self.space.lock().is_short = matches!(taken, Err(AppendError::Full));
        taken
    }

    fn find_or_create(&self, frame_bytes: u64, space_for: SpaceFor) -> Result<Segment, AppendError> {
        let needed = (SEGMENT_HEADER_BYTES + frame_bytes + CONTINUED_BYTES).next_multiple_of(SEGMENT_HEADER_BYTES);
        let limit = match space_for {
            SpaceFor::Operations => self.used_max(),
            // Beyond the bound only where large payloads came together: a checkpoint that waits for what does
            // not fit would wait for ever, and it is the checkpoint that makes room.
            SpaceFor::Checkpoint => self.bytes_max.max(self.usage().bytes + needed.max(self.segment_bytes)),
            SpaceFor::Recovery => {
                // Of another size than the others, so that no sparse file is ever used again.
                let mut bytes = needed.max(self.segment_bytes - SEGMENT_HEADER_BYTES);
                if bytes == self.segment_bytes {
                    bytes += SEGMENT_HEADER_BYTES;
                }
                return self.create_in_need([bytes; 2], Fill::Sparse).map_err(AppendError::NoSegment);
            }
        };
        let bytes = needed.max(self.segment_bytes);
        loop {
            let unfit = {
                let mut space = self.space.lock();
                if let Some(fit) = space.spares.iter().position(|spare| spare.bytes >= needed) {
                    // Spares count as used only now, so the limit is asked again.
                    let spare_bytes: u64 = space.spares.iter().map(|spare| spare.bytes).sum();
                    let taken = space.spares.get(fit).map_or(0, |spare| spare.bytes);
                    if space.bytes - spare_bytes + taken > limit {
                        return Err(AppendError::Full);
                    }
                    if let Some(segment) = space.spares.remove(fit) {
                        return Ok(segment);
                    }
                }
                if space.bytes + bytes <= limit {
                    None
                } else {
                    let Some(unfit) = space.spares.pop_front() else { return Err(AppendError::Full) };
                    space.bytes -= unfit.bytes;
                    Some(unfit)
                }
            };
            match unfit {
                Some(unfit) => self.storage.remove_file(&unfit.path).map_err(AppendError::NoSegment)?,
                None if space_for == SpaceFor::Operations => {
                    return self.create_beside_reserve(bytes).map_err(AppendError::NoSegment);
                }
                None => return self.create_in_need([bytes, needed], Fill::Zeros).map_err(AppendError::NoSegment),
            }
        }
    }

    /// Lets go of the files that are not being written.
    pub(crate) fn end(&self) {
        let mut space = self.space.lock();
        space.sealed.clear();
        space.spares.clear();
        space.active = None;
    }

    fn seal(&self, segment: Segment, last: u64, end: u64, successor: &Segment) {
        let mut space = self.space.lock();
        space.sealed.push_back(Sealed { segment, last, end });
        space.active_number = successor.header.number;
        space.active_used = 0;
        space.active = Some(WrittenSegment::of(successor, SEGMENT_HEADER_BYTES));
    }

    /// What of this run is written and not covered, oldest first.
    pub(crate) fn written(&self) -> Vec<WrittenSegment> {
        let space = self.space.lock();
        let sealed = space.sealed.iter().map(|sealed| WrittenSegment::of(&sealed.segment, sealed.end));
        let active = space.active.as_ref().map(|active| active.up_to(space.active_used));
        sealed.chain(active).collect()
    }

    /// Whether a segment has not been released meanwhile.
    pub(crate) fn has(&self, number: u64) -> bool {
        let space = self.space.lock();
        space.active_number == number || space.sealed.iter().any(|sealed| sealed.segment.header.number == number)
    }
}

/// What a segment is wanted for, which decides how far the log may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpaceFor {
    /// Operations as they come.
    Operations,
    /// Operations that a checkpoint waits for: it may use the reserve.
    Checkpoint,
    /// What a recovery writes again, while the segments it comes from are still there.
    Recovery,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk;
    use crate::frame::{FrameKind, begin_frame};

    /// Appends frames until there is no room, and says how full the log was after each.
    fn percents_until_full(bytes_max: u64) -> Vec<u64> {
        let directory = tempfile::tempdir().unwrap();
        let storage: Arc<dyn Storage> = Arc::new(Disk);
        let reserve = Arc::new(Reserve::find(&storage, directory.path(), bytes_max).unwrap());
        let log = Arc::new(Log::new(storage, directory.path(), 1, bytes_max, reserve));
        let mut writer = LogWriter::begin(Arc::clone(&log), 0).unwrap();
        let mut percents = Vec::new();
        loop {
            let mut frame = Vec::new();
            begin_frame(&mut frame);
            frame.resize(50_000, 7);
            let last = percents.len() as u64 + 1;
            let content = FrameContent { kind: FrameKind::Batch, count: 1, first: last, last };
            let appended = writer.append(&mut frame, content, SpaceFor::Operations);
            if matches!(appended, Err(AppendError::Full)) {
                return percents;
            }
            appended.unwrap();
            percents.push(log.usage().percent());
        }
    }

    /// A run's first segment has 1 MiB, which is that of a log of 8 MiB, and not that of the others.
    #[test]
    fn a_log_gets_full_by_degrees_whatever_its_segments_are() {
        for mebibytes in [4, 8, 16, 24] {
            let percents = percents_until_full(mebibytes << 20);
            let steepest = percents.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap();
            assert!(steepest <= 4, "{mebibytes} MiB: {steepest} percent in one step");
            assert!(percents.last().is_some_and(|last| (95..=100).contains(last)), "{mebibytes} MiB: {percents:?}");
        }
    }
}
