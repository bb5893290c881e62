//! Status codes: the store's own table of errors, and what only a C boundary has.
//!
//! Numbers below 1000 are those of the store's `ErrorCode`, which Rust and Node share; from 1000 on they are this
//! library's. A number or a name, once published, is never given to anything else.

use std::ffi::{CStr, c_char};

use sessile::ErrorCode;

/// What became of a call.
///
/// Zero is success. The others are the same table as in Rust (`ErrorCode`) and Node (`ERR_SESSILE_*`), and
/// permanent: no number ever changes its meaning. Later versions may add numbers; treat one that you do not know as
/// a failure. `sessile_status_message` has a sentence for each; `sessile_store_last_error` has the one that says
/// what happened to what.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum sessile_status {
    /// Done.
    Ok = 0,
    /// An argument is not one that the function accepts: NULL where something is needed, a text that is not UTF-8, a
    /// number out of range. Nothing was done; the program has to be corrected.
    InvalidArgument = 1,
    /// An option is outside its range. Seen when the store is opened.
    InvalidOption = 2,
    /// A session's id is empty or longer than `SESSILE_ID_LEN_MAX`.
    InvalidId = 3,
    /// The payload is larger than the option `payload_bytes_max` allows. Nothing was done.
    ValueTooLarge = 4,
    /// Another process, or another copy of this library in this process, has the store open, and did not close it
    /// within `open_timeout_ms`.
    Locked = 5,
    /// The store is open in this process with other options.
    OptionsConflict = 6,
    /// What is on the disk is not what was written there. Restore a backup, or open the store with
    /// `sessile_store_open_salvage`.
    Corrupted = 7,
    /// The store was written by a newer version of sessile. It is left as it is.
    UnsupportedFormat = 8,
    /// Writing or syncing the log failed. **The outcome of the writes in flight is unknown**, and no further write is
    /// accepted; reads go on. Check the disk, close the store and open it again.
    Poisoned = 9,
    /// There is no room on the disk. A write that was accepted before stays in memory and is written when there is
    /// room; others are refused until then.
    DiskFull = 10,
    /// Changes arrive faster than the disk takes them. Nothing was done; try again later.
    Overloaded = 11,
    /// The store was closed. Of a write that another thread's `sessile_store_close` overtook, the outcome is unknown.
    Closed = 12,
    /// The store was opened before a `fork` and is used in the child. Open it again there, once the parent has closed
    /// it.
    Forked = 13,
    /// The store's path leads to something that is not a directory.
    NotADirectory = 14,
    /// The operating system refused an operation.
    Io = 15,
    /// A defect in sessile: please report it with the error's message.
    Internal = 16,
    /// The session was set since the version that a conditional write named. Nothing was done: read it again, and write
    /// what becomes of both.
    Conflict = 17,
    /// The session of the version that a conditional write named was destroyed, has expired or was cleared. Nothing was
    /// done, and there is nothing to write to.
    Gone = 18,
    /// A defect in sessile that was caught at this boundary. The store goes on; the outcome of the call is unknown.
    /// Please report it with the error's message.
    Panic = 1000,
}

impl From<ErrorCode> for sessile_status {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::InvalidArgument => Self::InvalidArgument,
            ErrorCode::InvalidOption => Self::InvalidOption,
            ErrorCode::InvalidId => Self::InvalidId,
            ErrorCode::ValueTooLarge => Self::ValueTooLarge,
            ErrorCode::Locked => Self::Locked,
            ErrorCode::OptionsConflict => Self::OptionsConflict,
            ErrorCode::Corrupted => Self::Corrupted,
            ErrorCode::UnsupportedFormat => Self::UnsupportedFormat,
            ErrorCode::Poisoned => Self::Poisoned,
            ErrorCode::DiskFull => Self::DiskFull,
            ErrorCode::Overloaded => Self::Overloaded,
            ErrorCode::Closed => Self::Closed,
            ErrorCode::Forked => Self::Forked,
            ErrorCode::NotADirectory => Self::NotADirectory,
            ErrorCode::Io => Self::Io,
            ErrorCode::Conflict => Self::Conflict,
            ErrorCode::Gone => Self::Gone,
            // A code that a later store has and this library does not: a test sees that there is none.
            _ => Self::Internal,
        }
    }
}

/// A sentence for a status: what it means in general.
///
/// A constant text, valid for ever, also for numbers that are no status. What happened in a particular case is in
/// the error: see `sessile_error_message`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_status_message(status: u32) -> *const c_char {
    message(status).as_ptr()
}

fn message(status: u32) -> &'static CStr {
    match status {
        0 => c"done",
        1 => c"an argument is not valid",
        2 => c"an option is not valid",
        3 => c"a session id has 1 to 256 bytes",
        4 => c"the session is larger than the store accepts",
        5 => c"the store is in use by another process",
        6 => c"the store is already open in this process with other options",
        7 => c"the store is damaged; restore a backup, or open it with salvage",
        8 => c"the store was written by a newer version of sessile",
        9 => c"writing the log failed and no further write is accepted; check the disk and open the store again",
        10 => c"no room is left on the disk; writes are accepted again by themselves when there is some",
        11 => c"too many changes wait for the disk; try again later",
        12 => c"the store is closed",
        13 => c"the store was opened before a fork; open it again in the new process",
        14 => c"the store's path is not a directory",
        15 => c"the operating system refused an operation",
        17 => c"the session was changed since that version; read it again and write what becomes of both",
        18 => c"the session of that version is gone",
        16 | 1000 => c"sessile has a defect; please report it with the error's message",
        _ => c"a status that this version of sessile does not know",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_store_is_a_status_with_its_number_and_a_message() {
        for code in ErrorCode::ALL {
            assert_eq!(sessile_status::from(code) as u32, code as u32, "{}", code.name());
            assert_ne!(message(code as u32), message(u32::MAX), "{}", code.name());
            assert!((code as u32) < 1000, "numbers from 1000 on are this library's");
        }
    }
}
