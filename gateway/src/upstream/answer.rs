//! The body of an answer: whole where it came with its head, else read as it is asked for. At its exact
//! end the connection goes back to the pool; a body that is dropped earlier closes it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::exchange::Conn;
use super::pool;
use super::slot::Slot;
use super::target::Target;
use crate::h1::{BodyDecoder, Decoded, Framing, ResponseHead};
use crate::http::{Body, Context, ErrorKind, ProxyError, Response, hop};
use crate::net::buffer;
use crate::net::deadline::TICK;

/// Answers up to this length are waited for, for one read, so that they need no streaming body.
const SMALL: u64 = 16 * 1024;

/// Where a connection goes when its message has ended.
struct Home {
    slot: Arc<Slot>,
    most: usize,
    timeout: Option<Duration>,
}

impl Home {
    fn of(target: &Target, head: &ResponseHead) -> Self {
        let ours = target.transport.idle_timeout;
        Self {
            slot: target.slot.clone(),
            most: target.transport.max_idle,
            timeout: match (ours, head.idle_timeout.map(margin)) {
                (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
                (ours, theirs) => ours.or(theirs),
            },
        }
    }

    /// Takes the connection back, unless bytes follow the message: whoever sent them is out of step.
    fn take(&self, conn: Conn) {
        if conn.buf.is_empty() {
            pool::put(&self.slot, conn.stream, self.most, self.timeout);
        }
    }
}

/// Some of what a server grants: a request that leaves as its time ends would meet a closed door.
fn margin(theirs: Duration) -> Duration {
    theirs.saturating_sub((theirs / 8).clamp(2 * TICK, Duration::from_secs(1)))
}

/// Makes the answer of a head and the connection it came on. `keep` says that the request went out whole.
pub(super) async fn receive(
    target: &Target,
    cx: &mut Context,
    mut conn: Conn,
    head: ResponseHead,
    keep: bool,
) -> Result<Response, ProxyError> {
    let home = (keep && head.keep_alive).then(|| Home::of(target, &head));
    let mut decoder = BodyDecoder::new(head.framing);
    let body = match head.framing {
        Framing::None | Framing::Length(0) => {
            finish(home, conn);
            Body::Empty
        }
        Framing::Length(length) if fits(&mut conn, length).await => {
            match decoder.decode(&mut conn.buf) {
                Ok(Decoded::Data(data)) => {
                    finish(home, conn);
                    cx.record.origin_bytes = data.len() as u64;
                    Body::Full(data)
                }
                _ => return Err(ProxyError::upstream(ErrorKind::Internal)),
            }
        }
        _ => Body::stream(Answer {
            conn: Some(conn),
            home,
            decoder,
        }),
    };
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    hop::strip_response(response.headers_mut(), head.framing == Framing::Chunked);
    Ok(response)
}

fn finish(home: Option<Home>, conn: Conn) {
    if let Some(home) = home {
        home.take(conn);
    }
}

/// Whether all of a short body is here, after reading what has come already.
async fn fits(conn: &mut Conn, length: u64) -> bool {
    if length > SMALL && length > conn.buf.len() as u64 {
        return false;
    }
    std::future::poll_fn(|cx| {
        while (conn.buf.len() as u64) < length {
            match buffer::poll_read_into(&mut conn.stream, cx, &mut conn.buf) {
                Poll::Ready(Ok(read)) if read > 0 => {}
                // The streaming body will see the same again, and say so.
                _ => return Poll::Ready(false),
            }
        }
        Poll::Ready(true)
    })
    .await
}

/// A body that is still coming.
struct Answer {
    /// `None` once the message has ended, or failed.
    conn: Option<Conn>,
    home: Option<Home>,
    decoder: BodyDecoder,
}

impl Answer {
    /// The message has ended: keep the connection or close it.
    fn end(&mut self) {
        if let Some(conn) = self.conn.take() {
            finish(self.home.take(), conn);
        }
    }

    fn fail(&mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ProxyError {
        self.conn = None;
        ProxyError::upstream(ErrorKind::UpstreamProtocol).because(cause)
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let this = self.get_mut();
        loop {
            let Some(conn) = &mut this.conn else {
                return Poll::Ready(None);
            };
            match this.decoder.decode(&mut conn.buf) {
                Ok(Decoded::Data(data)) => {
                    if this.decoder.is_done() {
                        this.end();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(Decoded::End { trailers }) => {
                    this.end();
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
                }
                Ok(Decoded::NeedMore) => {}
                Err(error) => return Poll::Ready(Some(Err(this.fail(error)))),
            }
            match ready!(buffer::poll_read_into(&mut conn.stream, cx, &mut conn.buf)) {
                Ok(0) => {
                    return Poll::Ready(match this.decoder.end_of_stream() {
                        Ok(()) => {
                            this.conn = None;
                            None
                        }
                        Err(error) => Some(Err(this.fail(error))),
                    });
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(this.fail(error)))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.conn.is_none() && self.decoder.is_done()
    }

    fn size_hint(&self) -> SizeHint {
        match self.decoder.remaining() {
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::new(),
        }
    }
}
