//! `api@internal`: paths to answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ::http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use tokio::sync::watch;

use super::explain::Explain;
use super::list::{list, one, page};
use super::listed::{Listed, Shown};
use super::overview::Overview;
use super::query::{Query, decoded};
use super::{caches, certificates, dashboard, debug, json, support};
use crate::config::decode::Section as _;
use crate::config::install::{Api as Options, EntryPoint, Install};
use crate::http::{Body, Context, Handler, HandlerFuture, Request, Response};
use crate::middleware::Caches;
use crate::observe::time::Utc;
use crate::router::http::not_found;
use crate::runtime::{Report, Section};

/// See the module.
pub struct Api {
    install: Arc<Install>,
    options: Options,
    /// `api.basePath` without a slash at its end.
    base: String,
    reports: watch::Receiver<Arc<Report>>,
    started: SystemTime,
    /// Nobody to ask where the API is only looked at.
    explain: Option<Explain>,
    caches: Arc<Caches>,
}

impl Api {
    /// Shows `install` and the report that is in force.
    pub fn new(install: &Arc<Install>, reports: watch::Receiver<Arc<Report>>) -> Self {
        let options = install.api.clone().unwrap_or_default();
        Self {
            install: Arc::clone(install),
            base: options.base_path.trim_end_matches('/').to_owned(),
            options,
            reports,
            started: SystemTime::now(),
            explain: None,
            caches: Arc::default(),
        }
    }

    /// Answers `/api/explain` by `explain`.
    pub fn explaining(mut self, explain: Explain) -> Self {
        self.explain = Some(explain);
        self
    }

    /// Shows these caches.
    pub fn caching(mut self, caches: &Arc<Caches>) -> Self {
        self.caches = Arc::clone(caches);
        self
    }

    /// The answer to a request.
    pub(super) fn answer(&self, request: &Request) -> Response {
        let Some(path) = request.target.path().strip_prefix(self.base.as_str()) else {
            return not_found();
        };
        if self.options.dashboard
            && let Some(response) = self.dashboard(path, request)
        {
            return response;
        }
        let query = Query::parse(request.target.query());
        if let Some(below) = path.strip_prefix("/api/http/caches") {
            let (method, headers) = (&request.method, &request.headers);
            if let Some(response) = caches::answer(&self.caches, below, method, headers, &query) {
                return response;
            }
        }
        let found = match path.strip_prefix("/api/") {
            Some(path) => self.find(path, &query),
            None => path
                .strip_prefix("/debug/")
                .filter(|_| self.options.debug)
                .and_then(debug::answer),
        };
        match found {
            Some(response) if request.method == Method::GET => response,
            Some(_) => method_not_allowed(),
            None => not_found(),
        }
    }

    fn dashboard(&self, path: &str, request: &Request) -> Option<Response> {
        // The base path itself is not sent on: Traefik only does that on the entry point of `api.insecure`.
        let file = path.strip_prefix("/dashboard")?;
        dashboard::file(&request.method, file.strip_prefix('/').map(|_| file)?)
    }

    /// What stands behind a path below `/api/`.
    fn find(&self, path: &str, query: &Query) -> Option<Response> {
        let report = Arc::clone(&self.reports.borrow());
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        });
        let parts: Vec<&str> = path.split('/').collect();
        Some(match parts.as_slice() {
            ["rawdata"] => json::document(&RawData(&report)),
            ["overview"] => json::document(&Overview::new(&report, &self.install, now)),
            ["version"] => self.version(),
            ["explain"] => self.explain.as_ref()?.answer(query),
            ["support-dump"] => support::dump(&self.install, &RawData(&report), &self.about()),
            ["entrypoints"] => self.entry_points(query),
            ["entrypoints", name] if !name.is_empty() => self.entry_point(name),
            ["certificates"] => certificates::list(&report.certificates, query, now),
            ["certificates", name] if !name.is_empty() => {
                certificates::one(&report.certificates, name, now)
            }
            [layer, kind] => objects(&report, (layer, kind), None, query)?,
            [layer, kind, name] if !name.is_empty() => {
                objects(&report, (layer, kind), Some(name), query)?
            }
            _ => return None,
        })
    }

    fn entry_points(&self, query: &Query) -> Response {
        let items: Vec<_> = self
            .install
            .entry_points
            .iter()
            .map(|(name, config)| Named { name, config })
            .collect();
        page(&items, query)
    }

    fn entry_point(&self, escaped: &str) -> Response {
        let name = decoded(escaped, false).unwrap_or_else(|| escaped.to_owned());
        match self.install.entry_points.get(&name) {
            Some(config) => json::document(&Named {
                name: &name,
                config,
            }),
            None => {
                let message = format!("entry point not found: {name}");
                json::refusal(StatusCode::NOT_FOUND, &message)
            }
        }
    }

    fn about(&self) -> About<'_> {
        let mut started = Vec::new();
        Utc::new(self.started).write_rfc3339_nano(&mut started);
        About {
            version: env!("CARGO_PKG_VERSION"),
            codename: "sluice",
            start_date: String::from_utf8_lossy(&started).into_owned(),
            disable_dashboard_ad: self.options.disable_dashboard_ad,
            dashboard_name: &self.options.dashboard_name,
        }
    }

    fn version(&self) -> Response {
        let mut response = json::document(&self.about());
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=UTF-8"),
        );
        response
    }
}

