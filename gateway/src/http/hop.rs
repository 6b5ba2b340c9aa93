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
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove(header::UPGRADE);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if let Some(protocol) = upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, protocol);
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
