//! Where panics end: whatever C calls runs inside a guard, so that a defect here or in the store is a status
//! for one caller and never the end of the process.
//!
//! The guard is around the body and not part of the signature, so that what C sees is what is written.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Failure;

/// Runs `body`; a panic in it is a failure like others.
///
/// Unwinding is safe to assert: the store's locks do not poison and protect its state, and what this library
/// itself holds is replaced whole or not at all.
pub(crate) fn guarded<T>(body: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(Failure::Panic(text(panic.as_ref()))))
}

/// Runs `body` for a function that has no status to return; a panic in it is `otherwise`.
pub(crate) fn guarded_or<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a text").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::sessile_status;

    #[test]
    fn a_panic_is_a_status_with_its_text() {
        let failure = guarded::<()>(|| panic!("the table is {}", "upside down")).unwrap_err();
        assert_eq!(failure.status(), sessile_status::Panic);
        assert!(failure.message().contains("the table is upside down"));
        let failure = guarded::<()>(|| std::panic::panic_any(7)).unwrap_err();
        assert_eq!(failure.status(), sessile_status::Panic);
    }

    #[test]
    fn a_panic_without_a_status_is_the_fallback() {
        assert_eq!(guarded_or(3, || panic!("no")), 3);
        assert_eq!(guarded_or(3, || 4), 4);
    }
}
