//! hyper's server as a second opinion: what we take it has to take too, and to end at the same byte.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use gateway::h1::{BodyDecoder, Decoded, HeadError, Limits, RequestHead, parse_request};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;

/// What came of the first request.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    method: String,
    target: Vec<u8>,
    /// `None` when the body breaks off or is malformed.
    body: Option<Vec<u8>>,
}

/// Compares the two on the first request in `bytes`.
pub fn against_hyper(bytes: &[u8]) {
    if bytes.len() > 4096 {
        return;
    }
    let ours = ours(bytes);
    let theirs = theirs(bytes);
    let shown = || bytes.escape_ascii().to_string();
    match (ours, theirs) {
        (Ok(None), None) => {}
        // Nothing may be taken by us that hyper refuses.
        (Ok(Some((head, seen))), None) => {
            assert!(
                is_beyond_hyper(&head, bytes),
                "only we take it, as {seen:?}: {}",
                shown()
            );
        }
        (Ok(Some((_, ours))), Some(theirs)) => {
            assert_eq!(ours.method, theirs.method, "{}", shown());
            // Other forms are written anew by its URI type, without a fragment.
            if ours.target.starts_with(b"/") && !ours.target.contains(&b'#') {
                assert_eq!(ours.target, theirs.target, "{}", shown());
            }
            // A body that we refuse may be whole to hyper; never the other way round, and never another one.
            if ours.body.is_some() {
                assert_eq!(ours.body, theirs.body, "{}", shown());
            }
        }
        (Err(error), Some(seen)) => {
            assert!(
                is_stricter(error, bytes),
                "{error:?}, but hyper takes {seen:?}: {}",
                shown()
            );
        }
        (Err(_), None) => {}
        (Ok(None), Some(seen)) => panic!("we wait for more, hyper takes {seen:?}: {}", shown()),
    }
}

/// What Go's server takes, and so we do, and hyper does not: targets that are no URI or no UTF-8, and minor versions
/// above 1.
fn is_beyond_hyper(head: &RequestHead, bytes: &[u8]) -> bool {
    let line = bytes
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let known = line.ends_with(b"HTTP/1.1") || line.ends_with(b"HTTP/1.0");
    let target = &head.target[..];
    !known || std::str::from_utf8(target).is_err() || http::Uri::try_from(target).is_err()
}

/// What hyper takes and we refuse, on purpose.
fn is_stricter(error: HeadError, bytes: &[u8]) -> bool {
    match error {
        // hyper lets the handler see to the host, prefers chunked to a length, and takes codings before chunked.
        HeadError::MissingHost
        | HeadError::MalformedHost
        | HeadError::RepeatedHost
        | HeadError::AmbiguousLength
        | HeadError::TransferEncoding
        | HeadError::Trailer
        // One number written in two ways, or above what Go's 63 bits hold.
        | HeadError::ContentLength
        // A bare LF ends a line for hyper.
        | HeadError::LineEnd
        // Our limits are lower here.
        | HeadError::TooLarge => true,
        // Empty lines before a request (RFC 9112 section 2.2 lets a server skip them; Go's does not).
        HeadError::StartLine => bytes.starts_with(b"\r") || bytes.starts_with(b"\n"),
        _ => false,
    }
}

fn ours(bytes: &[u8]) -> Result<Option<(RequestHead, Seen)>, HeadError> {
    let mut buf = BytesMut::from(bytes);
    let limits = Limits {
        head_bytes: 8192,
        fields: 90,
    };
    let Some(head) = parse_request(&mut buf, &limits)? else {
        return Ok(None);
    };
    let (mut decoder, mut data) = (BodyDecoder::new(head.framing), Vec::new());
    let body = loop {
        match decoder.decode(&mut buf) {
            Ok(Decoded::Data(piece)) => data.extend_from_slice(&piece),
            Ok(Decoded::End { .. }) => break Some(data),
            Ok(Decoded::NeedMore) | Err(_) => break None,
        }
    };
    let seen = Seen {
        method: head.method.to_string(),
        target: head.target.to_vec(),
        body,
    };
    Ok(Some((head, seen)))
}

/// The first request that hyper hands to its service, the connection ending behind the bytes.
fn theirs(bytes: &[u8]) -> Option<Seen> {
    let first = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&first);
    let service = service_fn(move |request: Request<Incoming>| {
        let noted = Arc::clone(&noted);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.ok();
            let seen = Seen {
                method: head.method.to_string(),
                target: head.uri.to_string().into_bytes(),
                body: body.map(|body| body.to_bytes().to_vec()),
            };
            noted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(seen);
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else {
        panic!("no runtime");
    };
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let connection = hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(server), service);
        let write = async {
            let _ = client.write_all(bytes).await;
            let _ = client.shutdown().await;
            let mut answer = Vec::new();
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut client, &mut answer).await;
        };
        // The connection ends by itself, since its peer ends writing.
        let (_, ()) = tokio::join!(connection, write);
    });
    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
    first.take()
}
