//! One server, as its URL names it.

use std::sync::Arc;

use super::slot::Slot;
use super::tls;
use super::transport::Transport;

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP/1.1.
    Http,
    /// TLS, then the version of HTTP that the server chose.
    Https,
    /// HTTP/2 without TLS, known beforehand.
    H2c,
    /// Anything else: each request is answered with 500, as Traefik does.
    Unknown,
}

/// Whether HTTP/2 is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Http2 {
    /// It is not.
    Never,
    /// Where the server chooses it in the TLS handshake.
    Negotiated,
    /// Without asking.
    Always,
}

/// A server's URL that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TargetError {
    /// No `scheme://host`.
    #[error("`{0}` is not a server URL: write it as http://host:port")]
    NotAUrl(String),
    /// A port that is not a number.
    #[error("`{0}` is not a port")]
    Port(String),
}

/// One server. Shared by all workers; each has its own connections to it.
#[derive(Debug)]
pub struct Target {
    pub(super) scheme: Scheme,
    pub(super) http2: Http2,
    /// Name or address to connect to, without brackets.
    pub(super) host: String,
    /// `None` where the URL's is over 65535: nobody can be reached there.
    pub(super) port: Option<u16>,
    /// `host:port` as the URL has it: the `Host` of requests that bring none.
    pub(super) authority: String,
    /// Put in front of each request's path.
    pub(super) base: String,
    /// As configured.
    pub(super) url: Arc<str>,
    pub(super) server_name: Option<rustls::pki_types::ServerName<'static>>,
    pub(super) slot: Arc<Slot>,
    pub(super) transport: Arc<Transport>,
}

impl Target {
    /// Reads a server's URL. Its path goes in front of each request's path if `preserve_path` says so
    /// (Traefik's `preservePath`), and is ignored otherwise; query, fragment and user are ignored.
    pub fn new(
        url: &str,
        preserve_path: bool,
        transport: Arc<Transport>,
    ) -> Result<Self, TargetError> {
        let not_a_url = || TargetError::NotAUrl(url.to_owned());
        // To Go, what has no colon is a path, and so a URL of which nobody knows where it leads.
        let (scheme, rest) = match url.split_once("://") {
            Some(parts) => parts,
            None if !url.contains(':') => ("", "nowhere"),
            None => return Err(not_a_url()),
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            // Go's transport without HTTP/2 does not know the scheme.
            "h2c" if transport.http2 => Scheme::H2c,
            _ => Scheme::Unknown,
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let default = if scheme == Scheme::Https { 443 } else { 80 };
        let (host, port) = split_port(authority, default)?;
        if host.is_empty() {
            return Err(not_a_url());
        }
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let server_name = match &transport.server_name {
            Some(name) => Some(name.clone()),
            None => tls::server_name(host).ok(),
        };
        Ok(Self {
            scheme,
            http2: match scheme {
                Scheme::Https if transport.http2 => Http2::Negotiated,
                Scheme::H2c => Http2::Always,
                _ => Http2::Never,
            },
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            base: if preserve_path {
                path.trim_end_matches('/').to_owned()
            } else {
                String::new()
            },
            url: url.into(),
            server_name,
            slot: Arc::new(Slot::new()),
            transport,
        })
    }

    /// The URL as configured.
    pub fn url(&self) -> &Arc<str> {
        &self.url
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What is wrong with a URL that can be read, but never be reached.
    pub fn defect(&self) -> Option<&'static str> {
        if self.scheme == Scheme::Unknown {
            Some(
                "unsupported protocol scheme: servers are http://, https:// or h2c://, each with host and port",
            )
        } else if self.port.is_none() {
            Some("ports end at 65535")
        } else {
            None
        }
    }

    /// `host:port` as the URL has it: the `Host` where `passHostHeader` is off.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// Host without brackets, and port.
fn split_port(authority: &str, default: u16) -> Result<(&str, Option<u16>), TargetError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let unclosed = || TargetError::NotAUrl(authority.to_owned());
            let (host, rest) = rest.split_once(']').ok_or_else(unclosed)?;
            (host, rest.strip_prefix(':').unwrap_or_default())
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    if port.is_empty() {
        return Ok((host, Some(default)));
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TargetError::Port(port.to_owned()));
    }
    Ok((host, port.parse().ok()))
}
