//! Against a scripted server on a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use ::http::{HeaderMap, Method, Version};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::http::{
    Body, Connection, Context, Interim, ProxyError, Request, Response, Target as Path,
};
use crate::net::buffer;

/// Runs a test on a worker's kind of runtime.
pub(super) fn run(test: impl Future<Output = ()> + 'static) {
    let runtime = tokio::runtime::LocalRuntime::new().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), test)
            .await
            .expect("in time");
    });
}

/// A server that counts its connections, and handles each by `serve`.
pub(super) struct Server {
    pub(super) target: Rc<Target>,
    pub(super) connections: Rc<Cell<usize>>,
}

async fn server<F: Future<Output = ()> + 'static>(
    settings: Settings,
    serve: impl Fn(usize, TcpStream) -> F + 'static,
) -> Server {
    server_of("http", settings, serve).await
}

/// One that URLs of this scheme lead to.
pub(super) async fn server_of<F: Future<Output = ()> + 'static>(
    scheme: &str,
    settings: Settings,
    serve: impl Fn(usize, TcpStream) -> F + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    let connections = Rc::new(Cell::new(0));
    let count = connections.clone();
    tokio::task::spawn_local(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let number = count.get();
            count.set(number + 1);
            tokio::task::spawn_local(serve(number, socket));
        }
    });
    let transport = Transport::new(&settings).unwrap();
    Server {
        target: Rc::new(Target::new(&url, false, transport).unwrap()),
        connections,
    }
}

/// Answers each request on a connection with the same bytes, and closes after `times`.
async fn canned(answer: &'static str, times: usize) -> Server {
    server(Settings::default(), move |_, mut socket| async move {
        for _ in 0..times {
            if read_head(&mut socket).await.is_empty() {
                return;
            }
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

/// Reads to the end of a head, and not a byte further.
pub(super) async fn read_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).unwrap()
}

pub(super) fn context() -> Context {
    let address = "127.0.0.1:1".parse().unwrap();
    let connection = Rc::new(Connection {
        append_forwarded_for: true,
        peer: crate::http::Peer::new(address),
        local: address,
        entry_point: Arc::from("web"),
        tls: None,
    });
    Context::new(connection, "a.test".into(), Instant::now())
}

pub(super) fn request(method: Method, body: Body) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert("host", "a.test".parse().unwrap());
    Request {
        method,
        target: Path::new("/x", Some(b"y")),
        version: Version::HTTP_11,
        headers,
        body,
    }
}

pub(super) fn get() -> Request {
    request(Method::GET, Body::Empty)
}

async fn send(server: &Server, request: Request) -> Result<Response, ProxyError> {
    forward(&server.target, &mut context(), request).await
}

pub(super) async fn whole(
    response: Response,
) -> Result<(u16, Vec<u8>, Option<HeaderMap>), ProxyError> {
    let (parts, mut body) = response.into_parts();
    let (mut bytes, mut trailers) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok((parts.status.as_u16(), bytes, trailers))
}

/// Lets both sides see what has happened on their sockets.
pub(super) async fn settle() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// A body that is made of what is sent into the channel.
pub(super) fn channel() -> (
    tokio::sync::mpsc::Sender<Result<Frame<Bytes>, ProxyError>>,
    Body,
) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let body = Piped(Box::new(move |cx| receiver.poll_recv(cx)));
    (sender, Body::stream(body))
}

type PollFrame = dyn FnMut(&mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>>;

struct Piped(Box<PollFrame>);

impl http_body::Body for Piped {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        (self.0)(cx)
    }
}

/// A body of known length in pieces.
struct Pieces {
    piece: Bytes,
    left: usize,
    taken: Rc<Cell<usize>>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.taken.set(self.taken.get() + self.piece.len());
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.left * self.piece.len()) as u64)
    }
}

