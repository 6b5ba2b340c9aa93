//! Rules of routers: nothing crashes, and what is printed means what was read.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_fuzz::rules(bytes));
