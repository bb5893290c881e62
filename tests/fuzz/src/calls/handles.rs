//! The handles of a program that calls the library: a few of each kind, and NULL.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use sessile_ffi::cursor::{sessile_cursor, sessile_cursor_close};
use sessile_ffi::error::{sessile_error, sessile_error_free};
use sessile_ffi::options::{sessile_options, sessile_options_free};
use sessile_ffi::salvage::{sessile_dropped, sessile_dropped_free};
use sessile_ffi::session::{sessile_session, sessile_session_free};
use sessile_ffi::status::sessile_status;
use sessile_ffi::store::{sessile_store, sessile_store_close, sessile_store_free};

use super::callback::Callbacks;

const OF_EACH: usize = 3;

/// Handles of one kind. The last place is always NULL.
pub(super) struct Slots<T> {
    slots: [*mut T; OF_EACH + 1],
    free: extern "C" fn(Option<Box<T>>),
}

impl<T> Slots<T> {
    fn new(free: extern "C" fn(Option<Box<T>>)) -> Self {
        Self { slots: [ptr::null_mut(); OF_EACH + 1], free }
    }

    /// The handle in a slot; NULL where there is none.
    pub(super) fn pointer(&self, slot: u8) -> *mut T {
        self.slots[usize::from(slot) % self.slots.len()]
    }

    /// The handle in a slot, lent.
    pub(super) fn get(&self, slot: u8) -> Option<&T> {
        // SAFETY: what is in a slot was given to us, and leaves the slot before it is freed.
        unsafe { self.pointer(slot).as_ref() }
    }

    /// As [`Slots::get`], for the one caller.
    pub(super) fn get_mut(&mut self, slot: u8) -> Option<&mut T> {
        // SAFETY: as in `get`; the program has one thread.
        unsafe { self.pointer(slot).as_mut() }
    }

    /// Frees what is in a slot, NULL too.
    pub(super) fn free(&mut self, slot: u8) {
        self.put(slot, ptr::null_mut());
    }

    /// Puts a handle into a slot, and frees what was there. In the last slot it is freed at once.
    pub(super) fn put(&mut self, slot: u8, handle: *mut T) {
        let slot = usize::from(slot) % self.slots.len();
        let old = if slot == OF_EACH { handle } else { std::mem::replace(&mut self.slots[slot], handle) };
        let old = if old.is_null() {
            None
        } else {
            // SAFETY: it was given to us and is in no slot any more.
            Some(unsafe { Box::from_raw(old) })
        };
        (self.free)(old);
    }

    fn end(&mut self) {
        for slot in 0..=OF_EACH {
            self.free(slot as u8);
        }
    }
}

/// Everything that a program has.
pub(super) struct Handles {
    pub(super) options: Slots<sessile_options>,
    pub(super) stores: Slots<sessile_store>,
    pub(super) sessions: Slots<sessile_session>,
    pub(super) cursors: Slots<sessile_cursor>,
    pub(super) errors: Slots<sessile_error>,
    pub(super) dropped: Slots<sessile_dropped>,
    pub(super) callbacks: Arc<Callbacks>,
    paths: [CString; 4],
    pub(super) sets: u32,
}

impl Handles {
    pub(super) fn new(directory: &Path) -> Self {
        let path = |name: &str| CString::new(format!("{}/{name}", directory.display())).expect("a path without zeros");
        std::fs::write(directory.join("file"), b"no directory").expect("a file");
        let paths = [path("store"), path("other"), path("file"), path("missing/store")];
        Self {
            options: Slots::new(sessile_options_free),
            stores: Slots::new(sessile_store_free),
            sessions: Slots::new(sessile_session_free),
            cursors: Slots::new(sessile_cursor_close),
            errors: Slots::new(sessile_error_free),
            dropped: Slots::new(sessile_dropped_free),
            callbacks: Arc::default(),
            paths,
            sets: 0,
        }
    }

    /// A path for a store or a backup.
    pub(super) fn path(&self, number: u8) -> &CString {
        &self.paths[usize::from(number) % self.paths.len()]
    }

    /// Frees a store, once no callback is inside a call on it.
    pub(super) fn free_store(&mut self, slot: u8) {
        self.callbacks.wait();
        self.stores.free(slot);
    }

    /// Ends everything, in the order that a program does not think about.
    pub(super) fn end(mut self) {
        self.callbacks.wait();
        for slot in 0..OF_EACH as u8 {
            assert_ne!(sessile_store_close(self.stores.get(slot)), sessile_status::Panic);
        }
        self.stores.end();
        self.cursors.end();
        self.sessions.end();
        self.errors.end();
        self.dropped.end();
        self.options.end();
    }
}

/// Makes a call with a place for its output, which held something else before. Checks the status, and that the output
/// of a failure is NULL or zero.
pub(super) fn output<T: Copy + PartialEq + std::fmt::Debug + Nothing>(
    value: &mut T,
    call: impl FnOnce(Option<&mut MaybeUninit<T>>) -> sessile_status,
) -> sessile_status {
    let mut place = MaybeUninit::new(T::OTHER);
    let status = call(Some(&mut place));
    // SAFETY: it was made with a value.
    *value = unsafe { place.assume_init() };
    assert_ne!(*value, T::OTHER, "an output that was not cleared");
    assert_ne!(status, sessile_status::Panic);
    assert_ne!(status, sessile_status::Internal);
    if status != sessile_status::Ok {
        assert_eq!(*value, T::NOTHING, "an output of a call that failed");
    }
    status
}

/// What an output is after a failure, and what it never is.
pub(super) trait Nothing {
    const NOTHING: Self;
    const OTHER: Self;
}

impl<T> Nothing for *mut T {
    const NOTHING: Self = ptr::null_mut();
    const OTHER: Self = ptr::without_provenance_mut(align_of::<T>());
}

impl Nothing for u64 {
    const NOTHING: Self = 0;
    const OTHER: Self = u64::MAX;
}
