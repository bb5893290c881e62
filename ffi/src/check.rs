//! Verifying a store on demand, and the list of what was found damaged.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use sessile::CheckReport;

use crate::bytes::sessile_bytes;
use crate::damage::DamageList;
use crate::guard::guarded_or;
use crate::handle::{Output, give};
use crate::status::sessile_status;
use crate::store::{operate, sessile_store};

/// What a check went through and found. It never changes: any number of threads may read it.
pub struct sessile_check_report {
    sessions: u64,
    damage: DamageList,
}

impl From<CheckReport> for sessile_check_report {
    fn from(report: CheckReport) -> Self {
        Self { sessions: report.sessions, damage: report.damage.into() }
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

fn list(report: Option<&sessile_check_report>) -> Option<&DamageList> {
    report.map(|report| &report.damage)
}

/// How many sessions of the base could be read. Of NULL: 0.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_sessions(report: Option<&sessile_check_report>) -> u64 {
    report.map_or(0, |report| report.sessions)
}

/// How many damaged places and sessions were found; 0: the store is sound. Of NULL: 0.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_len(report: Option<&sessile_check_report>) -> usize {
    DamageList::len(list(report))
}

/// The file that damage `index` is in, in UTF-8, valid until the report is freed. An empty text where there is no such
/// damage.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_file(report: Option<&sessile_check_report>, index: usize) -> *const c_char {
    DamageList::file(list(report), index)
}

/// Where in its file damage `index` is, in bytes; 0 where the place is not known or there is no such damage.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_offset_bytes(report: Option<&sessile_check_report>, index: usize) -> u64 {
    DamageList::offset_bytes(list(report), index)
}

/// The id of the session that cannot be read for damage `index`, valid until the report is freed. No bytes where it is
/// a part of a file that is damaged, or there is no such damage.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_id(report: Option<&sessile_check_report>, index: usize) -> sessile_bytes {
    DamageList::id(list(report), index)
}

/// What damage `index` is, in UTF-8, valid until the report is freed. An empty text where there is no such damage.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_reason(report: Option<&sessile_check_report>, index: usize) -> *const c_char {
    DamageList::reason(list(report), index)
}

/// Ends a report. NULL is nothing to end.
#[unsafe(no_mangle)]
pub extern "C" fn sessile_check_report_free(report: Option<Box<sessile_check_report>>) {
    guarded_or((), || drop(report));
}
