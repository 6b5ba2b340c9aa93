//! ClientHellos: the same server name wherever the bytes are cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice_fuzz::client_hello(bytes));
