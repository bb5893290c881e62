//! A failed operation on its way to JavaScript, where `lib/errors.js` makes a `SessileError` of it.
//!
//! A failure is a value that is returned, not an exception that is thrown: JavaScript can tell it from an
//! answer by its type and needs no `try` around anything that might call back.

use std::io;
use std::path::Path;

use napi::bindgen_prelude::{Env, Object};
use sessile::{Error, ErrorCode};

/// What went wrong, with the name that follows `ERR_SESSILE_`.
pub(crate) struct Failure {
    code: &'static str,
    message: String,
    cause: Option<Cause>,
}

/// What the operating system said.
struct Cause {
    message: String,
    errno: i32,
}

impl Failure {
    fn new(code: &'static str, message: &str) -> Self {
        Self { code, message: message.to_owned(), cause: None }
    }

    /// A state that should not occur, told like the store tells its own.
    pub(crate) fn defect(what: &str) -> Self {
        Error::Internal { what: what.to_owned() }.into()
    }

    /// An id that is not text that can be kept.
    pub(crate) fn id(reason: &str) -> Self {
        Self::new(ErrorCode::InvalidId.name(), reason)
    }

    /// A record that JavaScript cannot have written.
    pub(crate) fn unreadable() -> Self {
        Self::new(
            "UNREADABLE",
            "the session is not JSON text, so that something else than this package wrote it; \
             read it with what wrote it, or destroy it",
        )
    }

    /// The store's warning that the machine's clock was moved.
    pub(crate) fn clock_jumped(by_millis: i64) -> Self {
        let message = format!(
            "the machine's clock moved by {by_millis} ms against the time that passed; expiry follows the new \
             time, but nothing is removed from disk for ten minutes; check the clock"
        );
        Self::new("CLOCK_JUMPED", &message)
    }

    /// The store's warning that it passed over damage which cost nothing.
    pub(crate) fn log_damaged(file: &Path, offset: u64, bytes: u64) -> Self {
        let message = format!(
            "{} is damaged at byte {offset}, {bytes} bytes of it; nothing is lost, since the base has all of it; check \
             the disk",
            file.display()
        );
        Self::new("LOG_DAMAGED", &message)
    }

    /// The failure as `{ code, message, cause: { message, errno } | undefined }`.
    pub(crate) fn to_object<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let mut object = Object::new(env)?;
        object.set("code", self.code)?;
        object.set("message", self.message.as_str())?;
        if let Some(cause) = &self.cause {
            let mut inner = Object::new(env)?;
            inner.set("message", cause.message.as_str())?;
            inner.set("errno", cause.errno)?;
            object.set("cause", inner)?;
        }
        Ok(object)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let cause = match &error {
            Error::Io { source, .. } | Error::Poisoned { source, .. } => Some(Cause::of(source)),
            _ => None,
        };
        Self { code: error.code().name(), message: message(&error), cause }
    }
}

/// The error's sentence, with options by the names that they have in Node. A path in it stays as it is.
fn message(error: &Error) -> String {
    match error {
        Error::Overloaded { .. } => camel_case(&error.to_string()),
        Error::OptionsConflict { option, .. } => {
            let text = error.to_string();
            // What follows the path has the option's name last.
            match text.rsplit_once(option) {
                Some((before, after)) => format!("{before}{}{after}", camel_case(option)),
                None => text,
            }
        }
        _ => error.to_string(),
    }
}

/// `dirty_bytes` as `dirtyBytes`.
fn camel_case(text: &str) -> String {
    let mut words = text.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// A failure of the addon's own dealings with Node.
impl From<napi::Error> for Failure {
    fn from(error: napi::Error) -> Self {
        Self::defect(&format!("Node refused a call: {}", error.reason))
    }
}

/// A thread that could not be started.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let message = format!("starting a thread failed ({error}); raise the limit on threads or free memory");
        Self { code: ErrorCode::Io.name(), message, cause: Some(Cause::of(&error)) }
    }
}

impl Cause {
    fn of(error: &io::Error) -> Self {
        Self { message: error.to_string(), errno: error.raw_os_error().unwrap_or_default() }
    }
}
