//! Lists, pages, filters and refusals, byte for byte.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::http::{HeaderMap, Method, Version};
use tokio::sync::watch;

use super::*;
use crate::config::dynamic::{LoadBalancer, Router, RouterTls, Server, Service};
use crate::config::install::{Api as Options, Install};
use crate::http::{Body, Request, Response, Target};
use crate::runtime::{Object, Report, State, Status};

fn object<T>(config: T, status: Status, uses: &[&str]) -> Object<T> {
    let errors = match status {
        Status::Enabled => Vec::new(),
        _ => vec!["it is <broken>".to_owned()],
    };
    Object {
        config,
        state: State {
            status,
            errors,
            uses: uses.iter().map(|&name| name.to_owned()).collect(),
            ..State::default()
        },
    }
}

fn router(rule: &str, service: &str, priority: i64) -> Router {
    Router {
        entry_points: vec!["web".to_owned()],
        rule: rule.to_owned(),
        service: service.to_owned(),
        priority,
        ..Router::default()
    }
}

fn report() -> Report {
    let mut report = Report::default();
    let mut secure = router("Path(`/s`) && Host(`a`)", "s", 20);
    secure.tls = Some(RouterTls::default());
    for (name, object) in [
        (
            "a@file",
            object(router("Path(`/a`)", "s", 10), Status::Enabled, &["web"]),
        ),
        ("b/c@file", object(secure, Status::Enabled, &["web"])),
        (
            "d@docker",
            object(router("Path(`/d`)", "t@file", 10), Status::Disabled, &[]),
        ),
    ] {
        report.routers.insert(name.to_owned(), object);
    }
    let balancer = LoadBalancer {
        servers: vec![Server {
            url: "http://127.0.0.1:1".to_owned(),
            ..Server::default()
        }],
        ..LoadBalancer::default()
    };
    let service = Service {
        load_balancer: Some(balancer),
        ..Service::default()
    };
    let mut service = object(service, Status::Enabled, &["a@file"]);
    let down = Arc::new(AtomicBool::new(true));
    down.store(false, Ordering::Relaxed);
    service
        .state
        .servers
        .insert("http://127.0.0.1:1".to_owned(), down);
    report.services.insert("s@file".to_owned(), service);
    report
}

struct Asked {
    api: Api,
}

impl Asked {
    fn new(options: Options) -> Self {
        let install = Install {
            api: Some(options),
            ..Install::default()
        };
        let (_, reports) = watch::channel(Arc::new(report()));
        Self {
            api: Api::new(&Arc::new(install), reports),
        }
    }

    fn ask(&self, method: Method, target: &str) -> Response {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = target.contains('?').then_some(query.as_bytes());
        self.api.answer(&Request {
            method,
            target: Target::new(path, query),
            version: Version::HTTP_11,
            headers: HeaderMap::new(),
            body: Body::Empty,
        })
    }

    fn get(&self, target: &str) -> (u16, String) {
        let response = self.ask(Method::GET, target);
        (response.status().as_u16(), text(&response))
    }

