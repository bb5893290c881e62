//! The header: where it is, and how it is generated.

#![allow(dead_code, reason = "each test uses its part")]

pub mod declarations;

use std::fs;
use std::path::{Path, PathBuf};

/// The sources that are in the header, in the order of the header.
const SOURCES: [&str; 16] = [
    "abi",
    "version",
    "status",
    "error",
    "bytes",
    "options",
    "session",
    "store",
    "cursor",
    "owner",
    "listener",
    "completion",
    "stats",
    "upkeep",
    "check",
    "salvage",
];

/// A file of the workspace.
pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The text of a file of the workspace.
pub fn text(path: &str) -> String {
    fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("reading {path}: {error}"))
}

/// Whether what is generated is to be written, and not compared: `make header`.
pub fn is_to_be_written() -> bool {
    std::env::var_os("SESSILE_WRITE_HEADER").is_some()
}

/// The header that the sources generate.
pub fn generated() -> String {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(manifest.join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(manifest.join("src").join(format!("{source}.rs")));
    }
    let mut header = Vec::new();
    builder.generate().unwrap().write(&mut header);
    String::from_utf8(header).unwrap()
}
