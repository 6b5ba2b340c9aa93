//! What must hold of everything that reads what others wrote, for any bytes. Each check panics with the bytes when it does
//! not.
//!
//! Driven by libFuzzer (`fuzz_targets/`) and, seeded and bounded, by `gateway/tests/codec.rs` and `gateway/tests/inputs.rs`.

mod client_hello;
mod codec;
pub mod mangle;
mod oracle;
mod paths;
mod proxy;
mod rules;
mod signatures;
mod spellings;

pub use client_hello::client_hello;
pub use codec::{requests, responses};
pub use oracle::against_hyper;
pub use paths::paths;
pub use proxy::proxy;
pub use rules::rules;
pub use signatures::signatures;
pub use spellings::spellings;
