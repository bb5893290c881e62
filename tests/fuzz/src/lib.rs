//! What the fuzz targets do with an input. `fuzz/` has the targets themselves, each of which is one line.
//!
//! What it keeps true: an input is everything. The same bytes lead to the same steps, on a simulated disk and clock,
//! so that whatever a target has found is run again by the tests of this package on the stable toolchain; [`calls`],
//! which has real threads, is the exception.

pub mod blocks;
pub mod calls;
pub mod format;
pub mod history;
pub mod image;
pub mod inputs;
pub mod log;
pub mod options;
pub mod records;
pub mod seeds;
mod watch;
