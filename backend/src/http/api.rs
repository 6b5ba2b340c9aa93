//! A call from its head to its answer: form, route, who may, rates, body, handler.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request;
use http::{Request, StatusCode};
use hyper::body::Incoming;

use super::answer::{ApiError, bytes};
use super::health::Health;
use super::routes::{self, Access, Action, Entry, Found};
use super::{Response, body, frame, page};
use crate::auth::{Guard, Identity, Rates, Role};
use crate::chat::Chat;
use crate::config::{Config, Environment};
use crate::observe::{Metrics, StreamMetrics};
use crate::owner::Owner;
use crate::preview::Frames;
use crate::state::Command;
use crate::ws::Server;

/// Spec section 6.
const LONGEST_URL: usize = 8 * 1024;
const LARGEST_HEAD: usize = 32 * 1024;
/// Reads a second, and at once.
const READS: (f64, f64) = (50.0, 100.0);
/// What peers of `AUTH_INTERNAL_CIDRS` may do more.
const INTERNAL: f64 = 10.0;

/// What the API is told by the environment.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// State-changing calls per window and address.
    pub changes: u32,
    pub window: Duration,
    /// Whether the test page is served.
    pub page: bool,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            changes: config.rest.rate_limit_requests,
            window: config.rest.rate_limit_window,
            page: config.environment == Environment::Development || config.rest.debug_endpoints,
        }
    }
}

/// Who calls, and from where.
pub(super) struct Caller {
    pub(super) identity: Identity,
    pub(super) address: IpAddr,
}

/// What the API speaks for.
pub struct Parts {
    pub owner: Owner,
    pub chat: Chat,
    pub frames: Frames,
    pub guard: Arc<Guard>,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
    pub load: Arc<dyn Fn() -> StreamMetrics + Send + Sync>,
    /// Where events come from.
    pub sockets: Arc<Server>,
    /// Told after `frame/config`: those who watch get something else from now on.
    pub reconfigured: Box<dyn Fn() + Send + Sync>,
}

/// The REST API.
pub struct Api {
    pub(super) parts: Parts,
    page: bool,
    reads: Rates,
    changes: Rates,
}

impl std::ops::Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Api {
    pub fn new(settings: Settings, parts: Parts) -> Self {
        let changes = f64::from(settings.changes);
        let window = settings.window.as_secs_f64().max(0.001);
        Self {
            parts,
            page: settings.page,
            reads: Rates::new(READS.0, READS.1),
            changes: Rates::new(changes / window, changes),
        }
    }

    /// Answers one call.
    pub async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response {
        let start = Instant::now();
        let (parts, body) = request.into_parts();
        let found = routes::find(&parts.method, parts.uri.path());
        let (answer, template) = match found {
            Found::Entry {
                entry,
                template,
                parameter,
            } => (
                self.call(entry, parameter.as_deref(), &parts, body, peer.ip())
                    .await,
                template,
            ),
            Found::Method { template, allow } => (Err(ApiError::method(&allow)), template),
            Found::Nothing => (Err(ApiError::not_found()), "other".to_owned()),
        };
        let response = answer.unwrap_or_else(ApiError::into_response);
        self.note(&parts, &template, &response, start);
        response
    }

    async fn call(
        &self,
        entry: Entry,
        parameter: Option<&str>,
        parts: &request::Parts,
        body: Incoming,
        peer: IpAddr,
    ) -> Result<Response, ApiError> {
        check_size(parts)?;
        if entry.access != Access::Open {
            self.guard.prepare(&parts.headers).await;
        }
        let caller = self.check_access(entry.access, parts, peer)?;
        // Also one that is ignored is read: what is left of it would be taken for the next request.
        let limit = match entry.action {
            Action::PutFrame => frame::LARGEST,
            _ => body::LIMIT,
        };
        let body = body::read(body, limit).await?;
        self.act(entry.action, parameter, parts, &body, &caller)
            .await
    }

