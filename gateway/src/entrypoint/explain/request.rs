//! From a question to the request that the entry point would have read.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Instant;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use bytes::Bytes;

use super::super::dispatch::Incoming;
use super::super::normalize::normalize;
use super::super::{EntryPoint, Underscores};
use crate::http::{Body, Connection, Context, Peer, Tls};
use crate::rule::{canonical_host, is_secret};
use crate::runtime::EntryTables;
use crate::runtime::explanation::{Question, Seen};

/// A request as if it had come.
pub(super) struct Asked {
    pub(super) cx: Context,
    pub(super) incoming: Incoming,
    pub(super) seen: Seen,
    /// Why it will be refused, where that can be said in words.
    pub(super) refused: Option<String>,
}

/// Makes it of a question.
pub(super) fn ask(
    entry: &EntryPoint,
    tables: Option<&EntryTables>,
    question: &Question,
) -> Result<Asked, String> {
    let method = Method::from_bytes(question.method.as_bytes())
        .map_err(|_| format!("{:?} is no method", question.method))?;
    let Url {
        secure,
        authority,
        target,
    } = Url::parse(&question.url)?;
    let headers = fields(authority, &question.headers)?;
    // A client shakes hands with the host of the URL, whatever it says afterwards.
    let host = match authority {
        "" => headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok()),
        authority => Some(authority),
    };
    let tls = (question.tls || secure)
        .then(|| handshake(&canonical_host(host.unwrap_or_default()), tables));
    let connection = connection(entry, question, tls);
    let seen = Seen {
        method: question.method.clone(),
        url: without_secrets(&question.url),
        entry_point: entry.name.to_string(),
        tls: connection.tls.is_some(),
        client_ip: connection.peer.ip().to_string(),
        ..Seen::default()
    };
    let refused = match &connection.tls {
        Some(tls) if tls.options.is_none() => {
            Some("the handshake is refused: the TLS options of this host cannot be used".to_owned())
        }
        _ => refused(entry, &method, &target, &headers),
    };
    Ok(Asked {
        cx: Context::new(Rc::new(connection), String::new(), Instant::now()),
        refused,
        incoming: Incoming {
            method,
            target: Bytes::copy_from_slice(target.as_bytes()),
            version: Version::HTTP_11,
            headers,
            body: Body::Empty,
            unmet: false,
            too_many: false,
        },
        seen,
    })
}

fn connection(entry: &EntryPoint, question: &Question, tls: Option<Tls>) -> Connection {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Connection {
        peer: Peer::new(SocketAddr::new(question.client_ip.unwrap_or(here), 0)),
        local: SocketAddr::new(here, 0),
        entry_point: entry.name.clone(),
        append_forwarded_for: true,
        tls,
    }
}

/// What the handshake for a host settles.
fn handshake(host: &str, tables: Option<&EntryTables>) -> Tls {
    let is_name = !host.is_empty() && host.parse::<IpAddr>().is_err();
    let name = is_name.then_some(host);
    let chosen = tables.and_then(|tables| tables.tls_options.choose(name));
    Tls {
        server_name: name.map(Into::into),
        version: "1.3",
        options: chosen.map(|chosen| chosen.options),
        ..Tls::default()
    }
}

/// Why the request does not get as far as the routers, in words.
fn refused(
    entry: &EntryPoint,
    method: &Method,
    target: &str,
    headers: &HeaderMap,
) -> Option<String> {
    if *method == Method::CONNECT {
        return Some("501 Not Implemented: no tunnels to wherever a client says".to_owned());
    }
    if let Err(error) = normalize(Bytes::copy_from_slice(target.as_bytes()), entry.target) {
        return Some(format!("400 Bad Request: {error}"));
    }
    let underscore = headers.keys().find(|name| name.as_str().contains('_'));
    match (entry.underscores, underscore) {
        (Underscores::Reject, Some(name)) => Some(format!(
            "400 Bad Request: the field {name} has an underscore, which underscoreHeadersStrategy refuses"
        )),
        _ => None,
    }
}

fn fields(authority: &str, given: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let field = HeaderName::try_from(name.as_str())
            .map_err(|_| format!("{name:?} is no name of a header field"))?;
        // The value is not repeated: it may be a secret.
        let value = HeaderValue::try_from(value.trim())
            .map_err(|_| format!("the value of {name} cannot stand in a header field"))?;
        headers.append(field, value);
    }
    if !authority.is_empty() && !headers.contains_key(header::HOST) {
        let host = HeaderValue::try_from(authority)
            .map_err(|_| "the URL's host cannot stand in a header field".to_owned())?;
        headers.insert(header::HOST, host);
    }
    Ok(headers)
}

/// A URL as it is split for a request. Nothing is decoded or tidied: that is the entry point's business.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::entrypoint) struct Url<'u> {
    pub(in crate::entrypoint) secure: bool,
    /// Host and port; empty in a path alone.
    pub(in crate::entrypoint) authority: &'u str,
    pub(in crate::entrypoint) target: Cow<'u, str>,
}

impl<'u> Url<'u> {
    pub(in crate::entrypoint) fn parse(url: &'u str) -> Result<Self, String> {
        if url.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(
                "the URL holds a space or a control character; write it percent-encoded".to_owned(),
            );
        }
        if url.is_empty() {
            return Err("the URL is missing".to_owned());
        }
        if url.starts_with('/') || url == "*" {
            return Ok(Self {
                secure: false,
                authority: "",
                target: url.into(),
            });
        }
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            other => {
                return Err(format!(
                    "{other:?} is no scheme of HTTP; write http:// or https://"
                ));
            }
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        // Who is asked for is no part of the request.
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        if authority.is_empty() {
            return Err("the URL names no host".to_owned());
        }
        Ok(Self {
            secure,
            authority,
            target: match target.starts_with('/') {
                true => target.into(),
                // As every client writes it.
                false => format!("/{target}").into(),
            },
        })
    }

    /// The port it leads to.
    pub(in crate::entrypoint) fn port(&self) -> Option<u16> {
        if self.authority.is_empty() {
            return None;
        }
        let port = self.authority.rsplit_once(':').map(|(_, port)| port);
        let written = port.and_then(|port| port.parse().ok());
        written.or(Some(if self.secure { 443 } else { 80 }))
    }
}

/// The URL without a password, and without the values of parameters that may be secret.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    let end = place.find('/').unwrap_or(place.len());
    let (authority, path) = place.split_at(end);
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let mut shown = format!("{scheme}{authority}{path}");
    for (index, pair) in query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .enumerate()
    {
        shown.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => shown.push_str(&format!("{name}=xxxx")),
            _ => shown.push_str(pair),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split_and_not_tidied() {
        let url = Url::parse("https://u:p@a.test:8443/x/../y?q=1#f");
        let expected = Url {
            secure: true,
            authority: "a.test:8443",
            target: "/x/../y?q=1#f".into(),
        };
        assert_eq!(url, Ok(expected));
        let bare = Url::parse("a.test?x").map(|url| (url.port(), url.target.into_owned()));
        assert_eq!(bare, Ok((Some(80), "/?x".to_owned())));
        for bad in ["", "ftp://a/", "http:///x", "/a b"] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_repeated() {
        assert_eq!(
            without_secrets("https://u:p@a.test/x?q=1&access_token=abc&b"),
            "https://a.test/x?q=1&access_token=xxxx&b"
        );
        assert_eq!(without_secrets("/x?apikey=1"), "/x?apikey=xxxx");
    }
}
