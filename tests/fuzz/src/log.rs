//! Replay of any log: segments whose headers, frames and operations are the input's.
//!
//! Replay answers with operations or with an error, and takes no memory because a length says so. Where it does not
//! fail, what it gives is understood, not in the base, and no more than the frames have whose checksums hold. With
//! salvage, no damage is an error.
//!
//! An input is six numbers of the meta record, of eight bytes each, and up to four files: a byte for the file's name,
//! one that says which checksums are to be made to hold, one for the file's length in pages, one for how many sixteens
//! of bytes the frames have; the 48 bytes of the header; the frames.

use std::path::{Path, PathBuf};

use sessile::Error;
use sessile::simulation::Storage;
use sessile::simulation::formats::{recode_operation, replay_log};
use sessile_tests::disk::SimulatedDisk;

use crate::format::{FRAMES_AT, meta_record, seal_frame, seal_segment_header, u32_at, u64_at, whole_operations};
use crate::watch::watched;

const META_BYTES: usize = 48;
const HEADER_COPIES_AT: [usize; 2] = [0, 2048];
const HEADER_LEN: usize = 48;
const FILES_MAX: usize = 4;
/// By the format, no number is higher.
const NUMBER_MAX: u64 = u64::MAX / 2;

/// Bits of a file's second byte: the copies of the header that are there, and what is given a checksum that holds.
pub const FIRST_COPY: u8 = 1;
/// The header's copy at 2048 is there.
pub const SECOND_COPY: u8 = 2;
/// The header's checksum is made to hold.
pub const SEAL_HEADER: u8 = 4;
/// The frames' markers and checksums are made to hold, each unless its marker is all ones.
pub const SEAL_FRAMES: u8 = 8;

/// Runs one input.
pub fn run(input: &[u8]) {
    watched(|| read(input));
}

fn read(input: &[u8]) {
    let Some((fields, mut files)) = input.split_at_checked(META_BYTES) else { return };
    let fields: [u64; 6] = std::array::from_fn(|field| u64_at(fields, field * 8));
    let covered = fields[4];
    let disk = SimulatedDisk::default();
    let directory = Path::new("/log");
    disk.create_dir(directory).expect("a new directory");
    let mut whole = 0;
    for _ in 0..FILES_MAX {
        let Some((file, rest)) = File::read(files) else { break };
        file.write(&disk, directory);
        whole += file.whole_operations;
        files = rest;
    }
    let meta = meta_record(fields);
    if fields.iter().any(|field| *field > NUMBER_MAX) {
        let refused = replay_log(&disk, directory, &meta, true);
        assert!(matches!(refused, Err(Error::Corrupted { .. })), "a meta record with a number that no store gives");
        return;
    }
    for salvage in [false, true] {
        match replay_log(&disk, directory, &meta, salvage) {
            Ok(operations) => {
                assert!(operations.len() as u64 <= whole, "of {whole} operations {} were found", operations.len());
                for (number, operation) in operations {
                    assert!(number > covered, "operation {number} is in the base, which covers {covered}");
                    let again = recode_operation(&operation);
                    assert_eq!(again, Some((operation.len(), operation)), "an operation that changes");
                }
            }
            Err(Error::Corrupted { reason, .. }) => assert!(!salvage, "a salvage gave up: {reason}"),
            Err(Error::UnsupportedFormat { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A file of the log's directory.
struct File {
    name: String,
    bytes: Vec<u8>,
    whole_operations: u64,
}

impl File {
    fn read(input: &[u8]) -> Option<(Self, &[u8])> {
        let ([name, parts, pages, sixteens], rest) = input.split_first_chunk()?;
        let (header, rest) = rest.split_at_checked(HEADER_LEN)?;
        let (frames, rest) = rest.split_at(rest.len().min(usize::from(*sixteens) * 16));
        let mut bytes = vec![0; (usize::from(*pages) * 4096).max(FRAMES_AT + frames.len())];
        for (part, at) in [(FIRST_COPY, HEADER_COPIES_AT[0]), (SECOND_COPY, HEADER_COPIES_AT[1])] {
            if parts & part != 0 {
                bytes[at..at + HEADER_LEN].copy_from_slice(header);
            }
            if parts & SEAL_HEADER != 0 {
                seal_segment_header(&mut bytes, at);
            }
        }
        bytes[FRAMES_AT..FRAMES_AT + frames.len()].copy_from_slice(frames);
        if parts & SEAL_FRAMES != 0 {
            seal_frames(&mut bytes, header);
        }
        let name = match name {
            255 => format!("{}.log", u64::MAX),
            254 => "unnumbered.log".to_owned(),
            253 => "00000001.tmp".to_owned(),
            number => format!("{number:08}.log"),
        };
        if *pages == 0 {
            bytes.truncate(frames.len());
        }
        let whole_operations = whole_operations(&bytes, u32_at(header, 32), u32_at(header, 36));
        Some((Self { name, bytes, whole_operations }, rest))
    }

    fn write(&self, disk: &SimulatedDisk, directory: &Path) {
        let path: PathBuf = directory.join(&self.name);
        // The later of two with the same name counts.
        drop(disk.remove_file(&path));
        disk.create(&path).and_then(|file| file.write_at(0, &self.bytes)).expect("a disk without faults");
    }
}

fn seal_frames(bytes: &mut [u8], header: &[u8]) {
    // By the salt that a copy of the header gives them, also where the first one is not there.
    let first: [u8; HEADER_LEN] = bytes[..HEADER_LEN].try_into().expect("as many bytes");
    bytes[..HEADER_LEN].copy_from_slice(header);
    for at in crate::format::frames(bytes) {
        if bytes[at..at + 4] != [0xFF; 4] {
            seal_frame(bytes, at);
        }
    }
    bytes[..HEADER_LEN].copy_from_slice(&first);
}
