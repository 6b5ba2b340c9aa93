//! The API's documents, the dashboard and the alerts say what the running server does.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice_tests::http1::{Client, Response};
use sluice_tests::schema::Schemas;
use sluice_tests::stack::{Backend, Gateway};
use sluice_tests::websocket::Socket;
use sluice_tests::{binaries, http1, whole, yaml};
use tokio_tungstenite::tungstenite::Message;

const ENVIRONMENT: [(&str, &str); 3] = [
    ("STORE_PATH", "memory"),
    ("RATE_LIMIT_REQUESTS", "1000000"),
    ("ENABLE_DEBUG_ENDPOINTS", "true"),
];
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

fn text(path: &str) -> Result<String> {
    std::fs::read_to_string(binaries::root().join(path)).with_context(|| path.to_owned())
}

fn document(path: &str) -> Result<Schemas> {
    Ok(Schemas(yaml::parse(&text(path)?)?))
}

/// Method and path of every documented operation.
fn documented(openapi: &Value) -> Result<BTreeSet<(String, String)>> {
    let paths = openapi["paths"].as_object().context("paths")?;
    let mut found = BTreeSet::new();
    for (path, operations) in paths {
        for method in METHODS
            .iter()
            .filter(|method| operations.get(**method).is_some())
        {
            found.insert((method.to_uppercase(), path.clone()));
        }
    }
    Ok(found)
}

/// Method and path of every row of the server's table, as a document writes them.
fn served() -> Result<BTreeSet<(String, String)>> {
    let source = text("backend/src/http/routes.rs")?;
    let (_, table) = source.split_once("const TABLE").context("a table")?;
    let (table, _) = table.split_once("\n];").context("the table's end")?;
    let mut found = BTreeSet::new();
    for row in table.split("route(").skip(1) {
        let mut quoted = row.split('"').skip(1).step_by(2);
        let path = quoted.next().context("a path")?;
        let mut methods: Vec<&str> = quoted.collect();
        if row.contains("get(") || row.contains("open(") {
            methods.push("GET");
        }
        if row.contains("both(") {
            methods.extend(["POST", "PATCH"]);
        }
        ensure!(
            !methods.is_empty(),
            "{path} has no method that is understood"
        );
        let parts = path.split('/').map(|part| match part.strip_prefix(':') {
            Some(name) => format!("{{{name}}}"),
            None => part.to_owned(),
        });
        let path = parts.collect::<Vec<_>>().join("/");
        let prefixes: &[&str] = match row {
            row if row.contains("At::Stream") => &["/api/stream"],
            row if row.contains("At::Root") => &[""],
            _ => &["/api/stream", ""],
        };
        for (prefix, method) in prefixes
            .iter()
            .flat_map(|prefix| methods.iter().map(move |m| (prefix, m)))
        {
            found.insert(((*method).to_owned(), format!("{prefix}{path}")));
        }
    }
    Ok(found)
}

/// Asks with a JSON body; of `/events`, which has no end, the head alone is read.
async fn ask(port: u16, method: &str, path: &str, body: &str) -> Result<Response> {
    let mut client = Client::connect(port).await?;
    client
        .send(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await?;
    let endless = path.ends_with("/events");
    client
        .answer_to(if endless { "HEAD" } else { method })
        .await
}

#[test]
fn every_route_is_documented_and_nothing_else() -> Result<()> {
    let openapi = document("docs/openapi.yaml")?;
    let (documented, served) = (documented(&openapi.0)?, served()?);
    let missing: Vec<_> = served.difference(&documented).collect();
    let invented: Vec<_> = documented.difference(&served).collect();
    ensure!(served.len() > 40, "only {} rows were found", served.len());
    ensure!(missing.is_empty(), "not documented: {missing:?}");
    ensure!(invented.is_empty(), "not served: {invented:?}");
    Ok(())
}

#[tokio::test]
async fn every_documented_operation_is_answered() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let backend = Backend::start(folder.path(), &ENVIRONMENT).await?;
    let openapi = document("docs/openapi.yaml")?;
    for (method, template) in documented(&openapi.0)? {
        let path = template
            .replace("{file}", "client.js")
            .replace("{id}", "x")
            .replace("{type}", "chat");
        let answer = ask(backend.api, &method, &path, "").await?;
        // A path that is not there says no more than that.
        let known = answer.status != 404 || answer.json()?["error"] != "Not found";
        ensure!(
            known && answer.status != 405,
            "{method} {path}: {} {}",
            answer.status,
            answer.text()
        );
        if template.starts_with("/api/stream/") {
            let short = path.trim_start_matches("/api");
            let other = ask(backend.api, &method, short, "").await?;
            ensure!(other.status != 405, "{method} {short}");
        }
    }
    Ok(())
}

