//! The control thread: starts the parts in order, serves, and ends them in order.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, LocalRuntime};
use tokio::sync::{oneshot, watch};

use super::figures;
use super::listen::{self, Listeners};
use super::notice::{self, Recorder};
use super::running::{Addresses, StartError};
use super::serve::serve;
use super::shutdown::shut_down;
use crate::auth::Guard;
use crate::chat::{self, Chat};
use crate::config::Config;
use crate::http::{self, Api, Health, Ports, Scrape, Settings};
use crate::hub::Totals;
use crate::observe::Metrics;
use crate::owner::{Options, Owner};
use crate::preview::{Frames, Ticker};
use crate::store::Store;
use crate::ws::{self, Door, Hub, Server, Worker};

/// Between two words to other instances on who is in chat here.
const ROLL: Duration = Duration::from_secs(10);

/// Everything that runs, for the end.
pub(super) struct Parts {
    pub(super) owner: Owner,
    pub(super) chat: Chat,
    pub(super) hub: Arc<Hub>,
    pub(super) health: Arc<Health>,
    pub(super) shards: Vec<JoinHandle<()>>,
    /// Turns off the doors: REST and WebSocket.
    pub(super) doors: watch::Sender<bool>,
    /// Turns off the rest: health and metrics.
    pub(super) rest: watch::Sender<bool>,
    pub(super) grace: Duration,
}

