//! Chat: writing, moderation and presence over sockets and REST, and over two instances on one Redis.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sluice_tests::poll::{self, soon};
use sluice_tests::redis::Redis;
use sluice_tests::websocket::Socket;

use crate::support::{Stream, start};

/// A client in chat that has read its history and who is there.
async fn chatter(stream: &Stream) -> Result<(Socket, String)> {
    let mut socket = stream.connect("/api/stream/ws?target=chat").await?;
    let welcome = socket.receive_type("welcome").await?;
    socket.receive_type("chatHistory").await?;
    socket.receive_type("presenceUpdate").await?;
    let id = welcome["clientId"].as_str().context("an id")?.to_owned();
    Ok((socket, id))
}

fn says(text: &str) -> Value {
    json!({"type": "chatMessage", "payload": {"text": text, "clientMsgId": "c1"}, "requestId": "r1"})
}

fn moderates(payload: &Value) -> Value {
    json!({"type": "moderation", "payload": payload})
}

#[tokio::test]
async fn what_one_writes_all_read() -> Result<()> {
    let stream = start(&[]).await?;
    let (mut ada, id) = chatter(&stream).await?;
    let (mut bob, _) = chatter(&stream).await?;
    let named = json!({"type": "presence", "payload": {"status": "online", "name": "Ada"}});
    ada.send_json(&named).await?;
    ada.send_json(&says("  hello ")).await?;
    let message = bob.receive_type("chatMessage").await?["payload"].clone();
    assert_eq!(message["text"], "hello");
    assert_eq!(
        message["user"],
        json!({"id": id, "name": "Ada", "role": "admin"})
    );
    assert_eq!(
        (&message["highlighted"], &message["clientMsgId"]),
        (&json!(false), &json!("c1"))
    );
    assert_eq!(ada.receive_type("ack").await?["payload"]["requestId"], "r1");
    // Whoever comes later finds it, in the history and over REST.
    let mut late = stream.connect("/ws?target=chat").await?;
    let history = late.receive_type("chatHistory").await?;
    assert_eq!(history["payload"]["messages"], json!([message]));
    let listed = stream.get("/api/stream/chat").await?.json()?;
    assert_eq!(
        (&listed["count"], &listed["data"]),
        (&json!(1), &json!([message]))
    );
    let presence = stream.get("/stream/chat/presence").await?.json()?["data"].clone();
    assert_eq!(presence["count"], 3);
    assert_eq!(presence["users"].as_array().map(Vec::len), Some(3));
    Ok(())
}

#[tokio::test]
async fn rest_writes_too() -> Result<()> {
    let stream = start(&[]).await?;
    let (mut socket, _) = chatter(&stream).await?;
    let posted = stream
        .post(
            "/api/stream/chat",
            r#"{"message":"a bid","user":"Grace","highlighted":true}"#,
        )
        .await?;
    let data = posted.json()?["data"].clone();
    assert_eq!(
        (posted.status, &data["author"], &data["text"]),
        (200, &json!("Grace"), &json!("a bid"))
    );
    assert_eq!(data["highlighted"], true);
    let heard = socket.receive_type("chatMessage").await?;
    assert_eq!(heard["payload"]["id"], data["id"]);
    for (body, said) in [
        (json!({}), "Message text is required"),
        (json!({"text": " "}), "Message text is required"),
        (json!({"text": "x".repeat(501)}), "Message text is too long"),
        (json!({"text": 7}), "Message text must be a string"),
        (
            json!({"text": "x", "user": "y".repeat(41)}),
            "name must be 1 to 40 characters",
        ),
    ] {
        let answer = stream.post("/stream/chat", &body.to_string()).await?;
        assert_eq!(
            (answer.status, &answer.json()?["error"]),
            (400, &json!(said))
        );
    }
    Ok(())
}

