//! HTTP/2 from end to end: gRPC with and without TLS, streams that nobody holds back.

use anyhow::{Context as _, Result, ensure};
use sluice_tests::grpc::{Client, Messages, Server};
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::stack::Gateway;
use sluice_tests::stream;
use sluice_tests::tls::Authority;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const HOST: &str = "grpc.test";

/// A client, the gateway and a server, without TLS or with TLS on both sides.
struct Way {
    client: Client,
    server: Server,
    gateway: Gateway,
}

async fn plain() -> Result<Way> {
    let server = Server::plain().await?;
    let gateway = Gateway::start(&format!(
        "\
http:
  routers:
    grpc: {{rule: 'Host(`{HOST}`)', service: grpc}}
  services:
    grpc: {{loadBalancer: {{servers: [{{url: 'h2c://127.0.0.1:{}'}}]}}}}
",
        server.port
    ))
    .await?;
    Ok(Way {
        client: Client::plain(gateway.web).await?,
        server,
        gateway,
    })
}

async fn over_tls() -> Result<Way> {
    let folder = tempfile::tempdir()?;
    let authority = Authority::new(folder.path())?;
    authority.sign(HOST)?;
    let server = Server::over_tls(authority.server(HOST)?).await?;
    let dynamic = format!(
        "\
http:
  routers:
    grpc: {{rule: 'Host(`{HOST}`)', service: grpc}}
  services:
    grpc: {{loadBalancer: {{servers: [{{url: 'https://127.0.0.1:{}'}}], serversTransport: own}}}}
  serversTransports:
    own: {{rootCAs: [ca.crt], serverName: {HOST}}}
tls:
  certificates: [{{certFile: {HOST}.crt, keyFile: {HOST}.key}}]
",
        server.port
    );
    let gateway = Gateway::start_in(folder, &dynamic, "").await?;
    Ok(Way {
        client: Client::over_tls(&authority.client()?, gateway.websecure, HOST).await?,
        server,
        gateway,
    })
}

#[tokio::test]
async fn grpc_without_tls() -> Result<()> {
    exercise(plain().await?).await
}

#[tokio::test]
async fn grpc_over_tls() -> Result<()> {
    exercise(over_tls().await?).await
}

async fn exercise(mut way: Way) -> Result<()> {
    unary(&mut way).await?;
    server_stream(&mut way).await?;
    both_stream(&mut way).await?;
    refusals(&mut way).await?;
    cancelled(&mut way).await?;
    // Two workers at most, and each shares one.
    ensure!(
        way.server.connections() <= 2,
        "{} connections",
        way.server.connections()
    );
    Ok(())
}

async fn unary(way: &mut Way) -> Result<()> {
    let fields = [("grpc-timeout", "5S"), ("x-meta", "kept")];
    let mut call = way.client.call(HOST, "Unary", &fields).await?;
    call.send("hello")?;
    call.end()?;
    let (head, mut messages) = call.answer().await?;
    assert_eq!(head.headers["content-type"], "application/grpc");
    assert_eq!(messages.next().await?.as_deref(), Some("hello"));
    assert_eq!(messages.next().await?, None);
    assert_eq!(messages.trailers().await?["grpc-status"], "0");
    let heads = way.server.heads();
    let seen = heads.last().context("a call")?;
    assert_eq!(seen.uri.authority().map(|host| host.as_str()), Some(HOST));
    for (name, value) in [
        ("te", "trailers"),
        ("grpc-timeout", "5S"),
        ("x-meta", "kept"),
        ("x-forwarded-host", HOST),
    ] {
        assert_eq!(seen.headers[name], value, "{name}");
    }
    Ok(())
}

async fn server_stream(way: &mut Way) -> Result<()> {
    let mut call = way.client.call(HOST, "Stream", &[]).await?;
    call.send("go")?;
    call.end()?;
    let (_, mut messages) = call.answer().await?;
    // The second is sent when the first has arrived, and not before.
    assert_eq!(messages.next().await?.as_deref(), Some("first"));
    way.server.proceed.notify_one();
    assert_eq!(messages.next().await?.as_deref(), Some("second"));
    assert_eq!(messages.next().await?, None);
    assert_eq!(messages.trailers().await?["grpc-status"], "0");
    Ok(())
}

async fn both_stream(way: &mut Way) -> Result<()> {
    let mut call = way.client.call(HOST, "Chat", &[]).await?;
    // The head of the answer comes before the first message.
    let (_, mut messages) = call.answer().await?;
    for text in ["one", "two", "three"] {
        call.send(text)?;
        assert_eq!(messages.next().await?.as_deref(), Some(text));
    }
    call.end_with("x-sum", "3")?;
    assert_eq!(messages.next().await?, None);
    let trailers = messages.trailers().await?;
    assert_eq!(
        (&trailers["grpc-status"], &trailers["x-sum"]),
        (&"0".parse()?, &"3".parse()?)
    );
    Ok(())
}

async fn refusals(way: &mut Way) -> Result<()> {
    let mut call = way.client.call(HOST, "Refuse", &[]).await?;
    call.end()?;
    let (head, mut messages) = call.answer().await?;
    assert_eq!(head.headers["grpc-status"], "7");
    assert_eq!(head.headers["grpc-message"], "not%20you");
    assert_eq!(messages.next().await?, None);

    let mut call = way.client.call(HOST, "Fail", &[]).await?;
    call.end()?;
    let (_, mut messages) = call.answer().await?;
    assert_eq!(messages.next().await?.as_deref(), Some("part"));
    assert_eq!(messages.next().await?, None);
    assert_eq!(messages.trailers().await?["grpc-status"], "13");
    Ok(())
}

