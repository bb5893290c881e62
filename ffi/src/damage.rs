//! Damaged parts of a store, as the lists of a check and a salvage hand them to C.

use std::ffi::{CString, c_char};

use sessile::{Damage, SessionId};

use crate::bytes::sessile_bytes;
use crate::text;

/// Damage, with texts for C. It never changes.
pub(crate) struct DamageList(Vec<Item>);

struct Item {
    file: CString,
    offset_bytes: u64,
    id: Option<SessionId>,
    reason: CString,
}

impl From<Vec<Damage>> for DamageList {
    fn from(damage: Vec<Damage>) -> Self {
        Self(damage.into_iter().map(Item::from).collect())
    }
}

impl From<Damage> for Item {
    fn from(damage: Damage) -> Self {
        Self {
            file: text::to_c(damage.file.display().to_string()),
            offset_bytes: damage.offset,
            id: damage.id,
            reason: text::to_c(damage.reason),
        }
    }
}

/// What C reads of the list; `None` where it was given no list.
impl DamageList {
    pub(crate) fn len(list: Option<&Self>) -> usize {
        list.map_or(0, |list| list.0.len())
    }

    pub(crate) fn file(list: Option<&Self>, index: usize) -> *const c_char {
        Self::item(list, index).map_or(c"".as_ptr(), |item| item.file.as_ptr())
    }

    pub(crate) fn offset_bytes(list: Option<&Self>, index: usize) -> u64 {
        Self::item(list, index).map_or(0, |item| item.offset_bytes)
    }

    pub(crate) fn id(list: Option<&Self>, index: usize) -> sessile_bytes {
        let id = Self::item(list, index).and_then(|item| item.id.as_ref());
        id.map_or(sessile_bytes::NONE, |id| sessile_bytes::of(id.as_bytes()))
    }

    pub(crate) fn reason(list: Option<&Self>, index: usize) -> *const c_char {
        Self::item(list, index).map_or(c"".as_ptr(), |item| item.reason.as_ptr())
    }

    fn item(list: Option<&Self>, index: usize) -> Option<&Item> {
        list?.0.get(index)
    }
}
