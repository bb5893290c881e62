//! Rust, C and Node have one table of errors.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use sessile::{ErrorCode, SessionId, Stats};
use support::declarations::Declarations;

fn header() -> Declarations {
    Declarations::of(&support::text("include/sessile.h"))
}

#[test]
fn the_header_s_statuses_are_the_store_s_codes_and_two_of_its_own() {
    let mut expected: BTreeMap<String, u32> =
        ErrorCode::ALL.iter().map(|code| (format!("SESSILE_STATUS_{}", code.name()), *code as u32)).collect();
    expected.insert("SESSILE_STATUS_OK".to_owned(), 0);
    expected.insert("SESSILE_STATUS_PANIC".to_owned(), 1000);
    assert_eq!(header().constants_of("sessile_status"), expected);
}

/// Numbers as they were published: a row is never changed, and a new one has a number of its own.
#[test]
fn no_number_has_another_meaning_than_it_had() {
    let published = [
        ("OK", 0),
        ("INVALID_ARGUMENT", 1),
        ("INVALID_OPTION", 2),
        ("INVALID_ID", 3),
        ("VALUE_TOO_LARGE", 4),
        ("LOCKED", 5),
        ("OPTIONS_CONFLICT", 6),
        ("CORRUPTED", 7),
        ("UNSUPPORTED_FORMAT", 8),
        ("POISONED", 9),
        ("DISK_FULL", 10),
        ("OVERLOADED", 11),
        ("CLOSED", 12),
        ("FORKED", 13),
        ("NOT_A_DIRECTORY", 14),
        ("IO", 15),
        ("INTERNAL", 16),
        ("CONFLICT", 17),
        ("GONE", 18),
        ("PANIC", 1000),
    ];
    let constants = header().constants_of("sessile_status");
    for (name, number) in published {
        assert_eq!(constants.get(&format!("SESSILE_STATUS_{name}")), Some(&number), "{name}");
    }
    let numbers: BTreeSet<_> = constants.values().collect();
    assert_eq!(numbers.len(), constants.len(), "two statuses have one number");
}

#[test]
fn every_code_of_the_store_has_its_name_in_node() {
    let types = support::text("node/common.d.ts");
    for code in ErrorCode::ALL {
        let name = format!("'ERR_SESSILE_{}'", code.name());
        assert!(types.contains(&name), "node/common.d.ts does not have {name}");
    }
    // Node makes its names of the store's: there is no second table that could say otherwise.
    assert!(support::text("node/src/failure.rs").contains("error.code().name()"));
    assert!(support::text("node/lib/errors.js").contains("`ERR_SESSILE_${name}`"));
}

#[test]
fn the_longest_id_is_the_store_s() {
    let define = format!("#define SESSILE_ID_LEN_MAX {}", SessionId::LEN_MAX);
    assert!(support::text("include/sessile.h").contains(&define), "{define}");
}

#[test]
fn every_figure_of_the_store_is_in_the_header() {
    let expected: BTreeSet<String> =
        Stats::default().figures().into_iter().map(|(name, _)| format!("uint64_t {name}")).collect();
    assert_eq!(header().fields_of("sessile_stats").into_iter().collect::<BTreeSet<_>>(), expected);
}