    async fn act(
        &self,
        action: Action,
        parameter: Option<&str>,
        parts: &request::Parts,
        body: &Bytes,
        caller: &Caller,
    ) -> Result<Response, ApiError> {
        let name = parameter.unwrap_or_default();
        match action {
            Action::Status => Ok(self.status()),
            Action::State => Ok(self.state(&parts.headers)),
            Action::Start => self.control(Command::Start).await,
            Action::Stop => self.control(Command::Stop).await,
            Action::Pause => self.pause(body).await,
            Action::Resume => self.control(Command::Resume).await,
            Action::Reset => self.control(Command::Reset).await,
            Action::Playback => self.playback(body).await,
            Action::GetConfig => Ok(self.get_config()),
            Action::PatchConfig => self.patch_config(body).await,
            Action::GetLayers => Ok(self.get_layers()),
            Action::CreateLayer => self.create_layer(body).await,
            Action::UpdateLayers => self.update_layers(body).await,
            Action::OrderLayers => self.order_layers(body).await,
            Action::GetLayer => self.get_layer(name),
            Action::ReplaceLayer => self.replace_layer(name, body).await,
            Action::PatchLayer => self.patch_layer(name, body).await,
            Action::RemoveLayer => self.remove_layer(name).await,
            Action::LayerVisibility => self.layer_visibility(name, body).await,
            Action::LayerTransform => self.layer_transform(name, body).await,
            Action::LayerContent => self.layer_content(name, body).await,
            Action::Toggle => self.toggle(name, body).await,
            Action::GetScene => Ok(self.get_scene()),
            Action::PutScene => self.patch_scene(body, true).await,
            Action::PatchScene => self.patch_scene(body, false).await,
            Action::GetFrame => self.get_frame(parts.uri.query()).await,
            Action::PutFrame => self.put_frame(body).await,
            Action::ConfigureFrames => self.configure_frames(body),
            Action::PreviewClients => Ok(self.preview_clients()),
            Action::GetChat => self.get_chat(parts.uri.query()),
            Action::PostChat => self.post_chat(caller, body).await,
            Action::DeleteChat => self.delete_chat(caller, name).await,
            Action::ModerateChat => self.moderate_chat(caller, body).await,
            Action::ChatPresence => Ok(self.chat_presence()),
            Action::Metrics => Ok(self.metrics()),
            Action::Events => self.events(caller, parts),
            Action::Upgrade => Ok(upgrade_required()),
            Action::Health => {
                let path = parts.uri.path();
                Ok(self
                    .health
                    .report(path.strip_suffix('/').unwrap_or(path))
                    .await)
            }
            Action::Page if self.page => page::file(parameter),
            Action::Page => Err(ApiError::not_found()),
        }
    }

    fn check_access(
        &self,
        access: Access,
        parts: &request::Parts,
        peer: IpAddr,
    ) -> Result<Caller, ApiError> {
        let headers = &parts.headers;
        let address = self.guard.address(peer, headers);
        if access == Access::Open {
            return Ok(Caller {
                identity: Identity::nobody(),
                address,
            });
        }
        if access != Access::Read {
            self.guard.origin(peer, headers)?;
        }
        let identity = self.guard.identify(peer, headers)?;
        identity.at_least(match access {
            Access::Open | Access::Read | Access::Listen | Access::Chat => Role::Viewer,
            Access::Moderate => Role::Moderator,
            Access::Control => Role::Operator,
        })?;
        if access == Access::Control {
            self.guard.control_from(address)?;
        }
        let (times, now) = (
            if identity.internal { INTERNAL } else { 1.0 },
            Instant::now(),
        );
        match access {
            Access::Control | Access::Moderate => {
                self.limited(self.changes.take(address, times, now))?;
            }
            // Loopback is spared the limit of reads alone. Chat has limits of its own beside it.
            _ if address.is_loopback() => {}
            _ => self.limited(self.reads.take(address, times, now))?,
        }
        Ok(Caller { identity, address })
    }

    fn limited(&self, taken: Result<(), Duration>) -> Result<(), ApiError> {
        taken.map_err(|wait| {
            self.metrics.rate_limited.with_label_values(&["rest"]).inc();
            ApiError::rate_limited(wait)
        })
    }

    fn note(&self, parts: &request::Parts, template: &str, response: &Response, start: Instant) {
        let code = response.status().as_u16().to_string();
        let method = known_method(&parts.method);
        let took = start.elapsed();
        let requests = &self.metrics.requests;
        let histogram = requests.with_label_values(&[method, template, &code]);
        histogram.observe(took.as_secs_f64());
        let (path, status) = (parts.uri.path(), response.status());
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if status.is_server_error() {
            tracing::warn!(
                r#type = "http",
                event = "error",
                method,
                path,
                status = status.as_u16(),
                durationMs = millis,
                "call failed"
            );
        } else {
            tracing::debug!(
                r#type = "http",
                event = "call",
                method,
                path,
                status = status.as_u16(),
                durationMs = millis,
                "call answered"
            );
        }
    }
}

/// A label; the client chooses the method's name, and must not fill the registry with it.
fn known_method(method: &http::Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    }
}

fn check_size(parts: &request::Parts) -> Result<(), ApiError> {
    let url = parts
        .uri
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    if url > LONGEST_URL {
        let message = "The URL is longer than 8 KiB";
        return Err(ApiError::new(
            StatusCode::URI_TOO_LONG,
            "BAD_REQUEST",
            message,
        ));
    }
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + 4
    };
    if parts.headers.iter().map(line).sum::<usize>() > LARGEST_HEAD {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        let message = "The headers are larger than 32 KiB";
        return Err(ApiError::new(status, "BAD_REQUEST", message));
    }
    Ok(())
}

fn upgrade_required() -> Response {
    let status = StatusCode::UPGRADE_REQUIRED;
    let mut response = bytes(
        status,
        "text/plain; charset=utf-8",
        "Expected Upgrade: websocket",
    );
    let websocket = http::HeaderValue::from_static("websocket");
    response
        .headers_mut()
        .insert(http::header::UPGRADE, websocket);
    response
}
