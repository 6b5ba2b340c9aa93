//! What must hold of the HTTP/1 codec for any bytes. Each check panics with the bytes when it does not.
//!
//! Driven by libFuzzer (`fuzz_targets/`) and, seeded and bounded, by `gateway/tests/codec.rs`.

mod codec;
mod oracle;

pub use codec::{requests, responses};
pub use oracle::against_hyper;
