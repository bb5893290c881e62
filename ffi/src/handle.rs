//! How handles and memory cross the boundary. Here alone are pointers converted; the other unsafe code is the
//! calls of C functions in [`crate::completion`] and [`crate::fork`].
//!
//! What it keeps true:
//! - a handle that C holds is a `Box` that [`give`] let go of; a `_free` or `_close` takes it back by its type;
//! - an output is NULL or zero from the first moment of a call, and gets its value in the call's last step;
//! - NULL where something is needed is a failure that names the argument.
//!
//! One thing cannot be checked and has to be believed: that a pointer which is not NULL points to what the header
//! asks for. The header says so under "Pointers". Every `SAFETY` comment here rests on that.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ptr;

use sessile::Error;

/// Hands a value over to C, which gives it back to the `_free` or `_close` of its type.
pub(crate) fn give<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// The failure for an argument that the caller has to correct.
pub(crate) fn refuse(what: &'static str, reason: impl Into<String>) -> Error {
    Error::InvalidArgument { what, reason: reason.into() }
}

/// A handle or a callback that must not be NULL.
pub(crate) fn given<T>(argument: Option<T>, what: &'static str) -> Result<T, Error> {
    argument.ok_or_else(|| refuse(what, "it is NULL"))
}

/// What an output holds until there is something to put into it.
pub(crate) trait Cleared {
    const CLEARED: Self;
}

impl<T> Cleared for *mut T {
    const CLEARED: Self = ptr::null_mut();
}

impl Cleared for u64 {
    const CLEARED: Self = 0;
}

/// A place of the caller's, cleared already.
pub(crate) struct Output<'a, T>(&'a mut MaybeUninit<T>);

impl<'a, T: Cleared> Output<'a, T> {
    /// Clears `place`. Called before anything else can fail.
    pub(crate) fn clear(place: Option<&'a mut MaybeUninit<T>>, what: &'static str) -> Result<Self, Error> {
        let place = given(place, what)?;
        place.write(T::CLEARED);
        Ok(Self(place))
    }

    pub(crate) fn put(self, value: T) {
        self.0.write(value);
    }
}

/// A place of the caller's that may be NULL, cleared already.
pub(crate) struct OptionalOutput<'a, T>(Option<&'a mut MaybeUninit<T>>);

impl<'a, T: Cleared> OptionalOutput<'a, T> {
    /// As [`Output::clear`]: that there is no place is no failure.
    pub(crate) fn clear(mut place: Option<&'a mut MaybeUninit<T>>) -> Self {
        if let Some(place) = &mut place {
            place.write(T::CLEARED);
        }
        Self(place)
    }

    pub(crate) fn put(self, value: T) {
        if let Some(place) = self.0 {
            place.write(value);
        }
    }
}

/// The `len` bytes at `data`; none where `len` is 0, whatever `data` is.
pub(crate) fn slice<'a>(data: *const u8, len: usize, what: &'static str) -> Result<&'a [u8], Error> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(refuse(what, format!("data is NULL while len is {len}")));
    }
    if isize::try_from(len).is_err() {
        return Err(refuse(what, format!("len is {len}, more than memory can hold")));
    }
    // SAFETY: not NULL, of a length that a slice may have, and by the header's rule readable for the call.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// The text at `text`, which ends with a zero.
pub(crate) fn text<'a>(text: *const c_char, what: &'static str) -> Result<&'a str, Error> {
    if text.is_null() {
        return Err(refuse(what, "it is NULL"));
    }
    // SAFETY: not NULL, and by the header's rule readable for the call up to a zero.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| refuse(what, "it is not UTF-8"))
}

/// A place of the caller's, cleared already, for a struct that grows at its end: the caller says how long it knows the
/// struct to be.
pub(crate) struct Room<T> {
    place: *mut T,
    bytes: usize,
}

/// More than such a struct will ever have: a size beyond it is a mistake of the caller's.
const ROOM_BYTES_MAX: usize = 4096;

impl<T: Copy> Room<T> {
    /// Clears all of `place`. Called before anything else can fail.
    pub(crate) fn clear(place: *mut T, bytes: usize, what: &'static str) -> Result<Self, Error> {
        if place.is_null() {
            return Err(refuse(what, "it is NULL"));
        }
        if bytes == 0 || !bytes.is_multiple_of(align_of::<T>()) || bytes > ROOM_BYTES_MAX {
            return Err(refuse(what, format!("its size is given as {bytes} bytes, which it never has")));
        }
        // SAFETY: not NULL, and by the header's rule `bytes` are writable there.
        unsafe { ptr::write_bytes(place.cast::<u8>(), 0, bytes) };
        Ok(Self { place, bytes })
    }

