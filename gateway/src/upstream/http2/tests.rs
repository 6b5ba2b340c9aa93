//! Against servers of h2 on real sockets, and one that speaks frames by hand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http_body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::tests::{Server, channel, context, get, request, run, server_of, settle, whole};
use super::super::{Settings, forward, pool};
use crate::http::{Body, ErrorKind, Interim, ProxyError, Request, Response};

type Incoming = ::http::Request<h2::RecvStream>;

/// A server that handles each connection by `serve`.
async fn raw<F: Future<Output = ()> + 'static>(
    settings: Settings,
    serve: impl Fn(usize, TcpStream) -> F + 'static,
) -> Server {
    server_of("h2c", settings, serve).await
}

/// A server that handles each request by `answer`.
async fn server<F: Future<Output = ()> + 'static>(
    answer: impl Fn(usize, Incoming, SendResponse<Bytes>) -> F + Clone + 'static,
) -> Server {
    raw(Settings::default(), move |number, socket| {
        serve(number, socket, u32::MAX, answer.clone())
    })
    .await
}

async fn serve<F: Future<Output = ()> + 'static>(
    number: usize,
    socket: TcpStream,
    streams: u32,
    answer: impl Fn(usize, Incoming, SendResponse<Bytes>) -> F + 'static,
) {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(streams);
    let mut connection = builder.handshake::<_, Bytes>(socket).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::task::spawn_local(answer(number, request, respond));
    }
}

fn ok(respond: &mut SendResponse<Bytes>, text: &'static str) {
    let mut stream = respond
        .send_response(::http::Response::new(()), false)
        .unwrap();
    stream
        .send_data(Bytes::from_static(text.as_bytes()), true)
        .unwrap();
}

async fn read(body: &mut h2::RecvStream) -> (Vec<u8>, Option<HeaderMap>) {
    let mut bytes = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        bytes.extend_from_slice(&data);
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    (bytes, body.trailers().await.unwrap_or_default())
}

async fn send(server: &Server, request: Request) -> Result<Response, ProxyError> {
    forward(&server.target, &mut context(), request).await
}

async fn text(server: &Server, request: Request) -> Vec<u8> {
    whole(send(server, request).await.unwrap()).await.unwrap().1
}

fn live(server: &Server) -> usize {
    pool::sessions(&server.target.slot, |sessions, _| sessions.len()).unwrap()
}

#[test]
fn many_requests_share_a_connection_and_its_making() {
    run(async {
        let server = server(|_, _, mut respond| async move { ok(&mut respond, "ok") }).await;
        let all = (0..20).map(|_| {
            let target = server.target.clone();
            tokio::task::spawn_local(async move {
                let response = forward(&target, &mut context(), get()).await.unwrap();
                whole(response).await.unwrap().1
            })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), b"ok");
        }
        assert_eq!(server.connections.get(), 1);
        assert_eq!(live(&server), 1);
    });
}

/// Trailers of which one may go on where the head has an `x-said`.
const SENT: [&str; 7] = [
    "x-sum",
    "x-said",
    "x-forwarded-prefix",
    "x_forwarded_for",
    "authorization",
    "host",
    "content-length",
];

