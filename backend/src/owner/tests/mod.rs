//! Tests of the writer, with memory, with a store that fails on demand, and with a real Redis server.

mod faults;
mod redis;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;

use super::{ApplyError, Commit, CommitKind, NoObserver, Options, Owner, StoreStatus};
use crate::config::{Config, PersistMode};
use crate::state::{Command, Counters, SettingsPatch};
use crate::store::{Backend, Memory};

type Commits = Arc<Mutex<Vec<Arc<Commit>>>>;

fn options() -> Result<Options> {
    let (config, _) = Config::from_vars(std::iter::empty())?;
    let mut options = Options::from(&config);
    options.first_contact = Duration::from_millis(50);
    Ok(options)
}

/// The writer, and everything it has told.
async fn start<B: Backend>(options: Options, store: B) -> (Owner, Commits) {
    let commits = Commits::default();
    let sink = Arc::clone(&commits);
    let on_commit = Box::new(move |commit: &Arc<Commit>| {
        sink.lock().unwrap().push(Arc::clone(commit));
    });
    let owner = Owner::start(options, store, on_commit, Arc::new(NoObserver)).await;
    (owner, commits)
}

fn kinds(commits: &Commits) -> Vec<(CommitKind, u64)> {
    let commits = commits.lock().unwrap();
    let kinds = commits
        .iter()
        .map(|commit| (commit.kind, commit.snapshot.version));
    kinds.collect()
}

fn counters(frame_count: u64) -> Command {
    Command::Telemetry(Counters {
        fps: 29.9,
        frame_count,
        ..Counters::default()
    })
}

#[tokio::test]
async fn a_command_is_committed_told_and_answered() -> Result<()> {
    let (owner, commits) = start(options()?, Memory::default()).await;
    assert_eq!(kinds(&commits), [(CommitKind::Loaded, 1)]);
    let applied = owner.apply(Command::Start).await?;
    assert!(applied.changed && applied.persisted && applied.snapshot.stream.is_live);
    assert_eq!(owner.snapshot(), applied.snapshot);
    assert_eq!(
        kinds(&commits),
        [(CommitKind::Loaded, 1), (CommitKind::Stream, 2)]
    );
    let health = owner.health();
    assert_eq!(health.status, StoreStatus::Ok);
    assert!(health.connected && !health.dirty && !health.rehydrated);
    Ok(())
}

#[tokio::test]
async fn what_is_impossible_or_changes_nothing_commits_nothing() -> Result<()> {
    let (owner, commits) = start(options()?, Memory::default()).await;
    let error = owner.apply(Command::Stop).await.unwrap_err();
    let ApplyError::Command(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.message, "Stream is not running");
    let applied = owner.apply(Command::Reset).await?;
    assert!(!applied.changed && applied.persisted);
    let patch = SettingsPatch {
        target_fps: Some(30),
        ..SettingsPatch::default()
    };
    assert!(!owner.apply(Command::PatchConfig(patch)).await?.changed);
    assert_eq!(kinds(&commits).len(), 1);
    Ok(())
}

#[tokio::test]
async fn concurrent_commands_each_get_a_version_and_come_in_order() -> Result<()> {
    let (owner, commits) = start(options()?, Memory::default()).await;
    let mut tasks = Vec::new();
    for fps in 1..=60 {
        let owner = owner.clone();
        tasks.push(tokio::spawn(async move {
            let patch = SettingsPatch {
                target_fps: Some(fps),
                max_layers: Some(fps),
                ..SettingsPatch::default()
            };
            owner.apply(Command::PatchConfig(patch)).await
        }));
    }
    let mut versions = Vec::new();
    for task in tasks {
        let applied = task.await??;
        assert_eq!(
            applied.snapshot.settings.target_fps, applied.snapshot.settings.max_layers,
            "whole states only"
        );
        versions.push(applied.snapshot.version);
    }
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 60);
    let told = kinds(&commits);
    assert!(
        told.windows(2).all(|pair| pair[0].1 + 1 == pair[1].1),
        "{told:?}"
    );
    Ok(())
}

