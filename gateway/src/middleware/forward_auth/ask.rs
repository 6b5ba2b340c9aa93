//! The question: what the service that is asked gets to see of a request.

use ::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use ::http::{Method, Version};

use super::ForwardAuth;
use crate::http::{Body, Context, Request, forwarded, hop};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

impl ForwardAuth {
    /// The request that asks about `request`.
    pub(super) fn question(&self, cx: &Context, request: &Request, body: Body) -> Request {
        let mut headers = fields(&request.headers);
        if self.trust == Some(false) {
            forwarded::remove_managed(&mut headers);
        }
        if let Some(shown) = &self.shown {
            headers = only(&headers, shown);
        }
        let known = self.trust.is_some();
        client(&mut headers, cx, known);
        let mut set = |name: HeaderName, value: HeaderValue| {
            // What is left of what the client said was trusted, or else removed above; the former way trusts nothing.
            if !known || !headers.contains_key(&name) {
                headers.insert(name, value);
            }
        };
        let tls = cx.connection.tls.is_some();
        set(
            PROTO,
            HeaderValue::from_static(if tls { "https" } else { "http" }),
        );
        set(METHOD, method(&request.method));
        set(URI, uri(request));
        let host = request.headers.get(header::HOST);
        set(
            HOST,
            host.cloned()
                .unwrap_or_else(|| HeaderValue::from_static("")),
        );
        if known && !headers.contains_key(&PORT) {
            let port = port(request, &headers, tls);
            headers.insert(PORT, port);
        }
        if let Some(authorization) = &self.address.authorization
            && !headers.contains_key(header::AUTHORIZATION)
        {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        Request {
            method: match self.keep_method {
                true => request.method.clone(),
                false => Method::GET,
            },
            target: self.address.asked.clone(),
            version: Version::HTTP_11,
            headers,
            body,
        }
    }
}

/// The request's fields without those of its connection and its body.
fn fields(request: &HeaderMap) -> HeaderMap {
    let mut headers = request.clone();
    hop::strip(&mut headers, false, false);
    // For a proxy that asks for a password this is the password (RFC 9110 section 11.7.2).
    for value in request.get_all(header::PROXY_AUTHORIZATION) {
        headers.append(header::PROXY_AUTHORIZATION, value.clone());
    }
    for name in [
        header::TE,
        header::HOST,
        header::CONTENT_LENGTH,
        header::EXPECT,
    ] {
        headers.remove(name);
    }
    headers
}

fn only(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut shown = HeaderMap::with_capacity(names.len() + 6);
    for name in names {
        if shown.contains_key(name) {
            continue;
        }
        for value in headers.get_all(name) {
            shown.append(name, value.clone());
        }
    }
    shown
}

/// Adds the client to those who are `known` to have sent the request on before; else names it alone.
fn client(headers: &mut HeaderMap, cx: &Context, known: bool) {
    if !known {
        headers.remove(FOR);
    }
    forwarded::append_for(headers, &cx.connection.peer, true);
}

fn method(method: &Method) -> HeaderValue {
    match *method {
        Method::GET => HeaderValue::from_static("GET"),
        Method::POST => HeaderValue::from_static("POST"),
        Method::HEAD => HeaderValue::from_static("HEAD"),
        // A method is a token, and so always a value.
        ref other => {
            HeaderValue::from_str(other.as_str()).unwrap_or_else(|_| HeaderValue::from_static(""))
        }
    }
}

/// Path and query, after what middlewares before this one made of them.
fn uri(request: &Request) -> HeaderValue {
    let target = request.target.as_bytes();
    let value = match request.target.path().is_empty() {
        true => HeaderValue::from_bytes(&[b"/", target].concat()),
        false => HeaderValue::from_bytes(target),
    };
    value.unwrap_or_else(|_| HeaderValue::from_static("/"))
}

fn port(request: &Request, headers: &HeaderMap, tls: bool) -> HeaderValue {
    let host = request.headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    if let Some((name, port)) = host.rsplit_once(':')
        && !port.is_empty()
        && (!name.contains(':') || name.ends_with(']'))
        && let Ok(value) = HeaderValue::from_str(port)
    {
        return value;
    }
    let proto = headers.get(PROTO);
    let secure = tls || proto.is_some_and(|proto| proto == "https" || proto == "wss");
    HeaderValue::from_static(if secure { "443" } else { "80" })
}
