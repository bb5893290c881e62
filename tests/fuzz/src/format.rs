//! Bytes as `docs/format.md` describes them, written from that page and not from the store's code: numbers, and what
//! has a checksum.

use std::ops::Range;

const SEGMENT_HEADER_LEN: usize = 48;
const CHECKSUM_BYTES: usize = 4;
const META_FIELDS: usize = 7;
/// Where a segment's frames begin.
pub const FRAMES_AT: usize = 4096;
/// Bytes of a frame before its operations.
pub const FRAME_HEADER_BYTES: usize = 40;

/// Appends a number as the format has it.
pub fn put_number(number: u64, bytes: &mut Vec<u8>) {
    if number < 251 {
        bytes.push(number as u8);
    } else if let Ok(number) = u16::try_from(number) {
        bytes.push(0xFB);
        bytes.extend(number.to_le_bytes());
    } else if let Ok(number) = u32::try_from(number) {
        bytes.push(0xFC);
        bytes.extend(number.to_le_bytes());
    } else {
        bytes.push(0xFD);
        bytes.extend(number.to_le_bytes());
    }
}

/// The number at the beginning of `bytes`, and what stands behind it.
#[must_use]
pub fn take_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let len = match first {
        0xFB => 2,
        0xFC => 4,
        0xFD => 8,
        number => return Some((u64::from(*number), rest)),
    };
    let (number, rest) = rest.split_at_checked(len)?;
    let mut bytes = [0; 8];
    bytes[..len].copy_from_slice(number);
    Some((u64::from_le_bytes(bytes), rest))
}

/// The four bytes at `at`, 0 where there are none.
#[must_use]
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// The eight bytes at `at`, 0 where there are none.
#[must_use]
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn put_checksum(bytes: &mut [u8], at: usize, checksum: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

/// The meta record with these fields after its format: run, first segment, recovered frames, first number, covered,
/// cleared.
#[must_use]
pub fn meta_record(fields: [u64; 6]) -> Vec<u8> {
    let mut body = vec![1];
    for field in fields {
        put_number(field, &mut body);
    }
    sealed_meta(&body)
}

/// A meta record of these bytes, with a checksum that holds.
#[must_use]
pub fn sealed_meta(body: &[u8]) -> Vec<u8> {
    [&crc32c::crc32c(body).to_le_bytes(), body].concat()
}

/// Where in these bytes meta records stand whose checksums hold: the one in force, and those before it.
#[must_use]
pub fn metas(bytes: &[u8]) -> Vec<Range<usize>> {
    let begins = (CHECKSUM_BYTES..bytes.len()).filter(|at| bytes[*at] == 1);
    let whole = begins.filter_map(|at| {
        let end = at + meta_fields(&bytes[at..])?.last()?.end;
        let begin = at - CHECKSUM_BYTES;
        (crc32c::crc32c(&bytes[at..end]) == u32_at(bytes, begin)).then_some(begin..end)
    });
    whole.collect()
}

/// Gives a field of a meta record, by its number behind the format, another value of the same length, and the record a
/// checksum that holds.
pub fn change_meta(record: &mut [u8], field: usize, value: u64) {
    let Some(fields) = record.get(CHECKSUM_BYTES..).and_then(meta_fields) else { return };
    let field = fields[1 + field % (META_FIELDS - 1)].clone();
    match &mut record[CHECKSUM_BYTES..][field] {
        [byte] => *byte = (value % 251) as u8,
        [_len, bytes @ ..] => {
            let len = bytes.len();
            bytes.copy_from_slice(&value.to_le_bytes()[..len]);
        }
        [] => {}
    }
    let checksum = crc32c::crc32c(&record[CHECKSUM_BYTES..]);
    put_checksum(record, 0, checksum);
}

/// Where the format and the six numbers of a meta record stand behind its checksum.
fn meta_fields(body: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut at = 0;
    let fields = (0..META_FIELDS).map(|_| {
        let (_number, rest) = take_number(&body[at..])?;
        let field = at..body.len() - rest.len();
        at = field.end;
        Some(field)
    });
    fields.collect()
}

/// A record of these bytes under `id`, with a checksum that holds.
#[must_use]
pub fn sealed_record(id: &[u8], body: &[u8]) -> Vec<u8> {
    let checksum = crc32c::crc32c_append(crc32c::crc32c_append(id.len() as u32, id), body);
    [&checksum.to_le_bytes(), body].concat()
}

/// Makes the checksum of the header's copy at `at` hold.
pub fn seal_segment_header(bytes: &mut [u8], at: usize) {
    let end = at + SEGMENT_HEADER_LEN - 4;
    let checksum = bytes.get(at..end).map(crc32c::crc32c);
    if let Some(checksum) = checksum {
        put_checksum(bytes, end, checksum);
    }
}

/// Gives what stands at `at` the marker and the checksum that make a frame of it in this segment. Returns where the
/// next one begins; `None` where its length is that of no frame.
pub fn seal_frame(bytes: &mut [u8], at: usize) -> Option<usize> {
    let len = frame_len(bytes, at)?;
    let (marker, salt) = (u32_at(bytes, 32), u32_at(bytes, 36));
    put_checksum(bytes, at, marker);
    let checksum = crc32c::crc32c_append(salt, &bytes[at + 8..at + len]);
    put_checksum(bytes, at + 4, checksum);
    Some(at + len.next_multiple_of(8))
}

/// Where the frames of a segment stand, as far as each says where the next is; their checksums are not looked at.
#[must_use]
pub fn frames(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut frames) = (FRAMES_AT, Vec::new());
    while let Some(len) = frame_len(bytes, at) {
        frames.push(at);
        at += len.next_multiple_of(8);
    }
    frames
}

/// How many operations the whole frames hold that stand anywhere in a segment with this marker and this salt of
/// checksums: more than that nobody can have written there.
#[must_use]
pub fn whole_operations(bytes: &[u8], marker: u32, salt: u32) -> u64 {
    let mut operations = 0;
    for at in (FRAMES_AT..bytes.len()).step_by(8).filter(|at| u32_at(bytes, *at) == marker) {
        if let Some(len) = frame_len(bytes, at)
            && u32_at(bytes, at + 4) == crc32c::crc32c_append(salt, &bytes[at + 8..at + len])
        {
            operations += u64::from(u32_at(bytes, at + 16));
        }
    }
    operations
}

fn frame_len(bytes: &[u8], at: usize) -> Option<usize> {
    let len = u32_at(bytes, at + 8) as usize;
    (len >= FRAME_HEADER_BYTES && len <= bytes.len().saturating_sub(at)).then_some(len)
}
