//! Where messages end: whatever two parsers could read differently is refused, and the connection with it.

use anyhow::{Result, ensure};
use sluice_tests::recorder::{Recorder, Reply, ok};

use crate::support::{EVIL, Site, routes};

const HEAD: &str = "POST /x HTTP/1.1\r\nHost: a.test\r\n";
const REFUSED: &[u16] = &[400, 501];

#[tokio::test]
async fn length_and_coding_together_are_refused() -> Result<()> {
    let mut site = Site::start().await?;
    let (length, coding) = ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n");
    for fields in [
        [length, coding].concat(),
        [coding, length].concat(),
        [coding, length, coding].concat(),
        ["content-length:0\r\n", "transfer-encoding:chunked\r\n"].concat(),
    ] {
        site.refuses(format!("{HEAD}{fields}\r\n0\r\n\r\n"), REFUSED)
            .await?;
    }
    ensure!(site.upstream.seen().is_empty(), "a server heard of it");
    site.lives().await
}

#[tokio::test]
async fn lengths_are_one_decimal_number() -> Result<()> {
    let site = Site::start().await?;
    for length in [
        "+5",
        "-48",
        "-0",
        "0x10",
        "1_0",
        "5 5",
        "5,5",
        "5, 5",
        "",
        " ",
        "5;",
        "5.0",
        "5e0",
        "\"5\"",
        "٣",
        "18446744073709551616",
        "18446744073709551621",
        "9223372036854775808",
        "99999999999999999999999",
    ] {
        site.refuses(
            format!("{HEAD}Content-Length: {length}\r\n\r\nhello"),
            REFUSED,
        )
        .await?;
    }
    for two in [
        "5\r\nContent-Length: 6",
        "5\r\ncontent-length: 05",
        "5\r\nContent-Length:",
    ] {
        site.refuses(format!("{HEAD}Content-Length: {two}\r\n\r\nhello"), REFUSED)
            .await?;
    }
    ensure!(site.upstream.seen().is_empty(), "a server heard of it");
    Ok(())
}

#[tokio::test]
async fn a_length_is_written_anew() -> Result<()> {
    let site = Site::start().await?;
    for fields in [
        "Content-Length: 010\r\n",
        "Content-Length: 10\r\nContent-Length: 10\r\n",
    ] {
        let mut client = site.client().await?;
        client
            .send(format!("{HEAD}{fields}\r\n0123456789{EVIL}"))
            .await?;
        ensure!(client.answer().await?.status == 200, "{fields:?}");
        let first = site
            .upstream
            .seen()
            .into_iter()
            .rfind(|seen| !seen.line().contains("evil"));
        let arrived = first.map(|seen| {
            let lengths = seen.values("Content-Length").len();
            (lengths, seen.values("Content-Length") == ["10"], seen.body)
        });
        ensure!(
            arrived == Some((1, true, "0123456789".to_owned())),
            "{fields:?}: {arrived:?}"
        );
        // Behind an unambiguous body stands an honest second request.
        ensure!(client.answer().await?.status == 200);
    }
    Ok(())
}

