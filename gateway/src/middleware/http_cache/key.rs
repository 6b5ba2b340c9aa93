//! What answers are stored by (RFC 9111 section 2): router, scheme, host and target; and, where the server's answers vary,
//! the fields that they vary by (section 4.1).

use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, header};

use crate::http::{Context, Request};

/// Parts end with a zero byte, which none of them holds.
pub(super) type Key = Arc<[u8]>;

/// The key of a request. The router is part of it: two may lead the same address to different services, by a header for
/// example.
pub(super) fn of(cx: &Context, request: &Request) -> Key {
    with_target(cx, request.target.as_bytes())
}

/// The key of another target of the same host.
pub(super) fn with_target(cx: &Context, target: &[u8]) -> Key {
    let router = cx.record.router().unwrap_or_default();
    let scheme: &[u8] = match cx.connection.tls {
        Some(_) => b"https",
        None => b"http",
    };
    let parts = [router.as_bytes(), scheme, cx.host.as_bytes(), target];
    let mut key = Vec::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        key.extend_from_slice(part);
        key.push(0);
    }
    key.into()
}

/// Host and target of a key.
pub(super) fn address(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = key.split(|byte| *byte == 0).skip(2);
    Some((parts.next()?, parts.next()?))
}

/// The key of what is stored for requests with these fields. The generation tells variants apart from those of before the
/// address was invalidated.
pub(super) fn variant(
    primary: &Key,
    generation: u64,
    names: &[HeaderName],
    headers: &HeaderMap,
) -> Key {
    let mut key = primary.to_vec();
    key.extend_from_slice(&generation.to_be_bytes());
    for name in names {
        for (index, value) in headers.get_all(name).iter().enumerate() {
            if index > 0 {
                key.push(b',');
            }
            normalized(value.as_bytes(), &mut key);
        }
        key.push(0);
    }
    key.into()
}

/// The names that an answer varies by, sorted, each once. `*` never comes here: such answers are not stored.
pub(super) fn varies_by(headers: &HeaderMap) -> Vec<HeaderName> {
    let lists = headers.get_all(header::VARY);
    let names = lists
        .iter()
        .flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    let mut names: Vec<HeaderName> = names
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    names
}

/// Without white space around members: it means nothing.
fn normalized(value: &[u8], out: &mut Vec<u8>) {
    for (index, member) in value.split(|byte| *byte == b',').enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(member.trim_ascii());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::middleware::testing::{context, request, secure_context};

    #[test]
    fn addresses() {
        let key = of(&context(), &request("/a?b=c"));
        assert_eq!(address(&key), Some((&b"a.test"[..], &b"/a?b=c"[..])));
        assert_ne!(key, of(&secure_context(), &request("/a?b=c")));
        assert_ne!(key, of(&context(), &request("/a")));
    }

    #[test]
    fn variants() {
        let answer = HeaderMap::from_iter([
            (header::VARY, "Origin, accept".parse().unwrap()),
            (header::VARY, "Accept".parse().unwrap()),
        ]);
        let names = varies_by(&answer);
        assert_eq!(names, [header::ACCEPT, header::ORIGIN]);
        let primary = of(&context(), &request("/"));
        let accept = |value: &str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, value.parse().unwrap())]);
            variant(&primary, 1, &names, &headers)
        };
        assert_eq!(accept("a, b"), accept("a ,b"));
        assert_ne!(accept("a"), accept("b"));
        assert_ne!(accept("a"), variant(&primary, 1, &names, &HeaderMap::new()));
        assert_eq!(address(&accept("a")), address(&primary));
    }
}
