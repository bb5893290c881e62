//! Session ids, and owners: JavaScript strings that are well-formed Unicode, 1 to 256 bytes of UTF-8.

use napi::bindgen_prelude::{Env, Unknown};
use sessile::{Owner, SessionId};

use crate::failure::Failure;
use crate::raw;

/// Room for the longest id, for Node's final zero, and to see that there is no more.
const BUFFER_LEN: usize = SessionId::LEN_MAX + 8;

/// U+FFFD, which Node writes for a lone surrogate, in UTF-8.
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// The id to write under, or why `value` cannot be one.
pub(crate) fn required(env: &Env, value: &Unknown<'_>) -> Result<SessionId, Failure> {
    let id = raw::with_utf8::<BUFFER_LEN, _>(env, value, |bytes| {
        if holds_replacement(bytes) && !is_well_formed(env, value) {
            return Err(Failure::id("a session id has to be well-formed Unicode, this one has half a surrogate pair"));
        }
        Ok(SessionId::new(bytes)?)
    });
    id.unwrap_or_else(|| Err(Failure::id("a session id has to be a string")))
}

/// The id to look up; `None` where no session can have it.
pub(crate) fn known(env: &Env, value: &Unknown<'_>) -> Option<SessionId> {
    required(env, value).ok()
}

/// Whose sessions; `None` for the empty string, which is nobody. JavaScript has checked the rest.
pub(crate) fn owner(env: &Env, value: &Unknown<'_>) -> Result<Option<Owner>, Failure> {
    let owner = raw::with_utf8::<BUFFER_LEN, _>(env, value, |bytes| {
        if bytes.is_empty() { Ok(None) } else { Owner::new(bytes).map(Some) }
    });
    Ok(owner.ok_or_else(|| Failure::defect("an owner that is not a string"))??)
}

fn holds_replacement(bytes: &[u8]) -> bool {
    !bytes.is_ascii() && bytes.windows(REPLACEMENT.len()).any(|window| window == REPLACEMENT)
}

/// Whether the replacement characters in an id were there from the start.
fn is_well_formed(env: &Env, value: &Unknown<'_>) -> bool {
    let mut buffer = [0_u16; SessionId::LEN_MAX + 1];
    let units = raw::utf16_into(env, value, &mut buffer).unwrap_or_default();
    char::decode_utf16(units.iter().copied()).all(|unit| unit.is_ok())
}
