//! Scene and layers: one store, two views, and what viewers of the layers are told (specification, sections 3.3, 4.1, 11).

use anyhow::Result;
use serde_json::{Value, json};

use crate::support::{Stream, start};

const HOST: &str =
    r#"{"id":"host","type":"image","name":"Host","zIndex":2,"content":{"source":"/a.png"}}"#;
const BID: &str = r#"{"id":"bid","type":"text","zIndex":1,"content":{"data":{"text":"1 ETH"}}}"#;

async fn with_two_layers(vars: &[(&str, &str)]) -> Result<Stream> {
    let stream = start(vars).await?;
    for layer in [HOST, BID] {
        let made = stream.call("POST", "/stream/layers", layer).await?;
        assert_eq!(made.status, 201, "{}", made.text());
    }
    Ok(stream)
}

#[tokio::test]
async fn layers_are_a_view_of_the_scene() -> Result<()> {
    let stream = with_two_layers(&[]).await?;
    let listed = stream.get("/api/stream/layers").await?.json()?;
    assert_eq!(
        (&listed["success"], &listed["count"]),
        (&json!(true), &json!(2))
    );
    let ids: Vec<_> = ["0", "1"]
        .iter()
        .enumerate()
        .map(|(at, _)| listed["data"][at]["id"].clone())
        .collect();
    assert_eq!(ids, [json!("bid"), json!("host")]);
    assert_eq!(
        listed["data"][0],
        json!({"id": "bid", "name": "bid", "type": "text", "visible": true, "zIndex": 1, "opacity": 1,
            "transform": {"position": {"x": 0, "y": 0}, "scale": 1, "rotation": 0, "anchor": {"x": 0.5, "y": 0.5}},
            "content": {"type": "text", "source": "", "data": {"text": "1 ETH"}}, "slot": "overlay", "version": 3})
    );
    let scene = stream.get("/stream/scene").await?.json()?;
    assert_eq!(scene["data"]["overlay"][0]["id"], "host");
    assert_eq!(
        scene["data"]["overlay"][0]["metadata"],
        json!({"name": "Host"})
    );
    assert_eq!(scene["data"]["quadrants"], json!([]));
    // A quadrant that is not there yet gets its part of the picture.
    let moved = stream
        .call("PATCH", "/stream/layers/host", r#"{"slot":"quadrant:4"}"#)
        .await?;
    assert_eq!(moved.json()?["data"]["slot"], "quadrant:4");
    let scene = stream.get("/stream/scene").await?.json()?;
    let quadrant = &scene["data"]["quadrants"][0];
    assert_eq!(quadrant[0], 4);
    assert_eq!(
        quadrant[1]["bounds"],
        json!({"left": 640, "top": 360, "right": 1280, "bottom": 720})
    );
    assert_eq!(quadrant[1]["assets"][0]["id"], "host");
    let gone = stream.call("DELETE", "/stream/layers/host", "").await?;
    assert_eq!(gone.status, 200);
    assert_eq!(stream.get("/stream/layers/host").await?.status, 404);
    Ok(())
}

/// Method, path, body, status, and what the error says or which field of the answer's data is what.
const CALLS: &[(&str, &str, &str, u16, &str)] = &[
    ("POST", "/stream/layers", BID, 409, "Layer already exists"),
    (
        "POST",
        "/stream/layers",
        r#"{"id":"third"}"#,
        201,
        "overlay",
    ),
    (
        "POST",
        "/stream/layers",
        r#"{"id":"fourth"}"#,
        409,
        "Maximum number of layers reached",
    ),
    (
        "POST",
        "/stream/layers",
        r#"{"id":"no good"}"#,
        400,
        "id must be 1 to 64 of A-Za-z0-9_-.",
    ),
    (
        "POST",
        "/stream/layers",
        r#"{"id":7}"#,
        400,
        "id must be a string",
    ),
    (
        "POST",
        "/stream/layers",
        r#"{"opacity":2}"#,
        400,
        "opacity must be a number from 0 to 1",
    ),
    (
        "POST",
        "/stream/layers",
        r#"{"slot":"quadrant:5"}"#,
        400,
        "slot must be background, overlay or quadrant:0 to quadrant:4",
    ),
    ("GET", "/stream/layers/none", "", 404, "Layer not found"),
    ("DELETE", "/stream/layers/none", "", 404, "Layer not found"),
    (
        "PATCH",
        "/stream/layers/bid",
        r#"{"transform":{"position":{"x":"1"},"scale":{"x":1,"y":2}}}"#,
        400,
        "transform.position.x must be a finite number; transform.scale must be a finite number, or {x, y} with both the same",
    ),
    (
        "POST",
        "/stream/layers/bid/visibility",
        r#"{"visible":"no"}"#,
        400,
        "Visibility must be a boolean",
    ),
    (
        "PATCH",
        "/stream/layers/bid/visibility",
        r#"{"visible":false}"#,
        200,
        "text",
    ),
    (
        "POST",
        "/stream/layers/bid/transform",
        r#"{"position":{"x":10},"scale":{"x":2,"y":2}}"#,
        200,
        "text",
    ),
    (
        "PATCH",
        "/stream/layers/bid/content",
        r#"{"data":{"text":"2 ETH"}}"#,
        200,
        "text",
    ),
    (
        "PATCH",
        "/stream/layers/bid/content",
        r#"{"data":null,"expectedVersion":1}"#,
        409,
        "Layer was changed since version 1, by version 7",
    ),
    (
        "POST",
        "/stream/layers/order",
        r#"{"order":["bid","host"]}"#,
        400,
        "order: the layer third is missing",
    ),
    (
        "POST",
        "/stream/layers/order",
        r#"{"order":["bid","host","third","x"]}"#,
        400,
        "order: there is no layer x",
    ),
    (
        "POST",
        "/stream/layers/order",
        r#"{"order":"bid"}"#,
        400,
        "order must be a list of layer ids",
    ),
    (
        "POST",
        "/stream/toggle/unheard",
        "",
        400,
        "Invalid layer type: unheard",
    ),
    (
        "POST",
        "/stream/toggle/nft",
        "",
        404,
        "Layer not found: nft",
    ),
    (
        "POST",
        "/stream/layers/update",
        r#"{"updates":[{"type":"text"}]}"#,
        400,
        "Invalid updates format",
    ),
    (
        "PATCH",
        "/stream/scene",
        r#"{"overlay":[{"id":"x","type":"text"},{"id":"x","type":"text"}]}"#,
        400,
        "Invalid scene: the id x is given twice",
    ),
    (
        "PATCH",
        "/stream/scene",
        r#"{"background":{}}"#,
        400,
        "Invalid scene: invalid type: map, expected a sequence",
    ),
];

#[tokio::test]
async fn calls_are_checked_field_by_field() -> Result<()> {
    let stream = with_two_layers(&[("MAX_LAYERS", "3")]).await?;
    for (method, path, body, status, said) in CALLS {
        let answer = stream.call(method, path, body).await?;
        let json = answer.json()?;
        let found = match json["error"].as_str() {
            Some(error) => error.to_owned(),
            None => json["data"]["type"].as_str().unwrap_or_default().to_owned(),
        };
        assert_eq!(
            (answer.status, &*found),
            (*status, *said),
            "{method} {path} {body}"
        );
    }
    let bid = stream.get("/stream/layers/bid").await?.json()?["data"].clone();
    assert_eq!(bid["visible"], false);
    assert_eq!(bid["transform"]["position"], json!({"x": 10, "y": 0}));
    assert_eq!(bid["transform"]["scale"], 2);
    assert_eq!(bid["content"]["data"], json!({"text": "2 ETH"}));
    let missing = stream.get("/stream/layers/none").await?.json()?;
    assert_eq!(
        (&missing["code"], &missing["details"]),
        (&json!("LAYER_NOT_FOUND"), &json!("Layer not found: none"))
    );
    Ok(())
}

#[tokio::test]
async fn layers_are_shown_and_hidden_by_role_and_type() -> Result<()> {
    let stream = start(&[]).await?;
    let scene = json!({"overlay": [
        {"id": "feed", "type": "video", "metadata": {"role": "visualFeed"}, "zIndex": 3, "note": "kept"},
        {"id": "high", "type": "text", "zIndex": 2},
        {"id": "low", "type": "text", "zIndex": 1},
    ]});
    let put = stream
        .call("PUT", "/stream/scene", &scene.to_string())
        .await?;
    assert_eq!(put.status, 200, "{}", put.text());
    let toggled = stream
        .call("POST", "/stream/toggle/nft", "")
        .await?
        .json()?;
    assert_eq!(toggled["layer"]["id"], "feed");
    assert_eq!(
        (
            &toggled["layer"]["visible"],
            &toggled["layer"]["actualState"]
        ),
        (&json!(false), &json!(false))
    );
    let set = stream
        .call("POST", "/stream/toggle/text", r#"{"visible":false}"#)
        .await?
        .json()?;
    assert_eq!(
        (&set["layer"]["id"], &set["layer"]["visible"]),
        (&json!("low"), &json!(false))
    );
    let updates = r#"{"updates":[{"type":"text","visible":true},{"type":"chat","visible":true}]}"#;
    let updated = stream
        .call("POST", "/stream/layers/update", updates)
        .await?;
    let data = updated.json()?["data"].clone();
    assert_eq!((updated.status, &data["layerCount"]), (200, &json!(3)));
    assert_eq!(
        (
            &data["results"][0]["success"],
            &data["results"][0]["data"]["id"]
        ),
        (&json!(true), &json!("low"))
    );
    assert_eq!(
        data["results"][1],
        json!({"type": "chat", "success": false, "error": "Layer not found: chat"})
    );
    // What other services wrote stays.
    let scene = stream.get("/stream/scene").await?.json()?;
    let feed = &scene["data"]["overlay"][0];
    assert_eq!(
        (&feed["note"], &feed["metadata"]["role"]),
        (&json!("kept"), &json!("visualFeed"))
    );
    Ok(())
}

/// The next message: its type or kind, version, and previous version.
async fn next(
    socket: &mut sluice_tests::websocket::Socket,
) -> Result<(String, u64, Option<u64>, Value)> {
    let message = socket.receive_json().await?;
    let kind = message["payload"]["kind"]
        .as_str()
        .or(message["type"].as_str());
    let kind = kind.unwrap_or_default().to_owned();
    let version = message["version"].as_u64().unwrap_or_default();
    Ok((kind, version, message["prevVersion"].as_u64(), message))
}

#[tokio::test]
async fn viewers_are_told_each_aspect_in_order() -> Result<()> {
    let stream = with_two_layers(&[]).await?;
    let mut socket = stream.connect("/ws?target=layers").await?;
    socket.receive_type("welcome").await?;
    let (kind, version, _, state) = next(&mut socket).await?;
    assert_eq!(
        (&*kind, version, &state["payload"]["count"]),
        ("layerState", 3, &json!(2))
    );
    stream.control("start").await?;
    let all = r#"{"opacity":0.5,"transform":{"rotation":90},"visible":false,"content":{"source":"b"},"zIndex":9}"#;
    stream.call("PATCH", "/stream/layers/host", all).await?;
    // The start of the stream took version 4, of which this channel hears nothing.
    let mut told = Vec::new();
    for _ in 0..5 {
        let (kind, version, previous, message) = next(&mut socket).await?;
        assert_eq!(
            (&message["payload"]["id"], &message["payload"]["visible"]),
            (&json!("host"), &json!(false))
        );
        told.push((kind, version, previous));
    }
    let told: Vec<_> = told
        .iter()
        .map(|(kind, version, previous)| (&**kind, *version, *previous))
        .collect();
    assert_eq!(
        told,
        [
            ("visibility", 5, Some(3)),
            ("content", 6, Some(5)),
            ("transform", 7, Some(6)),
            ("opacity", 8, Some(7)),
            ("order", 9, Some(8)),
        ]
    );
    // The same again changes nothing.
    stream.call("PATCH", "/stream/layers/host", all).await?;
    stream
        .call(
            "PATCH",
            "/stream/scene",
            r#"{"background":[{"id":"sky","type":"image"}]}"#,
        )
        .await?;
    let (kind, version, _, state) = next(&mut socket).await?;
    assert_eq!(
        (&*kind, version, &state["payload"]["count"]),
        ("layerState", 10, &json!(3))
    );
    stream.call("DELETE", "/stream/layers/sky", "").await?;
    let (kind, version, previous, _) = next(&mut socket).await?;
    assert_eq!((&*kind, version, previous), ("removed", 11, Some(10)));
    Ok(())
}

#[tokio::test]
async fn operators_change_layers_over_the_socket() -> Result<()> {
    let stream = with_two_layers(&[]).await?;
    let mut socket = stream.connect("/ws?target=layers").await?;
    socket.receive_type("layerState").await?;
    let change =
        |payload: Value| json!({"type": "layerUpdate", "payload": payload, "requestId": "r"});
    socket
        .send_json(&change(json!({"id": "bid", "visible": false})))
        .await?;
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.push(socket.receive_json().await?["type"].clone());
    }
    seen.sort_by_key(ToString::to_string);
    assert_eq!(seen, [json!("ack"), json!("layerUpdate")]);
    for (payload, code, field) in [
        (
            json!({"id": "none", "visible": true}),
            "LAYER_NOT_FOUND",
            json!(null),
        ),
        (
            json!({"id": "bid", "visible": true, "expectedVersion": 1}),
            "CONFLICT",
            json!(null),
        ),
        (
            json!({"visible": true}),
            "VALIDATION_ERROR",
            json!("payload.id"),
        ),
        (
            json!({"id": "bid", "visible": 1}),
            "VALIDATION_ERROR",
            json!("payload.visible"),
        ),
    ] {
        socket.send_json(&change(payload)).await?;
        let error = socket.receive_type("error").await?["payload"].clone();
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!(code), &field),
            "{error}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn who_reads_too_slowly_gets_one_snapshot() -> Result<()> {
    let stream =
        with_two_layers(&[("WS_SEND_QUEUE", "4"), ("RATE_LIMIT_REQUESTS", "100000")]).await?;
    let mut slow = stream.connect("/ws?target=layers").await?;
    slow.receive_type("layerState").await?;
    let text = "x".repeat(15_000);
    for number in 0..400 {
        let body = json!({"data": {"text": text, "number": number}}).to_string();
        let answer = stream
            .call("PATCH", "/stream/layers/bid/content", &body)
            .await?;
        assert_eq!(answer.status, 200);
    }
    let (mut last, mut snapshots) = (3, 0);
    while last < 403 {
        let (kind, version, previous, _) = next(&mut slow).await?;
        assert!(version > last, "{version} after {last}");
        match &*kind {
            "layerState" => snapshots += 1,
            _ => assert!(previous <= Some(last), "{previous:?} after {last}"),
        }
        last = version;
    }
    assert!(snapshots > 0);
    Ok(())
}
