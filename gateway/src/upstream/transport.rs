//! What a serversTransport settles, checked and ready to use.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::connect::Offer;
use super::tls::{self, TlsError, TlsSettings};
use crate::h1::Limits;

/// Plain parameters of a transport. The defaults are Traefik's.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `forwardingTimeouts.dialTimeout`: name resolution, connect and TLS handshake together. Zero waits for ever.
    pub dial_timeout: Duration,
    /// `forwardingTimeouts.responseHeaderTimeout`, from the request's last byte on. Zero waits for ever.
    pub response_header_timeout: Duration,
    /// `forwardingTimeouts.idleConnTimeout`. Zero keeps connections as long as the server does.
    pub idle_timeout: Duration,
    /// `maxIdleConnsPerHost` as one worker's share of it. Zero keeps none.
    pub max_idle: usize,
    /// `disableHTTP2`: no HTTP/2, neither offered in a TLS handshake nor for `h2c://`.
    pub disable_http2: bool,
    /// `forwardingTimeouts.readIdleTimeout`: silence on an HTTP/2 connection after which the server is asked whether it is
    /// there. Zero never asks.
    pub read_idle_timeout: Duration,
    /// `forwardingTimeouts.pingTimeout`: how long it may take to say so. Zero waits for ever.
    pub ping_timeout: Duration,
    /// Whether requests over HTTP/1.1 say which proxy sent them (Traefik's `experimental.fastProxy.debug`).
    pub tells_servers: bool,
    /// How much of an answer's head is read (Go reads 10 MiB).
    pub limits: Limits,
    /// TLS towards `https` servers.
    pub tls: TlsSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dial_timeout: Duration::from_secs(30),
            response_header_timeout: Duration::ZERO,
            idle_timeout: Duration::from_secs(90),
            max_idle: 200,
            disable_http2: false,
            read_idle_timeout: Duration::ZERO,
            ping_timeout: Duration::from_secs(15),
            tells_servers: false,
            limits: Limits {
                head_bytes: 10 << 20,
                fields: Limits::MOST_FIELDS,
            },
            tls: TlsSettings::default(),
        }
    }
}

/// A transport, shared by all targets and workers that use it.
#[derive(Debug)]
pub struct Transport {
    pub(super) dial_timeout: Option<Duration>,
    pub(super) response_header_timeout: Option<Duration>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) max_idle: usize,
    pub(super) tells_servers: bool,
    pub(super) limits: Limits,
    pub(super) http2: bool,
    pub(super) read_idle_timeout: Option<Duration>,
    pub(super) ping_timeout: Option<Duration>,
    /// Why there is none, where its options cannot be met: `https` servers are then not spoken to at all.
    tls: Result<Tls, String>,
    /// Name to ask for and to verify, where it is not the target's host.
    pub(super) server_name: Option<ServerName<'static>>,
}

impl Transport {
    /// Checks `settings` and prepares TLS.
    pub fn new(settings: &Settings) -> Result<Arc<Self>, TlsError> {
        let tls = Tls::new(&settings.tls)?;
        Ok(Arc::new(Self::with(settings, Ok(tls))))
    }

    /// A transport without TLS: each request to an `https` server fails, because of `reason`. What the user asked for cannot
    /// be had, and anything less would talk to servers that the user refuses.
    pub fn without_tls(settings: &Settings, reason: String) -> Arc<Self> {
        Arc::new(Self::with(settings, Err(reason)))
    }

    fn with(settings: &Settings, tls: Result<Tls, String>) -> Self {
        let some = |duration: Duration| (!duration.is_zero()).then_some(duration);
        Self {
            dial_timeout: some(settings.dial_timeout),
            response_header_timeout: some(settings.response_header_timeout),
            idle_timeout: some(settings.idle_timeout),
            max_idle: settings.max_idle,
            tells_servers: settings.tells_servers,
            limits: settings.limits,
            server_name: tls.as_ref().ok().and_then(|tls| tls.name.clone()),
            http2: !settings.disable_http2,
            read_idle_timeout: some(settings.read_idle_timeout),
            ping_timeout: some(settings.ping_timeout),
            tls,
        }
    }

    /// TLS with these versions of HTTP to choose from; else why there is none.
    pub(super) fn tls(&self, offer: Offer) -> Result<Arc<ClientConfig>, &str> {
        match &self.tls {
            Ok(tls) => Ok(Arc::clone(match offer {
                Offer::Http1 => &tls.http1,
                Offer::Http2 => &tls.http2,
            })),
            Err(why) => Err(why),
        }
    }
}

/// TLS, ready to be spoken.
#[derive(Debug)]
struct Tls {
    name: Option<ServerName<'static>>,
    http1: Arc<ClientConfig>,
    /// The same, with HTTP/2 to choose from.
    http2: Arc<ClientConfig>,
}

impl Tls {
    fn new(settings: &TlsSettings) -> Result<Self, TlsError> {
        let name = settings.server_name.as_deref().map(tls::server_name);
        let http1 = tls::client_config(settings)?;
        let mut http2 = http1.clone();
        http2.alpn_protocols.insert(0, b"h2".to_vec());
        Ok(Self {
            name: name.transpose()?,
            http1: Arc::new(http1),
            http2: Arc::new(http2),
        })
    }
}
