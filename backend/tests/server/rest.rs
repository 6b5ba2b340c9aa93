//! REST: every path under both prefixes, envelopes, errors and bodies (specification, sections 2 and 11).

use anyhow::Result;
use serde_json::{Value, json};

use crate::support::start;

fn with_body(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn reads_have_the_shapes_that_clients_know() -> Result<()> {
    let stream = start(&[]).await?;
    let state = json!({"isLive": false, "isPaused": false, "fps": 0, "targetFPS": 30, "frameCount": 0,
        "droppedFrames": 0, "averageRenderTime": 0, "startTime": null, "error": null});
    for path in [
        "/status",
        "/stream/status",
        "/api/stream/status",
        "/api/stream/status/",
    ] {
        let answer = stream.get(path).await?;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let body = answer.json()?;
        assert_eq!((answer.status, &body["data"]), (200, &state), "{path}");
        assert_eq!(body["success"], true);
        assert_eq!(
            (&body["status"], &body["isLive"]),
            (&json!("ok"), &json!(false))
        );
        assert_eq!(body["metrics"]["encoderMetrics"], json!({}));
        assert!(body["version"].is_u64() && body["epoch"].is_string());
    }
    assert_eq!(stream.get("/api/stream/state").await?.json()?, state);
    let config = json!({"STREAM_RESOLUTION": "1280x720", "TARGET_FPS": 30, "RENDER_QUALITY": "high",
        "MAX_LAYERS": 50, "STREAM_BITRATE": "2000k", "ENABLE_HARDWARE_ACCELERATION": false});
    assert_eq!(stream.get("/stream/config").await?.json()?, config);
    let metrics = stream.get("/stream/metrics").await?.json()?;
    assert_eq!(
        (&metrics["success"], &metrics["data"]["connectedClients"]),
        (&json!(true), &json!(0))
    );
    Ok(())
}

/// Path, body, status, and what the stream is after it or what the error says. In this order.
const CONTROL: &[(&str, &str, u16, &str)] = &[
    ("/stream/stop", "", 400, "Stream is not running"),
    ("/stream/pause", "", 400, "Stream is not running"),
    ("/stream/resume", "", 400, "Stream is not running"),
    ("/stream/start", "", 200, "live"),
    (
        "/api/stream/start",
        "not even json",
        400,
        "Stream is already running",
    ),
    ("/stream/pause", "", 200, "paused"),
    ("/stream/pause", "", 200, "live"),
    ("/stream/pause", r#"{"paused":true}"#, 200, "paused"),
    ("/stream/pause", r#"{"paused":true}"#, 200, "paused"),
    (
        "/stream/pause",
        r#"{"paused":1}"#,
        400,
        "paused must be a boolean",
    ),
    ("/stream/resume", "[]", 200, "live"),
    ("/stream/resume", "", 200, "live"),
    ("/stream/stop", "", 200, "stopped"),
    ("/stream/playback", r#"{"action":"start"}"#, 200, "live"),
    ("/stream/playback", r#"{"action":"pause"}"#, 200, "paused"),
    ("/stream/playback", r#"{"action":"resume"}"#, 200, "live"),
    ("/stream/playback", r#"{"action":"stop"}"#, 200, "stopped"),
    (
        "/stream/playback",
        r#"{"action":"jump"}"#,
        400,
        "Invalid action. Must be one of: start, stop, pause",
    ),
    (
        "/stream/playback",
        "",
        400,
        "Invalid action. Must be one of: start, stop, pause",
    ),
    ("/stream/reset", "{", 200, "stopped"),
];

#[tokio::test]
async fn the_stream_is_controlled_as_the_table_says() -> Result<()> {
    let stream = start(&[]).await?;
    for &(path, body, status, expected) in CONTROL {
        let answer = stream.post(path, body).await?;
        let json = answer.json()?;
        assert_eq!(answer.status, status, "{path} {body}: {json}");
        assert_eq!(describe(&json), expected, "{path} {body}: {json}");
        // What was answered is what the next read sees.
        if status == 200 {
            assert_eq!(stream.get("/stream/state").await?.json()?, json["data"]);
        }
    }
    let running = stream
        .post("/stream/start", "")
        .await
        .and(stream.post("/stream/start", "").await)?;
    let running = running.json()?;
    assert_eq!(running["code"], "INVALID_OPERATION");
    assert_eq!(running["details"]["state"]["isLive"], true);
    Ok(())
}

fn describe(body: &Value) -> String {
    match body["success"].as_bool() {
        Some(true) => match (
            body["data"]["isLive"].as_bool(),
            body["data"]["isPaused"].as_bool(),
        ) {
            (Some(true), Some(true)) => "paused".to_owned(),
            (Some(true), Some(false)) => "live".to_owned(),
            (Some(false), Some(false)) if body["data"]["startTime"].is_null() => {
                "stopped".to_owned()
            }
            _ => "nonsense".to_owned(),
        },
        _ => body["error"].as_str().unwrap_or("no error text").to_owned(),
    }
}

#[tokio::test]
async fn settings_are_patched_whole_or_not_at_all() -> Result<()> {
    let stream = start(&[]).await?;
    let good = r#"{"TARGET_FPS":24,"STREAM_BITRATE":"3M"}"#;
    for (method, path) in [("PATCH", "/stream/config"), ("PUT", "/api/stream/settings")] {
        let answer = stream.raw(&with_body(method, path, good)).await?;
        let body = answer.json()?;
        assert_eq!(answer.status, 200, "{body}");
        assert_eq!(
            (&body["TARGET_FPS"], &body["STREAM_BITRATE"]),
            (&json!(24), &json!("3M"))
        );
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(6));
    }
    assert_eq!(stream.get("/stream/state").await?.json()?["targetFPS"], 24);
    let before = stream.get("/status").await?.json()?["version"].clone();
    for (body, status, code) in [
        (
            r#"{"TARGET_FPS":30,"NONSENSE":1,"MAX_LAYERS":"many"}"#,
            400,
            "VALIDATION_ERROR",
        ),
        ("[]", 400, "VALIDATION_ERROR"),
        ("{", 400, "BAD_REQUEST"),
        ("", 200, ""),
        (good, 200, ""),
    ] {
        let answer = stream
            .raw(&with_body("PATCH", "/stream/config", body))
            .await?;
        assert_eq!(answer.status, status, "{body}");
        let json = answer.json()?;
        assert_eq!(json["code"].as_str().unwrap_or_default(), code, "{body}");
        if body.contains("NONSENSE") {
            let error = json["error"].as_str().unwrap_or_default();
            assert!(
                error.contains("NONSENSE") && error.contains("MAX_LAYERS"),
                "{error}"
            );
        }
    }
    let status = stream.get("/status").await?.json()?;
    assert_eq!(
        (&status["version"], &status["data"]["targetFPS"]),
        (&before, &json!(24))
    );
    Ok(())
}

/// Requests, and the status and code of their errors.
fn refused() -> Vec<(String, u16, &'static str)> {
    vec![
        (with_body("GET", "/", ""), 404, "NOT_FOUND"),
        (with_body("GET", "/stream/nothing", ""), 404, "NOT_FOUND"),
        (with_body("GET", "/stream/status//", ""), 404, "NOT_FOUND"),
        (with_body("GET", "/test", ""), 404, "NOT_FOUND"),
        (
            with_body("DELETE", "/stream/config", ""),
            405,
            "METHOD_NOT_ALLOWED",
        ),
        (
            with_body("GET", "/stream/start", ""),
            405,
            "METHOD_NOT_ALLOWED",
        ),
        (
            with_body("OPTIONS", "/stream/state", ""),
            405,
            "METHOD_NOT_ALLOWED",
        ),
        (
            with_body("POST", "/stream/pause", &" ".repeat(102_401)),
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        (
            with_body("POST", "/stream/start", &" ".repeat(102_401)),
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        (
            with_body("GET", &format!("/status?{}", "x".repeat(8200)), ""),
            414,
            "BAD_REQUEST",
        ),
        (
            format!(
                "GET /status HTTP/1.1\r\nHost: x\r\nX-Much: {}\r\n\r\n",
                "x".repeat(33_000)
            ),
            431,
            "BAD_REQUEST",
        ),
    ]
}

#[tokio::test]
async fn everything_else_is_a_json_error() -> Result<()> {
    let stream = start(&[]).await?;
    for (request, status, code) in refused() {
        let answer = stream.raw(&request).await?;
        let line: String = request.chars().take(60).collect();
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{line}"
        );
        let body = answer.json()?;
        assert_eq!(
            (&body["success"], &body["code"]),
            (&json!(false), &json!(code)),
            "{line}"
        );
        assert!(body["error"].is_string());
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() -> Result<()> {
    let stream = start(&[]).await?;
    let request = with_body("DELETE", "/stream/config", "");
    let answer = stream.raw(&request).await?;
    assert_eq!(answer.header("allow"), Some("GET, HEAD, PATCH"));
    Ok(())
}

#[tokio::test]
async fn chunked_bodies_are_read_and_limited() -> Result<()> {
    let stream = start(&[]).await?;
    let head = "POST /stream/playback HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = stream
        .raw(&format!(
            "{head}a\r\n{{\"action\":\r\n8\r\n\"start\"}}\r\n0\r\n\r\n"
        ))
        .await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let large = " ".repeat(110_000);
    let length = format!("{:x}", large.len());
    let answer = stream
        .raw(&format!("{head}{length}\r\n{large}\r\n0\r\n\r\n"))
        .await?;
    assert_eq!(answer.status, 413);
    Ok(())
}

#[tokio::test]
async fn state_is_not_sent_again_to_those_who_have_it() -> Result<()> {
    let stream = start(&[]).await?;
    let first = stream.get("/stream/state").await?;
    let etag = first.header("etag").unwrap_or_default().to_owned();
    assert!(etag.starts_with('"') && etag.ends_with("-0\""), "{etag}");
    let ask = |tags: &str| {
        format!("GET /stream/state HTTP/1.1\r\nHost: x\r\nIf-None-Match: {tags}\r\n\r\n")
    };
    for tags in [etag.clone(), format!("\"other\", W/{etag}"), "*".to_owned()] {
        let answer = stream.raw(&ask(&tags)).await?;
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{tags}");
        assert_eq!(answer.header("etag"), Some(&*etag));
    }
    stream.control("start").await?;
    assert_eq!(stream.raw(&ask(&etag)).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn head_is_get_without_the_body() -> Result<()> {
    let stream = start(&[]).await?;
    for path in ["/status", "/stream/state", "/stream/config", "/health"] {
        let get = stream.get(path).await?;
        let head = stream.raw(&with_body("HEAD", path, "")).await?;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert!(head.header("content-length").is_some(), "{path}");
    }
    Ok(())
}
