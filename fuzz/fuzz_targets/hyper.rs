//! Requests: nothing is taken that hyper refuses, or ends elsewhere, but for the differences listed in `oracle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_fuzz::against_hyper(bytes));
