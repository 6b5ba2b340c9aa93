//! Targets of requests: one representation, reached in one step.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_fuzz::paths(bytes));
