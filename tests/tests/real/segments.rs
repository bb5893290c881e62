//! Reading and rewriting the log's files, by what `docs/format.md` says of them and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = 4096;
const HEADER_COPIES_AT: [usize; 2] = [0, 2048];
const HEADER_LEN: usize = 48;

pub const BATCH: u32 = 1;
pub const RECOVERED: u32 = 2;
pub const MARK: u32 = 3;
pub const CONTINUED: u32 = 4;

/// A whole frame in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameAt {
    pub offset: usize,
    pub len: usize,
    pub kind: u32,
    pub first: u64,
}

/// A segment file, as it stands on disk.
pub struct SegmentFile {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    pub number: u64,
    pub run: u64,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The segments of a closed store, in order of number.
pub fn segments(store: &Path) -> Vec<SegmentFile> {
    let mut segments: Vec<_> =
        fs::read_dir(store.join("log")).unwrap().map(|entry| SegmentFile::read(&entry.unwrap().path())).collect();
    segments.sort_by_key(|segment| segment.number);
    segments
}

/// The segments that have frames, in the order in which they were written, which is not that of their numbers.
pub fn used_segments(store: &Path) -> Vec<SegmentFile> {
    let mut used: Vec<_> = segments(store).into_iter().filter(|segment| !segment.frames().is_empty()).collect();
    used.sort_by_key(|segment| segment.frames()[0].first);
    used
}

impl SegmentFile {
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        Self { path: path.to_owned(), number: u64_at(&bytes, 16), run: u64_at(&bytes, 24), bytes }
    }

    /// The frames from the segment's beginning on.
    pub fn frames(&self) -> Vec<FrameAt> {
        let (marker, salt) = (u32_at(&self.bytes, 32), u32_at(&self.bytes, 36));
        let mut frames = Vec::new();
        let mut offset = HEADER_BYTES;
        loop {
            // A mark begins in the next block, with nothing before it.
            let is_frame = |at: usize| at + 40 <= self.bytes.len() && u32_at(&self.bytes, at) == marker;
            let in_next_block = offset.next_multiple_of(4096);
            if !is_frame(offset) && is_frame(in_next_block) && u32_at(&self.bytes, in_next_block + 12) == MARK {
                offset = in_next_block;
            } else if !is_frame(offset) {
                return frames;
            }
            let len = u32_at(&self.bytes, offset + 8) as usize;
            let checksum = crc32c::crc32c_append(salt, &self.bytes[offset + 8..offset + len]);
            assert_eq!(checksum, u32_at(&self.bytes, offset + 4), "a frame's checksum is not what the format says");
            let (kind, first) = (u32_at(&self.bytes, offset + 12), u64_at(&self.bytes, offset + 24));
            frames.push(FrameAt { offset, len, kind, first });
            offset += len.next_multiple_of(8);
        }
    }

    pub fn batches(&self) -> Vec<FrameAt> {
        self.frames().into_iter().filter(|frame| frame.kind == BATCH).collect()
    }

    pub fn flip(&mut self, offset: usize) {
        self.bytes[offset] ^= 0x20;
        self.write();
    }

    pub fn zero(&mut self, frame: FrameAt) {
        self.bytes[frame.offset..frame.offset + frame.len].fill(0);
        self.write();
    }

    /// Makes both copies of the header say another format, with checksums that hold.
    pub fn set_format(&mut self, format: u32) {
        for at in HEADER_COPIES_AT {
            self.bytes[at + 8..at + 12].copy_from_slice(&format.to_le_bytes());
            let checksum = crc32c::crc32c(&self.bytes[at..at + HEADER_LEN - 4]);
            self.bytes[at + HEADER_LEN - 4..at + HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
        }
        self.write();
    }

    pub fn write(&self) {
        fs::write(&self.path, &self.bytes).unwrap();
    }
}