impl Handler for Api {
    fn handle<'a>(&'a self, _cx: &'a mut Context, request: Request) -> HandlerFuture<'a> {
        Box::pin(std::future::ready(Ok(self.answer(&request))))
    }
}

fn method_not_allowed() -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// A list, or the one object of it that `name` names; `None` where there is no such list.
fn objects(
    report: &Report,
    list_of: (&str, &str),
    name: Option<&str>,
    query: &Query,
) -> Option<Response> {
    fn answer<T: Listed>(section: &Section<T>, name: Option<&str>, query: &Query) -> Response {
        match name {
            None => list(section, query),
            Some(name) => one(section, name),
        }
    }
    Some(match list_of {
        ("http", "routers") => answer(&report.routers, name, query),
        ("http", "services") => answer(&report.services, name, query),
        ("http", "middlewares") => answer(&report.middlewares, name, query),
        ("tcp", "routers") => answer(&report.tcp_routers, name, query),
        ("tcp", "services") => answer(&report.tcp_services, name, query),
        ("tcp", "middlewares") => answer(&report.tcp_middlewares, name, query),
        ("udp", "routers") => answer(&report.udp_routers, name, query),
        ("udp", "services") => answer(&report.udp_services, name, query),
        _ => return None,
    })
}

/// `/api/version`
#[derive(Serialize)]
pub(super) struct About<'a> {
    #[serde(rename = "Version")]
    version: &'static str,
    #[serde(rename = "Codename")]
    codename: &'static str,
    #[serde(rename = "startDate")]
    start_date: String,
    #[serde(
        rename = "disableDashboardAd",
        skip_serializing_if = "std::ops::Not::not"
    )]
    disable_dashboard_ad: bool,
    #[serde(rename = "dashboardName", skip_serializing_if = "str::is_empty")]
    dashboard_name: &'a str,
}

/// An entry point with its name.
struct Named<'a> {
    name: &'a str,
    config: &'a EntryPoint,
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.config.write_fields(&mut map)?;
        map.serialize_entry("name", self.name)?;
        map.end()
    }
}

/// `/api/rawdata`: everything, without names inside, as they are the keys.
pub(super) struct RawData<'a>(&'a Report);

impl Serialize for RawData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.0;
        let mut map = serializer.serialize_map(None)?;
        raw(&mut map, "routers", &report.routers)?;
        raw(&mut map, "middlewares", &report.middlewares)?;
        raw(&mut map, "services", &report.services)?;
        raw(&mut map, "tcpRouters", &report.tcp_routers)?;
        raw(&mut map, "tcpMiddlewares", &report.tcp_middlewares)?;
        raw(&mut map, "tcpServices", &report.tcp_services)?;
        raw(&mut map, "udpRouters", &report.udp_routers)?;
        raw(&mut map, "udpServices", &report.udp_services)?;
        map.end()
    }
}

fn raw<M: serde::ser::SerializeMap, T: Listed>(
    map: &mut M,
    key: &'static str,
    section: &Section<T>,
) -> Result<(), M::Error> {
    if section.is_empty() {
        return Ok(());
    }
    let shown: BTreeMap<&str, Shown<'_, T>> = section
        .iter()
        .map(|(name, object)| {
            let shown = Shown {
                name,
                object,
                in_list: false,
            };
            (name.as_str(), shown)
        })
        .collect();
    map.serialize_entry(key, &shown)
}
