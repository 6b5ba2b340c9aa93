//! Bodies both ways: lengths, pieces, trailers, and who waits for whom.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ::http::{HeaderMap, Method};
use bytes::Bytes;
use http_body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::{
    Pieces, canned, channel, context, get, read_head, request, run, send, server, settle, whole,
};
use crate::http::Body;
use crate::net::buffer;
use crate::upstream::{Settings, forward, pool};

#[test]
fn a_cut_body_is_an_error() {
    run(async {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n",
        ] {
            let server = canned(answer, 1).await;
            let response = send(&server, get()).await.unwrap();
            assert!(whole(response).await.is_err(), "{answer}");
            assert_eq!(pool::idle(&server.target.slot), 0);
        }
    });
}

#[test]
fn old_and_close_delimited_answers() {
    run(async {
        for (answer, body, kept) in [
            (
                "HTTP/1.0 200 OK\r\nX: y\r\n\r\nold style",
                &b"old style"[..],
                0,
            ),
            ("HTTP/1.1 200 OK\r\n\r\nto the end", b"to the end", 0),
            (
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
                b"abc",
                1,
            ),
            (
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
                b"abc",
                0,
            ),
        ] {
            let server = server(Settings::default(), move |_, mut socket| async move {
                read_head(&mut socket).await;
                socket.write_all(answer.as_bytes()).await.unwrap();
                if kept == 1 {
                    read_head(&mut socket).await;
                }
            })
            .await;
            let response = send(&server, get()).await.unwrap();
            assert_eq!(whole(response).await.unwrap().1, body);
            assert_eq!(pool::idle(&server.target.slot), kept, "{answer}");
        }
    });
}

#[test]
fn trailers_of_answers_come_through() {
    run(async {
        let answer = "HTTP/1.1 200 OK\r\nTrailer: Grpc-Status\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nGrpc-Status: 5\r\nContent-Length: 3\r\n\r\n";
        let server = canned(answer, 9).await;
        for _ in 0..2 {
            let response = send(&server, get()).await.unwrap();
            assert_eq!(response.headers()["trailer"], "Grpc-Status");
            assert_eq!(response.body().length(), None);
            let (_, body, trailers) = whole(response).await.unwrap();
            assert_eq!(body, b"hello");
            assert_eq!(trailers.unwrap()["grpc-status"], "5");
        }
        assert_eq!(server.connections.get(), 1);
    });
}

#[test]
fn a_streamed_request_is_chunked_and_its_trailers_are_dropped() {
    run(async {
        let seen = Rc::new(RefCell::new(String::new()));
        let copy = seen.clone();
        let server = server(Settings::default(), move |_, mut socket| {
            let seen = copy.clone();
            async move {
                let head = read_head(&mut socket).await;
                let mut body = Vec::new();
                while !body.ends_with(b"0\r\n\r\n") {
                    body.push(socket.read_u8().await.unwrap());
                }
                *seen.borrow_mut() = head + std::str::from_utf8(&body).unwrap();
                socket
                    .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                    .await
                    .unwrap();
            }
        })
        .await;
        let (sender, body) = channel();
        tokio::task::spawn_local(async move {
            for part in ["abc", "defghijklmnopqrstuvwxyz"] {
                sender
                    .send(Ok(Frame::data(Bytes::from(part))))
                    .await
                    .unwrap();
                settle().await;
            }
            let trailers = HeaderMap::from_iter([("x".parse().unwrap(), "y".parse().unwrap())]);
            sender.send(Ok(Frame::trailers(trailers))).await.unwrap();
        });
        let mut post = request(Method::POST, body);
        for (name, value) in [
            ("connection", "x"),
            ("transfer-encoding", "gzip"),
            ("content-length", "9"),
        ] {
            post.headers.insert(name, value.parse().unwrap());
        }
        assert_eq!(send(&server, post).await.unwrap().status(), 204);
        assert_eq!(
            *seen.borrow(),
            "POST /x?y HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n17\r\ndefghijklmnopqrstuvwxyz\r\n0\r\n\r\n"
        );
        assert_eq!(pool::idle(&server.target.slot), 1);
    });
}

