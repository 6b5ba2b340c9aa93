//! Fields that belong to one connection and do not travel (RFC 9110 section 7.6.1).

use ::http::header::{self, HeaderMap, HeaderName, HeaderValue};

const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
];

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
/// `Connection: Upgrade` and `Upgrade` in place; `TE: trailers` survives because gRPC servers ask for it.
pub fn strip(headers: &mut HeaderMap, keep_upgrade: bool) {
    let upgrade = if keep_upgrade {
        upgrade_type(headers)
    } else {
        None
    };
    // Most requests have none of them: one look at each name, nothing allocated.
    if headers.contains_key(header::CONNECTION) {
        remove_nominated(headers);
    }
    let trailers = headers.contains_key(header::TE) && has_token(headers, &header::TE, "trailers");
    remove_listed(headers);
    headers.remove(header::UPGRADE);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if let Some(protocol) = upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
}

/// Removes from an answer what belongs to the server's connection. `Trailer` stays where `trailers` may follow the
/// body; an answer of 101 is not for this function, since its fields are the point of it.
pub fn strip_response(headers: &mut HeaderMap, trailers: bool) {
    // One look at each name; known names compare by number.
    let found = headers
        .keys()
        .any(|name| HOP_BY_HOP.contains(name) || *name == header::UPGRADE);
    if !found {
        return;
    }
    let trailer: Vec<HeaderValue> = match trailers {
        true => headers.get_all(header::TRAILER).iter().cloned().collect(),
        false => Vec::new(),
    };
    if headers.contains_key(header::CONNECTION) {
        remove_nominated(headers);
    }
    remove_listed(headers);
    headers.remove(header::UPGRADE);
    for value in trailer {
        headers.append(header::TRAILER, value);
    }
}

fn remove_listed(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

fn remove_nominated(headers: &mut HeaderMap) {
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
        strip(&mut map, true);
        assert_eq!(map, headers(&[("x-keep", "1"), ("te", "trailers")]));
        let mut map = headers(&[("connection", "TE"), ("te", "trailers")]);
        strip(&mut map, true);
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
    fn an_upgrade_survives_where_it_may() {
        let mut map = headers(&[
            ("connection", "foo, UPGRADE"),
            ("upgrade", "websocket"),
            ("foo", "1"),
        ]);
        strip(&mut map, true);
        assert_eq!(
            map,
            headers(&[("connection", "Upgrade"), ("upgrade", "websocket")])
        );
        strip(&mut map, false);
        assert!(map.is_empty());
    }
}
