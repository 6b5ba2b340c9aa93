//! A viewer that reads everything, and checks what it is told: versions never fall, nothing is missed, nothing comes twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::Value;
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::websocket::Socket;
use tokio::task::JoinHandle;

use crate::driver::Truth;

/// See the head of this file.
pub(crate) struct Watcher {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What it has been told.
#[derive(Debug, Default)]
struct Seen {
    ready: bool,
    epoch: String,
    version: u64,
    /// The number in each layer's content.
    layers: BTreeMap<String, u64>,
    /// Ids, as they came.
    chat: Vec<String>,
    known: BTreeSet<String>,
    violations: Vec<String>,
    connects: usize,
}

impl Watcher {
    /// Watches the instance on that port; `may_break`: it may be killed, and this comes back.
    pub(crate) fn start(port: u16, may_break: bool) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let watching = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let ended = watch(port, &watching).await;
                let mut seen = lock(&watching);
                if !may_break {
                    seen.violations.push(format!("the socket ended: {ended:?}"));
                    return;
                }
                drop(seen);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Self { seen, task }
    }

    pub(crate) async fn ready(&self) -> Result<()> {
        poll::until_true("a viewer", PATIENCE, async || Ok(lock(&self.seen).ready)).await
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        lock(&self.seen).violations.clone()
    }

    /// Whether it has all that is true, and nothing else.
    pub(crate) fn has(&self, truth: &Truth) -> Result<bool> {
        let seen = lock(&self.seen);
        ensure!(seen.violations.is_empty(), "{:?}", seen.violations);
        let chat: BTreeSet<&str> = seen.chat.iter().map(String::as_str).collect();
        let kept = &truth.chat;
        Ok(seen.layers == truth.layers && kept.iter().all(|id| chat.contains(id.as_str())))
    }

    pub(crate) fn report(&self) -> String {
        let seen = lock(&self.seen);
        format!(
            "version {}, {} connects, layers {:?}, {} chat messages, violations {:?}",
            seen.version,
            seen.connects,
            seen.layers,
            seen.chat.len(),
            seen.violations
        )
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(port: u16, seen: &Mutex<Seen>) -> Result<()> {
    let path = {
        let mut seen = lock(seen);
        seen.connects += 1;
        let last = seen.chat.last().map_or("", String::as_str);
        let (version, epoch) = (seen.version, &seen.epoch);
        format!("/ws?target=layers,chat&since={version}&epoch={epoch}&lastMessageId={last}")
    };
    let mut socket = Socket::connect(port, &path).await?;
    let mut fresh = true;
    loop {
        let message = socket.receive_json().await?;
        let mut seen = lock(seen);
        match message["type"].as_str() {
            Some("layerState") => seen.layer_state(&message, std::mem::take(&mut fresh)),
            Some("layerUpdate") => seen.layer_update(&message),
            Some("chatHistory") => seen.history(&message),
            Some("chatMessage") => seen.chat(&message["payload"]),
            Some("serverShutdown") | None => bail!("{message}"),
            Some(_) => {}
        }
    }
}

impl Seen {
    fn layer_state(&mut self, message: &Value, fresh: bool) {
        let (epoch, version) = position(message);
        if epoch == self.epoch && version < self.version && !fresh {
            self.violations
                .push(format!("state {version} after {}", self.version));
        }
        (self.epoch, self.version) = (epoch, version);
        let layers = message["payload"]["layers"]
            .as_array()
            .into_iter()
            .flatten();
        self.layers = layers
            .map(|layer| {
                let id = layer["id"].as_str().unwrap_or_default().to_owned();
                (id, layer["content"]["data"]["n"].as_u64().unwrap_or(0))
            })
            .collect();
        self.ready = true;
    }

    fn layer_update(&mut self, message: &Value) {
        let (epoch, version) = position(message);
        let previous = message["prevVersion"].as_u64().unwrap_or(u64::MAX);
        if epoch != self.epoch || version <= self.version || previous > self.version {
            let text = format!("update {version} (after {previous}) after {}", self.version);
            self.violations.push(text);
        }
        self.version = version;
        let payload = &message["payload"];
        let id = payload["id"].as_str().unwrap_or_default().to_owned();
        match payload["kind"].as_str() {
            Some("content") => {
                let number = payload["content"]["data"]["n"].as_u64().unwrap_or(0);
                self.layers.insert(id, number);
            }
            Some("created") => {
                self.layers.insert(id, 0);
            }
            Some("removed") => {
                self.layers.remove(&id);
            }
            _ => {}
        }
    }

    /// After a pause this may hold what is known already.
    fn history(&mut self, message: &Value) {
        let messages = message["payload"]["messages"]
            .as_array()
            .into_iter()
            .flatten();
        for message in messages {
            if !self
                .known
                .contains(message["id"].as_str().unwrap_or_default())
            {
                self.chat(message);
            }
        }
    }

    fn chat(&mut self, message: &Value) {
        let id = message["id"].as_str().unwrap_or_default().to_owned();
        if !self.known.insert(id.clone()) {
            self.violations.push(format!("chat message {id} twice"));
        }
        self.chat.push(id);
    }
}

fn position(message: &Value) -> (String, u64) {
    let epoch = message["epoch"].as_str().unwrap_or_default().to_owned();
    (epoch, message["version"].as_u64().unwrap_or(0))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
