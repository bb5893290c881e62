//! Opening a damaged store with what is left of it, and the list of what could not be saved.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use sessile::Store;

use crate::bytes::sessile_bytes;
use crate::damage::DamageList;
use crate::error::sessile_error;
use crate::guard::guarded_or;
use crate::handle::{Output, give, given};
use crate::options::sessile_options;
use crate::status::sessile_status;
use crate::store::{opened, sessile_store};

/// What a salvage could not save, one item for each place. It never changes: any number of threads may read it.
pub struct sessile_dropped(DamageList);

/// Opens a damaged store with what is left of it, and lists what could not be saved.
///
/// **Copy the directory first**: damaged records are removed, damaged parts of the log stepped over, and an unreadable
/// base is set aside as `base.redb.damaged`. Sessions may come back as they were earlier, and destroyed ones may come
/// back.
///
/// As `sessile_store_open`; and `*dropped_out` is a list that the caller owns and ends with
/// `sessile_dropped_free`, empty if nothing was damaged, NULL on failure.
///
/// - `SESSILE_STATUS_CORRUPTED`: only for what cannot be worked around.
/// - `SESSILE_STATUS_LOCKED`: also if this process has the store open.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_open_salvage(
    options: Option<&sessile_options>,
    store_out: Option<&mut MaybeUninit<*mut sessile_store>>,
    dropped_out: Option<&mut MaybeUninit<*mut sessile_dropped>>,
    error_out: Option<&mut MaybeUninit<*mut sessile_error>>,
) -> sessile_status {
    let store_out = Output::clear(store_out, "store_out");
    let dropped_out = Output::clear(dropped_out, "dropped_out");
    opened(error_out, || {
        let (store_out, dropped_out) = (store_out?, dropped_out?);
        let options = given(options, "options")?.to_options();
        let path = options.path().to_owned();
        let (store, dropped) = Store::open_salvage(options)?;
        dropped_out.put(give(sessile_dropped(dropped.into())));
        store_out.put(give(sessile_store::new(store, path)));
        Ok(())
    })
}

fn list(dropped: Option<&sessile_dropped>) -> Option<&DamageList> {
    dropped.map(|dropped| &dropped.0)
}

/// How many items the list has. Of NULL: 0.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_dropped_len(dropped: Option<&sessile_dropped>) -> usize {
    DamageList::len(list(dropped))
}

/// The file that item `index` was in, in UTF-8, valid until the list is freed. An empty text where there is no such
/// item.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_dropped_file(dropped: Option<&sessile_dropped>, index: usize) -> *const c_char {
    DamageList::file(list(dropped), index)
}

/// Where in its file item `index` was, in bytes; 0 where the place is not known or there is no such item.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_dropped_offset_bytes(dropped: Option<&sessile_dropped>, index: usize) -> u64 {
    DamageList::offset_bytes(list(dropped), index)
}

/// The id of the session that item `index` is about, valid until the list is freed. No bytes where it is about a part
/// of a file, or there is no such item.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_dropped_id(dropped: Option<&sessile_dropped>, index: usize) -> sessile_bytes {
    DamageList::id(list(dropped), index)
}

/// What was found at item `index`, in UTF-8, valid until the list is freed. An empty text where there is no such item.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_dropped_reason(dropped: Option<&sessile_dropped>, index: usize) -> *const c_char {
    DamageList::reason(list(dropped), index)
}

/// Ends a list. NULL is nothing to end.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_dropped_free(dropped: Option<Box<sessile_dropped>>) {
    guarded_or((), || drop(dropped));
}
