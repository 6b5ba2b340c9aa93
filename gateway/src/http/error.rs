//! What can go wrong on the data path, and the one place where it becomes an answer.

use std::error::Error;
use std::fmt;

use ::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{Body, Response};

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client broke a rule or went away.
    Client,
    /// The server refused, was silent or broke a rule.
    Upstream,
    /// We could not do it.
    Gateway,
}

/// What went wrong, and so which status answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request breaks HTTP.
    BadRequest,
    /// A body went over its limit.
    PayloadTooLarge,
    /// The client closed before the answer (nginx's and Traefik's 499).
    ClientGone,
    /// The client was too slow.
    ClientTimeout,
    /// No server is there to take it.
    NoServer,
    /// The server did not accept a connection, or closed it without an answer.
    Unreachable,
    /// The server did not accept, or answer, in time.
    UpstreamTimeout,
    /// The server's bytes are not HTTP (Traefik answers 500).
    UpstreamProtocol,
    /// Anything else.
    Internal,
}

/// An error of the data path: what, whose fault, and whether sending again is safe.
#[derive(Debug)]
pub struct ProxyError {
    kind: ErrorKind,
    side: Side,
    /// Nothing of the request reached a server, or it closed before reading it.
    retry: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
    /// Fields of the answer; boxed, for there are few such errors.
    headers: Option<Box<HeaderMap>>,
}

impl ProxyError {
    /// An error without a cause below it.
    pub fn new(kind: ErrorKind, side: Side) -> Self {
        Self {
            kind,
            side,
            retry: false,
            source: None,
            headers: None,
        }
    }

    /// An error of the server's side.
    pub fn upstream(kind: ErrorKind) -> Self {
        Self::new(kind, Side::Upstream)
    }

    /// An error of the client's side.
    pub fn client(kind: ErrorKind) -> Self {
        Self::new(kind, Side::Client)
    }

    /// Names the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Marks it as safe to send again: no server has seen the request.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retry = true;
        self
    }

    /// Fields that the answer is to have, such as the cookie of a sticky session.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers.get_or_insert_default()
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whose fault it is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Whether no server has seen the request.
    pub fn is_retryable(&self) -> bool {
        self.retry
    }

    /// The status that tells the client.
    pub fn status(&self) -> StatusCode {
        match self.kind {
            ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
            ErrorKind::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::ClientGone => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            ErrorKind::ClientTimeout => StatusCode::REQUEST_TIMEOUT,
            ErrorKind::NoServer => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Unreachable => StatusCode::BAD_GATEWAY,
            ErrorKind::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            ErrorKind::UpstreamProtocol | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The answer, with the status text as its body, as Traefik gives it.
    pub fn into_response(self) -> Response {
        let status = self.status();
        let text = match (self.kind, status.as_u16()) {
            (ErrorKind::NoServer, _) => "no available server\n",
            (_, 499) => "Client Closed Request",
            _ => status.canonical_reason().unwrap_or_default(),
        };
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        if let Some(headers) = self.headers {
            *response.headers_mut() = *headers;
        }
        if self.kind == ErrorKind::NoServer {
            plain_text(&mut response);
        }
        response
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::BadRequest => "bad request",
            ErrorKind::PayloadTooLarge => "body over its limit",
            ErrorKind::ClientGone => "client went away",
            ErrorKind::ClientTimeout => "client too slow",
            ErrorKind::NoServer => "no available server",
            ErrorKind::Unreachable => "server unreachable",
            ErrorKind::UpstreamTimeout => "server too slow",
            ErrorKind::UpstreamProtocol => "server does not speak HTTP",
            ErrorKind::Internal => "internal error",
        };
        match &self.source {
            Some(source) => write!(f, "{what}: {source}"),
            None => f.write_str(what),
        }
    }
}

impl Error for ProxyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

/// An answer of ours: `text` with the fields Go's `http.Error` sets, so that clients see what Traefik sends.
pub fn answer(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    plain_text(&mut response);
    response
}

fn plain_text(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}