    /// Copies as much of `value` as there is room for.
    pub(crate) fn put(self, value: &T) {
        let bytes = self.bytes.min(size_of::<T>());
        // SAFETY: `value` has so many bytes, and so has the place, which `clear` found; they do not overlap, since
        // `value` is borrowed from within.
        unsafe { ptr::copy_nonoverlapping(ptr::from_ref(value).cast::<u8>(), self.place.cast(), bytes) };
    }
}

/// A struct of the caller's that grows at its end, of which the caller knows so many bytes; what it does not know is as
/// in `default`. What this library does not know has to be zero.
pub(crate) fn prefix<T: Copy>(place: *const T, bytes: usize, default: T, what: &'static str) -> Result<T, Error> {
    if place.is_null() {
        return Err(refuse(what, "it is NULL"));
    }
    if bytes == 0 || !bytes.is_multiple_of(align_of::<T>()) || bytes > ROOM_BYTES_MAX {
        return Err(refuse(what, format!("its size is given as {bytes} bytes, which it never has")));
    }
    let known = bytes.min(size_of::<T>());
    // SAFETY: not NULL, and by the header's rule `bytes` are readable there for the call.
    let unknown = unsafe { std::slice::from_raw_parts(place.cast::<u8>().add(known), bytes - known) };
    if unknown.iter().any(|byte| *byte != 0) {
        return Err(refuse(what, "it has a field that this version of sessile does not know"));
    }
    let mut value = default;
    // SAFETY: `known` bytes are readable there and fit into `value`. Every pattern of bits is a `T`, whose fields are
    // numbers and pointers that are looked at elsewhere.
    unsafe { ptr::copy_nonoverlapping(place.cast::<u8>(), ptr::from_mut(&mut value).cast(), known) };
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_without_a_length_is_nothing_and_with_one_is_refused() {
        assert_eq!(slice(ptr::null(), 0, "id").unwrap(), b"");
        assert!(matches!(slice(ptr::null(), 1, "id"), Err(Error::InvalidArgument { what: "id", .. })));
    }

    #[test]
    fn a_length_that_no_memory_has_is_refused() {
        let byte = 1_u8;
        assert!(slice(&raw const byte, usize::MAX, "payload").is_err());
        assert!(slice(&raw const byte, isize::MAX as usize + 1, "payload").is_err());
        assert_eq!(slice(&raw const byte, 1, "payload").unwrap(), [1]);
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        assert_eq!(text(c"./sessions".as_ptr(), "path").unwrap(), "./sessions");
        assert!(text(c"\xff".as_ptr(), "path").is_err());
        assert!(text(ptr::null(), "path").is_err());
    }

    fn read(place: &MaybeUninit<u64>) -> u64 {
        // SAFETY: the test made it with a value.
        unsafe { place.assume_init_read() }
    }

    #[test]
    fn an_output_is_cleared_before_it_has_a_value() {
        let mut place = MaybeUninit::new(7_u64);
        let output = Output::clear(Some(&mut place), "len_out").unwrap();
        assert_eq!(read(output.0), 0);
        output.put(3);
        assert_eq!(read(&place), 3);
    }

    #[test]
    fn a_struct_is_copied_as_far_as_the_caller_knows_it() {
        let mut place = [9_u64; 4];
        Room::clear(&raw mut place, 16, "stats_out").unwrap().put(&[1, 2, 3, 4]);
        assert_eq!(place, [1, 2, 9, 9]);
        let first: *mut [u64; 2] = place.as_mut_ptr().cast();
        Room::clear(first, 32, "stats_out").unwrap().put(&[5, 6]);
        assert_eq!(place, [5, 6, 0, 0]);
    }

    #[test]
    fn a_size_that_a_struct_never_has_is_refused() {
        let mut place = [9_u64; 4];
        for bytes in [0, 7, 4104, usize::MAX] {
            assert!(Room::clear(&raw mut place, bytes, "stats_out").is_err(), "{bytes}");
        }
        assert_eq!(place, [9; 4]);
    }
}
