//! One request as a line: Traefik's common format, the generic one, or JSON. Written straight into the buffer.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};

use super::fields::{Field, Fields};
use super::{Format, Options};
use crate::observe::time::{Utc, number};

/// A header of a line; `None` where its value is not to be seen.
pub(in crate::observe) type Picked = Vec<(HeaderName, Option<HeaderValue>)>;

/// What is known of a request when it is routed, kept until its line is written.
#[derive(Debug)]
pub(in crate::observe) struct Request {
    pub(in crate::observe) started: SystemTime,
    pub(in crate::observe) method: Method,
    pub(in crate::observe) target: Box<[u8]>,
    pub(in crate::observe) version: Version,
    pub(in crate::observe) host: Option<HeaderValue>,
    pub(in crate::observe) forwarded_for: Option<HeaderValue>,
    pub(in crate::observe) peer: SocketAddr,
    pub(in crate::observe) tls: Option<(&'static str, &'static str)>,
    pub(in crate::observe) client_subject: Option<String>,
    pub(in crate::observe) headers: Picked,
    pub(in crate::observe) origin_headers: Picked,
    pub(in crate::observe) downstream_headers: Picked,
}

/// What the server's side added.
#[derive(Debug, Clone, Copy)]
pub(in crate::observe) struct Origin<'a> {
    pub(in crate::observe) service: &'a str,
    pub(in crate::observe) url: &'a str,
    pub(in crate::observe) status: u16,
    pub(in crate::observe) bytes: u64,
    pub(in crate::observe) duration: Duration,
}

/// Everything a line can tell.
#[derive(Debug)]
pub(in crate::observe) struct Entry<'a> {
    pub(in crate::observe) request: &'a Request,
    pub(in crate::observe) entry_point: &'a str,
    pub(in crate::observe) router: Option<&'a str>,
    pub(in crate::observe) origin: Option<Origin<'a>>,
    pub(in crate::observe) user: Option<&'a str>,
    pub(in crate::observe) retries: u32,
    pub(in crate::observe) status: u16,
    pub(in crate::observe) sent: u64,
    pub(in crate::observe) received: u64,
    pub(in crate::observe) duration: Duration,
}

/// Where the number of the request goes, counted from the start of the line.
pub(super) type CountAt = Option<usize>;

/// Writes the line, its end included.
pub(super) fn write(out: &mut Vec<u8>, entry: &Entry<'_>, options: &Options) -> CountAt {
    match options.format {
        Format::Common => common(out, entry, options, true),
        Format::GenericClf => common(out, entry, options, false),
        Format::Json => super::json::write(out, entry, options),
    }
}

fn common(out: &mut Vec<u8>, entry: &Entry<'_>, options: &Options, traefik: bool) -> CountAt {
    let start = out.len();
    let fields = options.fields;
    bare(out, fields, Field::ClientHost, &client_host(entry.request));
    out.extend_from_slice(b" - ");
    let user = entry.user.unwrap_or("-");
    bare(out, fields, Field::ClientUsername, user.as_bytes());
    out.extend_from_slice(b" [");
    if fields.keep(Field::StartUtc) || fields.keep(Field::StartLocal) {
        Utc::new(entry.request.started).write_clf(out);
    } else {
        out.push(b'-');
    }
    out.extend_from_slice(b"] \"");
    let method = entry.request.method.as_str();
    bare(out, fields, Field::RequestMethod, method.as_bytes());
    out.push(b' ');
    bare(
        out,
        fields,
        Field::RequestPath,
        path(entry.request, options),
    );
    out.push(b' ');
    let protocol = protocol(entry.request.version);
    bare(out, fields, Field::RequestProtocol, protocol.as_bytes());
    out.extend_from_slice(b"\" ");
    numeric(
        out,
        fields,
        Field::DownstreamStatus,
        u64::from(entry.status),
    );
    out.push(b' ');
    numeric(out, fields, Field::DownstreamContentSize, entry.sent);
    for name in [header::REFERER, header::USER_AGENT] {
        out.push(b' ');
        quoted(out, picked(&entry.request.headers, &name));
    }
    let count_at = traefik
        .then(|| additions(out, entry, fields, start))
        .flatten();
    out.push(b'\n');
    count_at
}

