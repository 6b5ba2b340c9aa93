//! Services over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::http::{HeaderMap, HeaderValue, Method, Version, header};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::config::dynamic::{Cookie, ServerHealthCheck};
use crate::http::{
    Body, Connection, Context, Handler, Peer, ProxyError, Request, Response, Target as Path,
};
use crate::observe::Observer;
use crate::types::StatusRanges;
use crate::upstream::{Settings, Target, Transport};

fn run(test: impl Future<Output = ()> + 'static) {
    let runtime = tokio::runtime::LocalRuntime::new().unwrap();
    runtime.block_on(async {
        let test = tokio::time::timeout(Duration::from_secs(20), test);
        test.await.expect("in time");
    });
}

/// What came in: heads, bodies behind them.
type Seen = Rc<RefCell<Vec<String>>>;

/// Answers each request by `answer`, one a connection.
async fn server(answer: impl Fn(&str) -> String + 'static) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let (answer, log) = (Rc::new(answer), Rc::clone(&seen));
    tokio::task::spawn_local(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (answer, log) = (Rc::clone(&answer), Rc::clone(&log));
            tokio::task::spawn_local(async move {
                let mut text = String::new();
                while !is_whole(&text) {
                    let mut buffer = [0; 1024];
                    match socket.read(&mut buffer).await.unwrap_or(0) {
                        0 => return,
                        read => text.push_str(&String::from_utf8_lossy(&buffer[..read])),
                    }
                }
                log.borrow_mut().push(text.clone());
                let _ = socket.write_all(answer(&text).as_bytes()).await;
            });
        }
    });
    (url, seen)
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.to_lowercase().lines().find_map(|line| {
        let length = line.strip_prefix("content-length: ")?;
        length.parse::<usize>().ok()
    });
    body.len() >= length.unwrap_or(0)
}

fn status(status: u16) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

fn transport() -> Arc<Transport> {
    Transport::new(&Settings::default()).unwrap()
}

fn balancer(urls: &[&str], cookie: Option<&str>) -> (Arc<dyn Handler>, Vec<Arc<AtomicBool>>) {
    let choices: Vec<_> = urls.iter().map(|url| (*url, 1)).collect();
    let sticky =
        cookie.map(|name| Sticky::new(&Cookie::default(), name.to_owned(), choices.clone()));
    let servers = urls.iter().map(|url| Server {
        target: Arc::new(Target::new(url, false, transport()).unwrap()),
        up: Arc::new(AtomicBool::new(true)),
        passive: None,
    });
    let servers: Vec<_> = servers.collect();
    let flags = servers
        .iter()
        .map(|server| Arc::clone(&server.up))
        .collect();
    let strategy = Strategy::wrr(urls.iter().map(|_| 1));
    let observed = Observer::default().service("s@file");
    let balancer = LoadBalancer::new(
        servers,
        Balancer::new(strategy, sticky),
        None,
        true,
        observed,
    );
    (Arc::new(balancer), flags)
}

fn context() -> Context {
    let address = "127.0.0.1:1".parse().unwrap();
    let connection = Rc::new(Connection {
        append_forwarded_for: true,
        peer: Peer::new(address),
        local: address,
        entry_point: Arc::from("web"),
        tls: None,
    });
    Context::new(connection, "a.test".into(), Instant::now())
}

fn request(body: Body) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("a.test"));
    Request {
        method: if body.is_empty() {
            Method::GET
        } else {
            Method::POST
        },
        target: Path::new("/x", None),
        version: Version::HTTP_11,
        headers,
        body,
    }
}

