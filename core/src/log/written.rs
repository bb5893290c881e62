//! Verifying what is written of the log while it is in use.

use std::path::PathBuf;
use std::sync::Arc;

use super::Log;
use crate::error::{Error, Result};
use crate::frame::{Frame, FrameKind, MARK_ALIGNMENT, Salt};
use crate::numbers::to_usize;
use crate::segment::{Found, SEGMENT_HEADER_BYTES, Segment, find_segment};
use crate::storage::StorageFile;

/// A segment as far as it was written.
#[derive(Debug, Clone)]
pub(crate) struct WrittenSegment {
    number: u64,
    salt: Salt,
    path: PathBuf,
    file: Arc<dyn StorageFile>,
    /// Where its last frame ends.
    end: u64,
}

impl WrittenSegment {
    pub(super) fn of(segment: &Segment, end: u64) -> Self {
        let (number, salt) = (segment.header.number, segment.header.salt);
        Self { number, salt, path: segment.path.clone(), file: Arc::clone(&segment.file), end }
    }

    pub(super) fn up_to(&self, end: u64) -> Self {
        Self { end, ..self.clone() }
    }

    /// Verifies the header and every frame; returns how many bytes that were. A segment that was released meanwhile is
    /// not the log's any more, and sound.
    ///
    /// # Errors
    /// [`Error::Corrupted`], [`Error::Io`]
    pub(crate) fn verify(&self, log: &Log) -> Result<u64> {
        let damage = self.damage(log);
        match damage {
            Err(_) | Ok(Some(_)) if !log.has(self.number) => Ok(0),
            Err(error) => Err(error),
            Ok(Some((offset, reason))) => {
                Err(Error::Corrupted { file: self.path.clone(), offset, reason: reason.to_owned() })
            }
            Ok(None) => Ok(self.end),
        }
    }

    fn damage(&self, log: &Log) -> Result<Option<(u64, &'static str)>> {
        match find_segment(log.storage.as_ref(), &self.path) {
            Ok(Found::Segment(segment)) if segment.header.number == self.number => {}
            Ok(_) => return Ok(Some((0, "it is not the segment that it was"))),
            Err(error) => return Err(error),
        }
        let mut bytes = vec![0; to_usize(self.end)];
        match self.file.read_at(0, &mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Ok(Some((self.file.len().unwrap_or_default(), "it ends before what was written to it")));
            }
            Err(error) => return Err(Error::io("read", &self.path, error)),
        }
        let frame_at = |at: u64| Frame::read(bytes.get(to_usize(at)..)?, self.salt);
        let mut at = SEGMENT_HEADER_BYTES;
        while at < self.end {
            let mark = at.next_multiple_of(MARK_ALIGNMENT);
            at = match (frame_at(at), frame_at(mark)) {
                (Some(frame), _) => at + frame.len,
                (None, Some(frame)) if frame.header.kind == FrameKind::Mark => mark + frame.len,
                _ => return Ok(Some((at, "a frame is not readable"))),
            };
        }
        Ok(None)
    }
}
