//! Bytes as C has them: ids and payloads, of any value, not ended by a zero.

use sessile::{Error, Owner, SessionId};

use crate::handle;

/// The longest id of a session, in bytes.
pub const SESSILE_ID_LEN_MAX: usize = 256;

/// Some bytes: a session's id, its owner, or its payload. Not text: any value may occur, and no zero ends them.
///
/// As an argument they are only read during the call. `len` 0 is no bytes, whatever `data` is; NULL with another
/// `len` is refused.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct sessile_bytes {
    /// The first of the bytes.
    pub data: *const u8,
    /// How many there are.
    pub len: usize,
}

impl sessile_bytes {
    pub(crate) const NONE: Self = Self { data: std::ptr::null(), len: 0 };

    pub(crate) const fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() }
    }

    pub(crate) fn to_id(self) -> Result<SessionId, Error> {
        SessionId::new(handle::slice(self.data, self.len, "id")?)
    }

    pub(crate) fn to_owner(self) -> Result<Owner, Error> {
        Owner::new(handle::slice(self.data, self.len, "owner")?)
    }

    pub(crate) fn to_payload<'a>(self) -> Result<&'a [u8], Error> {
        handle::slice(self.data, self.len, "payload")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_id_is_the_store_s() {
        assert_eq!(SESSILE_ID_LEN_MAX, SessionId::LEN_MAX);
    }
}
