//! Health (spec section 5): what each part says of itself, and the verdict.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::Response;
use super::answer::{ApiError, json as answer};
use crate::clock;
use crate::hub::Totals;
use crate::owner::{Mode, Owner, StoreStatus};

/// How long the handshake may take, and how long its result is good for.
const HANDSHAKE: Duration = Duration::from_secs(1);
const GOOD_FOR: Duration = Duration::from_secs(2);
/// A little less than what the report as a whole may take.
const WAIT: Duration = Duration::from_millis(900);

/// What the report is made from.
pub struct Health {
    owner: Owner,
    totals: Arc<dyn Fn() -> Totals + Send + Sync>,
    api_port: u16,
    /// Where the health check reaches the WebSocket listener.
    ws: SocketAddr,
    /// Name and value of the header by which the listener knows its own check.
    probe: (&'static str, String),
    instance: String,
    started: Instant,
    leaving: AtomicBool,
    /// The last handshake: when, and what was wrong.
    checked: Mutex<Option<(Instant, Result<(), String>)>>,
}

/// Where the parts listen.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub api: SocketAddr,
    pub ws: SocketAddr,
}

/// A part's report: its verdict and the rest.
type Component = (Verdict, Value);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Ok,
    Degraded,
    Unhealthy,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Ok | Self::Degraded => StatusCode::OK,
            Self::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Health {
    pub fn new(
        owner: Owner,
        totals: Arc<dyn Fn() -> Totals + Send + Sync>,
        ports: Ports,
        probe: (&'static str, String),
        instance: String,
    ) -> Self {
        let mut ws = ports.ws;
        if ws.ip().is_unspecified() {
            ws.set_ip(match ws {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        Self {
            owner,
            totals,
            api_port: ports.api.port(),
            ws,
            probe,
            instance,
            started: Instant::now(),
            leaving: AtomicBool::new(false),
            checked: Mutex::new(None),
        }
    }

    /// From now on everything but `live` is 503: the process is going down.
    pub fn leave(&self) {
        self.leaving.store(true, Relaxed);
    }

    /// Answers a call on the health port.
    pub async fn answer<B>(&self, request: &Request<B>) -> Response {
        let path = request.uri().path();
        let path = path.strip_suffix('/').unwrap_or(path);
        if !path.starts_with("/health") {
            return ApiError::not_found().into_response();
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return ApiError::method("GET, HEAD").into_response();
        }
        self.report(path).await
    }

    /// The report of a path.
    pub(super) async fn report(&self, path: &str) -> Response {
        let leaving = self.leaving.load(Relaxed);
        let (verdict, body) = match path {
            "/health" => self.whole().await,
            "/health/live" => return answer(StatusCode::OK, &json!({"status": "ok"})),
            "/health/ready" => (Verdict::Ok, json!({"status": "ok"})),
            "/health/redis" => self.redis(),
            "/health/ws" => self.websocket().await,
            _ => return ApiError::not_found().into_response(),
        };
        if leaving {
            let mut body = body;
            if let Some(object) = body.as_object_mut() {
                object.insert("status".to_owned(), "unhealthy".into());
                object.insert("reason".to_owned(), "shutting down".into());
            }
            return answer(StatusCode::SERVICE_UNAVAILABLE, &body);
        }
        answer(verdict.status(), &body)
    }

    async fn whole(&self) -> Component {
        let http = (Verdict::Ok, json!({"status": "ok", "port": self.api_port}));
        let components = [
            ("http", http),
            ("websocket", self.websocket().await),
            ("redis", self.redis()),
            ("state", self.state()),
        ];
        let worst = components.iter().map(|(_, (verdict, _))| *verdict).max();
        let verdict = worst.unwrap_or(Verdict::Ok);
        let components: serde_json::Map<String, Value> = components
            .into_iter()
            .map(|(name, (_, report))| (name.to_owned(), report))
            .collect();
        let body = json!({
            "status": verdict.as_str(),
            "timestamp": clock::rfc3339(clock::now_ms()),
            "uptime": (self.started.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            "version": env!("CARGO_PKG_VERSION"),
            "instance": self.instance,
            "components": components,
        });
        (verdict, body)
    }

    /// Without Redis the state lives on in memory, so a lost one is not the end.
    fn redis(&self) -> Component {
        let health = self.owner.health();
        if health.mode != Mode::Redis {
            return (Verdict::Ok, json!({"status": "ok", "mode": "embedded"}));
        }
        let verdict = if health.connected {
            Verdict::Ok
        } else {
            Verdict::Degraded
        };
        let latency = health.latency_ms.map(|ms| (ms * 100.0).round() / 100.0);
        let body = json!({"status": verdict.as_str(), "mode": "redis", "latencyMs": latency});
        (verdict, body)
    }

    fn state(&self) -> Component {
        let (health, snapshot) = (self.owner.health(), self.owner.snapshot());
        let verdict = match health.status {
            StoreStatus::Ok => Verdict::Ok,
            StoreStatus::Degraded => Verdict::Degraded,
        };
        let body = json!({
            "status": verdict.as_str(),
            "stateVersion": snapshot.version,
            "epoch": &*snapshot.epoch,
            "rehydrated": health.rehydrated,
            "dirty": health.dirty,
        });
        (verdict, body)
    }

    async fn websocket(&self) -> Component {
        let checked = timeout(WAIT, self.check()).await;
        let checked = checked.unwrap_or_else(|_| Err("no welcome in time".to_owned()));
        let totals = (self.totals)();
        let verdict = if checked.is_ok() {
            Verdict::Ok
        } else {
            Verdict::Unhealthy
        };
        let mut body = json!({
            "status": verdict.as_str(),
            "port": self.ws.port(),
            "path": "/ws",
            "isInitialized": checked.is_ok(),
            "activeConnections": totals.clients,
            "queueDepth": totals.messages,
        });
        if let (Err(error), Some(object)) = (checked, body.as_object_mut()) {
            object.insert("error".to_owned(), error.into());
        }
        (verdict, body)
    }

    /// The last handshake's result while it is fresh, else a new one. Who comes meanwhile waits for it.
    async fn check(&self) -> Result<(), String> {
        let mut checked = self.checked.lock().await;
        if let Some((at, result)) = &*checked
            && at.elapsed() < GOOD_FOR
        {
            return result.clone();
        }
        let result = match timeout(HANDSHAKE, self.handshake()).await {
            Ok(result) => result,
            Err(_) => Err("no welcome within 1 s".to_owned()),
        };
        *checked = Some((Instant::now(), result.clone()));
        result
    }

    async fn handshake(&self) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let mut request = format!("ws://{}/ws", self.ws)
            .into_client_request()
            .map_err(|error| text(&error))?;
        let (name, value) = &self.probe;
        let value = http::HeaderValue::from_str(value).map_err(|error| text(&error))?;
        request.headers_mut().insert(*name, value);
        let stream = TcpStream::connect(self.ws)
            .await
            .map_err(|error| text(&error))?;
        let socket = tokio_tungstenite::client_async(request, stream).await;
        let (mut socket, _) = socket.map_err(|error| text(&error))?;
        let first = first_message(&mut socket).await?;
        let welcome: Value = serde_json::from_str(&first).map_err(|error| text(&error))?;
        // Whether the close is answered is nobody's health.
        let _ = socket.close(None).await;
        match welcome.get("type").and_then(Value::as_str) {
            Some("welcome") => Ok(()),
            _ => Err("the first message is no welcome".to_owned()),
        }
    }
}

async fn first_message(socket: &mut WebSocketStream<TcpStream>) -> Result<String, String> {
    let message = socket.next().await.ok_or("closed before a welcome")?;
    let text = message.and_then(Message::into_text);
    text.map(|text| text.to_string())
        .map_err(|error| error.to_string())
}
