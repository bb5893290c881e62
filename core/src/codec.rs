//! What operations, records and the base's meta record look like as bytes: the only user of bincode.
//!
//! Encoding is bincode's standard configuration (little-endian, variable-length integers), spelt out in
//! `docs/format.md`. Decoding is bounded in size, borrows payloads from its input, and answers bytes that
//! it does not understand with [`Malformed`], never with a panic or a large allocation.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{BorrowDecode, Decode, Encode};

use crate::numbers::{NUMBER_MAX, u32_at};
use crate::options::Options;
use crate::session::{Owner, SessionId};
use crate::time::Timestamp;

/// The largest thing decoded: the largest payload, its id and its header.
const DECODE_BYTES_MAX: usize = 17 * 1024 * 1024;
const _: () = assert!(Options::PAYLOAD_BYTES_LIMIT < DECODE_BYTES_MAX as u64 - 1024 * 1024 / 2);

const CONFIG: Configuration<LittleEndian, Varint, Limit<DECODE_BYTES_MAX>> =
    bincode::config::standard().with_limit::<DECODE_BYTES_MAX>();

/// Bytes that are not what they should be; the text says what did not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) String);

/// When a session that is being set came into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Created {
    /// At this time.
    At(u64),
    /// When the session that the base has was created, if it was still alive at this time; else at it.
    Inherited(u64),
}

/// One operation as the log keeps it. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) enum Operation<'a> {
    Set {
        id: &'a [u8],
        created: Created,
        expires_at: u64,
        payload: &'a [u8],
    },
    Touch {
        id: &'a [u8],
        expires_at: u64,
    },
    Destroy {
        id: &'a [u8],
    },
    Clear,
    /// A set of a session that has an owner or a deadline; what it has none of is empty or 0.
    SetWith {
        id: &'a [u8],
        created: Created,
        expires_at: u64,
        deadline: u64,
        owner: &'a [u8],
        payload: &'a [u8],
    },
}

/// Appends an operation with its distance from the frame's first number.
pub(crate) fn encode_operation(
    number_offset: u64,
    operation: &Operation<'_>,
    bytes: &mut Vec<u8>,
) -> Result<(), Malformed> {
    encode(&(number_offset, operation), bytes)
}

/// Reads one operation and its distance from the frame's first number, and how many bytes they took.
pub(crate) fn decode_operation(bytes: &[u8]) -> Result<(u64, Operation<'_>, usize), Malformed> {
    let ((number_offset, operation), len) = bincode::borrow_decode_from_slice(bytes, CONFIG).map_err(malformed)?;
    if let Operation::Set { id, .. }
    | Operation::Touch { id, .. }
    | Operation::Destroy { id }
    | Operation::SetWith { id, .. } = operation
        && (id.is_empty() || id.len() > SessionId::LEN_MAX)
    {
        return Err(Malformed(format!("an id has {} bytes", id.len())));
    }
    if let Operation::SetWith { owner, .. } = operation
        && owner.len() > Owner::LEN_MAX
    {
        return Err(Malformed(format!("an owner has {} bytes", owner.len())));
    }
    Ok((number_offset, operation, len))
}

/// The head of a session's record in the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
struct RecordHeader<'a> {
    /// [`RECORD_FORMAT`].
    format: u8,
    created_at: u64,
    expires_at: u64,
    /// The latest expiry that any touch or set may give; 0: none.
    deadline: u64,
    version: u64,
    /// How much less the first version of this session was.
    versions_before: u64,
    /// The time under which the expiry index has this session.
    index_at: u64,
    /// Empty: nobody's.
    owner: &'a [u8],
}

/// The head of a record in the format before, which had neither owner nor deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct RecordHeaderBefore {
    /// [`RECORD_FORMAT_BEFORE`].
    format: u8,
    created_at: u64,
    expires_at: u64,
    /// Always 0.
    deadline: u64,
    version: u64,
    index_at: u64,
    /// Always 0.
    flags: u8,
}

const RECORD_FORMAT: u8 = 2;
const RECORD_FORMAT_BEFORE: u8 = 1;
const CHECKSUM_BYTES: usize = 4;

