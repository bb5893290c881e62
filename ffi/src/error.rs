//! Failures: a status for the program, and a sentence for a person.
//!
//! [`Failure`] is what goes wrong inside; it becomes text only when somebody asks for it as a [`sessile_error`].

use std::ffi::{CString, c_char};

use sessile::Error;

use crate::guard::guarded_or;
use crate::status::sessile_status;
use crate::text;

/// Why a call did not succeed.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    Store(Error),
    /// With the panic's text.
    Panic(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    pub(crate) fn status(&self) -> sessile_status {
        match self {
            Self::Store(error) => error.code().into(),
            Self::Panic(_) => sessile_status::Panic,
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::Store(error) => error.to_string(),
            Self::Panic(text) => {
                format!("sessile met a state it does not know: {text}; this is a defect, please report it")
            }
        }
    }
}

/// What a call returns that keeps no sentence for later.
pub(crate) fn status(result: Result<(), Failure>) -> sessile_status {
    result.map_or_else(|failure| failure.status(), |()| sessile_status::Ok)
}

/// What went wrong, in a sentence: what happened, to what, and what to do about it.
///
/// It never changes: any number of threads may read it at once. Whoever gets one by an `error_out` owns it, and ends
/// it with `sessile_error_free`.
pub struct sessile_error {
    status: sessile_status,
    message: CString,
}

impl sessile_error {
    pub(crate) const fn status(&self) -> sessile_status {
        self.status
    }
}

impl From<&Failure> for sessile_error {
    fn from(failure: &Failure) -> Self {
        Self { status: failure.status(), message: text::to_c(failure.message()) }
    }
}

/// The error's sentence, in UTF-8, ending with a zero. It may name files; it never holds a session's content.
///
/// Valid until the error is freed. Of NULL: an empty text.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_error_message(error: Option<&sessile_error>) -> *const c_char {
    error.map_or(c"".as_ptr(), |error| error.message.as_ptr())
}

/// The error's status: what the call that failed returned. Of NULL: `SESSILE_STATUS_OK`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_error_status(error: Option<&sessile_error>) -> sessile_status {
    error.map_or(sessile_status::Ok, |error| error.status)
}

/// Ends an error. NULL is nothing to end.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_error_free(error: Option<Box<sessile_error>>) {
    guarded_or((), || drop(error));
}
