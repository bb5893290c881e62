//! What the benchmarks share: how figures are taken, what the kernel counts, and how results are handed on.
//!
//! Figures that are compared are taken in turn, in one run, since machines are shared and noisy. Programs here print
//! records, a line of JSON each, on standard output, which `benches/node` collects; what they say meanwhile goes to
//! standard error. Nothing here is a test.

pub mod kernel;
pub mod latencies;
pub mod measure;
pub mod sample;
pub mod sheet;
