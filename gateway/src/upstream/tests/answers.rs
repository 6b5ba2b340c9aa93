//! Answers that are no plain answers: failures, interim ones, upgrades.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ::http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::{canned, context, get, read_head, request, run, send, server, whole};
use crate::http::{Body, Interim};
use crate::upstream::{Settings, Target, Transport, forward, pool};

#[test]
fn failures_have_the_status_that_traefik_gives() {
    run(async {
        for (answer, status) in [
            ("", 502),
            ("HTTP/1.1 200 OK\r\nX: y\r\n", 500),
            ("garbage\r\n", 500),
            ("HTTP/1.1 abc OK\r\n\r\n", 500),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
                500,
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok", 500),
            (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
                500,
            ),
            ("HTTP/1.1 103 Early Hints\r\n\r\n", 500),
        ] {
            let server = canned(answer, 1).await;
            let error = send(&server, get()).await.unwrap_err();
            assert_eq!(error.status(), status, "{answer:?}: {error}");
        }
        let transport = Transport::new(&Settings::default()).unwrap();
        for url in ["http://127.0.0.1:1", "http://name.invalid:80"] {
            let target = Target::new(url, false, transport.clone()).unwrap();
            let error = forward(&target, &mut context(), get()).await.unwrap_err();
            assert_eq!(error.status(), 502, "{error}");
            assert!(error.is_retryable());
        }
    });
}

/// Notes the interim answers it is given.
struct Noted(Rc<RefCell<Vec<(u16, usize)>>>);

impl Interim for Noted {
    fn send(&self, status: ::http::StatusCode, headers: &HeaderMap) {
        self.0.borrow_mut().push((status.as_u16(), headers.len()));
    }
}

#[test]
fn interim_answers_go_to_the_client() {
    run(async {
        let answer = "HTTP/1.1 103 Early Hints\r\nLink: <1>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let server = canned(answer, 9).await;
        let seen = Rc::new(RefCell::new(Vec::new()));
        let copy = seen.clone();
        let mut cx = context();
        cx.interim = Some(Rc::new(Noted(copy)));
        let response = forward(&server.target, &mut cx, get()).await.unwrap();
        assert_eq!(whole(response).await.unwrap().1, b"ok");
        assert_eq!(*seen.borrow(), [(103, 1), (102, 0)]);
        assert_eq!(cx.record.origin_status, Some(200));
        // Without end is a way to keep us busy.
        let endless = "HTTP/1.1 103 E\r\n\r\n".repeat(100).leak();
        assert_eq!(
            send(&canned(endless, 1).await, get())
                .await
                .unwrap_err()
                .status(),
            500
        );
    });
}

#[test]
fn a_body_waits_for_100_continue() {
    run(async {
        for agrees in [Some("HTTP/1.1 100 Continue\r\n\r\n"), None] {
            let waited = Rc::new(Cell::new(false));
            let copy = waited.clone();
            let server = server(Settings::default(), move |_, mut socket| {
                let waited = copy.clone();
                async move {
                    read_head(&mut socket).await;
                    let early = tokio::time::timeout(Duration::from_millis(100), socket.read_u8());
                    waited.set(early.await.is_err());
                    if let Some(agrees) = agrees {
                        socket.write_all(agrees.as_bytes()).await.unwrap();
                    }
                    let mut body = [0; 5];
                    socket.read_exact(&mut body).await.unwrap();
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                    socket.write_all(answer).await.unwrap();
                }
            })
            .await;
            let mut post = request(Method::POST, Body::from("hello"));
            post.headers
                .insert("expect", "100-continue".parse().unwrap());
            assert_eq!(send(&server, post).await.unwrap().status(), 200);
            assert!(waited.get());
            assert_eq!(pool::idle(&server.target.slot), 1);
        }
        // Refused before the body: it is not sent, and the connection is not used again.
        let server = canned("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", 9).await;
        let mut post = request(Method::POST, Body::from("hello"));
        post.headers
            .insert("expect", "100-continue".parse().unwrap());
        assert_eq!(send(&server, post).await.unwrap().status(), 417);
        assert_eq!(pool::idle(&server.target.slot), 0);
    });
}

#[test]
fn an_upgrade_hands_the_connection_over() {
    run(async {
        let server = server(Settings::default(), |_, mut socket| async move {
            let head = read_head(&mut socket).await;
            assert!(head.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"), "{head}");
            assert_eq!(head.matches("onnection:").count(), 1, "{head}");
            let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\nfirst";
            socket.write_all(answer).await.unwrap();
            assert_eq!(socket.read_u8().await.unwrap(), b'x');
        })
        .await;
        let mut ask = get();
        ask.headers
            .insert("connection", "keep-alive, Upgrade".parse().unwrap());
        ask.headers.insert("upgrade", "websocket".parse().unwrap());
        let mut cx = context();
        let response = forward(&server.target, &mut cx, ask).await.unwrap();
        assert_eq!(response.status(), 101);
        let mut upgraded = cx.upgraded.take().unwrap();
        assert_eq!(upgraded.leftover, "first");
        upgraded.stream.write_all(b"x").await.unwrap();
    });
}

#[test]
fn an_upgrade_that_is_not_granted_is_a_plain_answer() {
    run(async {
        for (answer, status) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain", 200),
            (
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: bar\r\n\r\n",
                500,
            ),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 500),
        ] {
            let server = canned(answer, 1).await;
            let mut ask = get();
            ask.headers.insert("connection", "upgrade".parse().unwrap());
            ask.headers.insert("upgrade", "foo".parse().unwrap());
            let got = send(&server, ask).await;
            let got = got.map_or_else(|error| error.status(), |response| response.status());
            assert_eq!(got, status);
            assert_eq!(pool::idle(&server.target.slot), 0, "bytes may follow");
        }
    });
}