async fn ask(service: &dyn Handler, body: Body) -> Result<Response, ProxyError> {
    service.handle(&mut context(), request(body)).await
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn failed_requests_have_their_cookies_too() {
    run(async {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", gone.local_addr().unwrap());
        drop(gone);
        let (inner, _) = balancer(&[&url], Some("inner"));
        let choices = [("sa", 1)];
        let child = WeightedChild {
            handler: inner,
            health: None,
        };
        let sticky = Sticky::new(&Cookie::default(), "outer".to_owned(), choices);
        let strategy = Strategy::wrr([1].into_iter());
        let outer = Weighted::new(vec![child], Balancer::new(strategy, Some(sticky)));
        let response = ask(&outer, Body::Empty).await.unwrap_err().into_response();
        assert_eq!(response.status(), 502);
        let cookies: Vec<_> = response
            .headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .collect();
        assert!(
            cookies[0].to_str().unwrap().starts_with("outer="),
            "{cookies:?}"
        );
        assert!(
            cookies[1].to_str().unwrap().starts_with("inner="),
            "{cookies:?}"
        );
    });
}

#[test]
fn the_down_get_nothing() {
    run(async {
        let (a, at_a) = server(|_| status(200)).await;
        let (b, at_b) = server(|_| status(200)).await;
        let (service, flags) = balancer(&[&a, &b], None);
        flags[0].store(false, Ordering::Relaxed);
        for _ in 0..4 {
            ask(&*service, Body::Empty).await.unwrap();
        }
        assert_eq!((at_a.borrow().len(), at_b.borrow().len()), (0, 4));
        flags[1].store(false, Ordering::Relaxed);
        let error = ask(&*service, Body::Empty).await.unwrap_err();
        assert_eq!(error.status(), 503);
    });
}

#[test]
fn a_failover_sends_the_body_again() {
    run(async {
        let (a, at_a) = server(|_| status(503)).await;
        let (b, at_b) = server(|_| status(201)).await;
        let side = |url: &str| FailoverSide {
            handler: balancer(&[url], None).0,
            health: None,
        };
        let errors = FailoverErrors {
            statuses: StatusRanges::parse(&["503"]).unwrap(),
            most_body: Some(5),
        };
        let service = Failover::new(side(&a), side(&b), Some(errors));
        let answer = ask(&service, Body::from("12345")).await.unwrap();
        assert_eq!(answer.status(), 201);
        for seen in [&at_a, &at_b] {
            assert!(seen.borrow()[0].ends_with("\r\n\r\n12345"));
        }
        let answer = ask(&service, Body::from("123456")).await.unwrap();
        assert_eq!(answer.status(), 413);
        assert_eq!(at_a.borrow().len(), 1, "too long for anybody");
    });
}

#[test]
fn mirrors_get_their_share_and_nobody_waits_for_them() {
    run(async {
        let (a, at_a) = server(|_| status(200)).await;
        let (m, at_m) = server(|_| status(500)).await;
        let service = |percent, with_body, most_body| {
            let mirror = Mirror {
                handler: balancer(&[&m], None).0,
                percent,
            };
            Mirroring::new(balancer(&[&a], None).0, vec![mirror], with_body, most_body)
        };
        let half = service(50, true, None);
        for _ in 0..10 {
            assert_eq!(ask(&half, Body::from("body")).await.unwrap().status(), 200);
        }
        until("5 copies", || at_m.borrow().len() == 5).await;
        assert!(
            at_m.borrow()
                .iter()
                .all(|seen| seen.ends_with("\r\n\r\nbody"))
        );
        at_m.borrow_mut().clear();
        let bare = service(100, false, None);
        ask(&bare, Body::from("body")).await.unwrap();
        until("a copy", || at_m.borrow().len() == 1).await;
        assert!(at_m.borrow()[0].ends_with("\r\n\r\n"), "without the body");
        let short = service(100, true, Some(3));
        ask(&short, Body::from("body")).await.unwrap();
        ask(&short, Body::from("abc")).await.unwrap();
        until("the short one", || at_m.borrow().len() == 2).await;
        assert!(at_m.borrow()[1].ends_with("\r\n\r\nabc"));
        assert_eq!(at_a.borrow().len(), 13);
    });
}

#[test]
fn checks_ask_what_they_are_told_and_tell_what_they_find() {
    run(async {
        let well = Rc::new(std::cell::Cell::new(500_u16));
        let answered = Rc::clone(&well);
        let (url, seen) = server(move |asked| match asked {
            moved if moved.starts_with("HEAD /health?x ") => {
                "HTTP/1.1 302 X\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n".to_owned()
            }
            _ => status(answered.get()),
        })
        .await;
        let config = ServerHealthCheck {
            path: "/health?x".to_owned(),
            method: "HEAD".to_owned(),
            hostname: "h.test".to_owned(),
            headers: [("X-Check".to_owned(), "1".to_owned())].into(),
            interval: crate::types::Duration::from_millis(10),
            ..ServerHealthCheck::default()
        };
        let up = Arc::new(AtomicBool::new(true));
        let servers = BTreeMap::from([(format!("{url}/base"), Arc::clone(&up))]);
        let check = Arc::new(HealthCheck::new("s", &config, &transport(), &servers));
        let checking = tokio::task::spawn_local(check.run());
        until("down", || !up.load(Ordering::Relaxed)).await;
        well.set(204);
        until("up", || up.load(Ordering::Relaxed)).await;
        let asked = seen.borrow()[..2].to_vec();
        assert!(asked[0].starts_with("HEAD /health?x HTTP/1.1\r\nHost: h.test\r\n"));
        assert!(asked[0].to_lowercase().contains("x-check: 1\r\n"));
        assert!(asked[1].starts_with("HEAD /there HTTP/1.1\r\nHost: h.test\r\n"));
        checking.abort();
    });
}

#[test]
fn a_silent_server_is_down() {
    run(async {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        for mode in ["http", "grpc"] {
            let config = ServerHealthCheck {
                mode: mode.to_owned(),
                interval: crate::types::Duration::from_millis(10),
                timeout: crate::types::Duration::from_millis(20),
                ..ServerHealthCheck::default()
            };
            let up = Arc::new(AtomicBool::new(true));
            let servers = BTreeMap::from([(url.clone(), Arc::clone(&up))]);
            let check = Arc::new(HealthCheck::new("s", &config, &transport(), &servers));
            let checking = tokio::task::spawn_local(check.run());
            until(mode, || !up.load(Ordering::Relaxed)).await;
            checking.abort();
        }
    });
}
