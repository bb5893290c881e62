//! One call, with its arguments.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ptr;

use arbitrary::Arbitrary;
use sessile_ffi::bytes::sessile_bytes;
use sessile_ffi::completion::{sessile_store_destroy_async, sessile_store_set_async};
use sessile_ffi::cursor::{sessile_cursor_next, sessile_cursor_open};
use sessile_ffi::error::{sessile_error_message, sessile_error_status};
use sessile_ffi::options::*;
use sessile_ffi::salvage::*;
use sessile_ffi::session::*;
use sessile_ffi::stats::sessile_stats;
use sessile_ffi::status::{sessile_status, sessile_status_message};
use sessile_ffi::store::*;
use sessile_ffi::upkeep::*;
use sessile_ffi::version::{sessile_abi_version, sessile_version};

use super::callback::{Ticket, callback};
use super::handles::{Handles, output};
use crate::image::payload;

const MIB: u64 = 1 << 20;

/// A call of the library. Slots, ids and sizes are any numbers, which the call makes into what there is.
#[derive(Debug, Clone, Arbitrary)]
#[allow(missing_docs, reason = "the functions of the library and their arguments")]
pub enum Call {
    OptionsNew { slot: u8, path: u8 },
    OptionsSet { slot: u8, option: u8, value: u8 },
    OptionsFree { slot: u8 },
    Open { options: u8, slot: u8, error: u8 },
    OpenSalvage { options: u8, slot: u8, dropped: u8, error: u8 },
    Close { store: u8 },
    Free { store: u8 },
    LastError { store: u8, error: u8 },
    Get { store: u8, id: u8, session: u8 },
    Set { store: u8, id: u8, len: u16, expiry: u8 },
    Touch { store: u8, id: u8, expiry: u8 },
    Destroy { store: u8, id: u8 },
    Clear { store: u8 },
    Len { store: u8 },
    SetAsync { store: u8, id: u8, len: u16, expiry: u8, calls: u8 },
    DestroyAsync { store: u8, id: u8, calls: u8 },
    CursorOpen { store: u8, cursor: u8 },
    CursorNext { cursor: u8, session: u8 },
    CursorClose { cursor: u8 },
    Flush { store: u8 },
    Sync { store: u8 },
    Reap { store: u8 },
    Backup { store: u8, path: u8 },
    Stats { store: u8, bytes: u8 },
    Session { session: u8 },
    SessionFree { session: u8 },
    Error { error: u8 },
    ErrorFree { error: u8 },
    Dropped { dropped: u8, index: u8 },
    DroppedFree { dropped: u8 },
    Static { status: u16 },
}

