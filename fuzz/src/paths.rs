//! Targets of requests: one representation, reached in one step, that means one thing.

use bytes::Bytes;
use gateway::entrypoint::normalize::{TargetRules, normalize};
use gateway::rule::routing_path;

/// Normalises the bytes under each setting.
pub fn paths(bytes: &[u8]) {
    for sanitize in [false, true] {
        for encode_semicolons in [false, true] {
            let rules = TargetRules {
                sanitize,
                encode_semicolons,
            };
            once(bytes, rules);
        }
    }
}

fn once(bytes: &[u8], rules: TargetRules) {
    let shown = || bytes.escape_ascii().to_string();
    let Ok(normal) = normalize(Bytes::copy_from_slice(bytes), rules) else {
        return;
    };
    if let Some(authority) = &normal.authority {
        assert!(
            !authority.contains(['@', '/', '?', '#', '%', ' ']),
            "{}",
            shown()
        );
    }
    let target = normal.target.as_bytes();
    let path = normal.target.path();
    if target == b"*" {
        return;
    }
    assert!(path.starts_with('/'), "{}", shown());
    assert!(!path.contains(['?', '#']), "{}", shown());
    // Nothing that ends a request line or that a server would have to guess at.
    let printable = path.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(printable, "{}: {path:?}", shown());
    let segments = || path.split('/').skip(1);
    if rules.sanitize {
        let count = segments().count();
        for (at, segment) in segments().enumerate() {
            assert!(segment != "." && segment != "..", "{}: {path:?}", shown());
            assert!(
                !segment.is_empty() || at + 1 == count,
                "{}: {path:?}",
                shown()
            );
        }
    }
    // Twice is once.
    let again = normalize(Bytes::copy_from_slice(target), rules);
    assert_eq!(
        again
            .map(|again| again.target.as_bytes().to_vec())
            .ok()
            .as_deref(),
        Some(target),
        "{}",
        shown()
    );
    // What rules see has as many segments as what is forwarded: no escape hides a slash from one of them.
    let seen = routing_path(path);
    let seen = seen
        .as_ref()
        .map(|seen| seen.split(|byte| *byte == b'/').count());
    assert_eq!(seen.ok(), Some(path.split('/').count()), "{}", shown());
}