/// A client whose deadline has passed takes its call back, and the server hears of it.
async fn cancelled(way: &mut Way) -> Result<()> {
    let mut call = way
        .client
        .call(HOST, "Hang", &[("grpc-timeout", "100m")])
        .await?;
    call.send("hello")?;
    let hangs = |head: &http::request::Parts| head.uri.path().ends_with("Hang");
    poll::until_true("the call at the server", PATIENCE, async || {
        Ok(way.server.heads().last().is_some_and(hangs))
    })
    .await?;
    call.cancel();
    let reset = poll::until("the end of the call at the server", PATIENCE, async || {
        Ok(way.server.resets().pop())
    });
    assert_eq!(reset.await?, h2::Reason::CANCEL);
    Ok(())
}

/// Sends the head and a first event, and a second one for each connection that sends `more`.
async fn events() -> Result<(u16, tokio::sync::mpsc::UnboundedSender<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let (more, mut wanted) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match socket.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
            if socket.write_all(answer.as_bytes()).await.is_err() {
                continue;
            }
            if wanted.recv().await.is_some() {
                let _ = socket.write_all(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n").await;
            }
        }
    });
    Ok((port, more))
}

#[tokio::test]
async fn events_are_never_held_back() -> Result<()> {
    let (port, more) = events().await?;
    let grpc = Server::plain().await?;
    let gateway = Gateway::start(&format!(
        "\
http:
  routers:
    http1: {{rule: 'Host(`http1.test`)', service: http1}}
    http2: {{rule: 'Host(`http2.test`)', service: http2}}
  services:
    http1: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}], responseForwarding: {{flushInterval: 10s}}}}}}
    http2: {{loadBalancer: {{servers: [{{url: 'h2c://127.0.0.1:{}'}}], responseForwarding: {{flushInterval: 10s}}}}}}
",
        grpc.port
    ))
    .await?;

    // Each second event is only sent when the first has arrived.
    let mut socket = stream::plain(gateway.web).await?;
    socket
        .write_all(b"GET / HTTP/1.1\r\nHost: http1.test\r\n\r\n")
        .await?;
    let mut seen = String::new();
    read_until(&mut socket, &mut seen, "data: 1").await?;
    more.send(())?;
    read_until(&mut socket, &mut seen, "data: 2").await?;

    let mut client = Client::plain(gateway.web).await?;
    let mut body = client.get("http1.test", "/").await?.into_body();
    let first = poll::soon("the first event", async { Ok(body.data().await) }).await?;
    assert_eq!(first.context("an event")??, "data: 1\n\n");
    more.send(())?;
    let second = poll::soon("the second event", async { Ok(body.data().await) }).await?;
    assert_eq!(second.context("an event")??, "data: 2\n\n");

    let mut socket = stream::plain(gateway.web).await?;
    let message =
        "POST /Stream HTTP/1.1\r\nHost: http2.test\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0";
    socket.write_all(message.as_bytes()).await?;
    let mut seen = String::new();
    read_until(&mut socket, &mut seen, "first").await?;
    grpc.proceed.notify_one();
    read_until(&mut socket, &mut seen, "second").await?;
    read_until(&mut socket, &mut seen, "Grpc-Status: 0").await?;

    let mut call = client.call("http2.test", "Stream", &[]).await?;
    call.send("go")?;
    call.end()?;
    let (_, mut messages): (_, Messages) = call.answer().await?;
    assert_eq!(messages.next().await?.as_deref(), Some("first"));
    grpc.proceed.notify_one();
    assert_eq!(messages.next().await?.as_deref(), Some("second"));
    Ok(())
}

#[tokio::test]
async fn an_http1_client_may_talk_while_it_listens() -> Result<()> {
    let way = plain().await?;
    let mut socket = stream::plain(way.gateway.web).await?;
    let mut seen = String::new();
    for round in 0..2 {
        seen.clear();
        let head =
            format!("POST /Chat HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n");
        socket.write_all(head.as_bytes()).await?;
        for text in ["one", "two"] {
            let message = format!("8\r\n\0\0\0\0\x03{text}\r\n");
            socket.write_all(message.as_bytes()).await?;
            read_until(&mut socket, &mut seen, text).await?;
        }
        ensure!(
            seen.starts_with("HTTP/1.1 200 OK"),
            "round {round}: {seen:?}"
        );
        socket.write_all(b"0\r\n\r\n").await?;
        read_until(&mut socket, &mut seen, "Grpc-Status: 0\r\n\r\n").await?;
    }
    // Gone in the middle: the server hears of it.
    let head = format!("POST /Hang HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9\r\n\r\nab");
    socket.write_all(head.as_bytes()).await?;
    let hangs = |head: &http::request::Parts| head.uri.path().ends_with("Hang");
    poll::until_true("the call at the server", PATIENCE, async || {
        Ok(way.server.heads().last().is_some_and(hangs))
    })
    .await?;
    drop(socket);
    let reset = poll::until("the end of the call at the server", PATIENCE, async || {
        Ok(way.server.resets().pop())
    });
    assert_eq!(reset.await?, h2::Reason::CANCEL);
    Ok(())
}

async fn read_until(
    socket: &mut tokio::net::TcpStream,
    seen: &mut String,
    what: &str,
) -> Result<()> {
    poll::soon(what, async {
        while !seen.contains(what) {
            let mut buffer = [0; 1024];
            let read = socket.read(&mut buffer).await?;
            ensure!(read > 0, "closed after {seen:?}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        Ok(())
    })
    .await
}
