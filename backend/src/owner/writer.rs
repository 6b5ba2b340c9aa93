//! The writer's task: commands one at a time, and everything that happens by the clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep_until, timeout};

use super::background::Background;
use super::commit::{Commit, CommitKind, OnCommit};
use super::handle::{Applied, ApplyError, Options};
use super::health::{StoreHealth, StoreStatus};
use crate::clock::now_ms;
use crate::config::PersistMode;
use crate::state::{
    Command, CommandError, ErrorCode, Kind, LayerEvent, Reduced, Snapshot, StreamState, reduce,
};
use crate::store::{Backend, Mode, Observer, Outcome, Parts, Position, Write, random_id};

/// The longest one call to the store may take.
pub(super) const STORE_TIMEOUT: Duration = Duration::from_secs(1);
/// Counters alone do not make us write a file more often.
const FILE_INTERVAL: Duration = Duration::from_millis(100);
/// How often a change is tried again after somebody else's came first.
const TRIES: usize = 5;
/// When trying ends anyway: clients give up after five seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the handle asks for.
#[derive(Debug)]
pub(super) enum Request {
    Apply {
        command: Command,
        answer: oneshot::Sender<Result<Applied, ApplyError>>,
    },
    Shutdown {
        done: oneshot::Sender<()>,
    },
}

/// Whether the store answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Up,
    /// It failed this many times in a row.
    Down {
        failures: u32,
    },
}

/// What is known of the store's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    /// Never looked, or somebody else wrote: it has to be loaded before anything is written.
    Unknown,
    /// It was empty.
    Nothing,
    /// This version.
    Version(Position),
}

/// How an attempt to store something ended.
enum Persisted {
    Yes,
    Conflict,
    /// Not tried: the store does not answer.
    Failed,
    /// Tried, and it is open whether it took effect.
    Uncertain,
}

pub(super) struct Writer<B: Backend> {
    pub(super) options: Options,
    pub(super) store: Arc<B>,
    pub(super) observer: Arc<dyn Observer>,
    on_commit: OnCommit,
    /// The listener has been told of the first state.
    started: bool,
    pub(super) current: Arc<Snapshot>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    health: watch::Sender<StoreHealth>,
    pub(super) link: Link,
    pub(super) held: Held,
    /// The last version that the store was seen to hold: if it holds less, it has lost something.
    pub(super) known: Option<Position>,
    /// The last version of another instance that was heard of, and not seen yet.
    pub(super) heard: Option<Position>,
    /// Control and scene changes that are committed and not stored.
    pub(super) unsaved: Parts,
    /// What the store has to be given besides: it has lost it, never had it, or it is open what it holds. Unlike
    /// `unsaved`, it gives way to what others have written.
    pub(super) owed: Parts,
    unsaved_counters: bool,
    /// When the counters were made, here or elsewhere.
    pub(super) counters_at_ms: u64,
    /// Changed counters that listeners have not been told of.
    untold: Vec<&'static str>,
    last_told: Instant,
    tell_at: Option<Instant>,
    persist_at: Option<Instant>,
    pub(super) retry_at: Option<Instant>,
    pub(super) background: Option<Background>,
}

