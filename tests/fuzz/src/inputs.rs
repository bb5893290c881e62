//! Where inputs are: the seeds that every run begins with, and what was found.

use std::path::{Path, PathBuf};

/// What a target does with an input.
pub type Run = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Run); 5] = [
    ("log", crate::log::run),
    ("records", crate::records::run),
    ("image", crate::image::run),
    ("history", crate::history::run),
    ("calls", crate::calls::run),
];

/// The directory of the targets.
#[must_use]
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}
