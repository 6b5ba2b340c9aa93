//! A line in the JSON format: one object, its keys sorted as Go sorts them.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use http::HeaderName;

use super::Options;
use super::fields::{Field, Fields};
use super::line::{CountAt, Entry, Origin, Picked, REDACTED, Request};
use super::line::{client_host, path, protocol};
use crate::observe::time::{Utc, number};

/// Writes the line.
pub(super) fn write(out: &mut Vec<u8>, entry: &Entry<'_>, options: &Options) -> CountAt {
    let mut object = Object {
        start: out.len(),
        fields: options.fields,
        out,
        count_at: None,
    };
    let request = entry.request;
    client(&mut object, entry);
    object.number(Field::DownstreamContentSize, entry.sent);
    object.number(Field::DownstreamStatus, u64::from(entry.status));
    object.duration(Field::Duration, entry.duration);
    origin(&mut object, entry);
    request_fields(&mut object, entry, options);
    object.number(Field::RetryAttempts, u64::from(entry.retries));
    object.text(Field::RouterName, entry.router.map(str::as_bytes));
    if let Some(Origin { service, url, .. }) = entry.origin {
        object.text(Field::ServiceAddr, Some(authority(url).as_bytes()));
        object.text(Field::ServiceName, Some(service.as_bytes()));
        object.text(Field::ServiceUrl, Some(url.as_bytes()));
    }
    let started = Utc::new(request.started);
    for field in [Field::StartLocal, Field::StartUtc] {
        if object.key(field) {
            object.out.push(b'"');
            started.write_rfc3339_nano(object.out);
            object.out.push(b'"');
        }
    }
    object.text(
        Field::TlsCipher,
        request.tls.map(|(_, cipher)| cipher.as_bytes()),
    );
    let subject = request.client_subject.as_deref();
    object.text(Field::TlsClientSubject, subject.map(str::as_bytes));
    object.text(
        Field::TlsVersion,
        request.tls.map(|(version, _)| version.as_bytes()),
    );
    object.headers(b"downstream_", &request.downstream_headers);
    object.text(Field::EntryPointName, Some(entry.entry_point.as_bytes()));
    object.raw_key(b"level");
    object.out.extend_from_slice(b"\"info\"");
    object.raw_key(b"msg");
    object.out.extend_from_slice(b"\"\"");
    object.headers(b"origin_", &request.origin_headers);
    object.headers(b"request_", &request.headers);
    object.raw_key(b"time");
    object.out.push(b'"');
    Utc::new(SystemTime::now()).write_rfc3339(object.out);
    object.out.extend_from_slice(b"\"}\n");
    object.count_at
}

fn client(object: &mut Object<'_>, entry: &Entry<'_>) {
    let peer = entry.request.peer;
    if object.key(Field::ClientAddr) {
        // An address needs no escapes; writing to memory does not fail.
        let _ = write!(object.out, "\"{peer}\"");
    }
    object.text(Field::ClientHost, Some(&client_host(entry.request)));
    if object.key(Field::ClientPort) {
        let _ = write!(object.out, "\"{}\"", peer.port());
    }
    object.text(
        Field::ClientUsername,
        Some(entry.user.unwrap_or("-").as_bytes()),
    );
}

fn origin(object: &mut Object<'_>, entry: &Entry<'_>) {
    let (status, bytes, duration) = entry.origin.map_or((0, 0, Duration::ZERO), |origin| {
        (origin.status, origin.bytes, origin.duration)
    });
    if bytes != entry.sent && entry.sent != 0 && bytes != 0 && object.key(Field::GzipRatio) {
        #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
        let ratio = bytes as f64 / entry.sent as f64;
        let _ = write!(object.out, "{ratio}");
    }
    object.number(Field::OriginContentSize, bytes);
    object.duration(Field::OriginDuration, duration);
    object.number(Field::OriginStatus, u64::from(status));
    object.duration(Field::Overhead, entry.duration.saturating_sub(duration));
}

fn request_fields(object: &mut Object<'_>, entry: &Entry<'_>, options: &Options) {
    let Request {
        method,
        version,
        host,
        tls,
        ..
    } = entry.request;
    let host = host.as_ref().map(|host| host.as_bytes());
    let host = host.filter(|host| !host.is_empty());
    let (name, port) = host.map_or((None, None), |host| {
        let (name, port) = split_port(host);
        (Some(name), Some(port))
    });
    object.text(Field::RequestAddr, host);
    object.number(Field::RequestContentSize, entry.received);
    if object.key(Field::RequestCount) {
        object.count_at = Some(object.out.len() - object.start);
    }
    object.text(Field::RequestHost, name);
    object.text(Field::RequestMethod, Some(method.as_str().as_bytes()));
    object.text(Field::RequestPath, Some(path(entry.request, options)));
    object.text(Field::RequestPort, port);
    object.text(Field::RequestProtocol, Some(protocol(*version).as_bytes()));
    let scheme: &[u8] = if tls.is_some() { b"https" } else { b"http" };
    object.text(Field::RequestScheme, Some(scheme));
}

