//! Rules of the boundary that the compiler does not know.
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

/// The modules that may hold unsafe code: how memory crosses, and the calls of C functions.
const UNSAFE: [&str; 3] = ["handle.rs", "completion.rs", "fork.rs"];

fn sources() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for file in fs::read_dir(support::file("ffi/src")).unwrap() {
        let path = file.unwrap().path();
        sources.push((path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
    }
    sources
}

#[test]
fn unsafe_code_is_in_three_modules() {
    for (name, text) in sources() {
        let has_unsafe = ["unsafe {", "unsafe impl", "unsafe fn"].iter().any(|code| text.contains(code));
        assert!(!has_unsafe || UNSAFE.contains(&name.as_str()), "{name} has unsafe code; handle.rs is its place");
    }
}

#[test]
fn every_exported_function_is_guarded() {
    for (name, text) in sources() {
        for function in text.split("#[unsafe(no_mangle)]").skip(1) {
            let end = function.find("\n}\n").unwrap();
            let body = &function[..end];
            let signature = body.lines().nth(1).unwrap();
            // Those that only look into what they were given, and have nothing that could panic.
            let looks =
                ["map_or(", "DamageList::", "VERSION", "message(status)"].iter().any(|code| body.contains(code));
            let guarded =
                ["guarded", "operate(", "opened(", "submit(", "change("].iter().any(|code| body.contains(code));
            assert!(guarded || looks, "{name}: {signature} is not guarded");
        }
    }
}

#[test]
fn the_header_is_plain_ascii() {
    let header = support::text("include/sessile.h");
    let odd = header.lines().position(|line| !line.is_ascii());
    assert_eq!(odd, None, "the header has a line that is not ASCII, which some compilers warn of");
}