/// What Traefik adds to the common format: the request's number, router, server and milliseconds.
fn additions(out: &mut Vec<u8>, entry: &Entry<'_>, fields: Fields, start: usize) -> CountAt {
    out.push(b' ');
    let count_at = fields.keep(Field::RequestCount).then(|| out.len() - start);
    if count_at.is_none() {
        out.push(b'-');
    }
    out.push(b' ');
    let router = entry.router.filter(|_| fields.keep(Field::RouterName));
    quoted(out, router.map(str::as_bytes));
    out.push(b' ');
    let url = entry.origin.map(|origin| origin.url);
    let url = url.filter(|_| fields.keep(Field::ServiceUrl));
    quoted(out, url.map(str::as_bytes));
    out.push(b' ');
    let millis = if fields.keep(Field::Duration) {
        entry.duration.as_millis()
    } else {
        0
    };
    number(out, u64::try_from(millis).unwrap_or(u64::MAX));
    out.extend_from_slice(b"ms");
    count_at
}

/// A value without quotes; `-` where it is empty or not wanted. Line ends and other controls of a client must not look
/// like ours, so they are escaped.
fn bare(out: &mut Vec<u8>, fields: Fields, field: Field, value: &[u8]) {
    if value.is_empty() || !fields.keep(field) {
        return out.push(b'-');
    }
    visible(out, value);
}

fn numeric(out: &mut Vec<u8>, fields: Fields, field: Field, value: u64) {
    if fields.keep(field) {
        number(out, value);
    } else {
        out.push(b'-');
    }
}

fn quoted(out: &mut Vec<u8>, value: Option<&[u8]>) {
    out.push(b'"');
    match value {
        Some(value) if !value.is_empty() => {
            for part in value.split_inclusive(|&byte| byte == b'"') {
                match part.strip_suffix(b"\"") {
                    Some(before) => {
                        visible(out, before);
                        out.extend_from_slice(b"\\\"");
                    }
                    None => visible(out, part),
                }
            }
        }
        _ => out.push(b'-'),
    }
    out.push(b'"');
}

fn visible(out: &mut Vec<u8>, value: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for &byte in value {
        if byte < 0x20 || byte == 0x7f {
            out.extend_from_slice(&[
                b'\\',
                b'x',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        } else {
            out.push(byte);
        }
    }
}

fn picked<'a>(headers: &'a Picked, name: &HeaderName) -> Option<&'a [u8]> {
    let (_, value) = headers.iter().find(|(known, _)| known == name)?;
    Some(value.as_ref().map_or(REDACTED, HeaderValue::as_bytes))
}

/// In place of a header's value.
pub(in crate::observe) const REDACTED: &[u8] = b"REDACTED";

/// The client as servers see it: what a trusted `X-Forwarded-For` said, else the peer.
pub(super) fn client_host(request: &Request) -> Vec<u8> {
    match &request.forwarded_for {
        Some(value) if !value.is_empty() => value.as_bytes().to_vec(),
        _ => request.peer.ip().to_string().into_bytes(),
    }
}

/// Path and query; without the query where that is not wanted.
pub(super) fn path<'a>(request: &'a Request, options: &Options) -> &'a [u8] {
    if options.keep_query {
        return &request.target;
    }
    let end = request.target.iter().position(|&byte| byte == b'?');
    &request.target[..end.unwrap_or(request.target.len())]
}

/// As Go names it.
pub(super) fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// The first value of a header.
pub(in crate::observe) fn first(headers: &HeaderMap, name: &str) -> Option<HeaderValue> {
    headers.get(name).cloned()
}