impl Call {
    pub(super) fn make(&self, handles: &mut Handles) {
        match *self {
            Self::OptionsNew { slot, path } => options_new(handles, slot, path),
            Self::OptionsSet { slot, option, value } => options_set(handles, slot, option, value),
            Self::OptionsFree { slot } => handles.options.free(slot),
            Self::Open { options, slot, error } => open(handles, options, slot, error),
            Self::OpenSalvage { options, slot, dropped, error } => {
                open_salvage(handles, options, slot, dropped, error);
            }
            Self::Close { store } => check(sessile_store_close(handles.stores.get(store))),
            Self::Free { store } => handles.free_store(store),
            Self::LastError { store, error } => {
                let value = given(|place| sessile_store_last_error(handles.stores.get(store), place));
                handles.errors.put(error, value);
            }
            Self::Get { store, id, session } => {
                let store = handles.stores.get(store);
                let value = with_id(id, |id| given(|place| sessile_store_get(store, id, place)));
                put_session(handles, session, value, Some(id));
            }
            Self::Set { store, id, len, expiry } => {
                let (payload, expiry) = (payload_of(handles, id, len), expiry_of(expiry));
                let store = handles.stores.get(store);
                check(with_id(id, |id| sessile_store_set(store, id, bytes(&payload), expiry)));
            }
            Self::Touch { store, id, expiry } => {
                let store = handles.stores.get(store);
                check(with_id(id, |id| sessile_store_touch(store, id, expiry_of(expiry))));
            }
            Self::Destroy { store, id } => {
                let store = handles.stores.get(store);
                check(with_id(id, |id| sessile_store_destroy(store, id)));
            }
            Self::Clear { store } => check(sessile_store_clear(handles.stores.get(store))),
            Self::Len { store } => {
                let mut len = 0;
                output(&mut len, |place| sessile_store_len(handles.stores.get(store), place));
                check(sessile_store_len(handles.stores.get(store), None));
            }
            Self::SetAsync { store, id, len, expiry, calls } => {
                let (payload, expiry) = (payload_of(handles, id, len), expiry_of(expiry));
                submit(handles, store, calls, |store, callback, ticket| {
                    let payload = bytes(&payload);
                    with_id(id, |id| sessile_store_set_async(store, id, payload, expiry, callback, ticket.cast()))
                });
            }
            Self::DestroyAsync { store, id, calls } => submit(handles, store, calls, |store, callback, ticket| {
                with_id(id, |id| sessile_store_destroy_async(store, id, callback, ticket.cast()))
            }),
            Self::CursorOpen { store, cursor } => {
                let value = given(|place| sessile_cursor_open(handles.stores.get(store), place));
                handles.cursors.put(cursor, value);
            }
            Self::CursorNext { cursor, session } => {
                let value = given(|place| sessile_cursor_next(handles.cursors.get(cursor), place));
                put_session(handles, session, value, None);
            }
            Self::CursorClose { cursor } => handles.cursors.free(cursor),
            Self::Flush { store } => check(sessile_store_flush(handles.stores.get(store))),
            Self::Sync { store } => check(sessile_store_sync(handles.stores.get(store))),
            Self::Reap { store } => {
                let mut reaped = 0;
                output(&mut reaped, |place| sessile_store_reap(handles.stores.get(store), place));
            }
            Self::Backup { store, path } => {
                let path = if path == 255 { ptr::null() } else { handles.path(path).as_ptr() };
                check(sessile_store_backup(handles.stores.get(store), path));
            }
            Self::Stats { store, bytes } => stats(handles, store, bytes),
            Self::Session { session } => check_session(handles, session, None),
            Self::SessionFree { session } => handles.sessions.free(session),
            Self::Error { error } => {
                let error = handles.errors.get(error);
                let is_none = error.is_none();
                read(sessile_error_message(error));
                assert_eq!(sessile_error_status(error) == sessile_status::Ok, is_none);
            }
            Self::ErrorFree { error } => handles.errors.free(error),
            Self::Dropped { dropped, index } => {
                let (dropped, index) = (handles.dropped.get(dropped), usize::from(index));
                let is_there = index < sessile_dropped_len(dropped);
                read(sessile_dropped_file(dropped, index));
                assert_eq!(is_there, !read(sessile_dropped_reason(dropped, index)).is_empty());
                let _offset_bytes = sessile_dropped_offset_bytes(dropped, index);
            }
            Self::DroppedFree { dropped } => handles.dropped.free(dropped),
            Self::Static { status } => {
                assert!(!read(sessile_status_message(u32::from(status))).is_empty());
                assert!(!read(sessile_version()).is_empty());
                assert!(sessile_abi_version() > 0);
            }
        }
    }
}

/// What a call puts into the place for its output: a handle, or null.
fn given<T>(call: impl FnOnce(Option<&mut MaybeUninit<*mut T>>) -> sessile_status) -> *mut T {
    let mut value = ptr::null_mut();
    output(&mut value, call);
    value
}

/// Keeps a session, and reads most of them.
fn put_session(handles: &mut Handles, slot: u8, session: *mut sessile_session, asked: Option<u8>) {
    handles.sessions.put(slot, session);
    if slot % 4 != 3 {
        check_session(handles, slot, asked);
    }
}

fn check(status: sessile_status) {
    assert!(!matches!(status, sessile_status::Panic | sessile_status::Internal), "{status:?}");
}

