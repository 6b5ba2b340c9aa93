//! The question of gRPC's health checking protocol (`grpc.health.v1.Health/Check`), over HTTP/2 without TLS as in Traefik.

use bytes::{Buf as _, Bytes};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::probe::resolve;
use crate::config::dynamic::ServerHealthCheck as Config;

/// A message that says nothing: uncompressed, no bytes. It asks for the server as a whole.
const QUESTION: [u8; 5] = [0; 5];
/// Flag and length before a message.
const PREFIX: usize = 5;
/// Field 1 of the answer, as a number.
const STATUS_FIELD: u8 = 0x08;
/// The status that means well.
const SERVING: u8 = 1;
/// Longer answers are none of this protocol.
const MOST_BYTES: usize = 1024;

/// Where a server is asked, or why it cannot be.
pub(super) struct Probe(Result<(String, u16), String>);

impl Probe {
    pub(super) fn new(config: &Config, server: &str) -> Self {
        Self(place(config, server))
    }

    /// Why the server is not well, in words.
    pub(super) async fn ask(&self) -> Result<(), String> {
        let (host, port) = self.0.as_ref().map_err(String::clone)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let socket = TcpStream::connect((bare, *port))
            .await
            .map_err(|error| format!("fail to connect to {host}:{port}: {error}"))?;
        let failed = |error: hyper::Error| format!("gRPC health check failed: {error}");
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
            .await
            .map_err(failed)?;
        // Dropped, and the connection with it, whatever becomes of the question.
        let mut driven = JoinSet::new();
        driven.spawn(connection);
        let request =
            ::http::Request::post(format!("http://{host}:{port}/grpc.health.v1.Health/Check"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(Full::new(Bytes::from_static(&QUESTION)))
                .map_err(|error| error.to_string())?;
        let answer = sender.send_request(request).await.map_err(failed)?;
        let (head, body) = answer.into_parts();
        if head.status != 200 {
            return Err(format!("received HTTP status code: {}", head.status));
        }
        let body = http_body_util::Limited::new(body, MOST_BYTES)
            .collect()
            .await
            .map_err(|error| format!("gRPC health check failed: {error}"))?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let code = trailers
            .get("grpc-status")
            .or_else(|| head.headers.get("grpc-status"));
        match code.map(|code| code.to_str().unwrap_or("?")) {
            Some("0") => judge(body.to_bytes()),
            Some("12") => Err("gRPC server does not implement the health protocol".to_owned()),
            Some(code) => Err(format!("gRPC health check failed with gRPC status {code}")),
            None => Err("the answer has no gRPC status".to_owned()),
        }
    }
}

fn place(config: &Config, server: &str) -> Result<(String, u16), String> {
    if !matches!(config.scheme.as_str(), "" | "http" | "h2c") {
        return Err(format!(
            "healthCheck.scheme {:?} with mode grpc: servers are asked without TLS; leave it out, or write http or h2c",
            config.scheme
        ));
    }
    let url = resolve(server, &config.path)?;
    let port = match config.port {
        0 => url.port_or_known_default().or(Some(80)),
        port => u16::try_from(port).ok(),
    };
    let port = port.ok_or_else(|| format!("healthCheck.port {} is no port", config.port))?;
    let host = url
        .host_str()
        .ok_or_else(|| format!("{server:?} names no host"))?;
    Ok((host.to_owned(), port))
}

/// Whether the message in `bytes` says that the server is well. A status that is not there is 0, "unknown".
fn judge(mut bytes: Bytes) -> Result<(), String> {
    if bytes.len() < PREFIX {
        return Err("the answer is no gRPC message".to_owned());
    }
    bytes.advance(PREFIX);
    match bytes.as_ref() {
        [STATUS_FIELD, SERVING, ..] => Ok(()),
        [STATUS_FIELD, status, ..] => Err(format!("received gRPC health status {status}")),
        _ => Err("received gRPC health status unknown".to_owned()),
    }
}
