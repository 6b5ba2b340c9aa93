//! Which connection a request goes over, and when one is used again, or closed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ::http::Method;
use tokio::io::AsyncWriteExt;

use super::support::{Server, canned, get, read_head, request, run, send, server, settle, whole};
use crate::http::Body;
use crate::upstream::{Settings, Target, Transport, pool};

#[test]
fn a_connection_is_used_again_after_an_exact_end() {
    run(async {
        let server = canned("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 9).await;
        for _ in 0..3 {
            let response = send(&server, get()).await.unwrap();
            assert!(
                matches!(response.body(), Body::Full(_)) || response.body().length() == Some(2)
            );
            assert_eq!(whole(response).await.unwrap().1, b"ok");
        }
        assert_eq!(server.connections.get(), 1);
        assert_eq!(pool::idle(&server.target.slot), 1);
    });
}

#[test]
fn a_kept_connection_that_was_closed_costs_no_request() {
    run(async {
        let claims = "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok";
        for method in [Method::GET, Method::POST] {
            let server = canned(claims, 1).await;
            for round in 1..4 {
                let body = if method == Method::GET {
                    Body::Empty
                } else {
                    Body::from("body")
                };
                let response = send(&server, request(method.clone(), body)).await.unwrap();
                assert_eq!(whole(response).await.unwrap().1, b"ok");
                assert_eq!(server.connections.get(), round);
                settle().await;
            }
        }
    });
}

/// Closes a kept connection only when a request comes on it.
async fn closes_on_second() -> Server {
    server(Settings::default(), |number, mut socket| async move {
        read_head(&mut socket).await;
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        socket.write_all(answer.as_bytes()).await.unwrap();
        if number == 0 {
            read_head(&mut socket).await;
            return;
        }
        while !read_head(&mut socket).await.is_empty() {
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

#[test]
fn only_what_is_safe_is_sent_again() {
    run(async {
        for (method, key, body, again) in [
            (Method::GET, false, false, true),
            (Method::HEAD, false, false, true),
            (Method::POST, false, false, false),
            (Method::POST, true, false, true),
            (Method::PUT, false, true, false),
            (Method::GET, false, true, false),
        ] {
            let server = closes_on_second().await;
            whole(send(&server, get()).await.unwrap()).await.unwrap();
            let mut second = request(method.clone(), Body::Empty);
            if body {
                second.body = Body::from("body");
            }
            if key {
                second
                    .headers
                    .insert("idempotency-key", "1".parse().unwrap());
            }
            let answer = send(&server, second).await;
            assert_eq!(answer.is_ok(), again, "{method} {key} {body}");
            if let Err(error) = answer {
                assert_eq!(error.status(), 502);
            }
        }
    });
}

#[test]
fn bytes_behind_an_answer_are_given_to_nobody() {
    run(async {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
            "HTTP/1.1 200 OK\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil",
            "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
        ] {
            let server = canned(answer, 9).await;
            for round in 1..4 {
                let (status, body, _) = whole(send(&server, get()).await.unwrap()).await.unwrap();
                assert!(status != 200 || body == b"ok", "{answer}: {body:?}");
                assert_eq!(server.connections.get(), round, "{answer}");
            }
        }
        // A body behind an answer to HEAD may come later than the head: seen before the next use.
        let server = canned("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", 9).await;
        for round in 1..4 {
            let response = send(&server, request(Method::HEAD, Body::Empty))
                .await
                .unwrap();
            assert!(response.body().is_empty());
            settle().await;
            assert_eq!(server.connections.get(), round);
        }
    });
}

#[test]
fn a_silent_server_is_given_up_and_a_slow_body_is_not() {
    run(async {
        let settings = || Settings {
            response_header_timeout: Duration::from_millis(300),
            ..Settings::default()
        };
        let silent = server(settings(), |_, mut socket| async move {
            read_head(&mut socket).await;
            std::future::pending::<()>().await;
        })
        .await;
        assert_eq!(send(&silent, get()).await.unwrap_err().status(), 504);
        let slow = server(settings(), |_, mut socket| async move {
            read_head(&mut socket).await;
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no";
            socket.write_all(head).await.unwrap();
            tokio::time::sleep(Duration::from_millis(600)).await;
            socket.write_all(b"k").await.unwrap();
        })
        .await;
        let response = send(&slow, get()).await.unwrap();
        assert_eq!(whole(response).await.unwrap().1, b"ok");
    });
}

#[test]
fn idle_connections_are_closed_in_time() {
    run(async {
        let settings = Settings {
            idle_timeout: Duration::from_millis(300),
            ..Settings::default()
        };
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let closed = Rc::new(Cell::new(false));
        let copy = closed.clone();
        let server = server(settings, move |_, mut socket| {
            let closed = copy.clone();
            async move {
                read_head(&mut socket).await;
                socket.write_all(answer.as_bytes()).await.unwrap();
                closed.set(read_head(&mut socket).await.is_empty());
            }
        })
        .await;
        send(&server, get()).await.unwrap();
        assert_eq!(pool::idle(&server.target.slot), 1);
        while !closed.get() {
            settle().await;
        }
        assert_eq!(pool::idle(&server.target.slot), 0);
    });
}

#[test]
fn what_a_server_says_of_its_patience_is_heeded() {
    run(async {
        for (said, kept) in [("timeout=1", true), ("timeout=0", false), ("max=5", true)] {
            let answer =
                format!("HTTP/1.1 200 OK\r\nKeep-Alive: {said}\r\nContent-Length: 2\r\n\r\nok");
            let server = canned(answer.leak(), 9).await;
            whole(send(&server, get()).await.unwrap()).await.unwrap();
            whole(send(&server, get()).await.unwrap()).await.unwrap();
            assert_eq!(server.connections.get(), if kept { 1 } else { 2 }, "{said}");
        }
        // The server would keep it for much longer than it said.
        let answer = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok";
        let server = canned(answer, 9).await;
        whole(send(&server, get()).await.unwrap()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        whole(send(&server, get()).await.unwrap()).await.unwrap();
        assert_eq!(server.connections.get(), 2);
    });
}

#[test]
fn a_connection_that_a_client_proved_itself_on_is_nobody_elses() {
    run(async {
        for (challenge, authorization, connections) in [
            ("Basic realm=x", "Basic eDp5", 1),
            ("Negotiate", "", 2),
            ("Basic realm=x, NTLM", "", 2),
            ("", "ntlm TlRMTVNTUAAB", 2),
            ("", "Negotiate YII", 2),
        ] {
            let answer = format!(
                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 2\r\n\r\nno"
            );
            let server = canned(answer.leak(), 9).await;
            let mut proof = get();
            if !authorization.is_empty() {
                let value = authorization.parse().unwrap();
                proof.headers.insert("authorization", value);
            }
            whole(send(&server, proof).await.unwrap()).await.unwrap();
            whole(send(&server, get()).await.unwrap()).await.unwrap();
            let made = server.connections.get();
            assert_eq!(made, connections, "{challenge} {authorization}");
        }
    });
}

#[test]
fn urls_of_servers() {
    let transport = Transport::new(&Settings::default()).unwrap();
    let target = |url: &str| Target::new(url, true, transport.clone());
    let https = target("https://user@[::1]:8443/base/?q#f").unwrap();
    assert_eq!((https.host.as_str(), https.port), ("::1", Some(8443)));
    assert_eq!(
        (https.base.as_str(), https.authority()),
        ("/base", "[::1]:8443")
    );
    assert_eq!(target("https://a.test").unwrap().port, Some(443));
    assert_eq!(target("HTTP://a.test:").unwrap().port, Some(80));
    for bad in ["a.test:80", "http://", "http://a:x", "http://[::"] {
        assert!(target(bad).is_err(), "{bad}");
    }
    // Traefik takes them, and fails each request.
    for defect in ["ftp://a.test", "http://a:99999", "", "a.test"] {
        assert!(target(defect).unwrap().defect().is_some(), "{defect}");
    }
}

#[test]
fn connections_to_a_server_that_is_left_out_are_closed() {
    run(async {
        let gone = Rc::new(Cell::new(false));
        let note = gone.clone();
        let server = server(Settings::default(), move |_, mut socket| {
            let gone = note.clone();
            async move {
                read_head(&mut socket).await;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                socket.write_all(answer).await.unwrap();
                gone.set(read_head(&mut socket).await.is_empty());
            }
        })
        .await;
        send(&server, get()).await.unwrap();
        settle().await;
        assert!(!gone.get());
        drop(server);
        while !gone.get() {
            settle().await;
        }
    });
}

#[test]
fn a_reused_index_never_leads_to_the_server_of_before() {
    run(async {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
        let first = canned(format!("{answer}1").leak(), 9).await;
        send(&first, get()).await.unwrap();
        let index = first.target.slot.index;
        drop(first);
        let mut second = canned(format!("{answer}2").leak(), 9).await;
        for _ in 0..50 {
            if second.target.slot.index == index {
                break;
            }
            second = canned(format!("{answer}2").leak(), 9).await;
        }
        let response = send(&second, get()).await.unwrap();
        assert_eq!(whole(response).await.unwrap().1, b"2");
    });
}