/// A record taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// [`Timestamp::MIN`]: none.
    pub(crate) deadline: Timestamp,
    pub(crate) version: u64,
    /// At most `version`.
    pub(crate) first_version: u64,
    pub(crate) index_at: Timestamp,
    /// Empty: nobody's.
    pub(crate) owner: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// The record for the base: checksum over id, header and payload; then header, then payload.
pub(crate) fn encode_record(id: &SessionId, record: &Record<'_>, bytes: &mut Vec<u8>) -> Result<(), Malformed> {
    bytes.clear();
    bytes.extend_from_slice(&[0; CHECKSUM_BYTES]);
    let header = RecordHeader {
        format: RECORD_FORMAT,
        created_at: record.created_at.as_millis(),
        expires_at: record.expires_at.as_millis(),
        deadline: record.deadline.as_millis(),
        version: record.version,
        versions_before: record.version.saturating_sub(record.first_version),
        index_at: record.index_at.as_millis(),
        owner: record.owner,
    };
    encode(&header, bytes)?;
    bytes.extend_from_slice(record.payload);
    let checksum = record_checksum(id, bytes);
    if let Some(place) = bytes.get_mut(..CHECKSUM_BYTES) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    Ok(())
}

/// Takes a record apart after verifying that it is whole and belongs to `id`.
pub(crate) fn decode_record<'a>(id: &SessionId, bytes: &'a [u8]) -> Result<Record<'a>, Malformed> {
    if u32_at(bytes, 0) != Some(record_checksum(id, bytes)) {
        return Err(Malformed("its checksum does not match".to_owned()));
    }
    let body = bytes.get(CHECKSUM_BYTES..).unwrap_or_default();
    let (header, len) = match body.first() {
        Some(&RECORD_FORMAT) => bincode::borrow_decode_from_slice(body, CONFIG).map_err(malformed)?,
        Some(&RECORD_FORMAT_BEFORE) => decode_header_before(body)?,
        format => return Err(Malformed(format!("its format {format:?} is not known"))),
    };
    let RecordHeader { created_at, expires_at, deadline, version, versions_before, index_at, owner, .. } = header;
    if owner.len() > Owner::LEN_MAX {
        return Err(Malformed(format!("its owner has {} bytes", owner.len())));
    }
    let Some(first_version) = version.checked_sub(versions_before) else {
        return Err(Malformed("its first version is none".to_owned()));
    };
    Ok(Record {
        created_at: Timestamp::from_millis(created_at),
        expires_at: Timestamp::from_millis(expires_at),
        deadline: Timestamp::from_millis(deadline),
        version,
        first_version,
        index_at: Timestamp::from_millis(index_at),
        owner,
        payload: body.get(len..).unwrap_or_default(),
    })
}

/// Reads the head of a record that an earlier version wrote.
fn decode_header_before(body: &[u8]) -> Result<(RecordHeader<'_>, usize), Malformed> {
    let (before, len): (RecordHeaderBefore, usize) = bincode::decode_from_slice(body, CONFIG).map_err(malformed)?;
    if before.flags != 0 || before.deadline != 0 {
        return Err(Malformed("what its format reserves is in use".to_owned()));
    }
    let RecordHeaderBefore { created_at, expires_at, version, index_at, .. } = before;
    let header = RecordHeader {
        format: RECORD_FORMAT,
        created_at,
        expires_at,
        deadline: 0,
        version,
        versions_before: 0,
        index_at,
        owner: &[],
    };
    Ok((header, len))
}

