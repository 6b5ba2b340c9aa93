//! A gRPC server and client, their messages framed by hand: what the gateway has to carry, without a code generator.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf as _, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::poll;
use crate::stream::{self, Boxed};
use crate::tls;

/// Ends with this value, and its connections with it. The last part of a call's path says what it does:
///
/// - `Unary` answers one message with itself,
/// - `Stream` answers one message, and with a second one when [`Server::proceed`] is notified,
/// - `Chat` answers each message at once with itself, and the end with the trailer that the client sent, if any,
/// - `Refuse` answers with nothing but a status,
/// - `Fail` answers with a message and a status that is an error,
/// - `Hang` answers nothing and notes how the client ended it.
pub struct Server {
    pub port: u16,
    pub proceed: Arc<Notify>,
    notes: Notes,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Noted {
    heads: Vec<http::request::Parts>,
    resets: Vec<Reason>,
    connections: usize,
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Noted>>);

impl Notes {
    fn with<R>(&self, look: impl FnOnce(&mut Noted) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Server {
    /// Speaks HTTP/2 without TLS, and nothing else.
    pub async fn plain() -> Result<Self> {
        Self::start(None).await
    }

    /// Speaks HTTP/2 over TLS.
    pub async fn over_tls(mut config: ServerConfig) -> Result<Self> {
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self::start(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start(tls: Option<TlsAcceptor>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (proceed, notes) = (Arc::new(Notify::new()), Notes::default());
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&proceed), notes.clone()));
        Ok(Self {
            port,
            proceed,
            notes,
            task,
        })
    }

    /// The heads of all calls so far.
    pub fn heads(&self) -> Vec<http::request::Parts> {
        self.notes.with(|noted| noted.heads.clone())
    }

    /// How clients ended calls that hung.
    pub fn resets(&self) -> Vec<Reason> {
        self.notes.with(|noted| noted.resets.clone())
    }

    /// Connections that were made.
    pub fn connections(&self) -> usize {
        self.notes.with(|noted| noted.connections)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    proceed: Arc<Notify>,
    notes: Notes,
) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        notes.with(|noted| noted.connections += 1);
        let (tls, proceed, notes) = (tls.clone(), Arc::clone(&proceed), notes.clone());
        connections.spawn(async move {
            // A client that goes away is no failure of the server.
            if let Ok(stream) = secured(socket, tls).await {
                let _ = serve(stream, &proceed, &notes).await;
            }
        });
    }
}

async fn secured(socket: TcpStream, tls: Option<TlsAcceptor>) -> Result<Boxed> {
    Ok(match tls {
        None => Box::new(socket),
        Some(tls) => Box::new(tls.accept(socket).await?),
    })
}

async fn serve(stream: Boxed, proceed: &Arc<Notify>, notes: &Notes) -> Result<()> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(call) = connection.accept().await {
        let (request, respond) = call?;
        let (proceed, notes) = (Arc::clone(proceed), notes.clone());
        tokio::spawn(async move {
            let _ = answer(request, respond, &proceed, &notes).await;
        });
    }
    Ok(())
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    proceed: &Notify,
    notes: &Notes,
) -> Result<()> {
    let (head, body) = request.into_parts();
    let what = head
        .uri
        .path()
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    notes.with(|noted| noted.heads.push(head));
    let mut messages = Messages::new(body);
    match what.as_str() {
        "Unary" => {
            let message = messages.next().await?.context("a message")?;
            let mut stream = respond.send_response(accepted(), false)?;
            stream.send_data(framed(&message), false)?;
            stream.send_trailers(status("0", ""))?;
        }
        "Stream" => {
            messages.next().await?;
            let mut stream = respond.send_response(accepted(), false)?;
            stream.send_data(framed("first"), false)?;
            proceed.notified().await;
            stream.send_data(framed("second"), false)?;
            stream.send_trailers(status("0", ""))?;
        }
        "Chat" => {
            let mut stream = respond.send_response(accepted(), false)?;
            while let Some(message) = messages.next().await? {
                stream.send_data(framed(&message), false)?;
            }
            let mut trailers = status("0", "");
            trailers.extend(messages.trailers().await?);
            stream.send_trailers(trailers)?;
        }
        "Fail" => {
            let mut stream = respond.send_response(accepted(), false)?;
            stream.send_data(framed("part"), false)?;
            stream.send_trailers(status("13", "broken"))?;
        }
        "Hang" => {
            let reason = std::future::poll_fn(|cx| respond.poll_reset(cx)).await?;
            notes.with(|noted| noted.resets.push(reason));
        }
        _ => {
            let mut refusal = accepted();
            refusal.headers_mut().extend(status("7", "not%20you"));
            respond.send_response(refusal, true)?;
        }
    }
    Ok(())
}

fn accepted() -> Response<()> {
    let mut response = Response::new(());
    let grpc = HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, grpc);
    response
}

