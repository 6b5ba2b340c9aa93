//! The writer with a real Redis server that is killed, stopped, emptied and shared.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sluice_tests::poll::{PATIENCE, until_true};
use sluice_tests::redis::Redis as Server;

use super::{counters, kinds, options, start};
use crate::config::Secret;
use crate::owner::{CommitKind, NoObserver, Owner, StoreStatus};
use crate::state::{Command, SettingsPatch};
use crate::store::{Backend, Mode, Position, Redis};

fn redis(server: &Server, instance: &str) -> Result<Redis> {
    let url = Secret::new(server.url());
    Ok(Redis::new(&url, instance, true, Arc::new(NoObserver))?)
}

async fn status(owner: &Owner, status: StoreStatus) -> Result<()> {
    let what = format!("health {}", status.as_str());
    until_true(
        &what,
        PATIENCE,
        async || Ok(owner.health().status == status),
    )
    .await
}

fn layers(most: u32) -> Command {
    Command::PatchConfig(SettingsPatch {
        max_layers: Some(most),
        ..SettingsPatch::default()
    })
}

#[tokio::test]
async fn missing_keys_are_created_with_defaults_at_once() -> Result<()> {
    let server = Server::start().await?;
    let (owner, _) = start(options()?, redis(&server, "a")?).await;
    assert_eq!(
        (owner.health().mode, owner.health().status),
        (Mode::Redis, StoreStatus::Ok)
    );
    assert!(owner.health().latency_ms.is_some());
    let stream = server.call("GET streamState").await?;
    let expected = r#"{"isLive":false,"isPaused":false,"fps":0,"targetFPS":30,"frameCount":0,"droppedFrames":0,"averageRenderTime":0,"startTime":null,"error":null}"#;
    ensure!(stream.contains(expected), "{stream}");
    let scene = server.call("GET sceneState").await?;
    ensure!(
        scene.contains(r#"{"background":[],"quadrants":[],"overlay":[]}"#),
        "{scene}"
    );
    ensure!(server.call("GET stateVersion").await?.contains("\r\n1\r\n"));
    Ok(())
}

#[tokio::test]
async fn a_killed_server_loses_no_answered_change() -> Result<()> {
    let mut server = Server::start().await?;
    let (owner, _) = start(options()?, redis(&server, "a")?).await;
    let load = owner.clone();
    let updates = tokio::spawn(async move {
        let mut answered = 0;
        for round in 0..400 {
            answered = load.apply(layers(round % 100 + 1)).await?.snapshot.version;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        anyhow::Ok(answered)
    });
    until_true("some updates", PATIENCE, async || {
        Ok(owner.snapshot().version > 50)
    })
    .await?;
    server.kill().await?;
    status(&owner, StoreStatus::Degraded).await?;
    until_true("updates without Redis", PATIENCE, async || {
        Ok(owner.snapshot().version > 150)
    })
    .await?;
    assert!(owner.health().dirty);
    server.restart().await?;
    let answered = updates.await??;
    status(&owner, StoreStatus::Ok).await?;
    let snapshot = owner.snapshot();
    assert!(snapshot.version >= answered);

    let held = redis(&server, "b")?.load().await?;
    assert_eq!(held.position, Some(Position::from(&*snapshot)));
    let settings = held.settings.map(|settings| settings.values.max_layers);
    assert_eq!(settings, Some(snapshot.settings.max_layers));
    Ok(())
}

#[tokio::test]
async fn a_stopped_server_delays_answers_by_little() -> Result<()> {
    let server = Server::start().await?;
    let (owner, _) = start(options()?, redis(&server, "a")?).await;
    server.pause()?;
    let begin = Instant::now();
    for round in 1..20 {
        assert!(!owner.apply(layers(round)).await?.persisted);
    }
    let took = begin.elapsed();
    server.resume()?;
    assert!(took < Duration::from_secs(5), "{took:?}");
    status(&owner, StoreStatus::Ok).await?;
    // What the server had received before it was stopped comes late, and must not win.
    let held = redis(&server, "b")?.load().await?;
    assert_eq!(held.position, Some(Position::from(&*owner.snapshot())));
    assert_eq!(held.settings.map(|s| s.values.max_layers), Some(19));
    Ok(())
}

#[tokio::test]
async fn an_emptied_server_gets_our_state_with_its_version() -> Result<()> {
    let server = Server::start().await?;
    let (owner, _) = start(options()?, redis(&server, "a")?).await;
    owner.apply(Command::Start).await?;
    server.call("FLUSHALL").await?;
    let applied = owner.apply(layers(3)).await?;
    assert!(applied.persisted);
    let held = redis(&server, "b")?.load().await?;
    assert_eq!(held.position, Some(Position::from(&*applied.snapshot)));
    assert_eq!(held.scene.as_ref(), Some(&*applied.snapshot.scene));

    // Nobody changes anything: the look every few seconds finds it.
    server.call("FLUSHALL").await?;
    until_true("the state written again", PATIENCE, async || {
        Ok(server.call("GET stateVersion").await?.contains("\r\n3\r\n"))
    })
    .await
}

#[tokio::test]
async fn instances_hear_of_each_other() -> Result<()> {
    let server = Server::start().await?;
    let (one, _) = start(options()?, redis(&server, "one")?).await;
    let (two, told) = start(options()?, redis(&server, "two")?).await;
    assert_eq!(one.snapshot(), two.snapshot());
    until_true("two subscriptions", PATIENCE, async || {
        let answer = server.call("PUBSUB NUMSUB stream-manager:updates").await?;
        Ok(answer.contains(":2"))
    })
    .await?;
    one.apply(Command::Start).await?;
    until_true("the start elsewhere", Duration::from_secs(3), async || {
        Ok(two.snapshot().stream.is_live)
    })
    .await?;
    assert_eq!(
        kinds(&told),
        [(CommitKind::Loaded, 1), (CommitKind::Replaced, 2)]
    );
    assert_eq!(one.snapshot(), two.snapshot());

    // Both at once: no change is lost, and both end with the same.
    for round in 1..=20 {
        let (a, b) = tokio::join!(
            one.apply(layers(round)),
            two.apply(Command::Pause { paused: None })
        );
        a?;
        b?;
    }
    until_true("the same state", PATIENCE, async || {
        Ok(one.snapshot() == two.snapshot())
    })
    .await?;
    assert_eq!(one.snapshot().settings.max_layers, 20);
    assert_eq!(
        one.snapshot().version,
        2 + 40,
        "each change has its own version"
    );
    Ok(())
}

#[tokio::test]
async fn counters_are_told_to_others_without_a_version() -> Result<()> {
    let server = Server::start().await?;
    let mut options = options()?;
    options.telemetry_persist = Duration::from_millis(50);
    let (one, _) = start(options.clone(), redis(&server, "one")?).await;
    one.apply(Command::Start).await?;
    let (two, _) = start(options, redis(&server, "two")?).await;
    until_true("counters elsewhere", PATIENCE, async || {
        let frame = one.snapshot().stream.frame_count + 1;
        one.apply(counters(frame)).await?;
        Ok(two.snapshot().stream.frame_count > 0)
    })
    .await?;
    assert_eq!(two.snapshot().version, 2);
    Ok(())
}