/// The owner that a record names, which need not be whole; empty: nobody, or it cannot be told.
pub(crate) fn owner_in_record(bytes: &[u8]) -> &[u8] {
    let body = bytes.get(CHECKSUM_BYTES..).unwrap_or_default();
    if body.first() != Some(&RECORD_FORMAT) {
        return &[];
    }
    let decoded: Result<(RecordHeader<'_>, usize), _> = bincode::borrow_decode_from_slice(body, CONFIG);
    decoded.map_or(&[], |(header, _)| header.owner)
}

/// The id's length goes in before the id, so that no byte can move from the id into the header.
fn record_checksum(id: &SessionId, record: &[u8]) -> u32 {
    let id = id.as_bytes();
    let seed = u32::try_from(id.len()).unwrap_or(u32::MAX);
    crc32c::crc32c_append(crc32c::crc32c_append(seed, id), record.get(CHECKSUM_BYTES..).unwrap_or_default())
}

/// What the base knows about the store as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Meta {
    /// The format of the whole directory.
    pub(crate) format: u32,
    /// The log run that goes on from this base: the number of its first segment; 0: there is no log yet.
    pub(crate) run: u64,
    /// The segment at which a replay has to begin.
    pub(crate) start_segment: u64,
    /// How many frames of recovered operations the run begins with.
    pub(crate) recovered_frames: u64,
    /// The first number given in the run.
    pub(crate) first_number: u64,
    /// Every operation up to this number is in the base.
    pub(crate) covered: u64,
    /// Records with a version up to this number were cleared.
    pub(crate) cleared: u64,
}

impl Meta {
    /// Of a base that no log belongs to, and that has nothing.
    pub(crate) const NEW: Self =
        Self { format: FORMAT, run: 0, start_segment: 0, recovered_frames: 0, first_number: 1, covered: 0, cleared: 0 };
}

/// The format this version writes, and the newest it reads.
pub(crate) const FORMAT: u32 = 1;

pub(crate) fn encode_meta(meta: &Meta) -> Result<Vec<u8>, Malformed> {
    let mut bytes = vec![0; CHECKSUM_BYTES];
    encode(meta, &mut bytes)?;
    let checksum = crc32c::crc32c(bytes.get(CHECKSUM_BYTES..).unwrap_or_default());
    if let Some(place) = bytes.get_mut(..CHECKSUM_BYTES) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    Ok(bytes)
}

pub(crate) fn decode_meta(bytes: &[u8]) -> Result<Meta, Malformed> {
    let body = bytes.get(CHECKSUM_BYTES..).unwrap_or_default();
    if u32_at(bytes, 0) != Some(crc32c::crc32c(body)) {
        return Err(Malformed("the meta record's checksum does not match".to_owned()));
    }
    let (meta, _): (Meta, usize) = bincode::decode_from_slice(body, CONFIG).map_err(malformed)?;
    let numbers = [meta.run, meta.start_segment, meta.recovered_frames, meta.first_number, meta.covered, meta.cleared];
    // Of a later format they may mean something else.
    if meta.format == FORMAT && numbers.into_iter().any(|number| number > NUMBER_MAX) {
        return Err(Malformed("a number in the meta record is higher than any store gives".to_owned()));
    }
    Ok(meta)
}

