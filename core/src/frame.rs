//! Frames: the unit in which the log is written, one for each batch.
//!
//! A frame is accepted only in the segment it was written for: its checksum and its marker are salted with
//! that segment's random numbers, so that neither a recycled segment's leftovers nor bytes a client put
//! into a payload can pass for one. Each frame says up to which operation the log was already durable when
//! it was written; that is how a damaged frame is told from one that a power loss tore.

use crate::codec::{Malformed, Operation, decode_operation};
use crate::numbers::{NUMBER_MAX, to_u32, to_usize, u32_at, u64_at};

/// The random numbers of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salt {
    pub(crate) marker: u32,
    pub(crate) checksum: u32,
}

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum FrameKind {
    /// Operations with consecutive numbers, as they were called.
    Batch = 1,
    /// Operations that a recovery wrote again, each the last of its session, with their old numbers.
    Recovered = 2,
    /// Nothing: it only says what is durable.
    Mark = 3,
    /// The end of a segment: the run goes on in the segment whose number is in `first`.
    Continued = 4,
}

impl FrameKind {
    fn from_number(number: u32) -> Option<Self> {
        [Self::Batch, Self::Recovered, Self::Mark, Self::Continued].into_iter().find(|kind| *kind as u32 == number)
    }
}

/// The head of a frame; `docs/format.md` draws it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: FrameKind,
    /// How many operations the frame holds.
    pub(crate) count: u32,
    /// The number that the operations' offsets count from.
    pub(crate) first: u64,
    /// Every operation up to this number was durable when the frame was written.
    pub(crate) durable: u64,
}

/// Bytes of a frame before its operations.
pub(crate) const FRAME_HEADER_BYTES: usize = 40;
/// Frames begin at multiples of this many bytes.
pub(crate) const FRAME_ALIGNMENT: u64 = 8;

/// A mark begins at a multiple of this many bytes: in another block of the disk than the end of the frame that it
/// vouches for, so that no damaged block takes both.
pub(crate) const MARK_ALIGNMENT: u64 = 4096;

/// Reserves the head of a frame in an empty buffer; operations are appended behind it.
pub(crate) fn begin_frame(bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.resize(FRAME_HEADER_BYTES, 0);
}

/// Fills in the head of the frame in `bytes` for the segment with this salt, and pads it.
pub(crate) fn seal_frame(bytes: &mut Vec<u8>, salt: Salt, header: &FrameHeader) {
    let len = to_u32(bytes.len());
    while to_usize(FRAME_ALIGNMENT) != 0 && !bytes.len().is_multiple_of(to_usize(FRAME_ALIGNMENT)) {
        bytes.push(0);
    }
    let mut head = Vec::with_capacity(FRAME_HEADER_BYTES);
    head.extend_from_slice(&salt.marker.to_le_bytes());
    head.extend_from_slice(&[0; 4]);
    head.extend_from_slice(&len.to_le_bytes());
    head.extend_from_slice(&(header.kind as u32).to_le_bytes());
    head.extend_from_slice(&header.count.to_le_bytes());
    head.extend_from_slice(&[0; 4]);
    head.extend_from_slice(&header.first.to_le_bytes());
    head.extend_from_slice(&header.durable.to_le_bytes());
    if let Some(place) = bytes.get_mut(..FRAME_HEADER_BYTES) {
        place.copy_from_slice(&head);
    }
    let checksum = frame_checksum(bytes, salt, to_usize(u64::from(len)));
    if let Some(place) = bytes.get_mut(4..8) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

/// A frame found whole in a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) header: FrameHeader,
    body: &'a [u8],
    /// The frame's length on disk, padding included.
    pub(crate) len: u64,
}

impl<'a> Frame<'a> {
    /// The frame at the beginning of `bytes`, if one stands there.
    pub(crate) fn read(bytes: &'a [u8], salt: Salt) -> Option<Self> {
        if u32_at(bytes, 0)? != salt.marker {
            return None;
        }
        let len = to_usize(u64::from(u32_at(bytes, 8)?));
        let header = FrameHeader {
            kind: FrameKind::from_number(u32_at(bytes, 12)?)?,
            count: u32_at(bytes, 16)?,
            first: u64_at(bytes, 24)?,
            durable: u64_at(bytes, 32)?,
        };
        if header.first > NUMBER_MAX || header.durable > NUMBER_MAX {
            return None;
        }
        let body = bytes.get(FRAME_HEADER_BYTES..len)?;
        if u32_at(bytes, 4)? != frame_checksum(bytes, salt, len) {
            return None;
        }
        Some(Self { header, body, len: u64::from(to_u32(len)).next_multiple_of(FRAME_ALIGNMENT) })
    }

