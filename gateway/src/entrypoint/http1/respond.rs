//! Writes answers: head and first body bytes together, the rest as it comes, with the framing the client understands.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use ::http::{HeaderMap, StatusCode, Version, header};
use bytes::Bytes;
use http_body::{Body as _, Frame};

use super::io::{Out, SharedIo};
use crate::h1::{self, Framing, Persistence};
use crate::http::{Body, ProxyError, Response};

/// Up to here a chunk is copied beside its framing: one write costs less than three pieces do.
const COPIED: usize = 16 * 1024;

/// Up to here a whole body is copied behind its head: the copy costs less than a vectored write.
const GATHERED: usize = 4 * 1024;

/// What of the request decides how its answer is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) head: bool,
    pub(super) version: Version,
}

/// How an answer ended.
#[derive(Debug)]
pub(super) enum Written {
    /// All of it; `bytes` are those of the body. The connection may serve another request unless `close`.
    Whole { bytes: u64, close: bool },
    /// It broke off after `bytes`: the client must see that, so the connection is cut.
    Broken { bytes: u64, error: Broken },
}

/// Why an answer broke off.
#[derive(Debug)]
pub(super) enum Broken {
    /// The client cannot be written to.
    Client(io::Error),
    /// The body ended early.
    Body(ProxyError),
}

/// Writes `response`. `close` ends the connection with it.
pub(super) async fn write(io: &SharedIo, response: Response, asked: Asked, close: bool) -> Written {
    let (mut parts, body) = response.into_parts();
    let switching = parts.status == StatusCode::SWITCHING_PROTOCOLS;
    let bodiless = bodiless(parts.status);
    if parts.status == StatusCode::NOT_MODIFIED {
        // It would describe a body that the client has already (Go leaves it out too).
        parts.headers.remove(header::CONTENT_TYPE);
    }
    let headless = asked.head || bodiless;
    let framing = match (&body, bodiless) {
        (_, true) => Framing::None,
        (Body::Full(bytes), _) => Framing::Length(bytes.len() as u64),
        _ if asked.head => announced(&parts.headers),
        _ => framing(&body, asked),
    };
    let close = !switching && (close || matches!(framing, Framing::UntilClose));
    let persistence = match parts.headers.get(header::UPGRADE) {
        Some(protocol) if switching => Persistence::Upgrade(protocol.as_bytes()),
        // HTTP/1.0 closes unless it is told otherwise.
        _ if asked.version < Version::HTTP_11 && close => Persistence::Default,
        _ if close => Persistence::Close,
        _ if asked.version < Version::HTTP_11 => Persistence::KeepAlive,
        _ => Persistence::Default,
    };
    let mut out = Out {
        bytes: Vec::with_capacity(512 + gathered(&body)),
        ..Out::default()
    };
    h1::write_response_head(
        &mut out.bytes,
        parts.status,
        &parts.headers,
        framing,
        persistence,
    );
    if headless {
        return end(io, out, Bytes::new(), 0, close).await;
    }
    match body {
        Body::Empty => end(io, out, Bytes::new(), 0, close).await,
        Body::Full(bytes) => {
            let count = bytes.len() as u64;
            end(io, out, bytes, count, close).await
        }
        Body::Stream(_) => stream(io, out, body, framing, close).await,
    }
}

/// Bytes of a body that will be copied behind its head.
fn gathered(body: &Body) -> usize {
    match body {
        Body::Full(bytes) if bytes.len() <= GATHERED => bytes.len(),
        _ => 0,
    }
}

async fn end(io: &SharedIo, mut out: Out, mut data: Bytes, bytes: u64, close: bool) -> Written {
    if data.len() <= GATHERED {
        out.bytes.extend_from_slice(&data);
        data = Bytes::new();
    }
    match poll_fn(|cx| io.borrow_mut().poll_write(cx, &mut out, &mut data)).await {
        Ok(()) => Written::Whole { bytes, close },
        Err(error) => Written::Broken {
            bytes: 0,
            error: Broken::Client(error),
        },
    }
}

/// What a step of a streamed body brought.
enum Step {
    Frame(Option<Result<Frame<Bytes>, ProxyError>>),
    /// Nothing yet, and there are bytes that should not wait for it.
    Flush,
    Gone,
}

async fn stream(
    io: &SharedIo,
    mut out: Out,
    mut body: Body,
    framing: Framing,
    close: bool,
) -> Written {
    let chunked = matches!(framing, Framing::Chunked);
    let mut bytes = 0;
    let broken = |bytes, error| Written::Broken {
        bytes,
        error: Broken::Client(error),
    };
    loop {
        let waiting = !out.is_empty();
        let step = poll_fn(|cx| match Pin::new(&mut body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(Step::Frame(frame)),
            Poll::Pending if waiting => Poll::Ready(Step::Flush),
            Poll::Pending => io.borrow_mut().poll_gone(cx).map(|()| Step::Gone),
        })
        .await;
        let mut data = Bytes::new();
        match step {
            Step::Flush => {}
            Step::Gone => return broken(bytes, io::ErrorKind::ConnectionReset.into()),
            Step::Frame(None) => {
                if chunked {
                    out.bytes.extend_from_slice(h1::LAST_CHUNK);
                }
                return end(io, out, data, bytes, close).await;
            }
            Step::Frame(Some(Err(error))) => {
                return Written::Broken {
                    bytes,
                    error: Broken::Body(error),
                };
            }
            Step::Frame(Some(Ok(frame))) => match frame.into_data() {
                Ok(piece) => {
                    bytes += piece.len() as u64;
                    data = put(&mut out, piece, chunked);
                }
                Err(frame) => {
                    if chunked {
                        h1::last_chunk(&mut out.bytes, frame.trailers_ref());
                    }
                    return end(io, out, data, bytes, close).await;
                }
            },
        }
        let ends_chunk = chunked && !data.is_empty();
        if let Err(error) = poll_fn(|cx| io.borrow_mut().poll_write(cx, &mut out, &mut data)).await
        {
            return broken(bytes, error);
        }
        if ends_chunk {
            out.bytes.extend_from_slice(h1::CHUNK_END);
        }
    }
}

/// Adds a piece to what is to be written; answers the part that is written from where it stands.
fn put(out: &mut Out, piece: Bytes, chunked: bool) -> Bytes {
    if !chunked {
        return piece;
    }
    if piece.is_empty() {
        // An empty chunk would end the body.
        return piece;
    }
    h1::chunk_start(&mut out.bytes, piece.len());
    if piece.len() > COPIED {
        return piece;
    }
    out.bytes.extend_from_slice(&piece);
    out.bytes.extend_from_slice(h1::CHUNK_END);
    Bytes::new()
}

fn framing(body: &Body, asked: Asked) -> Framing {
    match body.length() {
        Some(length) => Framing::Length(length),
        None if asked.version >= Version::HTTP_11 => Framing::Chunked,
        None => Framing::UntilClose,
    }
}

/// An answer without a body may tell the length that one would have (RFC 9110 section 8.6).
fn announced(headers: &HeaderMap) -> Framing {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    length
        .and_then(|text| text.parse().ok())
        .map_or(Framing::None, Framing::Length)
}

/// Statuses that never have a body (RFC 9110 section 6.4.1).
pub(super) fn bodiless(status: StatusCode) -> bool {
    status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}
