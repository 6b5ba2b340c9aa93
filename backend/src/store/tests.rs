//! One suite for every kind of store: real files, a real Redis server.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use sluice_tests::redis::Redis as Server;
use tempfile::TempDir;

use super::{
    Backend, File, Memory, Mode, NoObserver, Outcome, Parts, Position, Redis, Store, Stored, Write,
};
use crate::config::{Config, Secret};
use crate::state::{
    Asset, Command, Kind, RuntimeConfig, SceneState, Snapshot, StreamState, reduce,
};

fn settings() -> Result<RuntimeConfig> {
    let (config, _) = Config::from_vars(std::iter::empty())?;
    Ok(RuntimeConfig::from(&config.stream))
}

fn first() -> Result<Snapshot> {
    let mut snapshot = Snapshot::new("e1", settings()?);
    let asset: Asset = serde_json::from_str(
        r#"{"id":"a","type":"image","source":"x.png","metadata":{"role":"host"},"theirs":1.5}"#,
    )?;
    snapshot.scene = Arc::new(SceneState {
        overlay: vec![asset],
        ..SceneState::default()
    });
    let stream = Arc::make_mut(&mut snapshot.stream);
    stream.extra.insert("audio".to_owned(), "kept".into());
    stream.fps = 29.97;
    Ok(snapshot)
}

fn write(expected: Option<&Snapshot>, next: &Snapshot, parts: Parts) -> Result<Write> {
    Ok(Write {
        expected: expected.map(Position::from),
        next: Arc::new(next.clone()),
        environment: Arc::new(settings()?),
        parts,
        kind: Kind::Stream,
        at_ms: 1,
    })
}

fn started(snapshot: &Snapshot) -> Result<Snapshot> {
    let reduced = reduce(snapshot, &Command::Start, 5)?;
    Ok(reduced
        .map(|reduced| reduced.next)
        .unwrap_or_else(|| snapshot.clone()))
}

/// What every store has to do. `again` opens the same place a second time; `None` if nothing outlives the process.
async fn suite(store: Store, again: Option<Store>) -> Result<()> {
    assert_eq!(store.load().await?, Stored::default(), "empty at first");
    assert_eq!(store.position().await?, None);

    let one = first()?;
    assert_eq!(
        store.write(&write(None, &one, Parts::ALL)?).await?,
        Outcome::Written
    );
    assert_eq!(store.position().await?, Some(Position::from(&one)));

    let two = started(&one)?;
    let control = write(Some(&one), &two, Parts::STREAM)?;
    assert_eq!(store.write(&control).await?, Outcome::Written);
    let held = store.load().await?;
    assert_eq!(held.stream.as_ref(), Some(&*two.stream));
    assert_eq!(
        held.scene.as_ref(),
        Some(&*one.scene),
        "untouched parts stay"
    );
    let restored = held.settings.map(|settings| settings.values);
    assert_eq!(restored.as_ref(), Some(&*one.settings));
    assert_eq!(held.position, Some(Position::from(&two)));

    refuses_the_stale(&store, &one, &two).await?;

    // Counters repeat the version.
    let mut counted = two.clone();
    Arc::make_mut(&mut counted.stream).frame_count = 77;
    let counters = write(Some(&two), &counted, Parts::STREAM)?;
    assert_eq!(store.write(&counters).await?, Outcome::Written);

    drop(store);
    if let Some(again) = again {
        let held = again.load().await?;
        assert_eq!(
            held.stream.as_ref(),
            Some(&*counted.stream),
            "after a new start"
        );
        assert_eq!(held.scene.as_ref(), Some(&*one.scene));
        assert_eq!(held.position, Some(Position::from(&counted)));
    }
    Ok(())
}

/// A write on top of version 1, when version 2 is there.
async fn refuses_the_stale(store: &Store, one: &Snapshot, two: &Snapshot) -> Result<()> {
    // Somebody who has not seen version 2.
    let stale = write(
        Some(one),
        &Snapshot {
            epoch: "e2".into(),
            ..two.clone()
        },
        Parts::STREAM,
    )?;
    let outcome = store.write(&stale).await?;
    assert_eq!(outcome, Outcome::Conflict(Position::from(two)));
    assert_eq!(
        store.load().await?.stream.as_ref(),
        Some(&*two.stream),
        "and wrote nothing"
    );
    Ok(())
}

fn redis(server: &Server, name: &str) -> Result<Redis> {
    let url = Secret::new(server.url());
    Ok(Redis::new(&url, name, false, Arc::new(NoObserver))?)
}

fn boxed(redis: Redis) -> Store {
    Store::Redis(Box::new(redis))
}