#[test]
fn heads_and_trailers_go_both_ways() {
    run(async {
        let seen = Rc::new(RefCell::new(None));
        let note = seen.clone();
        let server = server(move |_, mut request, mut respond| {
            let note = note.clone();
            async move {
                let (bytes, trailers) = read(request.body_mut()).await;
                *note.borrow_mut() = Some((request.into_parts().0, bytes, trailers.unwrap()));
                let answer = ::http::Response::builder()
                    .header("x-kept", "1")
                    .body(())
                    .unwrap();
                let mut stream = respond.send_response(answer, false).unwrap();
                stream.send_data("hello".into(), false).unwrap();
                let status = HeaderMap::from_iter([(
                    "grpc-status".parse().unwrap(),
                    HeaderValue::from_static("0"),
                )]);
                stream.send_trailers(status).unwrap();
            }
        })
        .await;
        let (body, stream) = channel();
        let mut asked = request(Method::POST, stream);
        for (name, value) in [
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("x-said", "1"),
            ("user-agent", ""),
        ] {
            asked.headers.insert(name, HeaderValue::from_static(value));
        }
        let sent = async {
            let trailers = HeaderMap::from_iter(
                SENT.map(|name| (HeaderName::from_static(name), "9".parse().unwrap())),
            );
            body.send(Ok(Frame::data("abc".into()))).await.unwrap();
            body.send(Ok(Frame::trailers(trailers))).await.unwrap();
        };
        let (response, ()) = tokio::join!(send(&server, asked), sent);
        let response = response.unwrap();
        assert_eq!(response.headers()["x-kept"], "1");
        let (status, bytes, trailers) = whole(response).await.unwrap();
        assert_eq!((status, &bytes[..]), (200, &b"hello"[..]));
        assert_eq!(trailers.unwrap()["grpc-status"], "0");
        let (head, bytes, trailers) = seen.borrow_mut().take().unwrap();
        assert_eq!(head.uri, "http://a.test/x?y");
        assert_eq!((head.method, head.version), (Method::POST, Version::HTTP_2));
        let mut names: Vec<_> = head.headers.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "te", "x-said"]);
        assert_eq!(bytes, b"abc");
        let trailers: Vec<_> = trailers.keys().map(|name| name.as_str()).collect();
        assert_eq!(trailers, ["x-sum"]);
    });
}

#[test]
fn a_target_that_uris_do_not_take_is_escaped() {
    run(async {
        let seen = Rc::new(RefCell::new(String::new()));
        let note = seen.clone();
        let server = server(move |_, request, mut respond| {
            *note.borrow_mut() = request.uri().path_and_query().unwrap().to_string();
            async move { ok(&mut respond, "ok") }
        })
        .await;
        let mut asked = get();
        asked.target = crate::http::Target::new("/a", Some(b"q=<\xC3\xA9>#x|%20"));
        text(&server, asked).await;
        assert_eq!(*seen.borrow(), "/a?q=%3C%C3%A9%3E%23x%7C%20");
    });
}

#[test]
fn a_full_connection_gets_a_second_beside_it() {
    run(async {
        let server = raw(Settings::default(), |number, socket| {
            serve(number, socket, 1, |_, request, mut respond| async move {
                if request.uri().path() == "/slow" {
                    let mut stream = respond
                        .send_response(::http::Response::new(()), false)
                        .unwrap();
                    std::future::poll_fn(|cx| stream.poll_reset(cx))
                        .await
                        .unwrap();
                } else {
                    ok(&mut respond, "ok");
                }
            })
        })
        .await;
        text(&server, get()).await;
        let mut slow = get();
        slow.target = crate::http::Target::new("/slow", None);
        let held = send(&server, slow).await.unwrap();
        assert_eq!(server.connections.get(), 1);
        assert_eq!(text(&server, get()).await, b"ok");
        assert_eq!(server.connections.get(), 2);
        drop(held);
    });
}

#[test]
fn what_a_server_refused_is_sent_again_with_its_body() {
    run(async {
        let tries = Rc::new(Cell::new(0));
        let count = tries.clone();
        let server = server(move |_, mut request, mut respond| {
            let count = count.clone();
            async move {
                count.set(count.get() + 1);
                if count.get() == 1 {
                    return respond.send_reset(Reason::REFUSED_STREAM);
                }
                assert_eq!(read(request.body_mut()).await.0, b"body");
                ok(&mut respond, "ok");
            }
        })
        .await;
        let answer = text(&server, request(Method::POST, Body::from("body"))).await;
        assert_eq!((&answer[..], tries.get()), (&b"ok"[..], 2));
    });
}