fn status(code: &'static str, message: &'static str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.insert("grpc-status", HeaderValue::from_static(code));
    fields.insert("grpc-message", HeaderValue::from_static(message));
    fields
}

/// A message with its prefix: uncompressed, length.
pub fn framed(message: &str) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0][..], &length.to_be_bytes(), message.as_bytes()]
        .concat()
        .into()
}

/// Takes messages out of a stream.
pub struct Messages {
    body: RecvStream,
    buffer: BytesMut,
}

impl Messages {
    pub fn new(body: RecvStream) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
        }
    }

    /// The next one; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            match poll::soon("a message", async { Ok(self.body.data().await) }).await? {
                Some(data) => {
                    let data = data?;
                    self.body.flow_control().release_capacity(data.len())?;
                    self.buffer.extend_from_slice(&data);
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => bail!("the stream ends inside a message"),
            }
        }
    }

    /// What follows the last message.
    pub async fn trailers(&mut self) -> Result<HeaderMap> {
        Ok(self.body.trailers().await?.unwrap_or_default())
    }

    fn take(&mut self) -> Result<Option<String>> {
        let Some((prefix, rest)) = self.buffer.split_first_chunk::<5>() else {
            return Ok(None);
        };
        let [compressed, length @ ..] = *prefix;
        ensure!(compressed == 0, "a compressed message");
        let length = usize::try_from(u32::from_be_bytes(length))?;
        if rest.len() < length {
            return Ok(None);
        }
        self.buffer.advance(5);
        let message = self.buffer.split_to(length);
        Ok(Some(String::from_utf8(message.to_vec())?))
    }
}

/// One connection of a client.
pub struct Client {
    sender: h2::client::SendRequest<Bytes>,
    scheme: &'static str,
    task: JoinHandle<()>,
}

impl Client {
    /// HTTP/2 from the first byte on, without TLS.
    pub async fn plain(port: u16) -> Result<Self> {
        let stream = stream::plain(port).await?;
        Self::over(Box::new(stream), "http").await
    }

    /// HTTP/2 as the handshake settles it.
    pub async fn over_tls(tls: &tls::Client, port: u16, name: &str) -> Result<Self> {
        let (stream, chosen) = tls.connect(port, name, &["h2"]).await?;
        ensure!(chosen.as_deref() == Some("h2"), "no HTTP/2, but {chosen:?}");
        Self::over(stream, "https").await
    }

    async fn over(stream: Boxed, scheme: &'static str) -> Result<Self> {
        let (sender, connection) = h2::client::handshake(stream).await?;
        let task = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            scheme,
            task,
        })
    }

    /// Begins a call; the messages are the caller's to send.
    pub async fn call(
        &mut self,
        host: &str,
        method: &str,
        fields: &[(&'static str, &'static str)],
    ) -> Result<Call> {
        let mut head = Request::post(format!("{}://{host}/test.Echo/{method}", self.scheme))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        for (name, value) in fields {
            let name = HeaderName::from_static(name);
            head.headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        std::future::poll_fn(|cx| self.sender.poll_ready(cx)).await?;
        let (answer, stream) = self.sender.send_request(head, false)?;
        Ok(Call { answer, stream })
    }

    /// A request without a body.
    pub async fn get(&mut self, host: &str, path: &str) -> Result<Response<RecvStream>> {
        let head = Request::get(format!("{}://{host}{path}", self.scheme)).body(())?;
        std::future::poll_fn(|cx| self.sender.poll_ready(cx)).await?;
        let (answer, _) = self.sender.send_request(head, true)?;
        poll::soon("an answer", async { Ok(answer.await?) }).await
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A call under way.
pub struct Call {
    answer: h2::client::ResponseFuture,
    stream: SendStream<Bytes>,
}

impl Call {
    /// Sends a message.
    pub fn send(&mut self, message: &str) -> Result<()> {
        Ok(self.stream.send_data(framed(message), false)?)
    }

    /// There will be no more messages.
    pub fn end(&mut self) -> Result<()> {
        Ok(self.stream.send_data(Bytes::new(), true)?)
    }

    /// There will be no more messages, and trailers say something about them.
    pub fn end_with(&mut self, name: &'static str, value: &'static str) -> Result<()> {
        let mut trailers = HeaderMap::new();
        trailers.insert(name, HeaderValue::from_static(value));
        Ok(self.stream.send_trailers(trailers)?)
    }

    /// Takes the call back.
    pub fn cancel(&mut self) {
        self.stream.send_reset(Reason::CANCEL);
    }

    /// The head of the answer, and its messages.
    pub async fn answer(&mut self) -> Result<(http::response::Parts, Messages)> {
        let answer = poll::soon("an answer", async { Ok((&mut self.answer).await?) }).await?;
        let (head, body) = answer.into_parts();
        Ok((head, Messages::new(body)))
    }
}