    /// The frame's operations with their numbers, in order.
    ///
    /// Fails where the checksum held but the content makes no sense, which no crash can cause.
    pub(crate) fn operations(&self) -> Result<Vec<(u64, Operation<'a>)>, Malformed> {
        let mut rest = self.body;
        // Not as many as the count says: it is only believed once they were found.
        let mut operations = Vec::new();
        for _ in 0..self.header.count {
            let (offset, operation, len) = decode_operation(rest)?;
            let number = self.header.first.saturating_add(offset);
            if number > NUMBER_MAX {
                return Err(Malformed(format!("an operation has number {number}, higher than any store gives")));
            }
            operations.push((number, operation));
            rest = rest.get(len..).unwrap_or_default();
        }
        if rest.is_empty() { Ok(operations) } else { Err(Malformed("bytes are left over in a frame".to_owned())) }
    }
}

fn frame_checksum(bytes: &[u8], salt: Salt, len: usize) -> u32 {
    crc32c::crc32c_append(salt.checksum, bytes.get(8..len).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Created, encode_operation};

    const SALT: Salt = Salt { marker: 0xDEAD_BEEF, checksum: 0x1234_5678 };

    fn sealed(salt: Salt) -> Vec<u8> {
        let mut bytes = Vec::new();
        begin_frame(&mut bytes);
        let set = Operation::Set { id: b"id", created: Created::At(1), expires_at: 2, payload: b"payload" };
        encode_operation(0, &set, &mut bytes).unwrap();
        encode_operation(1, &Operation::Clear, &mut bytes).unwrap();
        seal_frame(&mut bytes, salt, &FrameHeader { kind: FrameKind::Batch, count: 2, first: 10, durable: 9 });
        bytes
    }

    #[test]
    fn a_sealed_frame_reads_back() {
        let bytes = sealed(SALT);
        let frame = Frame::read(&bytes, SALT).unwrap();
        assert_eq!(frame.len, bytes.len() as u64);
        assert_eq!(frame.header, FrameHeader { kind: FrameKind::Batch, count: 2, first: 10, durable: 9 });
        let operations = frame.operations().unwrap();
        assert_eq!(operations[1], (11, Operation::Clear));
    }

    #[test]
    fn every_changed_bit_before_the_padding_is_noticed() {
        let bytes = sealed(SALT);
        let len = u32_at(&bytes, 8).unwrap() as usize;
        for bit in 0..len * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::read(&damaged, SALT).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn a_frame_of_another_segment_does_not_pass() {
        let other = Salt { checksum: SALT.checksum ^ 1, ..SALT };
        assert!(Frame::read(&sealed(other), SALT).is_none());
        assert!(Frame::read(&sealed(Salt { marker: 0, ..SALT }), SALT).is_none());
    }

    #[test]
    fn a_frame_with_numbers_that_no_store_gives_is_none() {
        let seal = |first, durable| {
            let mut bytes = Vec::new();
            begin_frame(&mut bytes);
            encode_operation(1, &Operation::Clear, &mut bytes).unwrap();
            seal_frame(&mut bytes, SALT, &FrameHeader { kind: FrameKind::Batch, count: 1, first, durable });
            bytes
        };
        assert!(Frame::read(&seal(NUMBER_MAX - 1, 0), SALT).unwrap().operations().is_ok());
        assert!(Frame::read(&seal(NUMBER_MAX, 0), SALT).unwrap().operations().is_err(), "the operation's own");
        for (first, durable) in [(u64::MAX, 0), (NUMBER_MAX + 1, 0), (1, u64::MAX)] {
            assert!(Frame::read(&seal(first, durable), SALT).is_none(), "{first}, {durable}");
        }
    }

    #[test]
    fn a_frame_takes_no_memory_for_operations_that_it_only_claims() {
        let mut bytes = Vec::new();
        begin_frame(&mut bytes);
        encode_operation(0, &Operation::Clear, &mut bytes).unwrap();
        let claimed = FrameHeader { kind: FrameKind::Batch, count: u32::MAX, first: 1, durable: 0 };
        seal_frame(&mut bytes, SALT, &claimed);
        // Room for as many would be hundreds of GiB, which ends the process.
        assert!(Frame::read(&bytes, SALT).unwrap().operations().is_err());
    }

    #[test]
    fn zeros_are_no_frame() {
        assert!(Frame::read(&[0; 64], SALT).is_none());
        assert!(Frame::read(&[0; 64], Salt { marker: 0, checksum: 0 }).is_none());
    }
}
