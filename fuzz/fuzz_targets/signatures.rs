//! Signatures of requests: only what the key has signed is let in.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_fuzz::signatures(bytes));