/// Name and port of `host:port`, as Go's `SplitHostPort` sees them; all of it and `-` where it sees none.
fn split_port(host: &[u8]) -> (&[u8], &[u8]) {
    let none = (host, &b"-"[..]);
    let Some(colon) = host.iter().rposition(|&byte| byte == b':') else {
        return none;
    };
    let (name, port) = (&host[..colon], &host[colon + 1..]);
    match name.strip_prefix(b"[") {
        Some(rest) => rest.strip_suffix(b"]").map_or(none, |name| (name, port)),
        None if name.contains(&b':') => none,
        None => (name, port),
    }
}

/// `host:port` of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// A JSON object that is being written.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    fields: Fields,
    count_at: CountAt,
}

impl Object<'_> {
    /// Begins a field, if the line has it.
    fn key(&mut self, field: Field) -> bool {
        let keep = self.fields.keep(field);
        if keep {
            self.raw_key(field.name().as_bytes());
        }
        keep
    }

    fn raw_key(&mut self, key: &[u8]) {
        let first = self.out.len() == self.start;
        self.out
            .extend_from_slice(if first { b"{\"" } else { b",\"" });
        self.out.extend_from_slice(key);
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, field: Field, value: Option<&[u8]>) {
        if let Some(value) = value
            && self.key(field)
        {
            self.out.push(b'"');
            escape(self.out, value);
            self.out.push(b'"');
        }
    }

    fn number(&mut self, field: Field, value: u64) {
        if self.key(field) {
            number(self.out, value);
        }
    }

    /// In nanoseconds.
    fn duration(&mut self, field: Field, value: Duration) {
        self.number(field, u64::try_from(value.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Headers under their canonical names, values of one name joined by commas.
    fn headers(&mut self, prefix: &[u8], headers: &Picked) {
        for same in headers.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((name, _)) = same.first() else {
                continue;
            };
            let first = self.out.len() == self.start;
            self.out
                .extend_from_slice(if first { b"{\"" } else { b",\"" });
            self.out.extend_from_slice(prefix);
            canonical(self.out, name);
            self.out.extend_from_slice(b"\":\"");
            for (place, (_, value)) in same.iter().enumerate() {
                if place > 0 {
                    self.out.push(b',');
                }
                escape(
                    self.out,
                    value.as_ref().map_or(REDACTED, |value| value.as_bytes()),
                );
            }
            self.out.push(b'"');
        }
    }
}

/// `user-agent` as `User-Agent`.
fn canonical(out: &mut Vec<u8>, name: &HeaderName) {
    let mut upper = true;
    for byte in name.as_str().bytes() {
        out.push(if upper {
            byte.to_ascii_uppercase()
        } else {
            byte
        });
        upper = byte == b'-';
    }
}

/// A string's inside, as Go writes it: also `<`, `>` and `&` are escaped; what is no UTF-8 becomes U+FFFD.
pub(super) fn escape(out: &mut Vec<u8>, value: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for chunk in value.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0..0x20 | b'<' | b'>' | b'&' => {
                    out.extend_from_slice(b"\\u00");
                    out.push(HEX[usize::from(byte >> 4)]);
                    out.push(HEX[usize::from(byte & 15)]);
                }
                other => out.push(other),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_split_as_go_splits_them() {
        for (host, name, port) in [
            ("a.test", "a.test", "-"),
            ("a.test:80", "a.test", "80"),
            ("[::1]:80", "::1", "80"),
            ("[::1]", "[::1]", "-"),
            ("::1", "::1", "-"),
        ] {
            assert_eq!(
                split_port(host.as_bytes()),
                (name.as_bytes(), port.as_bytes())
            );
        }
        assert_eq!(authority("http://a:80/x"), "a:80");
    }

    #[test]
    fn strings_are_escaped() {
        let mut out = Vec::new();
        escape(&mut out, b"a\"\\\x01<&>\xff\n\xc3\xa9");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "a\\\"\\\\\\u0001\\u003c\\u0026\\u003e\u{fffd}\\n\u{e9}"
        );
    }
}