/// A text that the library gave, which is UTF-8.
fn read<'a>(text: *const c_char) -> &'a str {
    // SAFETY: the library's texts end with a zero, and are read while what they belong to is there.
    unsafe { CStr::from_ptr(text) }.to_str().expect("UTF-8")
}

fn bytes(bytes: &[u8]) -> sessile_bytes {
    sessile_bytes { data: bytes.as_ptr(), len: bytes.len() }
}

/// Calls with an id: a few good ones, and some that are none.
fn with_id<T>(id: u8, call: impl FnOnce(sessile_bytes) -> T) -> T {
    match id {
        255 => call(sessile_bytes { data: ptr::null(), len: 3 }),
        254 => call(sessile_bytes { data: ptr::null(), len: 0 }),
        253 => call(bytes(&[b'x'; 257])),
        252 => call(bytes(&[b'x'; 256])),
        251 => call(sessile_bytes { data: b"x".as_ptr(), len: usize::MAX }),
        id => call(bytes(name(id).as_bytes())),
    }
}

fn name(id: u8) -> &'static str {
    match id {
        252 => {
            const LONG: [u8; 256] = [b'x'; 256];
            std::str::from_utf8(&LONG).unwrap_or_default()
        }
        id => ["a", "b", "c", "d", "e", "f", "g", "h"][usize::from(id) % 8],
    }
}

fn payload_of(handles: &mut Handles, id: u8, len: u16) -> Vec<u8> {
    handles.sets += 1;
    // Now and then one that is as large as payloads get.
    let len = if len == u16::MAX { MIB as usize } else { usize::from(len) };
    payload::of(name(id), handles.sets, len)
}

/// The store's ttl, the past, soon, late, never.
fn expiry_of(expiry: u8) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_millis() as u64);
    [0, 1, now + 2, now + 60_000, now + 3_600_000, u64::MAX, now - 1, now][usize::from(expiry) % 8]
}

fn options_new(handles: &mut Handles, slot: u8, path: u8) {
    let text = match path {
        255 => ptr::null(),
        254 => c"\xff\xfe".as_ptr(),
        253 => c"".as_ptr(),
        path => handles.path(path).as_ptr(),
    };
    let options = sessile_options_new(text);
    assert_eq!(options.is_null(), path == 255 || path == 254);
    handles.options.put(slot, options);
    // Nobody is waited for; segments are small.
    check(sessile_options_set_open_timeout_ms(handles.options.get_mut(slot), 0));
    check(sessile_options_set_payload_bytes_max(handles.options.get_mut(slot), MIB));
    check(sessile_options_set_log_bytes_max(handles.options.get_mut(slot), 4 * MIB));
}

fn options_set(handles: &mut Handles, slot: u8, option: u8, value: u8) {
    let options = handles.options.get_mut(slot);
    // Values in and out of range, none of which makes a large store.
    let size = [0, 1, MIB - 1, MIB, 4 * MIB, 4 * MIB + 1, 8 * MIB, u64::MAX][usize::from(value) % 8];
    let millis = [0, 1, 99, 100, 1000, 3_600_000, u64::from(u32::MAX) * 1000, u64::MAX][usize::from(value) % 8];
    check(match option % 8 {
        0 => sessile_options_set_durability(options, u32::from(value) % 5),
        1 => sessile_options_set_ttl_ms(options, millis),
        2 => sessile_options_set_cache_bytes(options, size),
        3 => sessile_options_set_dirty_bytes(options, size),
        4 => sessile_options_set_base_cache_bytes(options, size.min(64 * MIB)),
        5 => sessile_options_set_log_bytes_max(options, size),
        6 => sessile_options_set_payload_bytes_max(options, size),
        _ => sessile_options_set_checkpoint_interval_ms(options, millis),
    });
}