#[test]
fn refusals_end() {
    run(async {
        let tries = Rc::new(Cell::new(0));
        let count = tries.clone();
        let server = server(move |_, _, mut respond| {
            count.set(count.get() + 1);
            async move { respond.send_reset(Reason::REFUSED_STREAM) }
        })
        .await;
        let error = send(&server, get()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.is_retryable()),
            (ErrorKind::Unreachable, true)
        );
        assert_eq!(tries.get(), 4);
    });
}

/// Reads HTTP/2 frames until one of `kind` comes; answers its stream.
async fn frame(socket: &mut TcpStream, kind: u8) -> u32 {
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        socket.read_exact(&mut payload).await.unwrap();
        if head[3] == kind {
            return u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        }
    }
}

#[test]
fn what_a_goaway_leaves_out_goes_to_a_new_connection() {
    run(async {
        let server = raw(Settings::default(), |number, mut socket| async move {
            if number > 0 {
                let answer = |_, _, mut respond| async move { ok(&mut respond, "ok") };
                return serve(number, socket, u32::MAX, answer).await;
            }
            let mut preface = [0; 24];
            socket.read_exact(&mut preface).await.unwrap();
            socket
                .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
                .await
                .unwrap();
            frame(&mut socket, 1).await;
            // GOAWAY: no stream was begun, no error.
            let goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            socket.write_all(&goaway).await.unwrap();
            settle().await;
        })
        .await;
        // Not idempotent, and sent all the same: the server said that it did not begin with it.
        let answer = text(&server, request(Method::POST, Body::from("body"))).await;
        assert_eq!((&answer[..], server.connections.get()), (&b"ok"[..], 2));
    });
}

#[test]
fn a_server_that_shuts_down_loses_no_request() {
    run(async {
        let server = raw(Settings::default(), |_, socket| async move {
            let mut connection = h2::server::handshake(socket).await.unwrap();
            // Answers one request and is then gone.
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            connection.graceful_shutdown();
            tokio::task::spawn_local(async move {
                settle().await;
                ok(&mut respond, "ok");
            });
            while connection.accept().await.is_some() {}
        })
        .await;
        for round in 1..4 {
            assert_eq!(text(&server, get()).await, b"ok");
            assert_eq!(server.connections.get(), round);
        }
    });
}

#[test]
fn a_connection_that_ends_without_an_answer_costs_a_harmless_request_nothing() {
    run(async {
        let server = raw(Settings::default(), |number, socket| async move {
            let mut connection = h2::server::handshake(socket).await.unwrap();
            let mut answered = 0;
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                answered += 1;
                if number == 0 && answered == 2 {
                    // Drops the socket with the request on it.
                    return;
                }
                ok(&mut respond, "ok");
            }
        })
        .await;
        assert_eq!(text(&server, get()).await, b"ok");
        assert_eq!(text(&server, get()).await, b"ok");
        assert_eq!(server.connections.get(), 2);
    });
}

#[test]
fn giving_up_resets_the_stream() {
    run(async {
        let resets = Rc::new(RefCell::new(Vec::new()));
        let note = resets.clone();
        let server = server(move |_, request, mut respond| {
            let note = note.clone();
            async move {
                let reset = if request.uri().path() == "/silent" {
                    std::future::poll_fn(|cx| respond.poll_reset(cx)).await
                } else {
                    let mut stream = respond
                        .send_response(::http::Response::new(()), false)
                        .unwrap();
                    stream.send_data("first".into(), false).unwrap();
                    std::future::poll_fn(|cx| stream.poll_reset(cx)).await
                };
                note.borrow_mut().push(reset.unwrap());
            }
        })
        .await;
        let mut silent = get();
        silent.target = crate::http::Target::new("/silent", None);
        let waited = tokio::time::timeout(Duration::from_millis(100), send(&server, silent)).await;
        assert!(waited.is_err());
        let mut response = send(&server, get()).await.unwrap();
        assert!(response.body_mut().frame().await.is_some());
        drop(response);
        // A body that is still being sent does not keep the stream.
        let (_body, stream) = channel();
        drop(send(&server, request(Method::POST, stream)).await.unwrap());
        while resets.borrow().len() < 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*resets.borrow(), [Reason::CANCEL; 3]);
    });
}

