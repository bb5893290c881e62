//! Segments: the files of the log, zero-filled once and used again under a new header.
//!
//! A segment's header is durable before any frame in it, and it is written twice, so that one damaged
//! sector cannot make a segment unknown. The number in the header decides what a segment is; the file's
//! name only tells them apart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::FORMAT;
use crate::error::{Error, Result};
use crate::frame::Salt;
use crate::numbers::{NUMBER_MAX, to_u64, u32_at, u64_at};
use crate::storage::{Storage, StorageFile};

/// Where frames begin.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = 4096;
/// Where the header's second copy is.
const SECOND_COPY_AT: usize = 2048;
const HEADER_LEN: usize = 48;
const MAGIC: &[u8; 8] = b"sessilog";
const ZEROS_BYTES: usize = 256 * 1024;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The segment's number, never used twice.
    pub(crate) number: u64,
    /// The run it was made for: the number of that run's first segment.
    pub(crate) run: u64,
    /// How long the file is, in bytes: a multiple of [`SEGMENT_HEADER_BYTES`]. A shorter one was cut.
    pub(crate) bytes: u64,
    pub(crate) salt: Salt,
}

impl SegmentHeader {
    fn encode(&self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(HEADER_LEN);
        copy.extend_from_slice(MAGIC);
        copy.extend_from_slice(&FORMAT.to_le_bytes());
        let pages = u32::try_from(self.bytes / SEGMENT_HEADER_BYTES).unwrap_or(u32::MAX);
        copy.extend_from_slice(&pages.to_le_bytes());
        copy.extend_from_slice(&self.number.to_le_bytes());
        copy.extend_from_slice(&self.run.to_le_bytes());
        copy.extend_from_slice(&self.salt.marker.to_le_bytes());
        copy.extend_from_slice(&self.salt.checksum.to_le_bytes());
        copy.extend_from_slice(&[0; 4]);
        let checksum = crc32c::crc32c(&copy);
        copy.extend_from_slice(&checksum.to_le_bytes());
        let mut bytes = vec![0; SEGMENT_HEADER_BYTES.try_into().unwrap_or_default()];
        for at in [0, SECOND_COPY_AT] {
            if let Some(place) = bytes.get_mut(at..at + copy.len()) {
                place.copy_from_slice(&copy);
            }
        }
        bytes
    }

    /// Reads whichever copy is whole.
    fn decode(bytes: &[u8]) -> Decoded {
        let mut decoded = Decoded::Unreadable;
        for at in [SECOND_COPY_AT, 0] {
            let copy = bytes.get(at..at + HEADER_LEN).unwrap_or_default();
            let whole = copy.get(..HEADER_LEN - 4).unwrap_or_default();
            if copy.get(..MAGIC.len()) != Some(MAGIC) || u32_at(copy, HEADER_LEN - 4) != Some(crc32c::crc32c(whole)) {
                continue;
            }
            let numbers = (u64_at(copy, 16), u64_at(copy, 24), u32_at(copy, 32), u32_at(copy, 36));
            decoded = match (u32_at(copy, 8), u32_at(copy, 12), numbers) {
                (Some(FORMAT), Some(pages), (Some(number), Some(run), Some(marker), Some(checksum)))
                    if number <= NUMBER_MAX && run <= NUMBER_MAX =>
                {
                    let bytes = u64::from(pages) * SEGMENT_HEADER_BYTES;
                    Decoded::Known(Self { number, run, bytes, salt: Salt { marker, checksum } })
                }
                (Some(FORMAT), ..) => Decoded::Unreadable,
                (Some(format), ..) => Decoded::OtherFormat(format),
                _ => Decoded::Unreadable,
            };
        }
        decoded
    }
}

enum Decoded {
    Known(SegmentHeader),
    OtherFormat(u32),
    Unreadable,
}

/// What a new segment is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// Zeros, on the disk: many small writes will each be synced, and none should have to allocate.
    Zeros,
    /// Nothing: it will be written once, from end to end, and synced once.
    Sparse,
}

/// An open segment file with a header.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn StorageFile>,
    /// The file's length; frames never reach beyond it.
    pub(crate) bytes: u64,
}

