//! See `sessile_fuzz_runs::log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sessile_fuzz_runs::log::run(input));
