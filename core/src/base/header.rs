//! The header of redb's file, kept twice, so that no write and no damaged sector can take it back in silence.
//!
//! redb overwrites its header in place, and what says which of two commits counts is one bit there without a
//! checksum. Here each change of the header goes into the older of two copies, is synced, then into the other, and is
//! synced again before the commit returns. So at any time one copy is whole; and once a commit has returned, both
//! have it, and damage to either leaves the other.

use std::io;

use super::layout::BLOCK_BYTES;
use crate::numbers::{to_usize, u32_at, u64_at};
use crate::storage::StorageFile;

/// What a copy takes, in bytes: a sector, so that nothing else is lost with it.
pub(super) const COPY_BYTES: usize = 512;
/// How much of its header redb may use.
pub(super) const HEADER_BYTES: usize = COPY_BYTES - CONTENT_AT;
const CONTENT_AT: usize = 32;
const MAGIC: &[u8; 8] = b"sessbase";
/// The format of the base's file; what redb keeps in it has a format of its own.
const FILE_FORMAT: u32 = 1;

/// redb's header, and how much of the file it may count on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Rises with each copy that is written.
    pub(super) sequence: u64,
    /// redb's file had at least this many blocks when the copy was written, durably: if there are fewer, it was cut.
    pub(super) blocks: u64,
    pub(super) content: [u8; HEADER_BYTES],
}

/// What the two copies say.
#[derive(Debug)]
pub(super) enum Found {
    /// The newer whole copy.
    Header {
        header: Box<Header>,
        /// In which of the two places it stands.
        place: usize,
        /// Whether the other one is whole and says the same.
        is_twice: bool,
    },
    /// A later version wrote it.
    NewerFormat(u32),
    /// No copy is whole.
    Nothing,
}

impl Header {
    pub(super) const fn new() -> Self {
        Self { sequence: 0, blocks: 0, content: [0; HEADER_BYTES] }
    }

    fn encode(&self) -> [u8; COPY_BYTES] {
        let mut copy = [0; COPY_BYTES];
        let fields: [(usize, &[u8]); 5] = [
            (0, MAGIC),
            (8, &FILE_FORMAT.to_le_bytes()),
            (16, &self.sequence.to_le_bytes()),
            (24, &self.blocks.to_le_bytes()),
            (CONTENT_AT, &self.content),
        ];
        for (at, bytes) in fields {
            if let Some(place) = copy.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        }
        let checksum = crc32c::crc32c(&copy);
        if let Some(place) = copy.get_mut(12..16) {
            place.copy_from_slice(&checksum.to_le_bytes());
        }
        copy
    }

    fn decode(copy: &[u8]) -> Option<Result<Self, u32>> {
        let checksum = u32_at(copy, 12)?;
        let mut unsigned = copy.to_vec();
        unsigned.get_mut(12..16)?.fill(0);
        if !copy.starts_with(MAGIC) || checksum != crc32c::crc32c(&unsigned) {
            return None;
        }
        match u32_at(copy, 8)? {
            FILE_FORMAT => {
                let content = copy.get(CONTENT_AT..)?.try_into().ok()?;
                Some(Ok(Self { sequence: u64_at(copy, 16)?, blocks: u64_at(copy, 24)?, content }))
            }
            format => Some(Err(format)),
        }
    }

    /// Reads both copies, and takes the newer of those that are whole.
    pub(super) fn read(file: &dyn StorageFile) -> io::Result<Found> {
        let mut found = Found::Nothing;
        for place in [0, 1] {
            match read_copy(file, place)? {
                None => {}
                Some(Err(format)) => return Ok(Found::NewerFormat(format)),
                Some(Ok(header)) => match &mut found {
                    Found::Header { header: other, is_twice, .. } => {
                        *is_twice = other.content == header.content;
                        if other.sequence < header.sequence {
                            let is_twice = *is_twice;
                            found = Found::Header { header: Box::new(header), place, is_twice };
                        }
                    }
                    _ => found = Found::Header { header: Box::new(header), place, is_twice: false },
                },
            }
        }
        Ok(found)
    }

    /// Writes the copy at `place`.
    pub(super) fn write(&self, file: &dyn StorageFile, place: usize) -> io::Result<()> {
        file.write_at(copy_offset(place), &self.encode())
    }
}

fn read_copy(file: &dyn StorageFile, place: usize) -> io::Result<Option<Result<Header, u32>>> {
    let mut copy = [0; COPY_BYTES];
    match file.read_at(copy_offset(place), &mut copy) {
        Ok(()) => Ok(Header::decode(&copy)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the copy at `place` is whole.
pub(super) fn is_whole(file: &dyn StorageFile, place: usize) -> io::Result<bool> {
    Ok(matches!(read_copy(file, place)?, Some(Ok(_))))
}

/// Where the copy at `place`, 0 or 1, stands.
pub(super) fn copy_offset(place: usize) -> u64 {
    if place == 0 { 0 } else { BLOCK_BYTES }
}

/// Whether a file is redb's own, as a store from before the checksums had it.
pub(super) fn is_bare(file: &dyn StorageFile) -> bool {
    let mut magic = [0; 4];
    file.read_at(0, &mut magic).is_ok() && &magic == b"redb"
}

/// The bytes of a block that `range` of the header covers; `None` beyond what is kept.
pub(super) fn range(offset: u64, len: usize) -> Option<std::ops::Range<usize>> {
    let start = to_usize(offset);
    let end = start.checked_add(len)?;
    (end <= HEADER_BYTES).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_is_no_header() {
        let header = Header { sequence: 7, blocks: 9, content: [3; HEADER_BYTES] };
        let copy = header.encode();
        assert!(matches!(Header::decode(&copy), Some(Ok(read)) if read == header));
        for at in 0..COPY_BYTES {
            let mut changed = copy;
            changed[at] ^= 0x10;
            assert!(Header::decode(&changed).is_none(), "byte {at}");
        }
    }
}
