//! PROXY headers: the same decision wherever the bytes are cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_fuzz::proxy(bytes));
