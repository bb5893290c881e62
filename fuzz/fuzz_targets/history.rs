//! See `sessile_fuzz_runs::history`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sessile_fuzz_runs::history::run(input));