fn encode(value: &impl Encode, bytes: &mut Vec<u8>) -> Result<(), Malformed> {
    bincode::encode_into_std_write(value, bytes, CONFIG).map(drop).map_err(|error| Malformed(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err takes")]
fn malformed(error: bincode::error::DecodeError) -> Malformed {
    Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(bytes: &[u8]) -> SessionId {
        SessionId::new(bytes).unwrap()
    }

    fn sample(payload: &[u8]) -> Record<'_> {
        Record {
            created_at: Timestamp::from_millis(1),
            expires_at: Timestamp::from_millis(1_700_000_000_000),
            deadline: Timestamp::from_millis(1_800_000_000_000),
            version: 77,
            first_version: 70,
            index_at: Timestamp::from_millis(1_600_000_000_000),
            owner: b"ada",
            payload,
        }
    }

    #[test]
    fn a_record_of_the_format_before_is_read() {
        let before = RecordHeaderBefore {
            format: RECORD_FORMAT_BEFORE,
            created_at: 1,
            expires_at: 2,
            deadline: 0,
            version: 77,
            index_at: 3,
            flags: 0,
        };
        let mut bytes = vec![0; CHECKSUM_BYTES];
        encode(&before, &mut bytes).unwrap();
        bytes.extend_from_slice(b"payload");
        let checksum = record_checksum(&id(b"abc"), &bytes);
        bytes[..CHECKSUM_BYTES].copy_from_slice(&checksum.to_le_bytes());
        let record = decode_record(&id(b"abc"), &bytes).unwrap();
        assert_eq!((record.version, record.first_version, record.payload), (77, 77, b"payload".as_slice()));
        assert_eq!((record.deadline, record.owner), (Timestamp::MIN, [].as_slice()));
        assert_eq!(owner_in_record(&bytes), [0_u8; 0]);
    }

    #[test]
    fn a_record_says_whose_it_is_without_being_verified() {
        let mut bytes = Vec::new();
        encode_record(&id(b"abc"), &sample(b"payload"), &mut bytes).unwrap();
        assert_eq!(owner_in_record(&bytes), b"ada");
        for len in 0..bytes.len() {
            let _ = owner_in_record(&bytes[..len]);
        }
    }

    #[test]
    fn operations_come_back_as_they_were() {
        let operations = [
            Operation::Set { id: b"a", created: Created::Inherited(5), expires_at: u64::MAX, payload: &[0; 300] },
            Operation::Touch { id: &[255; 256], expires_at: 9 },
            Operation::Destroy { id: b"\0" },
            Operation::Clear,
            Operation::SetWith {
                id: b"a",
                created: Created::At(5),
                expires_at: 7,
                deadline: 9,
                owner: &[1; 256],
                payload: b"payload",
            },
        ];
        let mut bytes = Vec::new();
        for (offset, operation) in operations.iter().enumerate() {
            encode_operation(offset as u64, operation, &mut bytes).unwrap();
        }
        let mut rest = bytes.as_slice();
        for (offset, operation) in operations.iter().enumerate() {
            let (read_offset, read, len) = decode_operation(rest).unwrap();
            assert_eq!((read_offset, &read), (offset as u64, operation));
            rest = &rest[len..];
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn every_changed_bit_of_a_record_is_noticed() {
        let mut bytes = Vec::new();
        encode_record(&id(b"abc"), &sample(b"payload"), &mut bytes).unwrap();
        assert_eq!(decode_record(&id(b"abc"), &bytes).unwrap(), sample(b"payload"));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_record(&id(b"abc"), &damaged).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(decode_record(&id(b"abc"), &bytes[..len]).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn a_record_under_another_id_is_refused() {
        let mut bytes = Vec::new();
        encode_record(&id(b"alice"), &sample(b"her cart"), &mut bytes).unwrap();
        assert!(decode_record(&id(b"mallory"), &bytes).is_err());
        assert!(decode_record(&id(b"alicf"), &bytes).is_err(), "of the same length");
    }

    #[test]
    fn a_meta_record_with_numbers_that_no_store_gives_is_malformed() {
        let zero = Meta {
            format: FORMAT,
            run: 0,
            start_segment: 0,
            recovered_frames: 0,
            first_number: 0,
            covered: 0,
            cleared: 0,
        };
        let high = NUMBER_MAX + 1;
        assert!(decode_meta(&encode_meta(&Meta { covered: NUMBER_MAX, ..zero }).unwrap()).is_ok());
        let metas = [
            Meta { run: high, ..zero },
            Meta { start_segment: high, ..zero },
            Meta { recovered_frames: high, ..zero },
            Meta { first_number: high, ..zero },
            Meta { covered: high, ..zero },
            Meta { cleared: high, ..zero },
        ];
        for meta in metas {
            assert!(decode_meta(&encode_meta(&meta).unwrap()).is_err(), "{meta:?}");
        }
    }

    #[test]
    fn malformed_operations_are_errors() {
        assert!(decode_operation(&[]).is_err());
        let mut bytes = Vec::new();
        encode(&(0u64, Operation::Destroy { id: &[1; 257] }), &mut bytes).unwrap();
        assert!(decode_operation(&bytes).is_err(), "an id that is too long");
        let owner: &[u8] = &[1; 257];
        let (id, payload): (&[u8], &[u8]) = (b"a", b"");
        let mut bytes = Vec::new();
        let set = Operation::SetWith { id, created: Created::At(5), expires_at: 7, deadline: 9, owner, payload };
        encode(&(0u64, set), &mut bytes).unwrap();
        assert!(decode_operation(&bytes).is_err(), "an owner that is too long");
        for seed in 0..10_000u64 {
            let noise = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
            let _ = decode_operation(&noise);
        }
    }
}
