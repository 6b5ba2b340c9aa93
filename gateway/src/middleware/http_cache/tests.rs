//! Bodies on their way into the cache.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::fill::{Budget, Fill};
use crate::http::{Body, ErrorKind, ProxyError};

type Piece = Result<&'static str, ErrorKind>;
type Outcome = Rc<RefCell<Option<Option<Bytes>>>>;

struct Sent(mpsc::UnboundedReceiver<Piece>);

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        self.0.poll_recv(cx).map(|piece| {
            Some(match piece? {
                Ok(text) => Ok(Frame::data(Bytes::from_static(text.as_bytes()))),
                Err(kind) => Err(ProxyError::upstream(kind)),
            })
        })
    }
}

/// A body whose length nobody knows, and what sends it.
fn body() -> (mpsc::UnboundedSender<Piece>, Body) {
    let (sender, pieces) = mpsc::unbounded_channel();
    (sender, Body::stream(Sent(pieces)))
}

fn outcome() -> (Outcome, impl FnOnce(Option<Bytes>)) {
    let outcome = Outcome::default();
    let told = Rc::clone(&outcome);
    (outcome, move |whole| {
        told.replace(Some(whole));
    })
}

async fn text(body: Body) -> Result<String, ProxyError> {
    let bytes = body.collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn it_is_whole_for_who_asked_and_for_the_cache() {
    let test = async {
        let budget = Budget::new(100);
        let (sender, coming) = body();
        let (whole, done) = outcome();
        let (fill, first) = Fill::start(coming, 50, &budget, done);
        assert!(!fill.shared());
        for piece in ["ab", "", "cd"] {
            sender.send(Ok(piece)).unwrap();
        }
        drop(sender);
        assert_eq!(text(first).await.unwrap(), "abcd");
        assert_eq!(*whole.borrow(), Some(Some(Bytes::from("abcd"))));
        assert_eq!(text(fill.body()).await.unwrap(), "abcd");
        assert_eq!(budget.used(), 0);
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn one_that_is_too_long_goes_to_who_asked() {
    let test = async {
        for (longest, memory) in [(3, 100), (100, 3)] {
            let budget = Budget::new(memory);
            let (sender, coming) = body();
            let (whole, done) = outcome();
            let (fill, first) = Fill::start(coming, longest, &budget, done);
            for piece in ["ab", "cd", "ef"] {
                sender.send(Ok(piece)).unwrap();
            }
            drop(sender);
            assert_eq!(text(first).await.unwrap(), "abcdef");
            assert_eq!(*whole.borrow(), Some(None));
            drop(fill);
            assert_eq!(budget.used(), 0);
        }
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn a_server_that_fails_fails_for_all_readers() {
    let test = async {
        let budget = Budget::new(100);
        let (sender, coming) = body();
        let (whole, done) = outcome();
        let (fill, first) = Fill::start(coming, 50, &budget, done);
        sender.send(Ok("ab")).unwrap();
        sender.send(Err(ErrorKind::UpstreamProtocol)).unwrap();
        let other = fill.body();
        let error = text(first).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UpstreamProtocol);
        assert_eq!(
            text(other).await.unwrap_err().kind(),
            ErrorKind::Unreachable
        );
        assert_eq!(*whole.borrow(), Some(None));
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn nobody_reads_on_for_nobody() {
    let test = async {
        let budget = Budget::new(100);
        let (sender, coming) = body();
        let (whole, done) = outcome();
        let (_, first) = Fill::start(coming, 50, &budget, done);
        drop(first);
        sender.send(Ok("ab")).unwrap();
        tokio::task::yield_now().await;
        assert_eq!(*whole.borrow(), Some(None));
    };
    LocalSet::new().run_until(test).await;
}
