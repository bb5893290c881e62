//! Writing at the end of the log.
//!
//! - Frames stand one behind the other, and what a sync has covered is not written again.
//! - What is durable moves only with a sync that succeeded. A full segment is synced, with the frame that names its
//!   successor, before the next frame is written; where that fails, its owner writes no more.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{AppendError, CONTINUED_BYTES, Log, SpaceFor, WrittenSegment};
use crate::error::{Error, Result, is_no_room};
use crate::frame::{
    FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameHeader, FrameKind, MARK_ALIGNMENT, begin_frame, seal_frame,
};
use crate::numbers::to_u64;
use crate::segment::{SEGMENT_HEADER_BYTES, Segment};

/// The end of the log, owned by the committer.
#[derive(Debug)]
pub(crate) struct LogWriter {
    log: Arc<Log>,
    active: Segment,
    at: u64,
    /// The highest number written.
    written: u64,
    /// The highest number synced.
    durable: u64,
    bytes_written: u64,
    /// The full segment that could not be closed.
    unclosed: Option<PathBuf>,
}

impl LogWriter {
    /// Begins the run: creates its first segment. `before` is the number before the run's first.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Io`]
    pub(crate) fn begin(log: Arc<Log>, before: u64) -> Result<Self> {
        let active = log.create_first()?;
        {
            let mut space = log.space.lock();
            space.active_number = active.header.number;
            space.active = Some(WrittenSegment::of(&active, SEGMENT_HEADER_BYTES));
        }
        Ok(Self {
            log,
            active,
            at: SEGMENT_HEADER_BYTES,
            written: before,
            durable: before,
            bytes_written: 0,
            unclosed: None,
        })
    }

    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    pub(crate) const fn durable(&self) -> u64 {
        self.durable
    }

    pub(crate) const fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    /// As [`Log::has_reserve`].
    pub(crate) fn has_reserve(&self) -> bool {
        self.log.has_reserve()
    }

    /// How many bytes of operations fit into the segment in use, in one frame.
    pub(crate) fn room(&self) -> u64 {
        let at = self.at.next_multiple_of(FRAME_ALIGNMENT) + to_u64(FRAME_HEADER_BYTES) + FRAME_ALIGNMENT;
        self.active.bytes.saturating_sub(at + CONTINUED_BYTES)
    }

    /// The file in use, or that could not be closed, for an error to name.
    pub(crate) fn path(&self) -> &Path {
        self.unclosed.as_ref().unwrap_or(&self.active.path)
    }

    /// Writes the frame whose operations stand in `bytes` behind a reserved head, as far as `last`.
    ///
    /// Nothing is synced unless a segment came to its end; [`LogWriter::durable`] tells.
    pub(crate) fn append(
        &mut self,
        bytes: &mut Vec<u8>,
        content: FrameContent,
        space_for: SpaceFor,
    ) -> Result<(), AppendError> {
        let frame_bytes = to_u64(bytes.len()).next_multiple_of(FRAME_ALIGNMENT);
        let alignment = if content.kind == FrameKind::Mark { MARK_ALIGNMENT } else { FRAME_ALIGNMENT };
        if self.at.next_multiple_of(alignment) + frame_bytes + CONTINUED_BYTES > self.active.bytes {
            self.roll(frame_bytes, space_for)?;
        }
        self.at = self.at.next_multiple_of(alignment);
        let header =
            FrameHeader { kind: content.kind, count: content.count, first: content.first, durable: self.durable };
        seal_frame(bytes, self.active.header.salt, &header);
        let mut written = self.active.file.write_at(self.at, bytes);
        // A recovery's segments are sparse: that there was room for the file says nothing.
        if space_for == SpaceFor::Recovery && written.as_ref().is_err_and(is_no_room) && self.log.reserve.give_up() {
            written = self.active.file.write_at(self.at, bytes);
            self.log.reserve.restore_rest();
        }
        written.map_err(AppendError::Broken)?;
        self.at += frame_bytes;
        self.written = self.written.max(content.last);
        self.bytes_written += frame_bytes;
        self.log.space.lock().active_used = self.at;
        Ok(())
    }

    /// Closes the segment in use and goes on in the next.
    fn roll(&mut self, frame_bytes: u64, space_for: SpaceFor) -> Result<(), AppendError> {
        let next = self.log.take(frame_bytes, space_for)?;
        self.go_on_in(next)
    }

    /// Ends what a recovery wrote again, durably: what follows goes into a segment filled with zeros.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Io`]
    pub(crate) fn end_recovery(&mut self) -> Result<()> {
        if self.active.header.number == self.log.run {
            return self.sync().map_err(|error| Error::io("sync", self.path(), error));
        }
        let next = self.log.create_first()?;
        self.go_on_in(next).map_err(|error| match error {
            AppendError::Broken(error) | AppendError::NoSegment(error) => Error::io("write", self.path(), error),
            AppendError::Full => Error::DiskFull { path: self.log.directory.clone() },
        })
    }

    fn go_on_in(&mut self, next: Segment) -> Result<(), AppendError> {
        let mut bytes = Vec::new();
        begin_frame(&mut bytes);
        let continued =
            FrameHeader { kind: FrameKind::Continued, count: 0, first: next.header.number, durable: self.durable };
        seal_frame(&mut bytes, self.active.header.salt, &continued);
        let end = self.at + to_u64(bytes.len());
        let closed = self.active.file.write_at(self.at, &bytes).and_then(|()| self.active.file.sync_data());
        // The new segment takes the old one's place even when closing it failed, so that nothing is lost track of.
        let full = std::mem::replace(&mut self.active, next);
        self.unclosed = closed.is_err().then(|| full.path.clone());
        self.log.seal(full, self.written, end, &self.active);
        self.at = SEGMENT_HEADER_BYTES;
        closed.map_err(AppendError::Broken)?;
        self.bytes_written += to_u64(bytes.len());
        self.durable = self.written;
        Ok(())
    }

    /// Makes everything written durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.active.file.sync_data()?;
        self.durable = self.written;
        Ok(())
    }
}

/// What a frame to be appended holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameContent {
    pub(crate) kind: FrameKind,
    pub(crate) count: u32,
    /// The number that the operations' offsets count from.
    pub(crate) first: u64,
    /// The highest number in it.
    pub(crate) last: u64,
}
