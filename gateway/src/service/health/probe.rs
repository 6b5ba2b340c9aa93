//! One HTTP request that asks a server how it is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use url::Url;

use crate::config::dynamic::ServerHealthCheck as Config;
use crate::http::{Body, Connection, Context, Peer, Request, Target as Path};
use crate::upstream::{Target, Transport, forward};

/// Go's limit.
const MOST_REDIRECTIONS: usize = 10;
/// Fields that are nobody else's business: they do not follow a redirection to another host.
const SECRET: [HeaderName; 4] = [
    header::HOST,
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
];

/// What one server is asked.
pub(super) struct Probe {
    transport: Arc<Transport>,
    follow: bool,
    /// 0 is any from 200 to 399.
    status: i64,
    /// Why it cannot be asked.
    asked: Result<Asked, String>,
}

struct Asked {
    place: Place,
    method: Method,
    headers: HeaderMap,
}

/// A URL in the parts that are needed.
struct Place {
    url: Url,
    target: Target,
    path: Path,
}

impl Probe {
    pub(super) fn new(config: &Config, server: &str, transport: &Arc<Transport>) -> Self {
        Self {
            transport: Arc::clone(transport),
            follow: config.follow_redirects.unwrap_or(true),
            status: config.status,
            asked: asked(config, server, transport),
        }
    }

    /// Why the server is not well, in words.
    pub(super) async fn ask(&self) -> Result<(), String> {
        let asked = self.asked.as_ref().map_err(String::clone)?;
        let (mut method, mut headers) = (asked.method.clone(), asked.headers.clone());
        let mut moved = None;
        for _ in 0..=MOST_REDIRECTIONS {
            let place = moved.as_ref().unwrap_or(&asked.place);
            let (status, location) = send(place, &method, &headers).await?;
            let Some(location) = location.filter(|_| self.follow && is_redirection(status)) else {
                return self.judge(status);
            };
            let next = place
                .url
                .join(&location)
                .map_err(|error| format!("redirected to {location:?}: {error}"))?;
            if next.host() != place.url.host() {
                SECRET.iter().for_each(|name| drop(headers.remove(name)));
            }
            let kept = matches!(
                status,
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
            );
            if !kept && method != Method::HEAD {
                method = Method::GET;
            }
            moved = Some(Place::new(next, "", 0, &self.transport)?);
        }
        Err(format!("more than {MOST_REDIRECTIONS} redirections"))
    }

    fn judge(&self, status: StatusCode) -> Result<(), String> {
        let status = i64::from(status.as_u16());
        match self.status {
            0 if (200..400).contains(&status) => Ok(()),
            0 => Err(format!("received error status code: {status}")),
            wanted if wanted == status => Ok(()),
            wanted => Err(format!(
                "received error status code: {status} expected status code: {wanted}"
            )),
        }
    }
}

/// The URL that a health check asks of a server: `path` may be relative, and even lead elsewhere, as in Traefik.
pub(super) fn resolve(server: &str, path: &str) -> Result<Url, String> {
    let base = Url::parse(server).map_err(|error| format!("{server:?} is no URL: {error}"))?;
    base.join(path)
        .map_err(|error| format!("healthCheck.path {path:?}: {error}"))
}

fn asked(config: &Config, server: &str, transport: &Arc<Transport>) -> Result<Asked, String> {
    let url = resolve(server, &config.path)?;
    let place = Place::new(url, &config.scheme, config.port, transport)?;
    let method = match config.method.as_str() {
        "" => Method::GET,
        method => Method::from_bytes(method.as_bytes())
            .map_err(|_| format!("healthCheck.method {method:?} is no method"))?,
    };
    let mut headers = HeaderMap::new();
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("sluice/", env!("CARGO_PKG_VERSION"))),
    );
    for (name, value) in &config.headers {
        let wrong = || format!("healthCheck.headers: {name:?} is no field that can be sent");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let value = HeaderValue::try_from(value).map_err(|_| wrong())?;
        // That is what `hostname` is for; Traefik does not send it either.
        if name != header::HOST {
            headers.insert(name, value);
        }
    }
    if !config.hostname.is_empty() {
        let host = HeaderValue::try_from(&config.hostname).map_err(|_| {
            format!(
                "healthCheck.hostname {:?} cannot be sent as Host",
                config.hostname
            )
        })?;
        headers.insert(header::HOST, host);
    }
    Ok(Asked {
        place,
        method,
        headers,
    })
}

impl Place {
    /// `scheme` and `port` replace those of the URL, unless empty or 0.
    fn new(url: Url, scheme: &str, port: i64, transport: &Arc<Transport>) -> Result<Self, String> {
        let scheme = if scheme.is_empty() {
            url.scheme()
        } else {
            scheme
        };
        let host = url.host_str().unwrap_or_default();
        let port = match port {
            0 => url.port().map(i64::from),
            port => Some(port),
        };
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let target = Target::new(
            &format!("{scheme}://{host}{port}"),
            false,
            Arc::clone(transport),
        )
        .map_err(|error| error.to_string())?;
        let path = match url.path() {
            "" => "/",
            path => path,
        };
        let path = Path::new(path, url.query().map(str::as_bytes));
        Ok(Self { url, target, path })
    }
}

fn is_redirection(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Status and `Location` of the answer. Its body is not read.
async fn send(
    place: &Place,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(StatusCode, Option<String>), String> {
    let request = Request {
        method: method.clone(),
        target: place.path.clone(),
        version: Version::HTTP_11,
        headers: headers.clone(),
        body: Body::Empty,
    };
    let answer = forward(&place.target, &mut context(), request).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let location = answer.headers().get(header::LOCATION);
    let location = location.and_then(|location| location.to_str().ok());
    Ok((answer.status(), location.map(str::to_owned)))
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
    Context::new(
        Rc::new(connection),
        String::new(),
        std::time::Instant::now(),
    )
}