#[tokio::test]
async fn moderators_delete_over_rest() -> Result<()> {
    let stream = start(&[]).await?;
    let (mut socket, _) = chatter(&stream).await?;
    let posted = stream.post("/stream/chat", r#"{"text":"spam"}"#).await?;
    let data = posted.json()?["data"].clone();
    let id = data["id"].as_str().context("an id")?;
    let before = stream
        .get(&format!("/stream/chat?before={id}"))
        .await?
        .json()?;
    assert_eq!(before["count"], 0);
    assert_eq!(stream.get("/stream/chat?limit=0").await?.status, 400);
    assert_eq!(
        stream
            .call("DELETE", &format!("/stream/chat/{id}"), "")
            .await?
            .status,
        200
    );
    assert_eq!(
        stream
            .call("DELETE", &format!("/stream/chat/{id}"), "")
            .await?
            .status,
        404
    );
    let event = socket.receive_type("moderationEvent").await?["payload"].clone();
    assert_eq!(
        (&event["action"], &event["messageId"]),
        (&json!("delete"), &json!(id))
    );
    assert_eq!(stream.get("/stream/chat").await?.json()?["count"], 0);
    let bad = stream
        .post("/stream/chat/moderation", r#"{"action":"explode"}"#)
        .await?;
    assert_eq!(bad.status, 400);
    Ok(())
}

#[tokio::test]
async fn moderators_mute_and_slow_down() -> Result<()> {
    let stream = start(&[]).await?;
    let (mut moderator, _) = chatter(&stream).await?;
    let (mut loud, id) = chatter(&stream).await?;
    let timeout =
        json!({"action": "timeout", "userId": id, "durationSeconds": 60, "reason": "loud"});
    moderator.send_json(&moderates(&timeout)).await?;
    let event = loud.receive_type("moderationEvent").await?["payload"].clone();
    assert_eq!(
        (&event["action"], &event["userId"], &event["reason"]),
        (&json!("timeout"), &json!(id), &json!("loud"))
    );
    loud.send_json(&says("still here")).await?;
    let error = loud.receive_type("error").await?["payload"].clone();
    assert_eq!(
        (&error["code"], &error["requestId"]),
        (&json!("FORBIDDEN"), &json!("r1"))
    );
    moderator
        .send_json(&moderates(&json!({"action": "unban", "userId": id})))
        .await?;
    loud.receive_type("moderationEvent").await?;
    moderator
        .send_json(&moderates(
            &json!({"action": "slowMode", "durationSeconds": 30}),
        ))
        .await?;
    loud.receive_type("moderationEvent").await?;
    loud.send_json(&says("one")).await?;
    loud.receive_type("ack").await?;
    loud.send_json(&says("two")).await?;
    let error = loud.receive_type("error").await?["payload"].clone();
    assert_eq!(error["code"], "RATE_LIMITED");
    assert!(error["retryAfterMs"].as_u64() > Some(20_000), "{error}");
    for (payload, code) in [
        (
            json!({"action": "delete", "messageId": "none"}),
            "NOT_FOUND",
        ),
        (json!({"action": "explode"}), "VALIDATION_ERROR"),
    ] {
        moderator.send_json(&moderates(&payload)).await?;
        let error = moderator.receive_type("error").await?["payload"].clone();
        assert_eq!(error["code"], code, "{error}");
    }
    let mut outside = stream.subscriber().await?;
    outside.send_json(&says("x")).await?;
    assert_eq!(
        outside.receive_type("error").await?["payload"]["code"],
        "INVALID_OPERATION"
    );
    Ok(())
}

#[tokio::test]
async fn roles_decide_who_moderates() -> Result<()> {
    let tokens = "ann:viewer:secret-of-ann,mod:moderator:secret-of-mod";
    let stream = start(&[("AUTH_MODE", "token"), ("STREAM_API_TOKENS", tokens)]).await?;
    let call = |token: &str, path: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let posted = stream
        .raw(&call(
            "secret-of-ann",
            "/stream/chat",
            r#"{"text":"hi","user":"Somebody else"}"#,
        ))
        .await?;
    // A token's name is what it says.
    assert_eq!(
        posted.json()?["data"]["user"],
        json!({"id": "ann", "name": "ann", "role": "viewer"})
    );
    let ban = r#"{"action":"ban","userId":"ann"}"#;
    assert_eq!(
        stream
            .raw(&call("secret-of-ann", "/stream/chat/moderation", ban))
            .await?
            .status,
        403
    );
    assert_eq!(
        stream
            .raw(&call("wrong", "/stream/chat", "{}"))
            .await?
            .status,
        401
    );
    assert_eq!(
        stream
            .raw(&call("secret-of-mod", "/stream/chat/moderation", ban))
            .await?
            .status,
        200
    );
    let refused = stream
        .raw(&call("secret-of-ann", "/stream/chat", r#"{"text":"hi"}"#))
        .await?;
    assert_eq!(
        (refused.status, &refused.json()?["error"]),
        (403, &json!("You are banned from chat"))
    );
    Ok(())
}

/// The texts of the next messages.
async fn texts(socket: &mut Socket, count: usize) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for _ in 0..count {
        let message = socket.receive_type("chatMessage").await?;
        texts.push(
            message["payload"]["text"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        );
    }
    Ok(texts)
}

/// Writes as user number so and so, from an address of his own.
async fn write(to: &Stream, user: u8, text: &str) -> Result<()> {
    let body = json!({"text": text, "user": {"id": format!("u{user}"), "name": "U"}}).to_string();
    let length = body.len();
    let answer = to
        .raw(&format!(
            "POST /stream/chat HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.{user}\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await?;
    anyhow::ensure!(answer.status == 200, "{}", answer.text());
    Ok(())
}

#[tokio::test]
async fn two_instances_tell_the_same_in_the_same_order() -> Result<()> {
    let mut redis = Redis::start().await?;
    let url = redis.url();
    let one = start(&[("REDIS_URL", &url), ("INSTANCE_ID", "one")]).await?;
    let two = start(&[("REDIS_URL", &url), ("INSTANCE_ID", "two")]).await?;
    let (mut first, id) = chatter(&one).await?;
    let (mut second, _) = chatter(&two).await?;
    for number in 0..10 {
        let from = if number % 2 == 0 { &one } else { &two };
        write(from, number, &number.to_string()).await?;
    }
    let (told, other) = (texts(&mut first, 10).await?, texts(&mut second, 10).await?);
    assert_eq!(told, other);
    assert_eq!(
        told,
        (0..10).map(|number| number.to_string()).collect::<Vec<_>>()
    );
    // A ban on one holds on the other.
    let ban = json!({"action": "ban", "userId": id}).to_string();
    assert_eq!(two.post("/stream/chat/moderation", &ban).await?.status, 200);
    first.receive_type("moderationEvent").await?;
    first.send_json(&says("x")).await?;
    assert_eq!(
        first.receive_type("error").await?["payload"]["code"],
        "FORBIDDEN"
    );

    // Redis goes, chat goes on; when it is back, everyone has everything, once.
    redis.kill().await?;
    write(&one, 77, "offline").await?;
    assert_eq!(texts(&mut first, 1).await?, ["offline"]);
    redis.restart().await?;
    assert_eq!(texts(&mut second, 1).await?, ["offline"]);
    write(&two, 78, "online").await?;
    assert_eq!(texts(&mut first, 1).await?, ["online"]);
    assert_eq!(texts(&mut second, 1).await?, ["online"]);
    let kept = two.get("/stream/chat").await?.json()?;
    assert_eq!(kept["count"], 12);
    Ok(())
}

/// A member of chat from this address, and his id.
async fn chatter_from(stream: &Stream, address: &str) -> Result<(Socket, String)> {
    let port = stream.at.ws.port();
    let tcp = sluice_tests::stream::plain(port).await?;
    let url = format!("ws://127.0.0.1:{port}/ws?target=chat");
    let headers = [("x-forwarded-for", address)];
    let mut socket = Socket::over(Box::new(tcp), &url, &headers).await?;
    let welcome = socket.receive_type("welcome").await?;
    let id = welcome["clientId"].as_str().context("an id")?.to_owned();
    Ok((socket, id))
}

/// What he is told who writes.
async fn answer(socket: &mut Socket, text: &str) -> Result<String> {
    socket.send_json(&says(text)).await?;
    let answers = |message: &Value| message["type"] == "ack" || message["type"] == "error";
    let answer = socket.receive_where("an answer", answers).await?;
    let code = answer["payload"]["code"].as_str();
    Ok(code.unwrap_or("written").to_owned())
}

#[tokio::test]
async fn a_mute_holds_for_the_address_on_every_instance() -> Result<()> {
    let redis = Redis::start().await?;
    let url = redis.url();
    let one = start(&[("REDIS_URL", &url), ("INSTANCE_ID", "one")]).await?;
    let two = start(&[("REDIS_URL", &url), ("INSTANCE_ID", "two")]).await?;
    let (mut loud, id) = chatter_from(&one, "198.51.100.9").await?;
    assert_eq!(answer(&mut loud, "hello").await?, "written");
    // He goes, is banned on the other instance, and comes back there.
    drop(loud);
    let moderation = async |action: &str| {
        let body = json!({"action": action, "userId": id}).to_string();
        anyhow::ensure!(two.post("/stream/chat/moderation", &body).await?.status == 200);
        Ok(())
    };
    moderation("ban").await?;
    let kept = async || Ok(redis.call("HLEN chat:bans:addresses").await?.trim() == ":1");
    poll::until_true("the address", poll::PATIENCE, kept).await?;
    let three = start(&[("REDIS_URL", &url), ("INSTANCE_ID", "three")]).await?;
    for instance in [&one, &two, &three] {
        let (mut again, _) = chatter_from(instance, "198.51.100.9").await?;
        assert_eq!(answer(&mut again, "again").await?, "FORBIDDEN");
        let (mut other, _) = chatter_from(instance, "198.51.100.10").await?;
        assert_eq!(answer(&mut other, "I am not he").await?, "written");
    }
    moderation("unban").await?;
    for instance in [&one, &two, &three] {
        let (mut again, _) = chatter_from(instance, "198.51.100.9").await?;
        // The other instances hear of it.
        soon("the end of the ban", async {
            while answer(&mut again, "thanks").await? != "written" {}
            Ok(())
        })
        .await?;
    }
    assert_eq!(redis.call("HLEN chat:bans:addresses").await?.trim(), ":0");
    Ok(())
}

#[tokio::test]
async fn a_history_covers_all_since_the_last_message_known() -> Result<()> {
    let stream = start(&[]).await?;
    for number in 0..60 {
        write(&stream, number / 5, &number.to_string()).await?;
    }
    let all = stream.get("/stream/chat?limit=200").await?.json()?["data"].clone();
    let id = |at: usize| all[at]["id"].as_str().unwrap_or_default().to_owned();
    // Who has the fifth misses 55, and gets them; who has the last gets as many as who comes for the first time, so that he
    // sees what was deleted.
    for (known, first, count) in [
        (id(4), "4", 56),
        (id(59), "10", 50),
        (String::new(), "10", 50),
    ] {
        let path = format!("/ws?target=chat&since=0&epoch=e&lastMessageId={known}");
        let mut socket = stream.connect(&path).await?;
        let history = socket.receive_type("chatHistory").await?["payload"].clone();
        let messages = history["messages"].as_array().context("messages")?;
        assert_eq!(
            (messages.len(), &messages[0]["text"]),
            (count, &json!(first))
        );
    }
    Ok(())
}

#[tokio::test]
async fn instances_tell_each_other_who_comes_and_goes() -> Result<()> {
    let redis = Redis::start().await?;
    let url = redis.url();
    let one = start(&[("REDIS_URL", &url), ("INSTANCE_ID", "one")]).await?;
    let two = start(&[("REDIS_URL", &url), ("INSTANCE_ID", "two")]).await?;
    let (mut ada, _) = chatter(&one).await?;
    // Far below the interval at which all is told anyway.
    let soon = std::time::Duration::from_secs(5);
    let becomes = async |ada: &mut Socket, wanted: u64| {
        let there = |message: &Value| message["payload"]["count"] == wanted;
        let told = ada.receive_where("a count", there);
        tokio::time::timeout(soon, told).await?
    };
    let (mut bob, _) = chatter(&two).await?;
    bob.send_json(&json!({"type": "presence", "payload": {"status": "online", "name": "Bob"}}))
        .await?;
    let told = becomes(&mut ada, 2).await?;
    assert_eq!(told["type"], "presenceUpdate", "{told}");
    bob.close().await?;
    becomes(&mut ada, 1).await?;
    let (_eve, _) = chatter(&two).await?;
    becomes(&mut ada, 2).await?;
    two.shutdown().await;
    becomes(&mut ada, 1).await?;
    Ok(())
}

#[tokio::test]
async fn a_redis_that_lost_chat_gets_it_back() -> Result<()> {
    let redis = Redis::start().await?;
    let url = redis.url();
    let stream = start(&[("REDIS_URL", &url)]).await?;
    for number in 1..4 {
        write(&stream, number, &format!("text {number}")).await?;
    }
    let messages = stream.get("/stream/chat").await?.json()?["data"].clone();
    for moderation in [
        json!({"action": "ban", "userId": "u1"}),
        json!({"action": "slowMode", "durationSeconds": 7}),
        json!({"action": "pin", "messageId": messages[1]["id"]}),
    ] {
        let body = moderation.to_string();
        let answer = stream.post("/stream/chat/moderation", &body).await?;
        assert_eq!(answer.status, 200);
    }
    redis.call("FLUSHALL").await?;
    write(&stream, 9, "text 4").await?;
    let restored = async || {
        Ok(redis
            .call("HGET chat:settings slowMode")
            .await?
            .contains('7'))
    };
    poll::until_true("the settings", poll::PATIENCE, restored).await?;
    // Another one finds all of it.
    let other = start(&[("REDIS_URL", &url), ("INSTANCE_ID", "other")]).await?;
    let found = other.get("/stream/chat").await?.json()?["data"].clone();
    let texts: Vec<_> = (0..4).map(|at| found[at]["text"].clone()).collect();
    assert_eq!(texts, ["text 1", "text 2", "text 3", "text 4"]);
    assert!(write(&other, 1, "banned").await.is_err());
    let pinned = redis.call("HGET chat:settings pinned").await?;
    let id = messages[1]["id"].as_str().context("an id")?;
    assert!(pinned.contains(id), "{pinned}");
    Ok(())
}
