//! Frames of two instances on one Redis (specification, section 4.4): made once, delivered by both.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use sluice_tests::poll;
use sluice_tests::redis::Redis;
use sluice_tests::websocket::Socket;

use crate::preview::{picture, pixels, put, viewer};
use crate::support::{Stream, start};

/// How long a lock that was not given back holds, and the instances' looking for it.
const TAKEOVER: Duration = Duration::from_secs(10 + 3);

async fn instance(redis: &Redis, name: &str) -> Result<Stream> {
    let url = redis.url();
    start(&[
        ("REDIS_URL", &url),
        ("INSTANCE_ID", name),
        ("REDIS_FRAME_FANOUT", "true"),
        ("STREAM_RESOLUTION", "320x180"),
    ])
    .await
}

/// A frame's number, and all of it.
async fn frame(socket: &mut Socket) -> Result<(u64, Value)> {
    let frame = socket.receive_type("frame").await?;
    Ok((frame["frame"].as_u64().context("a number")?, frame))
}

/// Reads both until so many frames came to both, each the same to the last pixel and the millisecond it was made.
async fn same(first: &mut Socket, second: &mut Socket, wanted: usize) -> Result<()> {
    let (mut seen, mut same) = (HashMap::new(), 0);
    while same < wanted {
        let (number, made) = tokio::select! {
            frame = frame(first) => frame?,
            frame = frame(second) => frame?,
        };
        same += usize::from(seen.insert(number, made.clone()) == Some(made));
    }
    Ok(())
}

async fn shows(socket: &mut Socket, color: [u8; 3]) -> Result<()> {
    let what = format!("a picture in {color:?}");
    poll::soon(&what, async {
        loop {
            let (_, frame) = frame(socket).await?;
            let picture = image::load_from_memory(&pixels(&frame)?)?.into_rgb8();
            if picture.get_pixel(3, 3).0 == color {
                return Ok(());
            }
        }
    })
    .await
}

#[tokio::test]
async fn one_makes_frames_and_both_deliver_them() -> Result<()> {
    let redis = Redis::start().await?;
    let one = instance(&redis, "one").await?;
    let two = instance(&redis, "two").await?;
    let (mut first, mut second) = (viewer(&one).await?, viewer(&two).await?);
    two.control("start").await?;
    let made_once = same(&mut first, &mut second, 20);
    poll::soon("frames that both have", made_once).await?;

    // Pictures that are put on either are seen on both, over sockets and HTTP.
    for (at, color) in [(&two, [0, 0, 254]), (&one, [0, 254, 0])] {
        let picture = picture(64, 64, color, image::ImageFormat::Png)?;
        assert_eq!(put(at, &picture).await?.0, 202);
        shows(&mut first, color).await?;
        shows(&mut second, color).await?;
        for stream in [&one, &two] {
            let shown = stream.get("/stream/frame?quality=high").await?;
            let shown = image::load_from_memory(&shown.body)?.into_rgb8();
            assert_eq!(shown.get_pixel(3, 3).0, color);
        }
    }

    // What is no message of theirs does no harm.
    for channel in ["", ":put", ":wanted"] {
        for garbage in ["x", "\"{}\\nx\"", "\"{\\\"origin\\\":\\\"a\\\"}\\nx\""] {
            let line = format!("PUBLISH stream-manager:frames{channel} {garbage}");
            let told = redis.call(&line).await?;
            assert_eq!(told.trim(), ":2", "{line}");
        }
    }
    frame(&mut first).await?;
    frame(&mut second).await?;
    Ok(())
}

#[tokio::test]
async fn frames_go_on_when_their_maker_is_gone() -> Result<()> {
    let mut redis = Redis::start().await?;
    let one = instance(&redis, "one").await?;
    let holder = async || {
        Ok(redis
            .call("GET lock:stream-manager:ticker")
            .await?
            .contains("one"))
    };
    poll::until_true("the lock", poll::PATIENCE, holder).await?;
    let two = instance(&redis, "two").await?;
    let (mut first, mut second) = (viewer(&one).await?, viewer(&two).await?);
    one.control("start").await?;
    let made_once = same(&mut first, &mut second, 5);
    poll::soon("frames that both have", made_once).await?;
    drop(first);
    one.shutdown().await;
    // Long before the lock is over.
    for _ in 0..5 {
        tokio::time::timeout(TAKEOVER / 3, frame(&mut second))
            .await
            .context("no frame after the maker has gone")??;
    }
    // Nor is Redis needed.
    redis.kill().await?;
    for _ in 0..60 {
        tokio::time::timeout(TAKEOVER / 3, frame(&mut second))
            .await
            .context("no frame without Redis")??;
    }
    redis.restart().await?;
    let three = instance(&redis, "three").await?;
    let mut third = viewer(&three).await?;
    poll::soon("frames that both have", same(&mut second, &mut third, 5)).await
}
