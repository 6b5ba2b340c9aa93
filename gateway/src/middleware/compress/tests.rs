//! Tests of `compress`: what is compressed, that it can be read again, and that nothing waits.

#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::io::Read as _;
use std::pin::Pin;
use std::task::{self, Poll, Waker};

use ::http::StatusCode;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;

use super::*;
use crate::http::{Body, ProxyError};
use crate::middleware::filter::Outcome;
use crate::middleware::testing::{context, decide, request_with};

fn compress(change: impl FnOnce(&mut Config)) -> Result<Compress, String> {
    let mut config = Config::default();
    change(&mut config);
    Compress::new(&config)
}

fn answer(body: impl Into<Body>, fields: &[(&'static str, &'static str)]) -> Response {
    let mut response = Response::new(body.into());
    for &(name, value) in fields {
        let value = HeaderValue::from_static(value);
        response.headers_mut().append(name, value);
    }
    response
}

/// The answer as a client gets it that accepts `accepted`.
fn sent(compress: &Compress, accepted: &'static str, mut response: Response) -> Response {
    let mut asked = request_with("/", &[("accept-encoding", accepted)]);
    let cx = &mut context();
    let memo = match decide(compress, cx, &mut asked) {
        Outcome::Keep(encoding) => Some(encoding),
        _ => None,
    };
    compress.response(cx, memo, &mut response);
    response
}

fn encoding(response: &Response) -> &str {
    let value = response.headers().get(header::CONTENT_ENCODING);
    value.map_or("", |value| value.to_str().unwrap())
}

fn decode(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match name {
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
        "br" => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out),
        _ => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut out),
    }
    .unwrap();
    out
}

/// The first bytes, from a stream that has no end yet.
fn decode_first(name: &str, bytes: &[u8]) -> [u8; 9] {
    let mut out = [0; 9];
    match name {
        "gzip" => flate2::read::GzDecoder::new(bytes).read_exact(&mut out),
        "br" => brotli::Decompressor::new(bytes, 4096).read_exact(&mut out),
        _ => zstd::Decoder::new(bytes).unwrap().read_exact(&mut out),
    }
    .unwrap();
    out
}

/// A body that comes in pieces, with a wait before each and trailers behind the last.
struct Pieces(VecDeque<Option<Frame<Bytes>>>);

impl Pieces {
    fn body(pieces: &[&'static str]) -> Body {
        let mut frames = VecDeque::new();
        for piece in pieces {
            frames.push_back(None);
            frames.push_back(Some(Frame::data(Bytes::from_static(piece.as_bytes()))));
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("1"));
        frames.push_back(Some(Frame::trailers(trailers)));
        Body::stream(Self(frames))
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        match self.get_mut().0.pop_front() {
            Some(Some(frame)) => Poll::Ready(Some(Ok(frame))),
            Some(None) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(None),
        }
    }
}

#[tokio::test]
async fn every_encoding_can_be_read_again() {
    let compress = compress(|_| {}).unwrap();
    for name in ["gzip", "br", "zstd"] {
        for length in [1024, 60_000, 3_000_000] {
            let text: String = (0..length)
                .map(|at| char::from(b'a' + (at % 23) as u8))
                .collect();
            let mut fields = answer(text.clone(), &[("content-length", "x"), ("etag", "\"1\"")]);
            fields
                .headers_mut()
                .insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            let response = sent(&compress, name, fields);
            assert_eq!(encoding(&response), name);
            let headers = response.headers();
            assert!(!headers.contains_key(header::CONTENT_LENGTH));
            assert_eq!(headers.contains_key(header::ACCEPT_RANGES), name != "gzip");
            assert_eq!(headers[header::VARY], "Accept-Encoding");
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            assert!(bytes.len() < length / 2);
            assert_eq!(decode(name, &bytes), text.as_bytes(), "{name} {length}");
        }
    }
}

#[test]
fn events_do_not_wait_for_each_other() {
    let compress = compress(|_| {}).unwrap();
    for name in ["gzip", "br", "zstd"] {
        let body = Pieces::body(&["data: 1\n\n", "data: 2\n\n"]);
        let response = sent(
            &compress,
            name,
            answer(body, &[("content-type", "text/event-stream")]),
        );
        let mut body = response.into_body();
        let mut cx = task::Context::from_waker(Waker::noop());
        let (mut waits, mut frames, mut trailers) = (0, Vec::new(), 0);
        loop {
            match http_body::Body::poll_frame(Pin::new(&mut body), &mut cx) {
                Poll::Pending => waits += 1,
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => frames.push(data),
                    Err(_) => trailers += 1,
                },
                Poll::Ready(Some(Err(error))) => panic!("{error}"),
                Poll::Ready(None) => break,
            }
        }
        assert_eq!(trailers, 1, "{name}");
        assert!(waits >= 1 && frames.len() >= 2, "{name}: {frames:?}");
        let all_but_the_last = frames[..frames.len() - 1].concat();
        assert_eq!(decode_first(name, &all_but_the_last), *b"data: 1\n\n");
        assert_eq!(decode(name, &frames.concat()), b"data: 1\n\ndata: 2\n\n");
    }
}

