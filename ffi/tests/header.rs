//! The committed header is what the sources generate.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test"
)]

mod support;

use std::fs;

#[test]
fn the_header_is_what_the_sources_generate() {
    let generated = support::generated();
    if support::is_to_be_written() {
        fs::write(support::file("include/sessile.h"), generated).unwrap();
        return;
    }
    let committed = support::text("include/sessile.h");
    let difference = committed.lines().zip(generated.lines()).position(|(one, other)| one != other);
    assert!(
        committed == generated,
        "include/sessile.h is not what ffi/src generates, from line {} on: run `make header` and commit the result",
        difference.unwrap_or(committed.lines().count().min(generated.lines().count())) + 1,
    );
}
