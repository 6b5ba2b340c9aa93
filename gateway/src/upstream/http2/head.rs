//! The head of a request as HTTP/2 has it: pseudo-fields from target and `Host`, no fields of a connection.

use std::borrow::Cow;

use ::http::header::{self, HeaderMap, HeaderValue};
use ::http::uri::{Authority, PathAndQuery, Scheme as UriScheme};
use ::http::{Method, Uri};
use bytes::Bytes;

use super::super::target::{Scheme, Target};
use crate::http::{Body, ErrorKind, ProxyError, Request};

/// The head of `request` for `target`. `Host` (that of the request, or else the target's) becomes `:authority`.
pub(super) fn head(target: &Target, request: &Request) -> Result<::http::Request<()>, ProxyError> {
    let mut headers = request.headers.clone();
    let host = headers.remove(header::HOST);
    let authority = match &host {
        Some(host) if !host.is_empty() => Authority::try_from(host.as_bytes()),
        _ => Authority::try_from(target.authority.as_str()),
    };
    // User information has no place there (RFC 9113 section 8.3.1).
    let authority = authority.ok().filter(|name| !name.as_str().contains('@'));
    let authority = authority.ok_or_else(|| {
        let said = host.as_ref().map(HeaderValue::as_bytes).unwrap_or_default();
        ProxyError::client(ErrorKind::BadRequest).because(format!(
            "`{}` cannot be an HTTP/2 :authority",
            said.escape_ascii()
        ))
    })?;
    let mut parts = ::http::uri::Parts::default();
    parts.scheme = Some(match target.scheme {
        Scheme::Https => UriScheme::HTTPS,
        _ => UriScheme::HTTP,
    });
    parts.authority = Some(authority);
    parts.path_and_query = Some(path(&target.base, request.target.as_bytes())?);
    let uri = Uri::from_parts(parts).map_err(internal)?;
    strip(&mut headers);
    announce_length(&mut headers, &request.method, &request.body);
    let mut head = ::http::Request::new(());
    *head.method_mut() = request.method.clone();
    *head.uri_mut() = uri;
    *head.version_mut() = ::http::Version::HTTP_2;
    *head.headers_mut() = headers;
    Ok(head)
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> ProxyError {
    ProxyError::upstream(ErrorKind::Internal).because(error)
}

/// Fields that belong to a connection are errors in HTTP/2 (RFC 9113 section 8.2.2).
fn strip(headers: &mut HeaderMap) {
    for name in [
        header::CONNECTION,
        header::UPGRADE,
        header::TRANSFER_ENCODING,
    ] {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection", "http2-settings"] {
        headers.remove(name);
    }
    if headers.get(header::TE).is_some_and(|te| te != "trailers") {
        headers.remove(header::TE);
    }
    // An empty one says that there is none, and Go's client sends none.
    if headers
        .get(header::USER_AGENT)
        .is_some_and(HeaderValue::is_empty)
    {
        headers.remove(header::USER_AGENT);
    }
}

/// As over HTTP/1: the length is that of the body, whatever the fields say.
fn announce_length(headers: &mut HeaderMap, method: &Method, body: &Body) {
    let declared = headers.remove(header::CONTENT_LENGTH);
    let length = match body {
        Body::Empty => {
            let usual = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
            let said = declared.is_some_and(|length| length == "0");
            (usual || said).then_some(0)
        }
        body => body.length(),
    };
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// What [`Uri`] does not take is escaped: Go's servers take any byte in a query, and so do we.
fn path(base: &str, target: &[u8]) -> Result<PathAndQuery, ProxyError> {
    let whole = match base {
        "" => Cow::Borrowed(target),
        base => Cow::Owned([base.as_bytes(), target].concat()),
    };
    // A `#` would end it here.
    if !whole.contains(&b'#')
        && let Ok(path) = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(&whole))
    {
        return Ok(path);
    }
    PathAndQuery::from_maybe_shared(Bytes::from(escaped(&whole))).map_err(internal)
}

fn escaped(text: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte);
    let mut out = Vec::with_capacity(text.len() + 16);
    for &byte in text {
        if plain(byte) {
            out.push(byte);
        } else {
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}