const LAYER: &str = r#"{"id":"bid","type":"text","content":{"type":"text","data":{"text":"1"}}}"#;
/// Method, path and body of calls that succeed one after another.
const WALK: &[(&str, &str, &str)] = &[
    ("GET", "/status", ""),
    ("GET", "/api/stream/state", ""),
    ("POST", "/api/stream/start", ""),
    ("POST", "/api/stream/pause", r#"{"paused":true}"#),
    ("POST", "/api/stream/resume", ""),
    ("GET", "/api/stream/status", ""),
    ("GET", "/api/stream/config", ""),
    ("PATCH", "/api/stream/config", r#"{"TARGET_FPS":25}"#),
    ("PUT", "/api/stream/settings", r#"{"TARGET_FPS":20}"#),
    ("POST", "/api/stream/layers", LAYER),
    ("GET", "/api/stream/layers", ""),
    ("GET", "/api/stream/layers/{id}", ""),
    ("PATCH", "/api/stream/layers/{id}", r#"{"visible":true}"#),
    (
        "POST",
        "/api/stream/layers/{id}/visibility",
        r#"{"visible":false}"#,
    ),
    (
        "POST",
        "/api/stream/layers/{id}/transform",
        r#"{"position":{"x":1,"y":2}}"#,
    ),
    ("POST", "/api/stream/layers/order", r#"{"order":["bid"]}"#),
    (
        "POST",
        "/api/stream/layers/update",
        r#"{"updates":[{"type":"chat","visible":true}]}"#,
    ),
    ("POST", "/api/stream/toggle/{type}", ""),
    ("GET", "/api/stream/scene", ""),
    ("PATCH", "/api/stream/scene", "{}"),
    (
        "POST",
        "/api/stream/frame/config",
        r#"{"width":320,"height":180,"fps":5,"format":"png"}"#,
    ),
    ("GET", "/api/stream/preview/clients", ""),
    ("POST", "/api/stream/chat", r#"{"text":"hi"}"#),
    ("GET", "/api/stream/chat", ""),
    ("GET", "/api/stream/chat/presence", ""),
    (
        "POST",
        "/api/stream/chat/moderation",
        r#"{"action":"clear"}"#,
    ),
    ("GET", "/api/stream/metrics", ""),
    ("GET", "/health", ""),
    ("GET", "/health/live", ""),
    ("GET", "/health/ready", ""),
    ("GET", "/health/ws", ""),
    ("DELETE", "/api/stream/layers/{id}", ""),
    ("POST", "/api/stream/playback", r#"{"action":"stop"}"#),
    ("POST", "/api/stream/reset", ""),
    // What is refused.
    ("POST", "/api/stream/stop", ""),
    ("GET", "/api/stream/layers/{id}", ""),
    ("POST", "/api/stream/playback", "{"),
];

#[tokio::test]
async fn answers_are_as_documented() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let backend = Backend::start(folder.path(), &ENVIRONMENT).await?;
    let openapi = document("docs/openapi.yaml")?;
    for (at, (method, template, body)) in WALK.iter().enumerate() {
        let path = template.replace("{id}", "bid").replace("{type}", "text");
        let answer = ask(backend.api, method, &path, body).await?;
        let what = || format!("{method} {path}: {} {}", answer.status, answer.text());
        ensure!((answer.status < 300) == (at < WALK.len() - 3), what());
        let responses = &openapi.0["paths"][template][method.to_lowercase()]["responses"];
        let known = responses.get(answer.status.to_string());
        let response = match known {
            Some(response) => response,
            None if answer.status >= 400 => &responses["default"],
            None => anyhow::bail!("not documented: {}", what()),
        };
        let schema = &response["content"]["application/json"]["schema"];
        openapi.check(&answer.json()?, schema).with_context(what)?;
    }
    Ok(())
}

/// Checks messages until one of that type came; says which types there were.
async fn check_until(socket: &mut Socket, asyncapi: &Schemas, wanted: &str) -> Result<()> {
    socket
        .receive_where(wanted, |message| {
            let kind = message["type"].as_str().unwrap_or_default();
            let (first, rest) = kind.split_at(kind.len().min(1));
            let key = format!("server{}{rest}", first.to_uppercase());
            let schema = &asyncapi.0["components"]["messages"][&key]["payload"];
            assert!(!schema.is_null(), "not documented: {message}");
            let checked = asyncapi.check(message, schema);
            assert!(checked.is_ok(), "{message}: {checked:?}");
            kind == wanted
        })
        .await
        .map(drop)
}

#[tokio::test]
async fn messages_are_as_documented() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let backend = Backend::start(folder.path(), &ENVIRONMENT).await?;
    let asyncapi = document("docs/asyncapi.yaml")?;
    let path = "/api/stream/ws?target=state,preview,layers,chat";
    let mut socket = Socket::connect(backend.ws, path).await?;
    let layer: Value = serde_json::from_str(LAYER)?;
    check_until(&mut socket, &asyncapi, "welcome").await?;
    for (message, answer) in [
        (json!({"type": "ping", "timestamp": 1}), "pong"),
        (
            json!({"type": "subscribe", "payload": {"targets": ["chat"]}}),
            "subscribed",
        ),
        (
            json!({"type": "control", "payload": {"action": "start"}, "requestId": "r1"}),
            "ack",
        ),
        (
            json!({"type": "control", "payload": {"action": "pause"}}),
            "stateUpdate",
        ),
        (
            json!({"type": "control", "payload": {"action": "resume"}}),
            "frame",
        ),
        (
            json!({"type": "chatMessage", "payload": {"text": "hi"}}),
            "chatMessage",
        ),
        (json!({"type": "no such type"}), "error"),
        (
            json!({"type": "quality", "data": {"quality": "low"}}),
            "config",
        ),
    ] {
        socket.send_json(&message).await?;
        check_until(&mut socket, &asyncapi, answer).await?;
    }
    let added = ask(
        backend.api,
        "POST",
        "/api/stream/layers",
        &layer.to_string(),
    )
    .await?;
    ensure!(added.status == 201, added.text());
    check_until(&mut socket, &asyncapi, "layerUpdate").await?;
    backend
        .post("/api/stream/chat/moderation", r#"{"action":"clear"}"#)
        .await?;
    check_until(&mut socket, &asyncapi, "moderationEvent").await?;
    backend.process.terminate()?;
    check_until(&mut socket, &asyncapi, "serverShutdown").await
}

/// Every documented client message is known to the server, and the other way round.
#[test]
fn every_message_of_clients_is_documented() -> Result<()> {
    let asyncapi = document("docs/asyncapi.yaml")?;
    let messages = asyncapi.0["components"]["messages"]
        .as_object()
        .context("messages")?;
    let clients = messages.iter().filter(|(key, _)| key.starts_with("client"));
    let documented: BTreeSet<_> = clients
        .filter_map(|(_, message)| message["name"].as_str())
        .collect();
    let source = text("backend/src/ws/session/handlers.rs")?;
    let served: BTreeSet<_> = source
        .split("Row::new(\"")
        .skip(1)
        .filter_map(|row| row.split('"').next())
        .collect();
    ensure!(documented == served, "{documented:?} and {served:?}");
    Ok(())
}

/// The metrics that an expression names.
fn names(expression: &str) -> Vec<&str> {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let parts = expression.split(|letter| !word(letter));
    let metric = |part: &&str| {
        [
            "ws_", "state_", "stream_", "http_", "process_", "redis_", "traefik_", "frame_",
        ]
        .iter()
        .any(|start| part.starts_with(start))
    };
    parts
        .filter(metric)
        .filter(|part| !part.ends_with("_"))
        .collect()
}

/// Series of a page of metrics, without labels.
async fn exposed(port: u16) -> Result<BTreeSet<String>> {
    let page = http1::get(port, "localhost", "/metrics").await?.text();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let name = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    Ok(lines.map(name).collect())
}

#[tokio::test]
async fn dashboard_and_alerts_ask_for_metrics_that_are_there() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let backend = Backend::start(folder.path(), &ENVIRONMENT).await?;
    let gateway = Gateway::start(&whole::routes(backend.api, backend.ws)).await?;
    let mut socket = Socket::connect(backend.ws, "/ws").await?;
    socket.send(Message::text("{")).await?;
    socket.receive_type("error").await?;
    backend.post("/api/stream/start", "").await?;
    drop(Socket::connect(backend.ws, "/nowhere").await);
    gateway.get("localhost", "/").await?;
    let mut known = exposed(backend.metrics).await?;
    known.extend(exposed(gateway.admin).await?);
    // Names that come with their first sample are listed in the guide.
    let guide = text("docs/troubleshooting.md")?;
    known.extend(guide.split('`').skip(1).step_by(2).map(str::to_owned));
    let dashboard: Value = serde_json::from_str(&text("docs/grafana/stream-manager.json")?)?;
    let panels = dashboard["panels"].as_array().context("panels")?.iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let mut asked: Vec<String> = targets
        .filter_map(|target| target["expr"].as_str().map(str::to_owned))
        .collect();
    let alerts = yaml::parse(&text("docs/prometheus/alerts.yaml")?)?;
    let rules = alerts["groups"][0]["rules"]
        .as_array()
        .context("rules")?
        .iter();
    asked.extend(rules.filter_map(|rule| rule["expr"].as_str().map(str::to_owned)));
    ensure!(asked.len() > 20, "only {} expressions", asked.len());
    let mut count = 0;
    for expression in &asked {
        for name in names(expression) {
            count += 1;
            ensure!(
                known.contains(name),
                "{name} of {expression} is not exposed"
            );
        }
    }
    ensure!(count > 30, "only {count} names");
    Ok(())
}