fn open(handles: &mut Handles, options: u8, slot: u8, error: u8) {
    let (mut store, mut why) = (ptr::null_mut(), ptr::null_mut());
    let options = handles.options.get(options);
    let status = output(&mut store, |place| with_error(&mut why, |error| sessile_store_open(options, place, error)));
    assert_eq!(status == sessile_status::Ok, !store.is_null(), "{status:?}");
    handles.errors.put(error, why);
    handles.callbacks.wait();
    handles.stores.put(slot, store);
}

/// Makes a call with a place for its error, which is there when the call failed, and only then.
fn with_error<T>(
    why: &mut *mut T,
    call: impl FnOnce(Option<&mut MaybeUninit<*mut T>>) -> sessile_status,
) -> sessile_status {
    let mut status = sessile_status::Ok;
    let ok = output(why, |error| {
        status = call(error);
        sessile_status::Ok
    });
    assert_eq!(ok, sessile_status::Ok);
    assert_eq!(status == sessile_status::Ok, why.is_null(), "{status:?}");
    status
}

fn open_salvage(handles: &mut Handles, options: u8, slot: u8, dropped: u8, error: u8) {
    let (mut store, mut list) = (ptr::null_mut(), ptr::null_mut());
    let options = handles.options.get(options);
    let mut why = ptr::null_mut();
    let status = output(&mut store, |place| {
        output(&mut list, |list| with_error(&mut why, |error| sessile_store_open_salvage(options, place, list, error)))
    });
    assert_eq!(status == sessile_status::Ok, !list.is_null(), "{status:?}");
    handles.errors.put(error, why);
    handles.dropped.put(dropped, list);
    handles.callbacks.wait();
    handles.stores.put(slot, store);
}

type Callback = sessile_ffi::completion::sessile_callback;

fn submit(
    handles: &mut Handles,
    store: u8,
    calls: u8,
    write: impl FnOnce(Option<&sessile_store>, Callback, *mut Ticket) -> sessile_status,
) {
    let called = if calls.is_multiple_of(2) { ptr::null() } else { handles.stores.pointer(store).cast_const() };
    let ticket = handles.callbacks.ticket(called);
    let callback: Callback = (calls != 255).then_some(callback);
    let status = write(handles.stores.get(store), callback, ticket);
    check(status);
    assert!(callback.is_some() || status != sessile_status::Ok, "a write without a callback was taken");
    if status != sessile_status::Ok {
        handles.callbacks.refused(ticket);
    }
}

fn check_session(handles: &Handles, slot: u8, asked: Option<u8>) {
    let session = handles.sessions.get(slot);
    let (id, payload) = (sessile_session_id(session), sessile_session_payload(session));
    let (created, expires) = (sessile_session_created_at_ms(session), sessile_session_expires_at_ms(session));
    if session.is_none() {
        assert_eq!((id.len, payload.len, created, expires, sessile_session_version(session)), (0, 0, 0, 0, 0));
        return;
    }
    assert!(created > 0 && expires > 0 && sessile_session_version(session) > 0);
    // SAFETY: the session's bytes, which are there until it is freed.
    let (id, payload) =
        unsafe { (std::slice::from_raw_parts(id.data, id.len), std::slice::from_raw_parts(payload.data, payload.len)) };
    let id = std::str::from_utf8(id).expect("the ids are text");
    assert!(asked.is_none_or(|asked| name(asked) == id), "{id} was not asked for");
    assert!(payload::is_of(id, payload), "{id} has a payload that was never stored");
}

fn stats(handles: &Handles, store: u8, size: u8) {
    let whole = size_of::<sessile_stats>();
    let room = [whole, 0, 7, 8, whole - 8, whole + 8, 4096, 4104][usize::from(size) % 8];
    // As much as is said to be there and no more, so that the address sanitizer sees a byte beyond.
    let mut place = vec![u64::MAX; room / 8];
    let at = if size == 255 { ptr::null_mut() } else { place.as_mut_ptr().cast() };
    let status = sessile_store_stats(handles.stores.get(store), room, at);
    check(status);
    if status == sessile_status::Ok {
        assert!(place.iter().all(|figure| *figure != u64::MAX), "a figure that was not cleared");
    }
}
