//! One question for a set of keys.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use url::Url;

use super::super::client_tls;
use super::keys::Keys;
use crate::config::dynamic::JwtClient;
use crate::http::{Body, Connection, Context, Gathered, Peer, Request, Target as Path, gather};
use crate::upstream::{Settings, Target, TlsSettings, Transport, forward};

/// Longest set of keys, in bytes.
const LONGEST: u64 = 256 * 1024;

/// Where the keys are.
pub(super) struct Place {
    url: Url,
    target: Target,
    path: Path,
}

/// What came of it.
pub(super) struct Fetched {
    pub(super) keys: Keys,
    /// How long the answer says that it may be kept (RFC 9111 section 5.2.2.1).
    pub(super) max_age: Option<Duration>,
}

impl Place {
    pub(super) fn new(url: &str, config: &JwtClient) -> Result<Self, String> {
        if url.starts_with('/') {
            return Err(format!(
                "jwksUrl {url:?} is a path: the issuer that a token names is not asked for keys; write the whole URL"
            ));
        }
        let wrong = |why: &str| format!("jwksUrl {url:?}: {why}");
        let url = Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "jwksUrl: a name or a password in it is not sent; keys are public".to_owned(),
            );
        }
        let (scheme, host) = (url.scheme(), url.host_str().unwrap_or_default());
        if !["http", "https"].contains(&scheme) {
            return Err(wrong("it begins with neither https:// nor http://"));
        }
        if scheme == "http" {
            tracing::warn!(%url, "keys are fetched without TLS: whoever is between can sign tokens");
        }
        let tls = match &config.tls {
            Some(tls) => {
                client_tls::settings(&tls.ca, &tls.cert, &tls.key, tls.insecure_skip_verify)
                    .map_err(|error| format!("clientConfig.tls: {error}"))?
            }
            None => TlsSettings::default(),
        };
        let settings = Settings {
            tls,
            ..Settings::default()
        };
        let transport =
            Transport::new(&settings).map_err(|error| format!("clientConfig.tls: {error}"))?;
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        let server = format!("{scheme}://{host}{port}");
        let target =
            Target::new(&server, false, transport).map_err(|error| wrong(&error.to_string()))?;
        if let Some(defect) = target.defect() {
            return Err(wrong(defect));
        }
        let path = Path::new(url.path(), url.query().map(str::as_bytes));
        Ok(Self { url, target, path })
    }

    /// Asks. No redirection is followed: where keys come from is what is configured.
    pub(super) async fn fetch(&self) -> Result<Fetched, String> {
        let mut headers = HeaderMap::new();
        let agent = HeaderValue::from_static(concat!("sluice/", env!("CARGO_PKG_VERSION")));
        headers.insert(header::USER_AGENT, agent);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let request = Request {
            method: Method::GET,
            target: self.path.clone(),
            version: Version::HTTP_11,
            headers,
            body: Body::Empty,
        };
        let answer = forward(&self.target, &mut context(), request).await;
        let mut answer = answer.map_err(|error| error.to_string())?;
        if answer.status() != StatusCode::OK {
            return Err(format!("the answer is {}", answer.status()));
        }
        let max_age = max_age(answer.headers());
        match gather(std::mem::take(answer.body_mut()), Some(LONGEST)).await {
            Ok(Gathered::Whole(body)) => {
                let keys = Keys::set(&body).map_err(|why| format!("the answer {why}"))?;
                Ok(Fetched { keys, max_age })
            }
            Ok(Gathered::TooLong(_)) => Err(format!("the answer is longer than {LONGEST} bytes")),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let all = headers.get_all(header::CACHE_CONTROL).into_iter();
    let mut parts = all
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    parts.find_map(|part| {
        let part = part.trim().to_ascii_lowercase();
        if part == "no-store" || part == "no-cache" {
            return Some(Duration::ZERO);
        }
        let seconds = part.strip_prefix("max-age=")?.trim_matches('"').parse();
        seconds.ok().map(Duration::from_secs)
    })
}

/// A request of ours has no client, and nothing is told of it.
fn context() -> Context {
    let nobody = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let connection = Connection {
        peer: Peer::new(nobody),
        local: nobody,
        entry_point: Arc::from(""),
        append_forwarded_for: false,
        tls: None,
    };
    Context::new(Rc::new(connection), String::new(), Instant::now())
}
