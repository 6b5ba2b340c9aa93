//! The TLS handshake with a client: its server name decides on certificate and options.

use std::future::poll_fn;
use std::io;

use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

use super::{EntryPoint, Worker};
use crate::http::Tls;
use crate::net::tls::canonical_name;
use crate::net::{Deadline, Stream};

/// Ends TLS here. Tells too whether the client settled on HTTP/2.
pub(super) async fn handshake(
    worker: &Worker,
    entry: &EntryPoint,
    socket: TcpStream,
    deadline: &Deadline,
) -> io::Result<(Stream, Tls, bool)> {
    let local = socket.local_addr()?.ip();
    let late = poll_fn(|cx| deadline.poll_expired(cx));
    let settled = async {
        let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), socket).await?;
        let hello = start.client_hello();
        let name = hello.server_name().map(canonical_name);
        let snapshot = worker.snapshot();
        let tables = snapshot.entry_points.get(entry.index);
        let Some(chosen) = tables.and_then(|tables| tables.tls_options.choose(name.as_deref()))
        else {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "no TLS options for this server name",
            ));
        };
        let config = chosen.for_client(name.as_deref(), hello.alpn(), local);
        let stream = start.into_stream(config).await?;
        Ok((stream, name, chosen.options))
    };
    let (stream, name, options) = tokio::select! {
        settled = settled => settled?,
        () = late => return Err(io::ErrorKind::TimedOut.into()),
    };
    let session = stream.get_ref().1;
    let tls = Tls {
        server_name: name.map(String::into_boxed_str),
        version: crate::net::tls::version_name(session.protocol_version()),
        cipher: crate::net::tls::cipher_name(session.negotiated_cipher_suite()),
        options: Some(options),
        client_certificates: session
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|certificate| bytes::Bytes::copy_from_slice(certificate))
            .collect(),
    };
    let alpn_h2 = session.alpn_protocol() == Some(b"h2");
    Ok((Stream::TlsServer(Box::new(stream)), tls, alpn_h2))
}
