//! A store that fails on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use sluice_tests::poll::{PATIENCE, until_true};

use super::{kinds, options, start, strict};
use crate::owner::{ApplyError, CommitKind, Owner, StoreStatus};
use crate::state::{Command, SettingsPatch};
use crate::store::{Backend, Memory, Mode, Outcome, Position, StoreError, Stored, Write};

/// Memory that can be cut off. Clones share everything.
#[derive(Clone, Default)]
struct Cut {
    memory: Arc<Memory>,
    /// Calls fail.
    down: Arc<AtomicBool>,
    /// Writes take effect, and their answers are lost.
    deaf: Arc<AtomicBool>,
    /// Calls never end.
    stuck: Arc<AtomicBool>,
}

impl Cut {
    async fn line(&self) -> Result<(), StoreError> {
        if self.stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError("cut".to_owned()));
        }
        Ok(())
    }
}

impl Backend for Cut {
    fn mode(&self) -> Mode {
        Mode::Redis
    }

    async fn load(&self) -> Result<Stored, StoreError> {
        self.line().await?;
        self.memory.load().await
    }

    async fn write(&self, write: &Write) -> Result<Outcome, StoreError> {
        self.line().await?;
        let outcome = self.memory.write(write).await;
        if self.deaf.load(Ordering::SeqCst) {
            return Err(StoreError("no answer".to_owned()));
        }
        outcome
    }

    async fn position(&self) -> Result<Option<Position>, StoreError> {
        self.line().await?;
        self.memory.position().await
    }
}

fn set(switch: &AtomicBool, on: bool) {
    switch.store(on, Ordering::SeqCst);
}

async fn healthy(owner: &Owner) -> Result<()> {
    until_true("a healthy store", PATIENCE, async || {
        Ok(owner.health().status == StoreStatus::Ok)
    })
    .await
}

#[tokio::test]
async fn degrade_goes_on_without_a_store_and_catches_up() -> Result<()> {
    let store = Cut::default();
    let (owner, _) = start(options()?, store.clone()).await;
    set(&store.down, true);
    let applied = owner.apply(Command::Start).await?;
    assert!(applied.changed && !applied.persisted);
    let again = owner.apply(Command::Pause { paused: Some(true) }).await?;
    assert!(!again.persisted);
    let health = owner.health();
    assert_eq!(health.status, StoreStatus::Degraded);
    assert!(health.dirty && !health.connected);
    set(&store.down, false);
    healthy(&owner).await?;
    let held = store.memory.load().await?;
    assert_eq!(held.stream.as_ref(), Some(&*again.snapshot.stream));
    assert_eq!(held.position, Some(Position::from(&*owner.snapshot())));
    assert!(owner.apply(Command::Resume).await?.persisted);
    Ok(())
}

#[tokio::test]
async fn strict_refuses_what_it_cannot_store() -> Result<()> {
    let store = Cut::default();
    let (owner, commits) = start(strict()?, store.clone()).await;
    set(&store.down, true);
    for _ in 0..3 {
        let error = owner.apply(Command::Start).await.unwrap_err();
        assert_eq!(error, ApplyError::NotPersisted);
    }
    assert!(!owner.snapshot().stream.is_live);
    assert_eq!(kinds(&commits).len(), 1);
    set(&store.down, false);
    healthy(&owner).await?;
    assert!(owner.apply(Command::Start).await?.persisted);
    Ok(())
}

#[tokio::test]
async fn strict_takes_back_a_refused_change_that_was_stored_after_all() -> Result<()> {
    let store = Cut::default();
    let (owner, _) = start(strict()?, store.clone()).await;
    set(&store.deaf, true);
    let error = owner.apply(Command::Start).await.unwrap_err();
    assert_eq!(error, ApplyError::NotPersisted);
    set(&store.deaf, false);
    healthy(&owner).await?;
    let held = store.memory.load().await?;
    assert!(!owner.snapshot().stream.is_live);
    assert!(
        held.stream.is_some_and(|stream| !stream.is_live),
        "what was refused is not stored"
    );
    assert_eq!(held.position, Some(Position::from(&*owner.snapshot())));
    Ok(())
}

#[tokio::test]
async fn a_store_that_hangs_delays_one_command_by_a_second() -> Result<()> {
    let store = Cut::default();
    let (owner, _) = start(options()?, store.clone()).await;
    set(&store.stuck, true);
    let begin = std::time::Instant::now();
    owner.apply(Command::Start).await?;
    for _ in 0..50 {
        owner.apply(Command::Pause { paused: None }).await?;
    }
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    set(&store.stuck, false);
    healthy(&owner).await
}

