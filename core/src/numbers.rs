//! Conversions between the widths of numbers, each total: what does not fit saturates.

/// The highest number of an operation, a segment or a run that is read. No store comes near it, and what is computed
/// from such numbers stays within 64 bits.
pub(crate) const NUMBER_MAX: u64 = u64::MAX / 2;

/// The highest number that a store goes on from when it is opened, with all that it can give until it is closed ahead.
pub(crate) const START_MAX: u64 = NUMBER_MAX / 2;

/// A length or count in memory as it is written to disk.
pub(crate) fn to_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// A length or count read from disk as it is used in memory.
pub(crate) fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// A length that is known to be small, as four bytes.
pub(crate) fn to_u32(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// The four bytes at `at` as a little-endian number; `None` past the end.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(field.try_into().ok()?))
}

/// The eight bytes at `at` as a little-endian number; `None` past the end.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(field.try_into().ok()?))
}
