//! Fields that belong to one connection and do not travel (RFC 9110 section 7.6.1).

use ::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::h1;

/// Fields that belong to one connection, each with its bit in [`present`].
const HOP_BY_HOP: [(u16, HeaderName); 9] = [
    (CONNECTION, header::CONNECTION),
    (1 << 1, HeaderName::from_static("proxy-connection")),
    (1 << 2, HeaderName::from_static("keep-alive")),
    (1 << 3, header::PROXY_AUTHENTICATE),
    (1 << 4, header::PROXY_AUTHORIZATION),
    (TE, header::TE),
    (TRAILER, header::TRAILER),
    (1 << 7, header::TRANSFER_ENCODING),
    (1 << 8, header::UPGRADE),
];
const CONNECTION: u16 = 1;
const TE: u16 = 1 << 5;
const TRAILER: u16 = 1 << 6;

/// Which of them are there. One look at each name, since most messages have none: looking each one up would cost a
/// hash for every field that is not there.
fn present(headers: &HeaderMap) -> u16 {
    headers.keys().fold(0, |found, name| {
        found
            | match name.as_str() {
                "connection" => CONNECTION,
                "proxy-connection" => 1 << 1,
                "keep-alive" => 1 << 2,
                "proxy-authenticate" => 1 << 3,
                "proxy-authorization" => 1 << 4,
                "te" => TE,
                "trailer" => TRAILER,
                "transfer-encoding" => 1 << 7,
                "upgrade" => 1 << 8,
                _ => 0,
            }
    })
}

fn remove(headers: &mut HeaderMap, bits: u16) {
    for (bit, name) in &HOP_BY_HOP {
        if bits & bit != 0 {
            headers.remove(name);
        }
    }
}

/// Whether a comma-separated field holds `token`, compared without case.
pub fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

/// The comma-separated tokens of all values of a field.
pub fn tokens<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> + use<'a> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// The protocol a message asks to switch to: `Upgrade`, where `Connection` names it.
pub fn upgrade_type(headers: &HeaderMap) -> Option<HeaderValue> {
    headers
        .get(header::UPGRADE)
        .filter(|_| has_token(headers, &header::CONNECTION, "upgrade"))
        .cloned()
}

/// Removes what belongs to one connection, and what `Connection` nominates. `keep_upgrade` leaves (exactly)
/// `Connection: Upgrade` and `Upgrade` in place; `TE: trailers` survives because gRPC servers ask for it. `keep_trailer`
/// leaves `Trailer` to a request whose body is chunked, as far as it announces what may be a trailer.
pub fn strip(headers: &mut HeaderMap, keep_upgrade: bool, keep_trailer: bool) {
    let found = present(headers);
    if found == 0 {
        return;
    }
    let upgrade = if keep_upgrade {
        upgrade_type(headers)
    } else {
        None
    };
    if found & CONNECTION != 0 {
        remove_nominated(headers);
    }
    let trailers = found & TE != 0 && has_token(headers, &header::TE, "trailers");
    let announced = if keep_trailer && found & TRAILER != 0 {
        announced(headers)
    } else {
        None
    };
    remove(headers, found);
    if let Some(announced) = announced {
        headers.insert(header::TRAILER, announced);
    }
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if let Some(protocol) = upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
}

/// The trailers that a chunked request announces and may have, as Go writes them.
fn announced(headers: &HeaderMap) -> Option<HeaderValue> {
    if headers.contains_key(header::CONTENT_LENGTH) {
        return None;
    }
    let mut names: Vec<HeaderName> = tokens(headers, &header::TRAILER)
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .filter(|name| may_trail_a_request(name.as_str()))
        .collect();
    names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    let mut list = Vec::new();
    for name in &names {
        if !list.is_empty() {
            list.push(b',');
        }
        h1::canonical_name(&mut list, name);
    }
    (!list.is_empty()).then(|| HeaderValue::from_bytes(&list).ok())?
}

/// Removes from an answer what belongs to the server's connection. `Trailer` stays where `trailers` may follow the
/// body; an answer of 101 is not for this function, since its fields are the point of it.
pub fn strip_response(headers: &mut HeaderMap, trailers: bool) {
    let found = present(headers);
    if found == 0 {
        return;
    }
    let trailer: Vec<HeaderValue> = if trailers && found & TRAILER != 0 {
        headers.get_all(header::TRAILER).iter().cloned().collect()
    } else {
        Vec::new()
    };
    if found & CONNECTION != 0 {
        remove_nominated(headers);
    }
    remove(headers, found);
    for value in trailer {
        headers.append(header::TRAILER, value);
    }
}

