//! Which panics count.
//!
//! redb panics over some damaged pages, and the store catches that. A panic of the store's own is a finding even
//! where the same net catches it, or where it only ends one of the store's threads. So the hook decides, and not who
//! catches.

use std::backtrace::Backtrace;
use std::panic::{AssertUnwindSafe, Location, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::{Mutex, Once, PoisonError};

static HOOK: Once = Once::new();
/// Held by the one input that is run.
static RUNNING: Mutex<()> = Mutex::new(());
/// What panicked since the input was begun; `None`: none is run.
static FOUND: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// Runs `body`; panics where anything but redb has panicked meanwhile, caught or not. One input is run at a time, since
/// a panic of a store's thread does not say whose it is.
///
/// libFuzzer's hook, which this one replaces, ends the process at every panic. Under it a finding does so, too.
pub(crate) fn watched(body: impl FnOnce()) {
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !note(panic) {
                before(panic)
            }
        }));
    });
    let _running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    swap(Some(Vec::new()));
    let ended = catch_unwind(AssertUnwindSafe(body));
    let found = swap(None).unwrap_or_default();
    if found.is_empty() && ended.is_ok() {
        return;
    }
    let found = found.join("\n");
    if cfg!(fuzzing) {
        eprintln!("{found}");
        std::process::abort();
    }
    // Past the hook, which would take this for another finding.
    std::panic::resume_unwind(Box::new(found));
}

fn swap(found: Option<Vec<String>>) -> Option<Vec<String>> {
    std::mem::replace(&mut *FOUND.lock().unwrap_or_else(PoisonError::into_inner), found)
}

/// Keeps a panic that counts. Whether an input is run at all.
fn note(panic: &PanicHookInfo<'_>) -> bool {
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(found) = &mut *found else { return false };
    if !panic.location().is_some_and(is_redb) {
        found.push(format!("{panic}\n{}", Backtrace::force_capture()));
    }
    true
}

/// Whether redb's code panicked. Of the standard library's panics, some of which do not name who called, the
/// innermost frame decides that is redb's or the store's.
fn is_redb(location: &Location<'_>) -> bool {
    let file = location.file();
    if file.contains("/redb-") {
        return true;
    }
    if !file.contains("/library/") {
        return false;
    }
    let frames = Backtrace::force_capture().to_string();
    let first = |name| frames.find(name).unwrap_or(usize::MAX);
    first("redb::") < first("sessile")
}
