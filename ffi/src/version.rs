//! Which library this is.

use std::ffi::{CStr, c_char};

use crate::abi::SESSILE_ABI_VERSION;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// The version of the library that is running, such as `"0.1.0"`. It stays valid.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The `SESSILE_ABI_VERSION` of the library that is running.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_abi_version() -> u32 {
    SESSILE_ABI_VERSION
}