/// The trailers of a request that may go on to a server, of which `said` are the head's fields.
///
/// A trailer is no way around what the gateway settles about a head: nothing that frames, routes, authenticates or
/// describes a request goes (RFC 9110 section 6.5.1), nothing that says who sent it, and nothing that the head says.
pub fn request_trailers(mut trailers: HeaderMap, said: &HeaderMap) -> HeaderMap {
    let refused: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| said.contains_key(*name) || !may_trail_a_request(name.as_str()))
        .cloned()
        .collect();
    for name in refused {
        trailers.remove(name);
    }
    trailers
}

/// Whether a request may have a trailer of that (lower-case) name.
pub fn may_trail_a_request(name: &str) -> bool {
    const REFUSED: [&str; 21] = [
        "age",
        "authorization",
        "cache-control",
        "connection",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "max-forwards",
        "origin",
        "pragma",
        "range",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    // Some servers take `X_Forwarded_For` for `X-Forwarded-For`.
    let refused = |start: &&str| name.replace('_', "-").starts_with(*start);
    let starts = [
        "content-",
        "if-",
        "proxy-",
        "sec-",
        "x-forwarded-",
        "x-real-ip",
        "x-auth",
    ];
    !REFUSED.contains(&name) && !starts.iter().any(refused)
}

fn remove_nominated(headers: &mut HeaderMap) {
    // By far the most common ones, and no fields.
    let said = headers.get(header::CONNECTION).map(HeaderValue::as_bytes);
    if matches!(said, Some(b"keep-alive" | b"close"))
        && headers.get_all(header::CONNECTION).iter().nth(1).is_none()
    {
        return;
    }
    let nominated: Vec<HeaderName> = tokens(headers, &header::CONNECTION)
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .collect();
    for name in nominated {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn nominated_and_listed_fields_go() {
        let mut map = headers(&[
            ("connection", "keep-alive, X-Drop"),
            ("x-drop", "1"),
            ("te", "gzip, Trailers"),
            ("upgrade", "h2c"),
            ("x-keep", "1"),
        ]);
        strip(&mut map, true, false);
        assert_eq!(map, headers(&[("x-keep", "1"), ("te", "trailers")]));
        let mut map = headers(&[("connection", "TE"), ("te", "trailers")]);
        strip(&mut map, true, false);
        assert!(map.is_empty(), "a nominated field goes, whatever it holds");
    }

    #[test]
    fn an_answer_loses_what_belongs_to_the_servers_connection() {
        let fields = [
            ("connection", "X-Private"),
            ("x-private", "1"),
            ("proxy-authenticate", "Basic"),
            ("upgrade", "h2c"),
            ("trailer", "X-Sum"),
            ("x-public", "1"),
        ];
        let mut map = headers(&fields);
        strip_response(&mut map, false);
        assert_eq!(map, headers(&[("x-public", "1")]));
        let mut map = headers(&fields);
        strip_response(&mut map, true);
        assert_eq!(map, headers(&[("x-public", "1"), ("trailer", "X-Sum")]));
    }

    #[test]
    fn what_a_chunked_request_announces_goes_on_as_far_as_it_may() {
        let fields = [
            ("trailer", "x-sum, X-Forwarded-For,Authorization"),
            ("trailer", "a, X-Sum"),
        ];
        let mut map = headers(&fields);
        strip(&mut map, false, true);
        assert_eq!(map, headers(&[("trailer", "A,X-Sum")]));
        let mut map = headers(&fields);
        strip(&mut map, false, false);
        assert!(map.is_empty());
        let mut map = headers(&fields);
        map.insert("content-length", HeaderValue::from_static("3"));
        strip(&mut map, false, true);
        assert!(!map.contains_key("trailer"), "it is not chunked");
        let mut map = headers(&[("trailer", "Host, Content-Length")]);
        strip(&mut map, false, true);
        assert!(map.is_empty());
    }

    #[test]
    fn trailers_are_no_way_around_the_head() {
        let said = headers(&[("x-user", "1")]);
        let trailers = headers(&[
            ("x-sum", "1"),
            ("x-user", "admin"),
            ("x-forwarded-prefix", "/admin"),
            ("x_forwarded_for", "::1"),
            ("x-real-ip", "::1"),
            ("forwarded", "for=x"),
            ("authorization", "Basic x"),
            ("cookie", "a=b"),
            ("host", "x"),
            ("content-type", "x"),
            ("proxy-authorization", "x"),
        ]);
        let passed = request_trailers(trailers, &said);
        assert_eq!(passed, headers(&[("x-sum", "1")]));
    }

    #[test]
    fn an_upgrade_survives_where_it_may() {
        let mut map = headers(&[
            ("connection", "foo, UPGRADE"),
            ("upgrade", "websocket"),
            ("foo", "1"),
        ]);
        strip(&mut map, true, false);
        assert_eq!(
            map,
            headers(&[("connection", "Upgrade"), ("upgrade", "websocket")])
        );
        strip(&mut map, false, false);
        assert!(map.is_empty());
    }
}
