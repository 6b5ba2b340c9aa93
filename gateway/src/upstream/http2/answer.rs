//! The body of an answer, read as it is asked for. Dropped before its end it resets the stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::http::{HeaderMap, Method, StatusCode, header};
use bytes::Bytes;
use h2::RecvStream;
use http_body::{Frame, SizeHint};

use super::session::Ticket;
use super::upload::{Pump, Upload};
use crate::http::{Body, ErrorKind, ProxyError, Request, Response, hop};

/// Makes the answer of a head and the stream it came on. The rest of the request's body goes on being sent.
pub(super) fn receive(
    answer: ::http::Response<RecvStream>,
    upload: Upload,
    ticket: Ticket,
    request: &Request,
) -> Response {
    let (parts, stream) = answer.into_parts();
    let (status, mut headers) = (parts.status, parts.headers);
    hop::strip_response(&mut headers, true);
    let body = if stream.is_end_stream() {
        Body::Empty
    } else {
        Body::stream(Answer {
            left: length(&request.method, status, &headers),
            reading: Some(Reading {
                stream,
                pump: (!upload.is_finished()).then(|| Pump::start(upload)),
                _ticket: ticket,
            }),
        })
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Bytes to come, where the head tells. h2 holds the server to it.
fn length(method: &Method, status: StatusCode, headers: &HeaderMap) -> Option<u64> {
    if *method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
        return None;
    }
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

struct Reading {
    stream: RecvStream,
    pump: Option<Pump>,
    _ticket: Ticket,
}

struct Answer {
    /// `None` once it has ended, or failed.
    reading: Option<Reading>,
    left: Option<u64>,
}

impl Reading {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        if let Some(pump) = &self.pump
            && let Poll::Ready(error) = pump.poll_failure(cx)
        {
            return Poll::Ready(Some(Err(error)));
        }
        let broken =
            |error: h2::Error| ProxyError::upstream(ErrorKind::UpstreamProtocol).because(error);
        loop {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    // Whoever asks for the next piece has dealt with this one: the server may send as much again.
                    self.stream
                        .flow_control()
                        .release_capacity(data.len())
                        .map_err(broken)?;
                    if !data.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(broken(error)))),
                None => {
                    let trailers = ready!(self.stream.poll_trailers(cx)).map_err(broken)?;
                    return Poll::Ready(trailers.map(|fields| Ok(Frame::trailers(fields))));
                }
            }
        }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let this = self.get_mut();
        let Some(reading) = &mut this.reading else {
            return Poll::Ready(None);
        };
        let frame = ready!(reading.poll_frame(cx));
        match &frame {
            Some(Ok(frame)) if frame.is_data() => {
                if let (Some(left), Some(data)) = (&mut this.left, frame.data_ref()) {
                    *left = left.saturating_sub(data.len() as u64);
                }
            }
            // Trailers are the end.
            _ => this.reading = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.reading
            .as_ref()
            .is_none_or(|reading| reading.stream.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::new(),
        }
    }
}