#[test]
fn both_directions_stream_at_once() {
    run(async {
        let server = server(|_, mut request, mut respond| async move {
            let mut stream = respond
                .send_response(::http::Response::new(()), false)
                .unwrap();
            while let Some(Ok(data)) = request.body_mut().data().await {
                request
                    .body_mut()
                    .flow_control()
                    .release_capacity(data.len())
                    .unwrap();
                stream.send_data(data, false).unwrap();
            }
            stream.send_data(Bytes::new(), true).unwrap();
        })
        .await;
        let (body, stream) = channel();
        let mut response = send(&server, request(Method::POST, stream)).await.unwrap();
        for piece in ["one", "two", "three"] {
            body.send(Ok(Frame::data(piece.into()))).await.unwrap();
            let frame = response.body_mut().frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), piece);
        }
        // What the client sends goes on also while it reads nothing.
        for _ in 0..10 {
            body.send(Ok(Frame::data("x".into()))).await.unwrap();
        }
        drop(body);
        let rest = whole(response).await.unwrap();
        assert_eq!(rest.1, b"xxxxxxxxxx");
    });
}

#[test]
fn a_client_that_breaks_off_its_body_breaks_the_answer() {
    run(async {
        let server = server(|_, request, mut respond| async move {
            let _stream = respond
                .send_response(::http::Response::new(()), false)
                .unwrap();
            let mut body = request.into_body();
            while let Some(Ok(_)) = body.data().await {}
            std::future::pending::<()>().await;
        })
        .await;
        let (body, stream) = channel();
        let mut response = send(&server, request(Method::POST, stream)).await.unwrap();
        let gone = ProxyError::client(ErrorKind::ClientGone);
        body.send(Err(gone)).await.unwrap();
        let error = response.body_mut().frame().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ClientGone);
    });
}

#[test]
fn a_server_that_does_not_read_stops_the_reading_of_the_body() {
    run(async {
        let server = server(|_, request, _respond| async move {
            let _held = request;
            std::future::pending::<()>().await;
        })
        .await;
        let (body, stream) = channel();
        let target = server.target.clone();
        let sent = tokio::task::spawn_local(async move {
            forward(&target, &mut context(), request(Method::POST, stream)).await
        });
        let mut taken = 0;
        let piece = Bytes::from(vec![b'x'; 16 * 1024]);
        while tokio::time::timeout(
            Duration::from_millis(300),
            body.send(Ok(Frame::data(piece.clone()))),
        )
        .await
        .is_ok()
        {
            taken += piece.len();
            assert!(taken < 1024 * 1024, "the body is read without end");
        }
        sent.abort();
    });
}

