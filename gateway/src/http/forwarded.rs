//! `X-Forwarded-*` and `X-Real-Ip`: whose are believed, and what we add (Traefik's `forwardedHeaders`).

use ::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::{Peer, hop};
use crate::types::IpSet;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const SERVER: HeaderName = HeaderName::from_static("x-forwarded-server");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const FORWARDED_SCHEME: HeaderName = HeaderName::from_static("x-forwarded-scheme");
const SCHEME: HeaderName = HeaderName::from_static("x-scheme");

/// What only a trusted peer may say, besides the fields that are always rewritten.
pub const MANAGED: [&str; 13] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-forwarded-prefix",
    "x-forwarded-tls-client-cert",
    "x-forwarded-tls-client-cert-info",
    "x-forwarded-scheme",
    "x-scheme",
];

/// An entry point's `forwardedHeaders`, ready to use.
#[derive(Debug, Default)]
pub struct ForwardedRules {
    /// Believe everybody.
    pub insecure: bool,
    /// Believe these.
    pub trusted: IpSet,
    /// Nominated fields that middlewares may still see.
    pub connection: Vec<HeaderName>,
    /// Leave `X-Forwarded-For` as it came.
    pub not_append: bool,
    /// Also say the scheme in `X-Forwarded-Scheme` and `X-Scheme`.
    pub add_scheme: bool,
    /// This machine's name, for `X-Forwarded-Server`.
    pub server: Option<HeaderValue>,
}

/// What is known of a request when it arrives.
struct Arrival<'a> {
    peer: &'a Peer,
    host: Option<HeaderValue>,
    tls: bool,
    websocket: bool,
    /// Some of the fields may be there already, and be believed.
    known: bool,
}

impl ForwardedRules {
    /// Rewrites the fields of a request that came from `peer`, over TLS or not. Runs before any middleware.
    /// `host` is what its `Host` holds.
    pub fn apply(
        &self,
        headers: &mut HeaderMap,
        peer: &Peer,
        host: Option<HeaderValue>,
        tls: bool,
    ) {
        let trusted = self.insecure || self.trusted.contains(peer.ip());
        if !trusted {
            remove_managed(headers);
        }
        let websocket = headers.contains_key(header::CONNECTION) && {
            self.remove_nominated(headers, trusted);
            hop::has_token(headers, &header::CONNECTION, "upgrade")
                && hop::has_token(headers, &header::UPGRADE, "websocket")
        };
        let arrival = Arrival {
            peer,
            host,
            tls,
            websocket,
            known: trusted,
        };
        self.add(headers, arrival);
    }

    fn add(&self, headers: &mut HeaderMap, arrival: Arrival<'_>) {
        let Arrival {
            peer,
            host,
            tls,
            websocket,
            known,
        } = arrival;
        let is_missing =
            |headers: &HeaderMap, name: &HeaderName| !known || is_missing(headers, name);
        if is_missing(headers, &REAL_IP) {
            headers.insert(REAL_IP, peer.text().clone());
        }
        if is_missing(headers, &PROTO) {
            let proto = match (websocket, tls) {
                (true, true) => "wss",
                (true, false) => "ws",
                (false, true) => "https",
                (false, false) => "http",
            };
            headers.insert(PROTO, HeaderValue::from_static(proto));
        }
        if is_missing(headers, &PORT) {
            let said = |proto: &HeaderValue| proto == "https" || proto == "wss";
            let secure = tls || known && headers.get(PROTO).is_some_and(said);
            headers.insert(PORT, port(host.as_ref(), secure));
        }
        if let Some(host) = host.filter(|host| !host.is_empty())
            && is_missing(headers, &HOST)
        {
            headers.insert(HOST, host);
        }
        if let Some(server) = &self.server {
            headers.insert(SERVER, server.clone());
        }
        if self.add_scheme && is_missing(headers, &FORWARDED_SCHEME) {
            let scheme = HeaderValue::from_static(if tls { "https" } else { "http" });
            headers.insert(FORWARDED_SCHEME, scheme.clone());
            headers.insert(SCHEME, scheme);
        }
    }

