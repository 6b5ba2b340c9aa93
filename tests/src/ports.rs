//! Free ports for programs that have to be told theirs.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Result, bail};

/// Below what Linux hands out for outgoing connections, so that no client's own port gets in the way.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port of 127.0.0.1 on which nobody listens, never the same one twice in a process.
pub fn free() -> Result<u16> {
    static GIVEN: OnceLock<Mutex<HashSet<u16>>> = OnceLock::new();
    let given = GIVEN.get_or_init(Mutex::default);
    let mut given = given.lock().unwrap_or_else(PoisonError::into_inner);
    // Test binaries that run at once start at different places.
    let start = std::process::id().wrapping_mul(97);
    for step in 0..u32::from(COUNT) {
        let offset = start.wrapping_add(step) % u32::from(COUNT);
        let port = FIRST + u16::try_from(offset)?;
        // Asked without SO_REUSEPORT: a listener that has it would let us in beside it.
        if !given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    bail!("no free port between {FIRST} and {}", FIRST + COUNT)
}