#[tokio::test]
async fn the_only_coding_is_chunked_once() -> Result<()> {
    let mut site = Site::start().await?;
    for coding in [
        ",chunked",
        "chunked,",
        "chunked, identity",
        "identity, chunked",
        "xchunked",
        "chunkedx",
        "\"chunked\"",
        "identity",
        "gzip, chunked",
        "chunked, chunked",
        "chunked;x=y",
        "",
        "chun ked",
        "chunked\t,",
        "chunked\r\nTransfer-Encoding: chunked",
        "chunked\r\nTransfer-Encoding: identity",
        "gzip\r\nTransfer-Encoding: chunked",
        "\u{b}chunked",
        "chunked\u{b}",
        "\u{c}chunked",
    ] {
        site.refuses(
            format!("{HEAD}Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n"),
            REFUSED,
        )
        .await?;
    }
    let latin = [
        HEAD.as_bytes(),
        b"Transfer-Encoding: chunked\x85\r\n\r\n0\r\n\r\n",
    ]
    .concat();
    site.refuses(latin, REFUSED).await?;
    let old = HEAD.replace("1.1", "1.0");
    site.refuses(
        format!("{old}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        REFUSED,
    )
    .await?;
    ensure!(site.upstream.seen().is_empty(), "a server heard of it");

    // To a server that takes underscores for hyphens these are codings and lengths, too.
    for field in [
        "Transfer_Encoding: chunked",
        "transfer.encoding: chunked",
        "Content_Length: 3",
    ] {
        site.refuses(
            format!("{HEAD}{field}\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
            REFUSED,
        )
        .await?;
    }
    site.lives().await
}

#[tokio::test]
async fn chunk_sizes_are_hexadecimal_digits() -> Result<()> {
    let mut site = Site::start().await?;
    for size in [
        "0x3",
        "+3",
        "-3",
        "-0",
        "0_2e",
        " 3",
        "\t3",
        "3 4",
        "3g",
        "",
        "\u{b}3",
        "3\u{b}",
        "00000000000000003",
        "fffffffffffffffff",
        "3\r",
        "3\n",
        "3\0",
    ] {
        chunked(&site, &format!("{size}\r\nabc\r\n0\r\n\r\n")).await?;
    }
    // 2^64 - 1 bytes are none that could ever come: nothing behind them is another request.
    let head = format!(
        "{HEAD}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc\r\n0\r\n\r\n{EVIL}"
    );
    let mut client = site.client().await?;
    client.send(head).await?;
    drop(client);
    site.lives().await?;

    // Blanks behind the digits and an extension are dropped: the server gets a size of its own.
    let mut client = site.client().await?;
    let body = "3 ;x=y\r\nabc\r\n00;\r\n\r\n";
    client
        .send(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{body}"))
        .await?;
    ensure!(client.answer().await?.status == 200);
    ensure!(
        site.upstream.last()?.body == "3\r\nabc\r\n0\r\n\r\n",
        "{:?}",
        site.upstream.last()?
    );
    Ok(())
}

#[tokio::test]
async fn chunk_extensions_end_with_the_line_and_are_short() -> Result<()> {
    let mut site = Site::start().await?;
    let huge = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(1 << 20));
    let many = format!(
        "{}0\r\n\r\n",
        format!("1;{}\r\na\r\n", "x".repeat(2000)).repeat(100)
    );
    for body in [
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\r\r;ABCD\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5;a\0b\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        huge.as_str(),
        many.as_str(),
    ] {
        chunked(&site, body).await?;
    }
    site.lives().await
}

#[tokio::test]
async fn chunks_end_where_their_size_says() -> Result<()> {
    let mut site = Site::start().await?;
    for body in [
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabcXX0\r\n\r\n",
        "3\r\nabc\r\nXX\r\n0\r\n\r\n",
        "3\r\nabc\r\n\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabc\r\nzz\r\n",
        "0\r\nbroken trailer\r\n\r\n",
        "0\r\n : x\r\n\r\n",
        "0\r\nX: a\n\r\n\r\n",
    ] {
        chunked(&site, body).await?;
    }
    site.lives().await
}

#[tokio::test]
async fn what_is_expected_is_known_or_refused() -> Result<()> {
    let upstream = Recorder::start(|seen| match seen.line().contains("/early") {
        // A final answer, and not a byte of the body was read.
        true => Reply::Close(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_vec()),
        false => Reply::Keep(ok("fine")),
    });
    let mut site = Site::with(upstream.await?, routes, "", &[]).await?;
    for expect in [
        "100-continue, x",
        "x",
        "100-continue\r\nExpect: y",
        "200-ok",
    ] {
        site.refuses(
            format!("{HEAD}Expect: {expect}\r\nContent-Length: 5\r\n\r\nhello"),
            &[417],
        )
        .await?;
    }
    ensure!(site.upstream.seen().is_empty(), "a server heard of it");

    // The client waits for 100, gets its final answer, and sends the body nevertheless: it is no request.
    let length = EVIL.len();
    let early = HEAD.replace("/x", "/early");
    let head = format!("{early}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n");
    let mut client = site.client().await?;
    client.send(head.as_str()).await?;
    ensure!(client.answer().await?.status == 401);
    let _ = client.send(EVIL).await;
    ensure!(client.rest().await.map_or(true, |rest| rest.is_empty()));
    // And all at once.
    let mut client = site.client().await?;
    client.send(format!("{head}{EVIL}")).await?;
    ensure!(client.answer().await?.status == 401);
    site.lives().await
}

#[tokio::test]
async fn bodies_where_none_are_usual_are_still_bodies() -> Result<()> {
    let mut site = Site::start().await?;
    let length = EVIL.len();
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "TRACE", "BREW"] {
        for host in ["a.test", "unknown.test"] {
            let mut client = site.client().await?;
            let request = format!(
                "{method} /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{EVIL}"
            );
            client.send(request).await?;
            let answer = client.answer_to(method).await?;
            let expected = if host == "a.test" { 200 } else { 404 };
            ensure!(answer.status == expected, "{method} {host}: {answer:?}");
            // Read and thrown away, or the connection is closed: never a request.
            client
                .send("GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n")
                .await?;
            if let Ok(answer) = client.answer().await {
                ensure!(answer.text() == "fine", "{method} {host}: {answer:?}");
            }
        }
    }
    site.lives().await
}

/// A chunked body that is refused, wherever the request is by then.
async fn chunked(site: &Site, body: &str) -> Result<()> {
    site.refuses(
        format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{body}"),
        &[0, 400, 502],
    )
    .await
}
