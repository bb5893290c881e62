//! Verifying a store on demand, and the list of what was found damaged.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use sessile::{CheckReport, Damage, SessionId};

use crate::bytes::sessile_bytes;
use crate::guard::guarded_or;
use crate::handle::{Output, give};
use crate::status::sessile_status;
use crate::store::{operate, sessile_store};
use crate::text;

/// What a check went through and found. It never changes: any number of threads may read it.
pub struct sessile_check_report {
    sessions: u64,
    damage: Vec<Item>,
}

struct Item {
    file: CString,
    offset_bytes: u64,
    id: Option<SessionId>,
    reason: CString,
}

impl From<Damage> for Item {
    fn from(damage: Damage) -> Self {
        Self {
            file: text::to_c(damage.file.display().to_string()),
            offset_bytes: damage.offset,
            id: damage.id,
            reason: text::to_c(damage.reason),
        }
    }
}

impl From<CheckReport> for sessile_check_report {
    fn from(report: CheckReport) -> Self {
        Self { sessions: report.sessions, damage: report.damage.into_iter().map(Item::from).collect() }
    }
}

/// Verifies everything that the store has on the disk: each block of the base against its checksum, each record, the
/// expiry index, and the log as far as it is written. Blocks, for as long as reading all of it takes; other operations
/// go on meanwhile.
///
/// `*report_out` is a report that the caller owns and ends with `sessile_check_report_free`; NULL on failure. Damage is
/// no failure of the check: it is in the report.
///
/// - `SESSILE_STATUS_INVALID_ARGUMENT`: an argument is NULL.
/// - `SESSILE_STATUS_IO`, `SESSILE_STATUS_CLOSED`, `SESSILE_STATUS_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_store_check(
    store: Option<&sessile_store>,
    report_out: Option<&mut MaybeUninit<*mut sessile_check_report>>,
) -> sessile_status {
    let report_out = Output::clear(report_out, "report_out");
    operate(store, |store| {
        let report_out = report_out?;
        report_out.put(give(sessile_check_report::from(store.check()?)));
        Ok(())
    })
}

fn item(report: Option<&sessile_check_report>, index: usize) -> Option<&Item> {
    report?.damage.get(index)
}

/// How many sessions of the base could be read. Of NULL: 0.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_sessions(report: Option<&sessile_check_report>) -> u64 {
    report.map_or(0, |report| report.sessions)
}

/// How many damaged places and sessions were found; 0: the store is sound. Of NULL: 0.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_len(report: Option<&sessile_check_report>) -> usize {
    report.map_or(0, |report| report.damage.len())
}

/// The file that damage `index` is in, in UTF-8, valid until the report is freed. An empty text where there is no such
/// damage.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_file(report: Option<&sessile_check_report>, index: usize) -> *const c_char {
    item(report, index).map_or(c"".as_ptr(), |item| item.file.as_ptr())
}

/// Where in its file damage `index` is, in bytes; 0 where the place is not known or there is no such damage.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_offset_bytes(report: Option<&sessile_check_report>, index: usize) -> u64 {
    item(report, index).map_or(0, |item| item.offset_bytes)
}

/// The id of the session that cannot be read for damage `index`, valid until the report is freed. No bytes where it is a
/// part of a file that is damaged, or there is no such damage.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_id(report: Option<&sessile_check_report>, index: usize) -> sessile_bytes {
    let id = item(report, index).and_then(|item| item.id.as_ref());
    id.map_or(sessile_bytes::NONE, |id| sessile_bytes::of(id.as_bytes()))
}

/// What damage `index` is, in UTF-8, valid until the report is freed. An empty text where there is no such damage.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_reason(report: Option<&sessile_check_report>, index: usize) -> *const c_char {
    item(report, index).map_or(c"".as_ptr(), |item| item.reason.as_ptr())
}

/// Ends a report. NULL is nothing to end.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_free(report: Option<Box<sessile_check_report>>) {
    guarded_or((), || drop(report));
}
