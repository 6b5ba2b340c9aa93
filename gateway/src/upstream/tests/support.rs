//! A scripted server on a real socket, and requests to it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::Cell;
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

use crate::http::{Body, Connection, Context, ProxyError, Request, Response, Target as Path};
use crate::upstream::{Settings, Target, Transport, forward};

/// Runs a test on a worker's kind of runtime.
pub(in crate::upstream) fn run(test: impl Future<Output = ()> + 'static) {
    let runtime = tokio::runtime::LocalRuntime::new().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), test)
            .await
            .expect("in time");
    });
}

/// A server that counts its connections, and handles each by `serve`.
pub(in crate::upstream) struct Server {
    pub(in crate::upstream) target: Rc<Target>,
    pub(in crate::upstream) connections: Rc<Cell<usize>>,
}

pub(super) async fn server<F: Future<Output = ()> + 'static>(
    settings: Settings,
    serve: impl Fn(usize, TcpStream) -> F + 'static,
) -> Server {
    server_of("http", settings, serve).await
}

/// One that URLs of this scheme lead to.
pub(in crate::upstream) async fn server_of<F: Future<Output = ()> + 'static>(
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
pub(super) async fn canned(answer: &'static str, times: usize) -> Server {
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
pub(in crate::upstream) async fn read_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).unwrap()
}

pub(in crate::upstream) fn context() -> Context {
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

pub(in crate::upstream) fn request(method: Method, body: Body) -> Request {
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

pub(in crate::upstream) fn get() -> Request {
    request(Method::GET, Body::Empty)
}

pub(super) async fn send(server: &Server, request: Request) -> Result<Response, ProxyError> {
    forward(&server.target, &mut context(), request).await
}

pub(in crate::upstream) async fn whole(
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
pub(in crate::upstream) async fn settle() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// A body that is made of what is sent into the channel.
pub(in crate::upstream) fn channel() -> (
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
pub(super) struct Pieces {
    pub(super) piece: Bytes,
    pub(super) left: usize,
    pub(super) taken: Rc<Cell<usize>>,
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
