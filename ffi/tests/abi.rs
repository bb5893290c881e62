//! The binary interface changes only together with `SESSILE_ABI_VERSION`.
//!
//! `ffi/abi/<version>.txt` lists what a program that was built against that version relies on, a line for each. What is
//! listed stays as it is; new lines may come. `make header` adds those, and begins a new list when the version was
//! raised; it never takes a line away.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::declarations::Declarations;

#[test]
fn the_abi_changes_only_with_its_version() {
    let header = Declarations::of(&support::generated());
    let version = header.abi_version();
    let path = format!("ffi/abi/{version}.txt");
    let current: BTreeSet<String> = header.abi().collect();
    let recorded = fs::read_to_string(support::file(&path)).unwrap_or_default();
    let recorded: BTreeSet<String> = recorded.lines().map(str::to_owned).collect();

    let gone: Vec<_> = recorded.difference(&current).cloned().collect();
    assert!(
        gone.is_empty(),
        "these are in {path}, and programs rely on them, but they are not in the header any more:\n  {}\n\
         Undo that, or raise SESSILE_ABI_VERSION in ffi/src/abi.rs and run `make header`",
        gone.join("\n  "),
    );
    if support::is_to_be_written() {
        let list: String = current.iter().map(|line| format!("{line}\n")).collect();
        fs::create_dir_all(support::file("ffi/abi")).unwrap();
        fs::write(support::file(&path), list).unwrap();
        return;
    }
    let new: Vec<_> = current.difference(&recorded).cloned().collect();
    assert!(new.is_empty(), "these are new: run `make header` to list them in {path}:\n  {}", new.join("\n  "));
}
