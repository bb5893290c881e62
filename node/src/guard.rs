//! Where panics end: every operation that Node calls runs inside [`guarded`], so that a defect here or in the store
//! is an error for one caller and never the end of the process.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::failure::Failure;

/// Runs `body`; a panic in it is an `INTERNAL` failure.
///
/// The state that a panic may leave behind is the store's own, which its locks protect; what the addon
/// itself holds is only handles and numbers. Hence unwinding is safe to assert.
pub(crate) fn guarded<T>(body: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(Failure::defect(&text(panic.as_ref()))))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a text").to_owned()
}