#[tokio::test]
async fn counters_are_visible_at_once_and_told_now_and_then() -> Result<()> {
    let mut options = options()?;
    options.telemetry_broadcast = Duration::from_secs(3600);
    let (owner, commits) = start(options, Memory::default()).await;
    assert!(!owner.apply(counters(1)).await?.changed, "not live");
    owner.apply(Command::Start).await?;
    for frame in 1..=100 {
        let applied = owner.apply(counters(frame)).await?;
        assert_eq!(applied.snapshot.version, 2, "counters repeat the version");
    }
    assert_eq!(owner.snapshot().stream.frame_count, 100);
    assert_eq!(kinds(&commits).len(), 2);
    // A change of another kind carries them.
    owner.apply(Command::Pause { paused: None }).await?;
    let last = commits.lock().unwrap().last().cloned().unwrap();
    assert_eq!(last.changes, ["isPaused", "fps", "frameCount"]);
    assert!(!owner.apply(counters(101)).await?.changed, "paused");
    Ok(())
}

#[tokio::test]
async fn counters_are_told_when_their_time_has_come() -> Result<()> {
    let mut options = options()?;
    options.telemetry_broadcast = Duration::from_millis(20);
    let (owner, commits) = start(options, Memory::default()).await;
    owner.apply(Command::Start).await?;
    owner.apply(counters(1)).await?;
    owner.apply(counters(2)).await?;
    sluice_tests::poll::until_true("counters told", sluice_tests::poll::PATIENCE, async || {
        let last = commits.lock().unwrap().last().cloned();
        Ok(last.is_some_and(|last| {
            last.kind == CommitKind::Telemetry && last.snapshot.stream.frame_count == 2
        }))
    })
    .await
}

#[tokio::test]
async fn the_stream_goes_live_at_boot_if_asked() -> Result<()> {
    let mut options = options()?;
    options.auto_start = true;
    let (owner, commits) = start(options, Memory::default()).await;
    assert!(owner.snapshot().stream.is_live);
    assert_eq!(
        kinds(&commits),
        [(CommitKind::Loaded, 1), (CommitKind::Stream, 2)]
    );
    Ok(())
}

#[tokio::test]
async fn nothing_is_applied_after_the_end() -> Result<()> {
    let (owner, _) = start(options()?, Memory::default()).await;
    owner.shutdown().await;
    assert_eq!(
        owner.apply(Command::Start).await.unwrap_err(),
        ApplyError::Stopped
    );
    owner.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_new_start_finds_state_settings_and_counters() -> Result<()> {
    let folder = tempfile::TempDir::new()?;
    let path = folder.path().join("state.json");
    let open = || crate::store::File::new(path.clone());
    let (owner, _) = start(options()?, open()).await;
    owner.apply(Command::Start).await?;
    let patch = SettingsPatch {
        target_fps: Some(24),
        max_layers: Some(7),
        ..SettingsPatch::default()
    };
    owner.apply(Command::PatchConfig(patch)).await?;
    owner.apply(counters(9)).await?;
    let before = owner.snapshot();
    owner.shutdown().await;

    let (owner, commits) = start(options()?, open()).await;
    assert_eq!(
        *owner.snapshot(),
        *before,
        "counters too: they are stored at the end"
    );
    assert!(owner.health().rehydrated);
    assert_eq!(kinds(&commits), [(CommitKind::Loaded, 3)]);
    owner.shutdown().await;

    // The environment says something new, so it wins over what was changed at run time; the stream keeps its own.
    let mut options = options()?;
    options.settings.max_layers = 9;
    let (owner, _) = start(options, open()).await;
    let snapshot = owner.snapshot();
    assert_eq!(
        (snapshot.settings.max_layers, snapshot.settings.target_fps),
        (9, 24)
    );
    assert_eq!(snapshot.stream.target_fps, 24);
    Ok(())
}

#[tokio::test]
async fn an_answered_change_is_on_disk() -> Result<()> {
    let folder = tempfile::TempDir::new()?;
    let path = folder.path().join("state.json");
    let (owner, _) = start(options()?, crate::store::File::new(path.clone())).await;
    assert!(owner.apply(Command::Start).await?.persisted);
    let stored: serde_json::Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    assert_eq!(stored["stream"]["isLive"], true);
    assert_eq!(stored["version"], 2);
    Ok(())
}

fn strict() -> Result<Options> {
    let mut options = options()?;
    options.persist_mode = PersistMode::Strict;
    Ok(options)
}