#[test]
fn an_early_answer_ends_the_upload() {
    run(async {
        let server = server(Settings::default(), |_, mut socket| async move {
            read_head(&mut socket).await;
            let answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig";
            socket.write_all(answer).await.unwrap();
            settle().await;
        })
        .await;
        let taken = Rc::new(Cell::new(0));
        let body = Body::stream(Pieces {
            piece: Bytes::from(vec![0; 65_536]),
            left: 10_000,
            taken: taken.clone(),
        });
        let response = send(&server, request(Method::PUT, body)).await.unwrap();
        let (status, body, _) = whole(response).await.unwrap();
        assert_eq!((status, &body[..]), (413, &b"big"[..]));
        assert!(taken.get() < 100 << 20, "the whole body was read");
        assert_eq!(pool::idle(&server.target.slot), 0);
    });
}

#[test]
fn a_server_that_does_not_read_stops_the_reading_of_the_body() {
    run(async {
        let server = server(Settings::default(), |_, mut socket| async move {
            read_head(&mut socket).await;
            std::future::pending::<()>().await;
        })
        .await;
        let taken = Rc::new(Cell::new(0));
        let body = Body::stream(Pieces {
            piece: Bytes::from(vec![0; 65_536]),
            left: 10_000,
            taken: taken.clone(),
        });
        let sending = send(&server, request(Method::PUT, body));
        let limit = Duration::from_millis(500);
        assert!(tokio::time::timeout(limit, sending).await.is_err());
        assert!(taken.get() < 32 << 20, "{} bytes were taken", taken.get());
    });
}

#[test]
fn a_client_that_does_not_read_stops_the_reading_of_the_answer() {
    run(async {
        let sent = Rc::new(Cell::new(0));
        let count = sent.clone();
        let server = server(Settings::default(), move |_, mut socket| {
            let count = count.clone();
            async move {
                read_head(&mut socket).await;
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 655360000\r\n\r\n";
                socket.write_all(head).await.unwrap();
                let piece = vec![7; 65_536];
                for _ in 0..10_000 {
                    if socket.write_all(&piece).await.is_err() {
                        count.set(usize::MAX);
                        return;
                    }
                    count.set(count.get() + piece.len());
                }
            }
        })
        .await;
        let mut response = send(&server, get()).await.unwrap();
        assert_eq!(response.body().length(), Some(655_360_000));
        let first = response.body_mut().frame().await.unwrap().unwrap();
        assert!(first.into_data().unwrap().len() <= buffer::SIZE);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(
            sent.get() < 32 << 20,
            "{} bytes were read ahead",
            sent.get()
        );
        // A body that nobody wants any more closes its connection.
        drop(response);
        while sent.get() != usize::MAX {
            settle().await;
        }
    });
}

#[test]
fn trailers_that_are_known_beforehand_follow_a_kept_body() {
    run(async {
        let seen = Rc::new(RefCell::new(String::new()));
        let copy = seen.clone();
        let server = server(Settings::default(), move |_, mut socket| {
            let seen = copy.clone();
            async move {
                let head = read_head(&mut socket).await;
                let body = read_head(&mut socket).await;
                *seen.borrow_mut() = head + &body;
                let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                socket.write_all(answer).await.unwrap();
            }
        })
        .await;
        let mut post = request(Method::POST, Body::from("abc"));
        post.headers.insert("trailer", "X-Sum".parse().unwrap());
        let mut cx = context();
        let trailers = ["x-sum", "x-forwarded-for", "authorization"]
            .map(|name| (name.parse().unwrap(), "1".parse().unwrap()));
        cx.request_trailers = Some(Box::new(HeaderMap::from_iter(trailers)));
        forward(&server.target, &mut cx, post).await.unwrap();
        assert_eq!(
            *seen.borrow(),
            "POST /x?y HTTP/1.1\r\nHost: a.test\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"
        );
    });
}