    /// Removes what the client nominated in `Connection`, so that no middleware's field is lost to it later
    /// (CVE-2024-45410). What a trusted peer vouches for, and what is managed here, stays.
    fn remove_nominated(&self, headers: &mut HeaderMap, trusted: bool) {
        let nominated: Vec<HeaderName> = hop::tokens(headers, &header::CONNECTION)
            .filter(|token| !trusted || !is_managed(token))
            .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
            .collect();
        // A tunnel of HTTP/2 would pass every rule and middleware by (CVE-2026-88008); RFC 9113 has done away with it.
        let h2c = hop::has_token(headers, &header::UPGRADE, "h2c");
        if h2c {
            headers.remove(header::UPGRADE);
            headers.remove("http2-settings");
        }
        let mut kept: Vec<&str> = Vec::new();
        for name in &nominated {
            match name.as_str() {
                "upgrade" if h2c => {}
                "upgrade" => kept.push("Upgrade"),
                // Not nominations: the first is a token of its own, the others frame or address the message.
                "keep-alive" | "close" | "host" | "content-length" | "transfer-encoding" => {}
                _ if self.connection.contains(name) => kept.push(name.as_str()),
                _ => {
                    headers.remove(name);
                }
            }
        }
        let te = hop::has_token(headers, &header::TE, "trailers");
        headers.remove(header::CONNECTION);
        if !te {
            headers.remove(header::TE);
        }
        if let Ok(value) = HeaderValue::try_from(kept.join(", "))
            && !kept.is_empty()
        {
            headers.insert(header::CONNECTION, value);
        }
    }
}

/// Joins the fields of `X-Forwarded-For` into one and, where `append`, adds the peer. Done last, when the request
/// leaves: middlewares that look for the client's address must not find our own peer there.
pub fn append_for(headers: &mut HeaderMap, peer: &Peer, append: bool) {
    let mut known = headers.get_all(FOR).into_iter();
    let Some(first) = known.next() else {
        if append {
            headers.insert(FOR, peer.text().clone());
        }
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for value in known {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(value.as_bytes());
    }
    if append {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(peer.text().as_bytes());
    }
    if let Ok(value) = HeaderValue::from_bytes(&joined) {
        headers.insert(FOR, value);
    }
}

fn is_managed(token: &str) -> bool {
    MANAGED.iter().any(|name| token.eq_ignore_ascii_case(name))
}

/// Removes what only a trusted peer may say. `_` and `.` count as `-`: many servers fold them into one name
/// (CVE-2026-39858).
pub fn remove_managed(headers: &mut HeaderMap) {
    // Nearly every request has none: one look at each name, and nothing is looked up.
    let found: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_alias(name.as_str()))
        .cloned()
        .collect();
    for name in found {
        headers.remove(name);
    }
}

/// Removes a field in every spelling that a server may take for it: what a middleware vouches for, a client may not say.
pub fn remove_aliases(headers: &mut HeaderMap, name: &HeaderName) {
    let found: Vec<HeaderName> = headers
        .keys()
        .filter(|known| same_folded(known.as_str(), name.as_str()))
        .cloned()
        .collect();
    for name in found {
        headers.remove(name);
    }
}

/// `_` and `.` as `-`.
pub fn folded(byte: u8) -> u8 {
    match byte {
        b'_' | b'.' => b'-',
        other => other,
    }
}

fn same_folded(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().map(folded).eq(b.bytes().map(folded))
}

/// Whether a lower-case name is a managed one, in whichever spelling.
fn is_alias(name: &str) -> bool {
    name.starts_with('x') && MANAGED.iter().any(|managed| same_folded(managed, name))
}

fn is_missing(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get(name).is_none_or(HeaderValue::is_empty)
}

fn port(host: Option<&HeaderValue>, secure: bool) -> HeaderValue {
    let host = host.and_then(|host| host.to_str().ok());
    if let Some(port) = host.and_then(port_of)
        && let Ok(value) = HeaderValue::from_str(port)
    {
        return value;
    }
    HeaderValue::from_static(if secure { "443" } else { "80" })
}