impl Segment {
    /// Creates a segment of `bytes` bytes, durable with its directory entry.
    ///
    /// Leaves nothing behind when it fails, so that a full disk gets its space back.
    pub(crate) fn create(
        storage: &dyn Storage,
        path: &Path,
        header: SegmentHeader,
        bytes: u64,
        fill: Fill,
    ) -> io::Result<Self> {
        let file = storage.create(path)?;
        let segment = Self { header, path: path.to_owned(), file, bytes };
        let made = segment.fill(fill).and_then(|()| match path.parent() {
            Some(directory) => storage.sync_dir(directory),
            None => Ok(()),
        });
        match made {
            Ok(()) => Ok(segment),
            Err(error) => {
                storage.remove_file(path)?;
                Err(error)
            }
        }
    }

    fn fill(&self, fill: Fill) -> io::Result<()> {
        self.file.write_at(0, &self.header.encode())?;
        if fill == Fill::Sparse {
            self.file.set_len(self.bytes)?;
            return self.file.sync_data();
        }
        let zeros = vec![0; ZEROS_BYTES];
        let mut at = SEGMENT_HEADER_BYTES;
        while at < self.bytes {
            let part = zeros.get(..crate::numbers::to_usize(self.bytes - at)).unwrap_or(&zeros);
            self.file.write_at(at, part)?;
            at += to_u64(part.len());
        }
        self.file.sync_data()
    }

    /// Gives the file a new header, which turns everything in it into leftovers, and makes that durable.
    pub(crate) fn reuse(mut self, header: SegmentHeader) -> io::Result<Self> {
        self.file.write_at(0, &header.encode())?;
        self.file.sync_data()?;
        self.header = header;
        Ok(self)
    }
}

/// A file found in the log's directory.
#[derive(Debug)]
pub(crate) enum Found {
    /// A segment with a readable header.
    Segment(Segment),
    /// A file whose header is not readable: a crash stopped its creation, or it was damaged.
    Unreadable(PathBuf),
}

/// Opens a file of the log's directory.
///
/// # Errors
/// [`Error::UnsupportedFormat`] for a newer segment, [`Error::Io`].
pub(crate) fn find_segment(storage: &dyn Storage, path: &Path) -> Result<Found> {
    let failed = |error| Error::io("read", path, error);
    let file = storage.open(path).map_err(failed)?;
    let bytes = file.len().map_err(failed)?;
    if bytes < SEGMENT_HEADER_BYTES {
        return Ok(Found::Unreadable(path.to_owned()));
    }
    let mut head = vec![0; SEGMENT_HEADER_BYTES.try_into().unwrap_or_default()];
    file.read_at(0, &mut head).map_err(failed)?;
    match SegmentHeader::decode(&head) {
        Decoded::Known(header) => Ok(Found::Segment(Segment { header, path: path.to_owned(), file, bytes })),
        Decoded::OtherFormat(found) => {
            Err(Error::UnsupportedFormat { file: path.to_owned(), found, supported: FORMAT })
        }
        Decoded::Unreadable => Ok(Found::Unreadable(path.to_owned())),
    }
}

/// A salt nobody can guess.
pub(crate) fn random_salt(storage: &dyn Storage) -> io::Result<Salt> {
    let bytes = storage.random()?.to_le_bytes();
    let part = |at| u32_at(&bytes, at).unwrap_or_default();
    // Marker zero would let zeros pass for the beginning of a frame.
    Ok(Salt { marker: part(0) | 1, checksum: part(4) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_damaged_sector_leaves_the_header_readable() {
        let header = SegmentHeader { number: 7, run: 3, bytes: 8192, salt: Salt { marker: 1, checksum: 2 } };
        for sector in 0..8 {
            let mut bytes = header.encode();
            bytes[sector * 512..(sector + 1) * 512].fill(0xFF);
            assert!(matches!(SegmentHeader::decode(&bytes), Decoded::Known(read) if read == header));
        }
        assert!(matches!(SegmentHeader::decode(&[0; 4096]), Decoded::Unreadable));
    }

    #[test]
    fn a_header_with_numbers_that_no_store_gives_is_none() {
        for (number, run) in [(NUMBER_MAX + 1, 1), (u64::MAX, u64::MAX)] {
            let header = SegmentHeader { number, run, bytes: 8192, salt: Salt { marker: 1, checksum: 2 } };
            assert!(matches!(SegmentHeader::decode(&header.encode()), Decoded::Unreadable));
        }
    }
}