#[test]
fn a_connection_is_used_again_after_an_exact_end() {
    run(async {
        let server = canned("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 9).await;
        for _ in 0..3 {
            let response = send(&server, get()).await.unwrap();
            assert!(
                matches!(response.body(), Body::Full(_)) || response.body().length() == Some(2)
            );
            assert_eq!(whole(response).await.unwrap().1, b"ok");
        }
        assert_eq!(server.connections.get(), 1);
        assert_eq!(pool::idle(&server.target.slot), 1);
    });
}

#[test]
fn a_kept_connection_that_was_closed_costs_no_request() {
    run(async {
        let claims = "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok";
        for method in [Method::GET, Method::POST] {
            let server = canned(claims, 1).await;
            for round in 1..4 {
                let body = if method == Method::GET {
                    Body::Empty
                } else {
                    Body::from("body")
                };
                let response = send(&server, request(method.clone(), body)).await.unwrap();
                assert_eq!(whole(response).await.unwrap().1, b"ok");
                assert_eq!(server.connections.get(), round);
                settle().await;
            }
        }
    });
}

/// Closes a kept connection only when a request comes on it.
async fn closes_on_second() -> Server {
    server(Settings::default(), |number, mut socket| async move {
        read_head(&mut socket).await;
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        socket.write_all(answer.as_bytes()).await.unwrap();
        if number == 0 {
            read_head(&mut socket).await;
            return;
        }
        while !read_head(&mut socket).await.is_empty() {
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

#[test]
fn only_what_is_safe_is_sent_again() {
    run(async {
        for (method, key, body, again) in [
            (Method::GET, false, false, true),
            (Method::HEAD, false, false, true),
            (Method::POST, false, false, false),
            (Method::POST, true, false, true),
            (Method::PUT, false, true, false),
            (Method::GET, false, true, false),
        ] {
            let server = closes_on_second().await;
            whole(send(&server, get()).await.unwrap()).await.unwrap();
            let mut second = request(method.clone(), Body::Empty);
            if body {
                second.body = Body::from("body");
            }
            if key {
                second
                    .headers
                    .insert("idempotency-key", "1".parse().unwrap());
            }
            let answer = send(&server, second).await;
            assert_eq!(answer.is_ok(), again, "{method} {key} {body}");
            if let Err(error) = answer {
                assert_eq!(error.status(), 502);
            }
        }
    });
}

#[test]
fn bytes_behind_an_answer_are_given_to_nobody() {
    run(async {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
            "HTTP/1.1 200 OK\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil",
            "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
        ] {
            let server = canned(answer, 9).await;
            for round in 1..4 {
                let (status, body, _) = whole(send(&server, get()).await.unwrap()).await.unwrap();
                assert!(status != 200 || body == b"ok", "{answer}: {body:?}");
                assert_eq!(server.connections.get(), round, "{answer}");
            }
        }
        // A body behind an answer to HEAD may come later than the head: seen before the next use.
        let server = canned("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", 9).await;
        for round in 1..4 {
            let response = send(&server, request(Method::HEAD, Body::Empty))
                .await
                .unwrap();
            assert!(response.body().is_empty());
            settle().await;
            assert_eq!(server.connections.get(), round);
        }
    });
}

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
fn a_silent_server_is_given_up_and_a_slow_body_is_not() {
    run(async {
        let settings = || Settings {
            response_header_timeout: Duration::from_millis(300),
            ..Settings::default()
        };
        let silent = server(settings(), |_, mut socket| async move {
            read_head(&mut socket).await;
            std::future::pending::<()>().await;
        })
        .await;
        assert_eq!(send(&silent, get()).await.unwrap_err().status(), 504);
        let slow = server(settings(), |_, mut socket| async move {
            read_head(&mut socket).await;
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no";
            socket.write_all(head).await.unwrap();
            tokio::time::sleep(Duration::from_millis(600)).await;
            socket.write_all(b"k").await.unwrap();
        })
        .await;
        let response = send(&slow, get()).await.unwrap();
        assert_eq!(whole(response).await.unwrap().1, b"ok");
    });
}

#[test]
fn idle_connections_are_closed_in_time() {
    run(async {
        let settings = Settings {
            idle_timeout: Duration::from_millis(300),
            ..Settings::default()
        };
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let closed = Rc::new(Cell::new(false));
        let copy = closed.clone();
        let server = server(settings, move |_, mut socket| {
            let closed = copy.clone();
            async move {
                read_head(&mut socket).await;
                socket.write_all(answer.as_bytes()).await.unwrap();
                closed.set(read_head(&mut socket).await.is_empty());
            }
        })
        .await;
        send(&server, get()).await.unwrap();
        assert_eq!(pool::idle(&server.target.slot), 1);
        while !closed.get() {
            settle().await;
        }
        assert_eq!(pool::idle(&server.target.slot), 0);
    });
}

#[test]
fn what_a_server_says_of_its_patience_is_heeded() {
    run(async {
        for (said, kept) in [("timeout=1", true), ("timeout=0", false), ("max=5", true)] {
            let answer =
                format!("HTTP/1.1 200 OK\r\nKeep-Alive: {said}\r\nContent-Length: 2\r\n\r\nok");
            let server = canned(answer.leak(), 9).await;
            whole(send(&server, get()).await.unwrap()).await.unwrap();
            whole(send(&server, get()).await.unwrap()).await.unwrap();
            assert_eq!(server.connections.get(), if kept { 1 } else { 2 }, "{said}");
        }
        // The server would keep it for much longer than it said.
        let answer = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok";
        let server = canned(answer, 9).await;
        whole(send(&server, get()).await.unwrap()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        whole(send(&server, get()).await.unwrap()).await.unwrap();
        assert_eq!(server.connections.get(), 2);
    });
}

#[test]
fn a_connection_that_a_client_proved_itself_on_is_nobody_elses() {
    run(async {
        for (challenge, authorization, connections) in [
            ("Basic realm=x", "Basic eDp5", 1),
            ("Negotiate", "", 2),
            ("Basic realm=x, NTLM", "", 2),
            ("", "ntlm TlRMTVNTUAAB", 2),
            ("", "Negotiate YII", 2),
        ] {
            let answer = format!(
                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 2\r\n\r\nno"
            );
            let server = canned(answer.leak(), 9).await;
            let mut proof = get();
            if !authorization.is_empty() {
                let value = authorization.parse().unwrap();
                proof.headers.insert("authorization", value);
            }
            whole(send(&server, proof).await.unwrap()).await.unwrap();
            whole(send(&server, get()).await.unwrap()).await.unwrap();
            let made = server.connections.get();
            assert_eq!(made, connections, "{challenge} {authorization}");
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

#[test]
fn urls_of_servers() {
    let transport = Transport::new(&Settings::default()).unwrap();
    let target = |url: &str| Target::new(url, true, transport.clone());
    let https = target("https://user@[::1]:8443/base/?q#f").unwrap();
    assert_eq!((https.host.as_str(), https.port), ("::1", Some(8443)));
    assert_eq!(
        (https.base.as_str(), https.authority()),
        ("/base", "[::1]:8443")
    );
    assert_eq!(target("https://a.test").unwrap().port, Some(443));
    assert_eq!(target("HTTP://a.test:").unwrap().port, Some(80));
    for bad in ["a.test:80", "http://", "http://a:x", "http://[::"] {
        assert!(target(bad).is_err(), "{bad}");
    }
    // Traefik takes them, and fails each request.
    for defect in ["ftp://a.test", "http://a:99999", "", "a.test"] {
        assert!(target(defect).unwrap().defect().is_some(), "{defect}");
    }
}

#[test]
fn connections_to_a_server_that_is_left_out_are_closed() {
    run(async {
        let gone = Rc::new(Cell::new(false));
        let note = gone.clone();
        let server = server(Settings::default(), move |_, mut socket| {
            let gone = note.clone();
            async move {
                read_head(&mut socket).await;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                socket.write_all(answer).await.unwrap();
                gone.set(read_head(&mut socket).await.is_empty());
            }
        })
        .await;
        send(&server, get()).await.unwrap();
        settle().await;
        assert!(!gone.get());
        drop(server);
        while !gone.get() {
            settle().await;
        }
    });
}

#[test]
fn a_reused_index_never_leads_to_the_server_of_before() {
    run(async {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
        let first = canned(format!("{answer}1").leak(), 9).await;
        send(&first, get()).await.unwrap();
        let index = first.target.slot.index;
        drop(first);
        let mut second = canned(format!("{answer}2").leak(), 9).await;
        for _ in 0..50 {
            if second.target.slot.index == index {
                break;
            }
            second = canned(format!("{answer}2").leak(), 9).await;
        }
        let response = send(&second, get()).await.unwrap();
        assert_eq!(whole(response).await.unwrap().1, b"2");
    });
}