/// The thread's main function. `ready` hears whether it has started; it ends when `stop` becomes true.
pub(super) fn run(
    config: Config,
    ready: oneshot::Sender<Result<Addresses, StartError>>,
    mut stop: watch::Receiver<bool>,
) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error.into()))),
    };
    runtime.block_on(async {
        match start(config).await {
            Ok((parts, addresses)) => {
                // An error means that nobody waits any more; then `stop` is closed too.
                let _ = ready.send(Ok(addresses));
                let _ = stop.wait_for(|stop| *stop).await;
                shut_down(parts).await;
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    });
    // Connections that are still open are not waited for.
    runtime.shutdown_background();
}

async fn start(config: Config) -> Result<(Parts, Addresses), StartError> {
    let guard = Arc::new(Guard::new(&config.auth, &config.rest.allowed_ips)?);
    let metrics = Arc::new(Metrics::new()?);
    let listeners = listen::bind(&config.ports)?;
    let addresses = listeners.addresses;
    let hub = Hub::new(thread::available_parallelism().map_or(1, usize::from));
    let recorder = Arc::new(Recorder(Arc::clone(&metrics)));
    guard.keep_keys();
    let store = Store::open(&config.store, Arc::clone(&recorder) as _)?;
    let frames = Frames::default();
    let on_commit = notice::on_commit(Arc::clone(&hub), Arc::clone(&metrics), frames.clone());
    let owner = Owner::start(Options::from(&config), store, on_commit, recorder).await;
    let on_event = notice::on_event(Arc::clone(&hub), Arc::clone(&metrics), frames.clone());
    let ticker = Ticker::new(frames.clone(), owner.clone(), on_event, &config.store)?;
    tokio::spawn(ticker.run());
    let chat = Chat::start(
        chat::Options {
            persist_mode: config.store.persist_mode,
            roll_every: ROLL,
        },
        chat::Log::open(&config.store)?,
        notice::on_notice(Arc::clone(&hub)),
    )
    .await;
    let server = Arc::new(Server::new(
        ws::Settings::from(&config),
        Arc::clone(&guard),
        owner.clone(),
        chat,
        frames.clone(),
        Arc::clone(&metrics),
        Arc::clone(&hub),
    ));
    let shards = start_shards(&server)?;
    let (doors, rest) = (watch::Sender::new(false), watch::Sender::new(false));
    let health = open(&config, listeners, &server, &doors, &rest);
    let parts = Parts {
        owner,
        chat: server.chat.clone(),
        hub,
        health,
        shards,
        doors,
        rest,
        grace: config.shutdown_grace,
    };
    Ok((parts, addresses))
}

/// A thread for each shard.
fn start_shards(server: &Arc<Server>) -> Result<Vec<JoinHandle<()>>, StartError> {
    let mut threads = Vec::new();
    for shard in 0..server.hub.shards() {
        let server = Arc::clone(server);
        let runtime = move || -> std::io::Result<LocalRuntime> {
            Builder::new_current_thread()
                .enable_all()
                .build_local(Default::default())
        };
        let main = move || match runtime() {
            Ok(runtime) => runtime.block_on(async {
                let (hub, sweep) = (Arc::clone(&server.hub), server.settings.sweep());
                let snapshot = server.owner.snapshot();
                hub.run(shard, Worker::new(server), snapshot, sweep).await;
            }),
            Err(error) => tracing::error!(%error, "a shard's runtime can't be started"),
        };
        threads.push(
            thread::Builder::new()
                .name(format!("stream-fan-{shard}"))
                .spawn(main)?,
        );
    }
    Ok(threads)
}

/// Serves all four listeners.
fn open(
    config: &Config,
    listeners: Listeners,
    server: &Arc<Server>,
    doors: &watch::Sender<bool>,
    rest: &watch::Sender<bool>,
) -> Arc<Health> {
    let hub = Arc::clone(&server.hub);
    let totals: Arc<dyn Fn() -> Totals + Send + Sync> = Arc::new(move || hub.totals());
    let ports = Ports {
        api: listeners.addresses.api,
        ws: listeners.addresses.ws,
    };
    let health = Arc::new(Health::new(
        server.owner.clone(),
        Arc::clone(&totals),
        ports,
        (Door::PROBE, server.probe().to_owned()),
        config.store.instance_id.clone(),
    ));
    let parts = http::Parts {
        owner: server.owner.clone(),
        chat: server.chat.clone(),
        frames: server.frames.clone(),
        guard: Arc::clone(&server.guard),
        metrics: Arc::clone(&server.metrics),
        health: Arc::clone(&health),
        load: figures::start(server, config.frames.metrics_interval),
        sockets: Arc::clone(server),
        reconfigured: notice::on_reconfigured(server),
    };
    let api = Arc::new(Api::new(Settings::from(config), parts));
    let scrape = Scrape {
        metrics: Arc::clone(&server.metrics),
        owner: server.owner.clone(),
        frames: server.frames.clone(),
        totals,
    };
    let door = Door::new(Arc::clone(server));
    let patience = config.ws.write_timeout;
    serve_doors(listeners.api, listeners.ws, api, door, patience, doors);
    let reporter = Arc::clone(&health);
    let report = move |request, _| {
        let health = Arc::clone(&reporter);
        async move { health.answer(&request).await }
    };
    tokio::spawn(serve(listeners.health, report, patience, rest.subscribe()));
    let write = move |request, _| {
        let response = scrape.answer(&request);
        async move { response }
    };
    tokio::spawn(serve(listeners.metrics, write, patience, rest.subscribe()));
    health
}

fn serve_doors(
    api_listener: tokio::net::TcpListener,
    ws_listener: tokio::net::TcpListener,
    api: Arc<Api>,
    door: Door,
    patience: Duration,
    doors: &watch::Sender<bool>,
) {
    let upgrades = door.clone();
    let rest = move |request, peer| {
        let (api, upgrades) = (Arc::clone(&api), upgrades.clone());
        async move {
            match Door::wants(&request) {
                true => upgrades.answer(request, peer).await.map(http::Body::Left),
                false => api.answer(request, peer).await,
            }
        }
    };
    tokio::spawn(serve(api_listener, rest, patience, doors.subscribe()));
    let sockets = move |request, peer| {
        let door = door.clone();
        async move { door.answer(request, peer).await.map(http::Body::Left) }
    };
    tokio::spawn(serve(ws_listener, sockets, patience, doors.subscribe()));
}
