//! Every raw Node-API call and every unsafe block of the addon, each behind a function that is safe to call.
//!
//! They are here because napi's own conversions allocate a `String` for each argument and ask for its
//! length first: measured, reading an id through them takes 350 ns longer than the lookup it is for.

use std::ptr;

use napi::bindgen_prelude::{Env, Float64Array, JsValue, Unknown};
use napi::sys;

/// Calls `read` with the UTF-8 of a JavaScript string; `None` where `value` is not a string. Lone
/// surrogates arrive as U+FFFD. A string that does not fit into `BUFFER_LEN` bytes is read through the heap.
pub(crate) fn with_utf8<const BUFFER_LEN: usize, R>(
    env: &Env,
    value: &Unknown<'_>,
    read: impl FnOnce(&[u8]) -> R,
) -> Option<R> {
    let mut buffer = [0_u8; BUFFER_LEN];
    let len = utf8_into(env, value, &mut buffer)?;
    // Node writes whole characters and a final zero: a text that was cut leaves at most three bytes free.
    if len + 4 < BUFFER_LEN {
        return buffer.get(..len).map(read);
    }
    let mut buffer = vec![0_u8; utf8_len(env, value)? + 1];
    let len = utf8_into(env, value, &mut buffer)?;
    buffer.get(..len).map(read)
}

fn utf8_into(env: &Env, value: &Unknown<'_>, buffer: &mut [u8]) -> Option<usize> {
    let mut len = 0;
    // SAFETY: `env` and `value` belong to the call in progress, and Node writes at most `buffer.len()`
    // bytes, its final zero included.
    let status = unsafe {
        sys::napi_get_value_string_utf8(env.raw(), value.raw(), buffer.as_mut_ptr().cast(), buffer.len(), &raw mut len)
    };
    (status == sys::Status::napi_ok).then_some(len)
}

/// The length of a JavaScript string in UTF-8, in bytes.
fn utf8_len(env: &Env, value: &Unknown<'_>) -> Option<usize> {
    let mut len = 0;
    // SAFETY: as above; without a buffer Node only computes the length.
    let status = unsafe { sys::napi_get_value_string_utf8(env.raw(), value.raw(), ptr::null_mut(), 0, &raw mut len) };
    (status == sys::Status::napi_ok).then_some(len)
}

/// The first `buffer.len() - 1` UTF-16 units of a JavaScript string.
pub(crate) fn utf16_into<'buffer>(
    env: &Env,
    value: &Unknown<'_>,
    buffer: &'buffer mut [u16],
) -> Option<&'buffer [u16]> {
    let mut len = 0;
    // SAFETY: as above, counted in units of `buffer`'s type.
    let status = unsafe {
        sys::napi_get_value_string_utf16(env.raw(), value.raw(), buffer.as_mut_ptr(), buffer.len(), &raw mut len)
    };
    if status == sys::Status::napi_ok { buffer.get(..len) } else { None }
}

/// Lets the threadsafe function `function` keep the event loop alive, or no longer.
///
/// `function` has to be alive: its owner calls this with the lock that its end would have to take.
pub(crate) fn keep_alive(env: &Env, function: sys::napi_threadsafe_function, keep: bool) {
    // SAFETY: `function` is alive, and this is the thread of its environment, since an `Env` never
    // leaves it. Both calls only mark a handle of the event loop; their failure has no consequence that
    // could be acted on.
    let _status = unsafe {
        if keep {
            sys::napi_ref_threadsafe_function(env.raw(), function)
        } else {
            sys::napi_unref_threadsafe_function(env.raw(), function)
        }
    };
}

/// Writes `value` where JavaScript reads it.
pub(crate) fn write(array: &mut Float64Array, index: usize, value: f64) {
    // SAFETY: the array is referenced and never detached (lib/requests.js makes it, and lib/store.js only reads it),
    // and only the thread of its environment, which is this one, touches it.
    if let Some(place) = unsafe { array.as_mut() }.get_mut(index) {
        *place = value;
    }
}

/// A figure as JavaScript's number: exact up to 2^53, which no time or size of a store reaches.
#[expect(clippy::cast_precision_loss, reason = "exact for every figure a store can have")]
pub(crate) const fn number(value: u64) -> f64 {
    value as f64
}

/// JavaScript's number as a figure: the fraction is dropped, what is out of range becomes the nearest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturating is what is meant; lib/options.js has checked the range"
)]
pub(crate) const fn whole(value: f64) -> u64 {
    value as u64
}