#[tokio::test]
async fn a_start_without_store_takes_over_what_is_stored_later() -> Result<()> {
    let store = Cut::default();
    let (first, _) = start(options()?, store.clone()).await;
    first.apply(Command::Start).await?;
    let before = first.snapshot();
    first.shutdown().await;

    set(&store.down, true);
    let (owner, commits) = start(options()?, store.clone()).await;
    assert_eq!(owner.health().status, StoreStatus::Degraded);
    assert!(!owner.snapshot().stream.is_live && owner.snapshot().epoch != before.epoch);
    set(&store.down, false);
    healthy(&owner).await?;
    assert_eq!(*owner.snapshot(), *before);
    assert_eq!(
        kinds(&commits),
        [(CommitKind::Loaded, 1), (CommitKind::Replaced, 2)]
    );
    assert!(owner.health().rehydrated);
    Ok(())
}

#[tokio::test]
async fn a_change_before_the_first_contact_wins_with_a_higher_version() -> Result<()> {
    let store = Cut::default();
    let (first, _) = start(options()?, store.clone()).await;
    first.apply(Command::Start).await?;
    let patch = SettingsPatch {
        max_layers: Some(5),
        ..SettingsPatch::default()
    };
    first.apply(Command::PatchConfig(patch)).await?;
    let before = first.snapshot();
    first.shutdown().await;

    set(&store.down, true);
    let (owner, _) = start(options()?, store.clone()).await;
    owner.apply(Command::Start).await?;
    owner.apply(Command::Pause { paused: None }).await?;
    set(&store.down, false);
    healthy(&owner).await?;
    let now = owner.snapshot();
    assert!(now.stream.is_paused, "ours was accepted");
    assert_eq!(
        (&now.epoch, now.version),
        (&before.epoch, 4),
        "max(3, 3) + 1"
    );
    assert_eq!(
        now.settings.max_layers, 5,
        "what was not touched here is the store's"
    );
    assert_eq!(store.memory.position().await?, Some(Position::from(&*now)));
    Ok(())
}

#[tokio::test]
async fn another_writer_is_noticed_and_nobodys_change_is_lost() -> Result<()> {
    let store = Cut::default();
    let (one, _) = start(options()?, store.clone()).await;
    let (two, told) = start(options()?, store.clone()).await;
    assert_eq!(one.snapshot(), two.snapshot());
    one.apply(Command::Start).await?;
    // The second one has not seen it: its first attempt is refused, and its second one sits on top.
    let patch = SettingsPatch {
        max_layers: Some(5),
        ..SettingsPatch::default()
    };
    let applied = two.apply(Command::PatchConfig(patch)).await?;
    assert!(applied.snapshot.stream.is_live && applied.persisted);
    assert_eq!(applied.snapshot.version, 3);
    let expected = [
        (CommitKind::Loaded, 1),
        (CommitKind::Replaced, 2),
        (CommitKind::Settings, 3),
    ];
    assert_eq!(kinds(&told), expected);
    let applied = one.apply(Command::Stop).await?;
    assert_eq!(
        (
            applied.snapshot.version,
            applied.snapshot.settings.max_layers
        ),
        (4, 5)
    );
    Ok(())
}

#[tokio::test]
async fn changes_unsaved_at_the_end_are_stored_if_the_store_is_back() -> Result<()> {
    let store = Cut::default();
    let (owner, _) = start(options()?, store.clone()).await;
    set(&store.down, true);
    owner.apply(Command::Start).await?;
    set(&store.down, false);
    owner.shutdown().await;
    assert!(
        store
            .memory
            .load()
            .await?
            .stream
            .is_some_and(|stream| stream.is_live)
    );
    Ok(())
}

#[tokio::test]
async fn defaults_never_win_over_what_another_instance_wrote_first() -> Result<()> {
    let store = Cut::default();
    let (late, _) = start(options()?, {
        set(&store.down, true);
        store.clone()
    })
    .await;
    // Another instance makes first contact with the empty store, and is used.
    let other = Cut {
        memory: Arc::clone(&store.memory),
        ..Cut::default()
    };
    let (first, _) = start(options()?, other).await;
    first.apply(Command::Start).await?;
    set(&store.down, false);
    healthy(&late).await?;
    assert_eq!(late.snapshot(), first.snapshot());
    assert!(late.snapshot().stream.is_live);
    Ok(())
}

#[tokio::test]
async fn an_uncertain_write_does_not_undo_what_others_changed_elsewhere() -> Result<()> {
    let store = Cut::default();
    let other = Cut {
        memory: Arc::clone(&store.memory),
        ..Cut::default()
    };
    let (one, _) = start(options()?, store.clone()).await;
    let (two, _) = start(options()?, other).await;
    set(&store.down, true);
    assert!(!one.apply(Command::Start).await?.persisted);
    let patch = SettingsPatch {
        max_layers: Some(5),
        ..SettingsPatch::default()
    };
    two.apply(Command::PatchConfig(patch)).await?;
    set(&store.down, false);
    healthy(&one).await?;
    let now = one.snapshot();
    assert!(now.stream.is_live, "ours");
    assert_eq!(now.settings.max_layers, 5, "theirs");
    assert_eq!(now.version, 3);
    Ok(())
}
