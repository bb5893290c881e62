//! The bytes on disk as recovery and the base read them, for tests that bring bytes of their own. Not a stable
//! interface.
//!
//! What is decoded is encoded again, so that a test can hold the two against each other without knowing what stands
//! between them.

use std::path::Path;

use crate::codec::{
    Malformed, Operation, decode_meta, decode_operation, decode_record, encode_meta, encode_operation, encode_record,
};
use crate::error::{Error, Result};
use crate::replay::replay;
use crate::session::SessionId;
use crate::storage::Storage;

/// An operation of the log: its number, and its bytes with the offset 0.
pub type Numbered = (u64, Vec<u8>);

/// Replays the log in `directory` for a base with this meta record, as opening does. Returns the operations that the
/// base does not have, in the order in which they are applied.
///
/// # Errors
/// [`Error::Corrupted`] for a damaged log where `salvage` is off, and for bytes that are no meta record;
/// [`Error::UnsupportedFormat`], [`Error::Io`].
pub fn replay_log(storage: &dyn Storage, directory: &Path, meta: &[u8], salvage: bool) -> Result<Vec<Numbered>> {
    let meta = decode_meta(meta).map_err(|malformed| corrupted(directory, malformed))?;
    let (mut operations, mut failure) = (Vec::new(), None);
    replay(storage, directory, &meta, salvage, &mut |number, operation| match encoded(operation) {
        Ok(bytes) => operations.push((number, bytes)),
        Err(malformed) => failure = Some(corrupted(directory, malformed)),
    })?;
    failure.map_or(Ok(operations), Err)
}

fn corrupted(directory: &Path, Malformed(reason): Malformed) -> Error {
    Error::Corrupted { file: directory.to_owned(), offset: 0, reason }
}

fn encoded(operation: &Operation<'_>) -> Result<Vec<u8>, Malformed> {
    let mut bytes = Vec::new();
    encode_operation(0, operation, &mut bytes)?;
    Ok(bytes)
}

/// Decodes the operation at the beginning of `bytes` and encodes it again. `None`: there is none. Otherwise how many
/// bytes it took there, and what it is encoded as.
#[must_use]
pub fn recode_operation(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
    let (offset, operation, len) = decode_operation(bytes).ok()?;
    let mut again = Vec::new();
    encode_operation(offset, &operation, &mut again).ok()?;
    Some((len, again))
}

/// Decodes the record that the base has under `id` and encodes it again. `None`: it is none, or another session's.
#[must_use]
pub fn recode_record(id: &SessionId, bytes: &[u8]) -> Option<Vec<u8>> {
    let record = decode_record(id, bytes).ok()?;
    let mut again = Vec::new();
    encode_record(id, &record, &mut again).ok()?;
    Some(again)
}

/// Decodes the base's meta record and encodes it again. `None`: it is none.
#[must_use]
pub fn recode_meta(bytes: &[u8]) -> Option<Vec<u8>> {
    encode_meta(&decode_meta(bytes).ok()?).ok()
}