    fn names(&self, target: &str) -> Vec<String> {
        let (_, text) = self.get(target);
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        let items = list.as_array().unwrap().iter();
        items
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn text(response: &Response) -> String {
    match response.body() {
        Body::Full(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        _ => String::new(),
    }
}

#[test]
fn objects_are_compact_json_in_traefiks_order() {
    let asked = Asked::new(Options::default());
    assert_eq!(
        asked.get("/api/http/routers/b%2Fc@file"),
        (
            200,
            concat!(
                r#"{"entryPoints":["web"],"service":"s","rule":"Path(`/s`) \u0026\u0026 Host(`a`)","priority":20,"#,
                r#""tls":{"options":"default"},"status":"enabled","using":["web"],"name":"b/c@file","provider":"file","#,
                r#""priorityStr":"20"}"#,
                "\n"
            )
            .to_owned()
        )
    );
    assert_eq!(
        asked.get("/api/http/services/s@file").1,
        concat!(
            r#"{"loadBalancer":{"servers":[{"url":"http://127.0.0.1:1"}],"strategy":"wrr","passHostHeader":true,"#,
            r#""responseForwarding":{"flushInterval":"100ms"}},"status":"enabled","usedBy":["a@file"],"name":"s@file","#,
            r#""provider":"file","type":"loadbalancer","serverStatus":{"http://127.0.0.1:1":"DOWN"}}"#,
            "\n"
        )
    );
    let raw = asked.get("/api/rawdata").1;
    assert!(
        raw.starts_with(r#"{"routers":{"a@file":{"entryPoints""#),
        "{raw}"
    );
    assert!(
        raw.contains(r#""error":["it is \u003cbroken\u003e"],"status":"disabled"}"#),
        "{raw}"
    );
    assert!(!raw.contains("tcpRouters") && !raw.contains("middlewares"));
}

#[test]
fn lists_are_searched_filtered_and_sorted() {
    let asked = Asked::new(Options::default());
    for (query, names) in [
        ("", vec!["a@file", "b/c@file", "d@docker"]),
        ("?search=PATH", vec!["a@file", "b/c@file", "d@docker"]),
        ("?search=docker", vec!["d@docker"]),
        ("?status=DISABLED", vec!["d@docker"]),
        ("?serviceName=s@file", vec!["a@file", "b/c@file"]),
        ("?serviceName=t@file", vec!["d@docker"]),
        ("?middlewareName=x", vec![]),
        (
            "?sortBy=priority&direction=desc",
            vec!["b/c@file", "d@docker", "a@file"],
        ),
        ("?sortBy=provider", vec!["d@docker", "a@file", "b/c@file"]),
        ("?per_page=2&page=2", vec!["d@docker"]),
        ("?search=b%2Fc", vec!["b/c@file"]),
    ] {
        assert_eq!(
            asked.names(&format!("/api/http/routers{query}")),
            names,
            "{query}"
        );
    }
    assert!(asked.names("/api/tcp/routers").is_empty());
    assert!(asked.names("/api/udp/services").is_empty());
}

#[test]
fn pages_say_what_follows_and_what_is_wrong() {
    let asked = Asked::new(Options::default());
    let next = |target: &str| {
        let response = asked.ask(Method::GET, target);
        response.headers()["x-next-page"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(next("/api/http/routers?per_page=2"), "2");
    assert_eq!(next("/api/http/routers?per_page=2&page=2"), "1");
    for (query, message) in [
        ("page=2", "invalid request: page: 2, per_page: 100"),
        ("page=0", "invalid request: page: 0"),
        ("per_page=x", "invalid request: per_page: 0"),
        ("page=-3", "invalid request: page: -3"),
        (
            "page=9223372036854775807&per_page=9223372036854775807",
            "invalid request: page: 9223372036854775807, per_page: 9223372036854775807",
        ),
    ] {
        let (status, text) = asked.get(&format!("/api/http/routers?{query}"));
        assert_eq!(
            (status, text),
            (400, format!("{{\"message\":\"{message}\"}}\n"))
        );
    }
}

#[test]
fn what_is_not_there_is_refused_as_traefik_does() {
    let asked = Asked::new(Options::default());
    let gone = "404 page not found\n".to_owned();
    for path in [
        "/api",
        "/api/",
        "/api/http",
        "/api/http/routers/",
        "/api/http/routers/a/b",
        "/api/udp/middlewares",
        "/debug/vars",
        "/x",
    ] {
        assert_eq!(asked.get(path), (404, gone.clone()), "{path}");
    }
    assert_eq!(
        asked.get("/api/http/routers/none@file"),
        (
            404,
            "{\"message\":\"router not found: none@file\"}\n".to_owned()
        )
    );
    assert_eq!(asked.get("/api/http/routers/%zz").0, 400);
    assert_eq!(asked.ask(Method::POST, "/api/version").status(), 405);
    assert_eq!(asked.ask(Method::HEAD, "/api/version").status(), 405);
}

#[test]
fn base_path_debug_and_dashboard_are_options() {
    let asked = Asked::new(Options {
        base_path: "/gate".to_owned(),
        debug: true,
        ..Options::default()
    });
    assert_eq!(asked.get("/gate/api/version").0, 200);
    assert_eq!(asked.get("/api/version").0, 404);
    assert_eq!(asked.get("/gate/debug/vars").0, 200);
    assert_eq!(asked.get("/gate/").0, 404);
    let page = asked.ask(Method::GET, "/gate/dashboard/");
    assert!(text(&page).starts_with("<!doctype html>"));
    assert!(page.headers().contains_key("content-security-policy"));
    let off = Asked::new(Options {
        dashboard: false,
        ..Options::default()
    });
    assert_eq!(off.get("/dashboard/").0, 404);
}

#[test]
fn the_page_has_nothing_inline() {
    let page = include_str!("../../web/index.html");
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick="));
    assert_eq!(
        page.matches("<script").count(),
        page.matches("<script src=").count()
    );
    let script = include_str!("../../web/dashboard.js");
    assert!(!script.contains("innerHTML") && !script.contains("eval("));
}
