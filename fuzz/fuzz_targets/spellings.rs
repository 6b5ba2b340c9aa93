//! Configuration in every spelling: read or refused, and one value in all of them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_fuzz::spellings(bytes));