#[test]
fn what_stays_as_it_is() {
    let plain = compress(|_| {}).unwrap();
    let long = || "x".repeat(2000);
    for (fields, status) in [
        (&[("content-encoding", "br")][..], 200),
        (&[("content-range", "bytes 0-1/2")], 206),
        (&[("content-type", "application/grpc")], 200),
        (&[("content-type", "text/html; x")], 200),
        (&[], 204),
        (&[], 304),
        (&[], 101),
    ] {
        let mut response = answer(long(), fields);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let response = sent(&plain, "gzip", response);
        assert_ne!(encoding(&response), "gzip", "{fields:?} {status}");
        assert_eq!(response.headers()[header::VARY], "Accept-Encoding");
    }
    assert_eq!(
        encoding(&sent(&plain, "gzip", answer("x".repeat(1023), &[]))),
        ""
    );
    for accepted in ["", "identity", "deflate"] {
        let response = sent(&plain, accepted, answer(long(), &[]));
        assert!(response.headers().is_empty(), "{accepted}");
    }
    let mut head = request_with("/", &[("accept-encoding", "gzip")]);
    head.method = Method::HEAD;
    assert!(matches!(
        decide(&plain, &mut context(), &mut head),
        Outcome::Next
    ));
    let asked = &[
        ("accept-encoding", "gzip"),
        ("content-type", "application/grpc"),
    ];
    assert!(matches!(
        decide(&plain, &mut context(), &mut request_with("/", asked)),
        Outcome::Next
    ));
}

#[test]
fn types_in_and_out() {
    let only = compress(|config| config.included_content_types = vec!["text/HTML".to_owned()]);
    let only = only.unwrap();
    let none = compress(|config| config.excluded_content_types = vec!["text/html; a=b".to_owned()]);
    let none = none.unwrap();
    for (named, accepted, inside, outside) in [
        (Some("text/html"), "gzip", "gzip", ""),
        (Some("Text/Html; charset=utf-8"), "br", "br", ""),
        (Some("application/json"), "gzip", "", "gzip"),
        (None, "gzip", "", "gzip"),
        (None, "br", "br", "br"),
    ] {
        for (compress, wanted) in [(&only, inside), (&none, outside)] {
            let mut response = answer("x".repeat(2000), &[]);
            if let Some(named) = named {
                let value = HeaderValue::from_static(named);
                response.headers_mut().insert(header::CONTENT_TYPE, value);
            }
            let response = sent(compress, accepted, response);
            assert_eq!(encoding(&response), wanted, "{named:?} {accepted}");
        }
    }
}

#[test]
fn what_is_refused() {
    let refused = |change: fn(&mut Config)| compress(change).unwrap_err();
    assert_eq!(
        refused(|config| config.encodings = vec!["deflate".to_owned()]),
        "unsupported encoding: deflate"
    );
    assert_eq!(
        refused(|config| {
            config.encodings = vec!["gzip".to_owned()];
            config.default_encoding = "br".to_owned();
        }),
        "unsupported default encoding: br"
    );
    refused(|config| config.excluded_content_types = vec!["/".to_owned()]);
    refused(|config| config.encodings.clear());
    let default = compress(|config| config.default_encoding = "zstd".to_owned()).unwrap();
    let mut asked = request_with("/", &[]);
    assert!(matches!(
        decide(&default, &mut context(), &mut asked),
        Outcome::Keep(Encoding::Zstd)
    ));
    let any = sent(&default, "*", answer("x".repeat(2000), &[]));
    assert_eq!(encoding(&any), "zstd");
}