#[tokio::test]
async fn memory_keeps_the_rules() -> Result<()> {
    suite(Store::Memory(Memory::default()), None).await
}

#[tokio::test]
async fn file_keeps_the_rules() -> Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path().join("deep/er/state.json");
    let open = || Store::File(File::new(path.clone()));
    suite(open(), Some(open())).await
}

#[tokio::test]
async fn redis_keeps_the_rules() -> Result<()> {
    let server = Server::start().await?;
    suite(
        boxed(redis(&server, "a")?),
        Some(boxed(redis(&server, "b")?)),
    )
    .await
}

#[tokio::test]
async fn the_configuration_chooses() -> Result<()> {
    for (name, value, mode) in [
        ("STORE_PATH", "memory", Mode::Memory),
        ("STORE_PATH", "some/where.json", Mode::Embedded),
        ("REDIS_URL", "redis://127.0.0.1:1", Mode::Redis),
    ] {
        let vars = [(name.to_owned(), value.to_owned())];
        let (config, _) = Config::from_vars(vars.into_iter())?;
        assert_eq!(
            Store::open(&config.store, Arc::new(NoObserver))?.mode(),
            mode
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_no_state_is_kept_aside() -> Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path().join("state.json");
    for (round, text) in ["{ not json", "[]", r#"{"stream":{"isLive":1}}"#]
        .iter()
        .enumerate()
    {
        std::fs::write(&path, text)?;
        let file = File::new(path.clone());
        assert_eq!(file.load().await?, Stored::default());
        assert_eq!(
            file.load().await?,
            Stored::default(),
            "twice makes no second copy"
        );
        let name = if round == 0 {
            "state.json.invalid".to_owned()
        } else {
            format!("state.json.invalid.{round}")
        };
        assert_eq!(std::fs::read_to_string(folder.path().join(name))?, *text);
        let next = first()?;
        assert_eq!(
            file.write(&write(None, &next, Parts::ALL)?).await?,
            Outcome::Written
        );
    }
    assert_eq!(copies(folder.path())?, 3);
    Ok(())
}

fn copies(folder: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        count += usize::from(entry?.file_name().to_string_lossy().contains("invalid"));
    }
    Ok(count)
}

#[tokio::test]
async fn one_bad_part_of_a_file_leaves_the_others() -> Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path().join("state.json");
    let text = r#"{"epoch":"e","version":7,"stream":{"isLive":"yes"},"scene":{"background":[],"overlay":[],"quadrants":{}}}"#;
    std::fs::write(&path, text)?;
    let held = File::new(path).load().await?;
    assert_eq!(held.stream, None);
    assert_eq!(held.scene, Some(SceneState::default()));
    assert_eq!(held.position.map(|position| position.version), Some(7));
    assert_eq!(copies(folder.path())?, 1);
    Ok(())
}

#[tokio::test]
async fn two_processes_never_share_a_file() -> Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path().join("state.json");
    let (one, two) = (File::new(path.clone()), File::new(path));
    one.load().await?;
    let error = two.load().await.unwrap_err().to_string();
    assert!(error.contains("another process"), "{error}");
    drop(one);
    two.load().await?;
    Ok(())
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_an_error() -> Result<()> {
    let folder = TempDir::new()?;
    let blocker = folder.path().join("file");
    std::fs::write(&blocker, "")?;
    let file = File::new(blocker.join("state.json"));
    let error = file.load().await.unwrap_err().to_string();
    assert!(error.contains("state.json"), "{error}");
    Ok(())
}

#[tokio::test]
async fn values_of_older_services_are_read() -> Result<()> {
    let server = Server::start().await?;
    set(&server, "streamState", r#"{"isLive":true,"isPaused":false,"fps":29.5,"targetFPS":60,"frameCount":12,"droppedFrames":1,"codec":"h264"}"#).await?;
    set(&server, "layerState", r#"{"layers":[{"id":"l1","type":"chat","visible":false,"zIndex":3,"opacity":0.5,"transform":{"position":{"x":1,"y":2},"scale":{"x":2,"y":2},"rotation":0,"anchor":{"x":0,"y":0}},"content":{"type":"chat","data":{"a":1}}}],"activeLayerId":null}"#).await?;
    let held = redis(&server, "a")?.load().await?;
    let stream = held.stream.unwrap_or_else(|| StreamState::new(1));
    assert!(stream.is_live && stream.target_fps == 60 && stream.frame_count == 12);
    assert_eq!(stream.extra.get("codec"), Some(&"h264".into()));
    let scene = held.scene.unwrap_or_default();
    let layers = crate::state::layers(&scene);
    assert_eq!(layers.len(), 1);
    assert_eq!(
        (layers[0].kind.as_str(), layers[0].slot.as_str()),
        ("chat", "overlay")
    );
    assert!((layers[0].transform.scale - 2.0).abs() < f64::EPSILON && !layers[0].visible);
    assert_eq!(held.position, None, "older services count no versions");

    // Our own write can be read by them: the quadrants are pairs.
    let text = server.call("EXISTS sceneState").await?;
    assert_eq!(text.trim(), ":0", "nothing is written by reading");
    Ok(())
}

#[tokio::test]
async fn a_value_that_cannot_be_read_is_kept_for_a_week() -> Result<()> {
    let server = Server::start().await?;
    set(&server, "streamState", "{broken").await?;
    let held = redis(&server, "a")?.load().await?;
    assert_eq!(held.stream, None);
    let kept = server.call("GET streamState:invalid").await?;
    ensure!(kept.contains("{broken"), "{kept}");
    let left: i64 = server
        .call("TTL streamState:invalid")
        .await?
        .trim()
        .trim_start_matches(':')
        .parse()?;
    ensure!((604_000..=604_800).contains(&left), "{left}");
    Ok(())
}

#[tokio::test]
async fn an_emptied_redis_asks_for_everything() -> Result<()> {
    let server = Server::start().await?;
    let store = redis(&server, "a")?;
    let one = first()?;
    store.write(&write(None, &one, Parts::ALL)?).await?;
    server.call("FLUSHALL").await?;
    let two = started(&one)?;
    let outcome = store
        .write(&write(Some(&one), &two, Parts::STREAM)?)
        .await?;
    assert_eq!(outcome, Outcome::Empty);
    let outcome = store.write(&write(None, &two, Parts::ALL)?).await?;
    assert_eq!(outcome, Outcome::Written);
    assert_eq!(store.load().await?.scene.as_ref(), Some(&*one.scene));
    Ok(())
}

#[tokio::test]
async fn a_process_may_write_over_its_own_unseen_write_only() -> Result<()> {
    let server = Server::start().await?;
    let (store, other) = (redis(&server, "a")?, redis(&server, "b")?);
    let one = first()?;
    store.write(&write(None, &one, Parts::ALL)?).await?;
    // Version 2 arrives, and its answer is lost: the writer still thinks of version 1.
    let two = started(&one)?;
    store
        .write(&write(Some(&one), &two, Parts::STREAM)?)
        .await?;
    let three = Snapshot {
        version: 3,
        ..two.clone()
    };
    let partial = store
        .write(&write(Some(&one), &three, Parts::STREAM)?)
        .await?;
    assert_eq!(
        partial,
        Outcome::Conflict(Position::from(&two)),
        "parts may be missing"
    );
    let whole = write(Some(&one), &three, Parts::ALL)?;
    assert_eq!(
        other.write(&whole).await?,
        Outcome::Conflict(Position::from(&two))
    );
    assert_eq!(store.write(&whole).await?, Outcome::Written);
    Ok(())
}

#[tokio::test]
async fn a_restarted_server_is_found_again_at_once() -> Result<()> {
    let mut server = Server::start().await?;
    let store = redis(&server, "a")?;
    let one = first()?;
    store.write(&write(None, &one, Parts::ALL)?).await?;
    server.kill().await?;
    assert!(store.position().await.is_err());
    server.restart().await?;
    assert_eq!(store.position().await?, Some(Position::from(&one)));
    server.kill().await?;
    server.restart().await?;
    // Here the connection was good when it was used last.
    assert_eq!(store.position().await?, Some(Position::from(&one)));
    Ok(())
}

#[tokio::test]
async fn errors_never_show_the_password() -> Result<()> {
    let url = Secret::new("redis://:hunter2@127.0.0.1:1/");
    let store = Redis::new(&url, "a", false, Arc::new(NoObserver))?;
    let error = format!("{:?} {:?}", store.load().await, store);
    assert!(
        error.contains("Redis, load") && !error.contains("hunter2"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn tls_is_spoken_where_the_url_asks_for_it() -> Result<()> {
    let server = Server::start().await?;
    let url = Secret::new(server.url().replace("redis://", "rediss://"));
    let store = Redis::new(&url, "a", false, Arc::new(NoObserver))?;
    // The server does not, so nothing may reach it, the password least of all.
    assert!(store.load().await.is_err());
    let seen = server.call("INFO commandstats").await?;
    assert!(!seen.contains("cmdstat_mget"), "{seen}");
    Ok(())
}

/// Sets a key to a text with quotes in it.
async fn set(server: &Server, key: &str, value: &str) -> Result<()> {
    let client = ::redis::Client::open(server.url())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let () = ::redis::AsyncCommands::set(&mut connection, key, value).await?;
    Ok(())
}
