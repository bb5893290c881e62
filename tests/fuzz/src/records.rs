//! Decoders of operations, records and the meta record on any bytes.
//!
//! None panics or takes memory because a length says so, or lets an id pass that no session has. What one understands
//! is encoded again to bytes that mean the same; they are the same bytes unless those spelt a number longer than they
//! had to, or went on behind the end.
//!
//! An input is a byte that says what it is, and the bytes to decode. For a record the length of its id and the id
//! come first. Checksums are made to hold, or are part of the input.

use sessile::simulation::formats::{recode_meta, recode_operation, recode_record};
use sessile::{SessionId, Timestamp};

use crate::format::{sealed_meta, sealed_record, take_number};
use crate::watch::watched;

/// What an input's first byte says.
pub const KINDS: u8 = 5;
/// An operation of the log.
pub const OPERATION: u8 = 0;
/// A meta record behind its checksum.
pub const META: u8 = 1;
/// A session's record behind its checksum.
pub const RECORD: u8 = 2;
/// A meta record with its checksum.
pub const WHOLE_META: u8 = 3;
/// A session's record with its checksum.
pub const WHOLE_RECORD: u8 = 4;

/// By the format: the operation that has no id, and how long ids are at most.
const CLEAR: u64 = 3;
/// The record format that is written.
const RECORD_FORMAT: u8 = 2;
const ID_BYTES_MAX: u64 = 256;

/// Runs one input.
pub fn run(input: &[u8]) {
    watched(|| decode(input));
}

fn decode(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    match kind % KINDS {
        OPERATION => operation(bytes),
        META => meta(&sealed_meta(bytes)),
        WHOLE_META => meta(bytes),
        kind => {
            let Some((len, bytes)) = bytes.split_first() else { return };
            // Of every length there is, and one beyond.
            let Some((id, body)) = bytes.split_at_checked(usize::from(*len) + 1) else { return };
            let Ok(id) = SessionId::new(id) else { return };
            if kind == RECORD { record(&id, &sealed_record(id.as_bytes(), body)) } else { record(&id, body) }
        }
    }
}

fn operation(bytes: &[u8]) {
    let Some((len, again)) = recode_operation(bytes) else { return };
    same_or_shorter(&bytes[..len], &again);
    if let Some(len) = id_len(&again) {
        assert!((1..=ID_BYTES_MAX).contains(&len), "an operation on an id of {len} bytes");
    }
    assert_eq!(recode_operation(&again), Some((again.len(), again)), "an operation that changes as it is encoded");
}

fn meta(bytes: &[u8]) {
    let Some(again) = recode_meta(bytes) else { return };
    same_or_shorter(bytes, &again);
    assert_eq!(recode_meta(&again), Some(again), "a meta record that changes as it is encoded");
}

fn record(id: &SessionId, bytes: &[u8]) {
    let Some(again) = recode_record(id, bytes) else { return };
    // One of the format before is written in this one. A time beyond the last one there is counts as that.
    if bytes.get(4) == Some(&RECORD_FORMAT)
        && times(bytes).is_some_and(|times| times.iter().all(|time| *time <= Timestamp::MAX.as_millis()))
    {
        same_or_shorter(bytes, &again);
    }
    assert_eq!(recode_record(id, &again), Some(again), "a record that changes as it is encoded");
    let other = SessionId::new([id.as_bytes()[0] ^ 1].as_slice()).expect("an id of one byte");
    assert_eq!(recode_record(&other, bytes), None, "a record under another id");
}

/// How long an operation's id is; `None` where it has none.
fn id_len(operation: &[u8]) -> Option<u64> {
    let (_offset, rest) = take_number(operation)?;
    let (choice, rest) = take_number(rest)?;
    if choice == CLEAR { None } else { Some(take_number(rest)?.0) }
}

/// The times of a record: created, expires, deadline, under which the index has it.
fn times(record: &[u8]) -> Option<[u64; 4]> {
    let (created_at, rest) = take_number(record.get(5..)?)?;
    let (expires_at, rest) = take_number(rest)?;
    let (deadline, rest) = take_number(rest)?;
    let (_version, rest) = take_number(rest)?;
    let (_versions_before, rest) = take_number(rest)?;
    Some([created_at, expires_at, deadline, take_number(rest)?.0])
}

fn same_or_shorter(bytes: &[u8], again: &[u8]) {
    assert!(again.len() < bytes.len() || again == bytes, "{bytes:?} was encoded again as {again:?}");
}