#[test]
fn a_client_that_does_not_read_stops_the_server_and_nobody_else() {
    run(async {
        let sent = Rc::new(Cell::new(0));
        let count = sent.clone();
        let server = server(move |_, request, mut respond| {
            let count = count.clone();
            async move {
                if request.uri().path() != "/endless" {
                    return ok(&mut respond, "ok");
                }
                let mut stream = respond
                    .send_response(::http::Response::new(()), false)
                    .unwrap();
                loop {
                    stream.reserve_capacity(16 * 1024);
                    let Some(Ok(room)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await
                    else {
                        return;
                    };
                    count.set(count.get() + room);
                    stream.send_data(vec![b'x'; room].into(), false).unwrap();
                }
            }
        })
        .await;
        let endless = || {
            let mut endless = get();
            endless.target = crate::http::Target::new("/endless", None);
            endless
        };
        let one = send(&server, endless()).await.unwrap();
        let other = send(&server, endless()).await.unwrap();
        let mut before = usize::MAX;
        while before != sent.get() {
            before = sent.get();
            settle().await;
        }
        assert!(
            before <= 2 * 256 * 1024,
            "{before} bytes were taken for clients that don't read"
        );
        assert_eq!(text(&server, get()).await, b"ok");
        assert_eq!(server.connections.get(), 1);
        drop((one, other));
    });
}

#[test]
fn an_answer_that_is_reset_is_no_whole_answer() {
    run(async {
        for reason in [Reason::CANCEL, Reason::NO_ERROR, Reason::INTERNAL_ERROR] {
            let server = server(move |_, _, mut respond| async move {
                let mut stream = respond
                    .send_response(::http::Response::new(()), false)
                    .unwrap();
                stream.send_data("part".into(), false).unwrap();
                settle().await;
                stream.send_reset(reason);
            })
            .await;
            let response = send(&server, get()).await.unwrap();
            assert!(whole(response).await.is_err(), "{reason}");
        }
    });
}

#[test]
fn a_silent_server_is_given_up() {
    run(async {
        let settings = Settings {
            response_header_timeout: Duration::from_millis(200),
            ..Settings::default()
        };
        let server = raw(settings, |number, socket| {
            serve(number, socket, u32::MAX, |_, request, respond| async move {
                let _held = (request, respond);
                std::future::pending::<()>().await;
            })
        })
        .await;
        let error = send(&server, get()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UpstreamTimeout);
    });
}

#[test]
fn a_server_that_answers_no_ping_is_dead() {
    run(async {
        let settings = Settings {
            read_idle_timeout: Duration::from_millis(100),
            ping_timeout: Duration::from_millis(100),
            ..Settings::default()
        };
        let server = raw(settings, |_, mut socket| async move {
            socket
                .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
                .await
                .unwrap();
            let mut sink = vec![0; 4096];
            while socket.read(&mut sink).await.is_ok_and(|read| read > 0) {}
        })
        .await;
        let start = Instant::now();
        let error = send(&server, request(Method::POST, Body::from("x")))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(start.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn idle_connections_are_closed_in_time() {
    run(async {
        let settings = Settings {
            idle_timeout: Duration::from_millis(200),
            ..Settings::default()
        };
        let server = raw(settings, |number, socket| {
            serve(number, socket, u32::MAX, |_, _, mut respond| async move {
                ok(&mut respond, "ok");
            })
        })
        .await;
        assert_eq!(text(&server, get()).await, b"ok");
        assert_eq!(live(&server), 1);
        while live(&server) > 0 {
            settle().await;
        }
    });
}

#[derive(Default)]
struct Heard(RefCell<Vec<u16>>);

impl Interim for Heard {
    fn send(&self, status: StatusCode, _: &HeaderMap) {
        self.0.borrow_mut().push(status.as_u16());
    }
}

#[test]
fn a_body_waits_for_100_continue_and_hints_go_on() {
    run(async {
        let server = server(|_, mut request, mut respond| async move {
            settle().await;
            assert!(!request.headers().contains_key("x-early"));
            for status in [StatusCode::EARLY_HINTS, StatusCode::CONTINUE] {
                let interim = ::http::Response::builder().status(status).body(()).unwrap();
                respond.send_informational(interim).unwrap();
            }
            assert_eq!(read(request.body_mut()).await.0, b"body");
            ok(&mut respond, "ok");
        })
        .await;
        let (body, stream) = channel();
        let mut asked = request(Method::POST, stream);
        asked
            .headers
            .insert("expect", HeaderValue::from_static("100-continue"));
        let heard = Rc::new(Heard::default());
        let mut cx = context();
        cx.interim = Some(heard.clone());
        let sent = async {
            body.send(Ok(Frame::data("body".into()))).await.unwrap();
            drop(body);
        };
        let (response, ()) = tokio::join!(forward(&server.target, &mut cx, asked), sent);
        assert_eq!(whole(response.unwrap()).await.unwrap().1, b"ok");
        assert_eq!(*heard.0.borrow(), [103, 100]);
    });
}