impl<B: Backend> Writer<B> {
    pub(super) async fn start(
        mut options: Options,
        store: B,
        on_commit: OnCommit,
        observer: Arc<dyn Observer>,
    ) -> (
        Self,
        watch::Receiver<Arc<Snapshot>>,
        watch::Receiver<StoreHealth>,
    ) {
        if store.mode() == Mode::Embedded {
            options.telemetry_persist = options.telemetry_persist.max(FILE_INTERVAL);
        }
        let current = Arc::new(Snapshot::new(random_id(), options.settings.clone()));
        let (snapshots, snapshot) = watch::channel(Arc::clone(&current));
        let (health, health_receiver) = watch::channel(StoreHealth {
            status: StoreStatus::Degraded,
            mode: store.mode(),
            latency_ms: None,
            dirty: false,
            rehydrated: false,
            connected: false,
        });
        let mut writer = Self {
            options,
            store: Arc::new(store),
            observer,
            on_commit,
            current,
            snapshots,
            health,
            link: Link::Down { failures: 0 },
            held: Held::Unknown,
            known: None,
            heard: None,
            started: false,
            unsaved: Parts::default(),
            owed: Parts::default(),
            unsaved_counters: false,
            counters_at_ms: 0,
            untold: Vec::new(),
            last_told: Instant::now(),
            tell_at: None,
            persist_at: None,
            retry_at: None,
            background: None,
        };
        writer.first_contact().await;
        writer.started = true;
        let loaded = Arc::clone(&writer.current);
        writer.commit(loaded, CommitKind::Loaded, Vec::new());
        if writer.options.auto_start
            && !writer.current.stream.is_live
            && let Err(error) = writer.apply(&Command::Start).await
        {
            tracing::error!(%error, "STREAM_AUTO_START: the stream could not be started");
        }
        (writer, snapshot, health_receiver)
    }

    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut updates = self.watch();
        loop {
            let at = |at: Option<Instant>| sleep_until(at.unwrap_or_else(far).into());
            let (tell, persist, retry) = (self.tell_at, self.persist_at, self.retry_at);
            let idle = self.background.is_none();
            tokio::select! {
                request = requests.recv() => match request {
                    Some(Request::Apply { command, answer }) => {
                        let result = self.apply(&command).await;
                        // Whoever asked may have left; the change counts all the same.
                        let _ = answer.send(result);
                    }
                    Some(Request::Shutdown { done }) => {
                        requests.close();
                        self.flush().await;
                        let _ = done.send(());
                        return;
                    }
                    None => return self.flush().await,
                },
                Some(update) = updates.recv() => self.told(update),
                done = Background::finished(self.background.as_mut()) => self.background_done(done).await,
                () = at(tell), if tell.is_some() => self.tell_counters(),
                () = at(persist), if persist.is_some() => self.persist_counters().await,
                () = at(retry), if retry.is_some() && idle => self.begin_background(),
            }
        }
    }

    /// One command from check to commit.
    pub(super) async fn apply(&mut self, command: &Command) -> Result<Applied, ApplyError> {
        let start = Instant::now();
        for _ in 0..TRIES {
            let Some(reduced) = reduce(&self.current, command, now_ms())? else {
                return Ok(self.applied(false));
            };
            if reduced.kind == Kind::Telemetry {
                self.count(reduced);
                return Ok(self.applied(true));
            }
            match self
                .persist(
                    &Arc::new(reduced.next.clone()),
                    parts(&reduced),
                    reduced.kind,
                )
                .await
            {
                Persisted::Yes => {}
                Persisted::Failed if self.options.persist_mode == PersistMode::Strict => {
                    return Err(ApplyError::NotPersisted);
                }
                Persisted::Uncertain if self.options.persist_mode == PersistMode::Strict => {
                    // It may come to be stored after all: what is in force has to be written over it.
                    self.uncertain(parts(&reduced));
                    self.report(None);
                    return Err(ApplyError::NotPersisted);
                }
                Persisted::Failed => self.unsaved = self.unsaved.union(parts(&reduced)),
                Persisted::Uncertain => self.uncertain(parts(&reduced)),
                Persisted::Conflict => {
                    self.reload().await;
                    if start.elapsed() > PATIENCE {
                        break;
                    }
                    continue;
                }
            }
            let Reduced {
                next,
                kind,
                changes,
                layers,
            } = reduced;
            self.commit_with(Arc::new(next), kind.into(), changes, layers);
            return Ok(self.applied(true));
        }
        Err(ApplyError::Command(CommandError {
            code: ErrorCode::Conflict,
            message: "The stream is being changed by others at the same time; try again".to_owned(),
            fields: Vec::new(),
            details: None,
        }))
    }

    fn applied(&self, changed: bool) -> Applied {
        Applied {
            snapshot: Arc::clone(&self.current),
            changed,
            persisted: !self.is_dirty() && !self.unsaved_counters,
        }
    }

    /// Makes `next` what everybody sees, and tells the listener.
    pub(super) fn commit(
        &mut self,
        next: Arc<Snapshot>,
        kind: CommitKind,
        changes: Vec<&'static str>,
    ) {
        self.commit_with(next, kind, changes, Vec::new());
    }

    fn commit_with(
        &mut self,
        next: Arc<Snapshot>,
        kind: CommitKind,
        mut changes: Vec<&'static str>,
        layers: Vec<LayerEvent>,
    ) {
        for untold in self.untold.drain(..) {
            if !changes.contains(&untold) {
                changes.push(untold);
            }
        }
        self.tell_at = None;
        self.last_told = Instant::now();
        self.current = Arc::clone(&next);
        self.snapshots.send_replace(Arc::clone(&next));
        self.report(None);
        if !self.started {
            return;
        }
        tracing::debug!(version = next.version, ?kind, ?changes, "state committed");
        let commit = Arc::new(Commit {
            snapshot: next,
            kind,
            changes,
            layers,
            at_ms: now_ms(),
            committed: self.last_told,
        });
        (self.on_commit)(&commit);
    }

    /// New counters of our own: visible at once, told and stored when it is time.
    fn count(&mut self, reduced: Reduced) {
        self.unsaved_counters = true;
        self.counters_at_ms = now_ms();
        let persist_at = Instant::now() + self.options.telemetry_persist;
        self.persist_at.get_or_insert(persist_at);
        self.show_counters(StreamState::clone(&reduced.next.stream), reduced.changes);
    }

    /// Makes counters visible at once, and tells of them when it is time.
    pub(super) fn show_counters(&mut self, stream: StreamState, changes: Vec<&'static str>) {
        self.current = Arc::new(Snapshot {
            stream: Arc::new(stream),
            ..Snapshot::clone(&self.current)
        });
        self.snapshots.send_replace(Arc::clone(&self.current));
        for change in changes {
            if !self.untold.contains(&change) {
                self.untold.push(change);
            }
        }
        let tell_at = self.last_told + self.options.telemetry_broadcast;
        if tell_at <= Instant::now() {
            self.tell_counters();
        } else {
            self.tell_at = Some(tell_at);
        }
    }

    fn tell_counters(&mut self) {
        self.tell_at = None;
        let current = Arc::clone(&self.current);
        self.observer.state_updated(Kind::Telemetry);
        self.commit(current, CommitKind::Telemetry, Vec::new());
    }

    async fn persist_counters(&mut self) {
        self.persist_at = None;
        if !self.unsaved_counters {
            return;
        }
        let current = Arc::clone(&self.current);
        match self.persist(&current, Parts::STREAM, Kind::Telemetry).await {
            Persisted::Yes => {}
            Persisted::Conflict => self.reload().await,
            // The next write of any kind carries them.
            Persisted::Failed | Persisted::Uncertain => {
                self.persist_at = Some(Instant::now() + self.options.telemetry_persist);
            }
        }
    }

    /// Stores a snapshot, with everything that was not stored before it.
    async fn persist(&mut self, next: &Arc<Snapshot>, parts: Parts, kind: Kind) -> Persisted {
        if self.link != Link::Up || self.is_writing() {
            return Persisted::Failed;
        }
        let parts = parts.union(self.unsaved).union(self.owed);
        let mut write = self.write(next, parts, kind);
        loop {
            let start = Instant::now();
            let outcome = timeout(STORE_TIMEOUT, self.store.write(&write)).await;
            match outcome.unwrap_or_else(|_| Err(super::background::late())) {
                Ok(Outcome::Written) => {
                    self.written(next, start.elapsed());
                    self.unsaved = Parts::default();
                    self.owed = Parts::default();
                    self.report(None);
                    return Persisted::Yes;
                }
                Ok(Outcome::Empty) if write.expected.is_some() => {
                    write.expected = None;
                    write.parts = Parts::ALL;
                }
                Ok(Outcome::Empty | Outcome::Conflict(_)) => return Persisted::Conflict,
                Err(error) => {
                    self.failed(&error);
                    return Persisted::Uncertain;
                }
            }
        }
    }

    /// Stores everything that is committed and not stored.
    pub(super) async fn persist_all(&mut self, current: &Arc<Snapshot>) {
        if let Persisted::Conflict = self.persist(current, Parts::default(), Kind::Stream).await {
            self.held = Held::Unknown;
            self.retry_at = Some(Instant::now());
        }
    }

    /// A write of these parts may have taken effect or not. Only a whole snapshot may be written over it.
    pub(super) fn uncertain(&mut self, parts: Parts) {
        self.unsaved = self.unsaved.union(parts);
        self.owed = Parts::ALL;
    }

    pub(super) fn write(&self, next: &Arc<Snapshot>, parts: Parts, kind: Kind) -> Write {
        let (expected, parts) = match &self.held {
            Held::Version(position) => (Some(position.clone()), parts),
            Held::Nothing | Held::Unknown => (None, Parts::ALL),
        };
        Write {
            expected,
            next: Arc::clone(next),
            environment: Arc::new(self.options.settings.clone()),
            parts,
            kind,
            at_ms: now_ms(),
        }
    }

    /// `snapshot` is stored.
    pub(super) fn written(&mut self, snapshot: &Arc<Snapshot>, took: Duration) {
        let position = Position::from(&**snapshot);
        self.held = Held::Version(position.clone());
        self.known = Some(position);
        if snapshot.stream == self.current.stream || snapshot.version > self.current.version {
            self.unsaved_counters = false;
            self.persist_at = None;
        }
        self.observer.persisted(took);
        self.answered(took);
    }

    /// Brings the health report up to date; `took` is the length of a call that succeeded just now.
    pub(super) fn report(&self, took: Option<Duration>) {
        let dirty = self.is_dirty();
        let connected = self.link == Link::Up;
        self.health.send_modify(|health| {
            health.dirty = dirty;
            health.connected = connected;
            health.status = if connected && !dirty {
                StoreStatus::Ok
            } else {
                StoreStatus::Degraded
            };
            if let Some(took) = took {
                health.latency_ms = Some(took.as_secs_f64() * 1000.0);
            }
        });
    }

    pub(super) fn rehydrated(&self) {
        self.health.send_modify(|health| health.rehydrated = true);
    }

    /// The last chance to store what is not stored yet.
    async fn flush(&mut self) {
        if self.background.is_some() {
            let done = Background::finished(self.background.as_mut()).await;
            self.background_done(done).await;
        }
        if !self.is_dirty() && !self.unsaved_counters {
            return;
        }
        self.link = Link::Up;
        let current = Arc::clone(&self.current);
        match self.persist(&current, Parts::STREAM, Kind::Telemetry).await {
            Persisted::Yes => {}
            // Loading puts ours on top of what others have written, and stores that.
            Persisted::Conflict => self.reload().await,
            Persisted::Failed | Persisted::Uncertain => {}
        }
        if self.is_dirty() {
            let version = self.current.version;
            tracing::error!(
                version,
                "the last changes could not be stored before the end"
            );
        }
    }
}

/// What a change touches.
fn parts(reduced: &Reduced) -> Parts {
    match reduced.kind {
        Kind::Scene => Parts::SCENE,
        Kind::Settings => Parts {
            settings: true,
            ..Parts::STREAM
        },
        Kind::Stream | Kind::Reset | Kind::Telemetry => Parts::STREAM,
    }
}

/// Stands in for a time that is not set; never waited for.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}