fn port_of(host: &str) -> Option<&str> {
    let (name, port) = host.rsplit_once(':')?;
    let whole = !name.contains(':') || name.ends_with(']');
    (whole && !port.is_empty()).then_some(port)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn apply(rules: &ForwardedRules, fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers: HeaderMap = fields
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect();
        let peer = Peer::new("10.0.0.9:1".parse().unwrap());
        let host = headers.get(header::HOST).cloned();
        rules.apply(&mut headers, &peer, host, false);
        append_for(&mut headers, &peer, !rules.not_append);
        headers
    }

    #[test]
    fn a_stranger_is_not_believed_whatever_the_spelling() {
        let headers = apply(
            &ForwardedRules::default(),
            &[
                ("host", "a.test:81"),
                ("x-forwarded-for", "1.1.1.1"),
                ("x_forwarded_proto", "https"),
                ("x-forwarded.prefix", "/x"),
                ("x-forwarded-other", "kept"),
            ],
        );
        assert_eq!(headers["x-forwarded-for"], "10.0.0.9");
        assert_eq!(headers["x-forwarded-port"], "81");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-other"], "kept");
        assert!(!headers.contains_key("x_forwarded_proto"));
        assert!(!headers.contains_key("x-forwarded.prefix"));
    }

    #[test]
    fn a_trusted_peer_is_believed_and_added_to() {
        let rules = ForwardedRules {
            insecure: true,
            ..Default::default()
        };
        let headers = apply(
            &rules,
            &[
                ("x-forwarded-for", "1.1.1.1"),
                ("x-forwarded-proto", "https"),
                ("connection", "x-forwarded-for, foo"),
                ("foo", "1"),
            ],
        );
        assert_eq!(headers["x-forwarded-for"], "1.1.1.1, 10.0.0.9");
        assert_eq!(headers["x-forwarded-port"], "443");
        assert!(!headers.contains_key("foo"));
    }

    #[test]
    fn a_client_cannot_nominate_what_we_set() {
        let headers = apply(
            &ForwardedRules::default(),
            &[
                ("connection", "X-Forwarded-Host, x-real-ip, close"),
                ("host", "a.test"),
            ],
        );
        assert_eq!(headers["x-real-ip"], "10.0.0.9");
        assert_eq!(headers["x-forwarded-host"], "a.test");
        assert!(!headers.contains_key("connection"));
    }

    /// Whatever a stranger writes, in whatever spelling, order and place, servers hear of it what the socket says.
    #[test]
    fn nothing_of_a_strangers_is_believed() {
        let mut seed = 1_u64;
        let mut below = |end: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize % end
        };
        for round in 0..20_000 {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("a.test"));
            for _ in 0..below(8) {
                let mut name = MANAGED[below(MANAGED.len())].to_owned();
                for at in 0..name.len() {
                    if name.as_bytes()[at] == b'-' && below(2) == 0 {
                        name.replace_range(at..=at, ["_", "."][below(2)]);
                    }
                }
                if below(4) == 0 {
                    let nominated = HeaderValue::try_from(name.to_uppercase()).unwrap();
                    headers.append(header::CONNECTION, nominated);
                }
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                headers.append(name, HeaderValue::from_static("spoofed"));
            }
            let rules = ForwardedRules {
                trusted: IpSet::parse(&["10.0.0.8"]).unwrap(),
                connection: vec![FOR, HeaderName::from_static("x_real_ip")],
                not_append: below(2) == 0,
                add_scheme: below(2) == 0,
                ..Default::default()
            };
            let peer = Peer::new("10.0.0.9:1".parse().unwrap());
            let host = headers.get(header::HOST).cloned();
            rules.apply(&mut headers, &peer, host, false);
            append_for(&mut headers, &peer, !rules.not_append);
            for (name, value) in &headers {
                let own = name == header::CONNECTION;
                assert!(own || value != "spoofed", "{round}: {name}: {headers:?}");
            }
            assert_eq!(headers[REAL_IP], "10.0.0.9", "{round}");
            assert_eq!(headers.get_all(PROTO).iter().count(), 1, "{round}");
            assert_eq!(headers.contains_key(FOR), !rules.not_append, "{round}");
        }
    }
}
