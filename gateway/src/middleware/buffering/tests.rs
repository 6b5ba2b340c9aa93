//! Tests of `buffering`: limits, bodies on disk, and what is sent again.

#![allow(clippy::unwrap_used)]

use std::pin::Pin;
use std::task::{self, Poll};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;

use super::*;
use crate::http::ErrorKind;
use crate::middleware::testing::{Script, context, request, site, wrapped};

fn buffering(change: impl FnOnce(&mut Config)) -> Result<Buffering, String> {
    let mut config = Config::default();
    change(&mut config);
    site(|site| Buffering::new(&config, site))
}

/// A body of `left` bytes in pieces of 7000, with trailers.
struct Long {
    left: usize,
    trailers: bool,
}

impl http_body::Body for Long {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let this = self.get_mut();
        if this.left > 0 {
            let start = this.left;
            let length = start.min(7000);
            this.left -= length;
            let piece: Vec<u8> = (0..length).map(|at| ((start - at) % 251) as u8).collect();
            return Poll::Ready(Some(Ok(Frame::data(piece.into()))));
        }
        if std::mem::take(&mut this.trailers) {
            let mut trailers = ::http::HeaderMap::new();
            trailers.insert("x-sum", ::http::HeaderValue::from_static("1"));
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        Poll::Ready(None)
    }
}

fn long(left: usize, trailers: bool) -> Body {
    Body::stream(Long { left, trailers })
}

#[tokio::test]
async fn what_does_not_fit_into_memory_comes_back_from_the_disk() {
    let wanted = long(500_000, false).collect().await.unwrap().to_bytes();
    for (memory, trailers) in [
        (1, false),
        (10_000, true),
        (1_000_000, false),
        (1_000_000, true),
    ] {
        let limits = Limits::new(500_000, memory).unwrap();
        let stored = Storing::read(long(500_000, trailers), &limits).await;
        let stored = stored.unwrap().unwrap();
        for _ in 0..2 {
            let body = stored.body();
            assert_eq!(body.length(), (!trailers).then_some(500_000));
            let whole = body.collect().await.unwrap();
            assert_eq!(whole.trailers().is_some(), trailers);
            assert!(whole.to_bytes() == wanted);
        }
        let limits = Limits::new(499_999, memory).unwrap();
        let stored = Storing::read(long(500_000, trailers), &limits).await;
        assert!(stored.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_not_sent() {
    let buffering = buffering(|config| config.max_request_body_bytes = 10).unwrap();
    for (length, status) in [(10, 200), (11, 413)] {
        let script = Script::new((length == 10).then_some(Ok(StatusCode::OK)));
        let mut post = request("/");
        post.body = long(length, false);
        let response = wrapped(&buffering, &script, &mut context(), post).await;
        assert_eq!(response.unwrap().status(), status);
        assert_eq!(script.bodies().len(), usize::from(length == 10));
    }
}

/// Answers with a long body.
struct Talker;

impl crate::http::Handler for Talker {
    fn handle<'a>(&'a self, _: &'a mut Context, _: Request) -> HandlerFuture<'a> {
        Box::pin(async { Ok(Response::new(long(11, false))) })
    }
}

#[tokio::test]
async fn an_answer_over_the_limit_is_an_error() {
    for (most, status) in [(11, 200), (10, 500)] {
        let buffering = buffering(|config| {
            config.max_response_body_bytes = most;
            config.retry_expression = "ResponseCode() == 500".to_owned();
        });
        let rest = Arc::new(Chain::new(Arc::new(Talker)));
        let mut cx = context();
        let buffering = buffering.unwrap();
        let response = buffering.handle(&mut cx, request("/"), &rest).await;
        assert_eq!(response.unwrap().status(), status);
    }
}

#[tokio::test]
async fn the_same_body_is_sent_again() {
    let retry = |expression: &str| {
        buffering(|config| config.retry_expression = expression.to_owned()).unwrap()
    };
    let unreachable = || Err(ProxyError::upstream(ErrorKind::Unreachable));
    let script = Script::new([
        unreachable(),
        Ok(StatusCode::BAD_GATEWAY),
        Ok(StatusCode::OK),
    ]);
    let mut post = request("/");
    post.body = Body::from("again");
    let network = retry("IsNetworkError() && Attempts() < 3");
    let response = wrapped(&network, &script, &mut context(), post).await;
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(script.bodies(), ["", "again", "again"]);

    let endless = Script::new((0..11).map(|_| Ok(StatusCode::BAD_GATEWAY)));
    let always = retry("RequestMethod() == \"GET\" && ResponseCode() > 500");
    let response = wrapped(&always, &endless, &mut context(), request("/")).await;
    assert_eq!(response.unwrap().status(), 502);
    assert_eq!(endless.targets().len(), 11);
}

#[test]
fn what_is_refused() {
    let refused = |change: fn(&mut Config)| buffering(change).unwrap_err();
    assert_eq!(
        refused(|config| config.max_request_body_bytes = -1),
        "max bytes should be >= 0 got -1"
    );
    refused(|config| config.mem_response_body_bytes = -1);
    refused(|config| config.retry_expression = "Nope() > 1".to_owned());
    refused(|config| config.retry_expression = "Attempts(1) > 1".to_owned());
}
