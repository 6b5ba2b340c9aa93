//! PROXY headers: the same decision wherever the bytes are cut, and never one more byte than the header has.

use gateway::net::proxy_protocol::{Start, parse};

/// Longer headers only hold more of what is passed over.
const LONGEST: usize = 600;

/// Parses every beginning of the bytes.
pub fn proxy(bytes: &[u8]) {
    let bytes = bytes.get(..bytes.len().min(LONGEST)).unwrap_or_default();
    let whole = parse(bytes);
    let shown = || bytes.escape_ascii().to_string();
    for end in 0..bytes.len() {
        let start = parse(bytes.get(..end).unwrap_or_default());
        match (start, whole) {
            // Once decided, always decided.
            (Ok(Start::Header { .. } | Start::Absent) | Err(_), _) => {
                assert_eq!(start, whole, "cut at {end}: {}", shown());
            }
            // What is said to belong to the header does.
            (Ok(Start::More(more)), Ok(Start::Header { length, .. })) => {
                assert!(
                    more > 0 && end + more <= length,
                    "cut at {end}: {}",
                    shown()
                );
            }
            (Ok(Start::MoreOfLine), Ok(Start::Header { length, .. })) => {
                assert!(end < length, "cut at {end}: {}", shown());
            }
            (Ok(Start::More(more)), _) => assert!(more > 0, "cut at {end}: {}", shown()),
            (Ok(Start::MoreOfLine), _) => {}
        }
    }
    if let Ok(Start::Header { length, .. }) = whole {
        assert!(length <= bytes.len(), "{}", shown());
    }
}
