//! One GET of a set of keys, over HTTP or HTTPS. No redirect is followed: where keys come from is what is configured.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Bytes of a set.
const LARGEST: usize = 1024 * 1024;

/// Where a set is.
pub(super) struct Place {
    url: Uri,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Place {
    /// With the system's authorities.
    pub(super) fn new(url: &Uri) -> Result<Self, String> {
        Self::trusting(url, system)
    }

    pub(super) fn trusting(
        url: &Uri,
        roots: impl FnOnce() -> RootCertStore,
    ) -> Result<Self, String> {
        let host = url.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err("has no host".to_owned());
        }
        let secure = url.scheme_str() == Some("https");
        let tls = match secure {
            false => None,
            true => {
                let name = ServerName::try_from(host.to_owned());
                let name =
                    name.map_err(|_| "has a host that no certificate can name".to_owned())?;
                Some((connector(roots()).map_err(|error| error.to_string())?, name))
            }
        };
        Ok(Self {
            url: url.clone(),
            host: host.to_owned(),
            port: url.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            tls,
        })
    }

    /// What is there now, or why it can't be had.
    pub(super) async fn fetch(&self) -> Result<Bytes, String> {
        let socket = TcpStream::connect((self.host.as_str(), self.port)).await;
        let socket = socket.map_err(|error| format!("no connection: {error}"))?;
        match &self.tls {
            None => self.ask(socket).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), socket).await;
                let stream = stream.map_err(|error| format!("no TLS connection: {error}"))?;
                self.ask(stream).await
            }
        }
    }

    async fn ask<S>(&self, stream: S) -> Result<Bytes, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
        let request = self.request().map_err(|error| error.to_string())?;
        let exchange = async move {
            let answer = sender.send_request(request).await;
            let answer = answer.map_err(|error| format!("no answer: {error}"))?;
            let status = answer.status();
            if status.is_redirection() {
                return Err(format!(
                    "the answer is {status}, and redirects are not followed: name the place itself"
                ));
            }
            if status != StatusCode::OK {
                return Err(format!("the answer is {status}"));
            }
            let body = Limited::new(answer.into_body(), LARGEST).collect().await;
            let body = body.map_err(|error| match error.is::<LengthLimitError>() {
                true => format!("the answer is longer than {LARGEST} bytes"),
                false => format!("the answer breaks off: {error}"),
            })?;
            Ok(body.to_bytes())
        };
        let mut exchange = pin!(exchange);
        tokio::select! {
            answer = &mut exchange => return answer,
            // What came of it is in the exchange.
            _ = connection => {}
        }
        exchange.await
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, http::Error> {
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let host = self.url.authority().map_or("", |host| host.as_str());
        Request::get(path)
            .header(HOST, host)
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .header(
                USER_AGENT,
                concat!("stream-manager/", env!("CARGO_PKG_VERSION")),
            )
            .header(CONNECTION, "close")
            .body(Empty::new())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` are heeded); in an image that has nothing of the kind, what
/// Mozilla trusts.
fn system() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::debug!(component = "auth", %error, "the system's certificate authorities");
    }
    let mut store = RootCertStore::empty();
    match found.certs.is_empty() {
        true => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        false => drop(store.add_parsable_certificates(found.certs)),
    }
    store
}
