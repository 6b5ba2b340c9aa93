//! Chat in Redis (specification, sections 4.2 and 4.4): every instance appends through one script, and all hear of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisResult, Script};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Heard, Loaded, Missed, Place, script};
use crate::chat::addresses::AddressMute;
use crate::chat::model::{Action, Event, Moderation};
use crate::chat::presence::Roll;
use crate::chat::state::{State, until};
use crate::config::Secret;
use crate::store::{StoreError, random_id};

const TIMEOUT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_secs(1);

const CHANNEL: &str = "stream-manager:updates";
const MESSAGES: &str = "chat:messages";
const BANS: &str = "chat:bans";
/// Address to the mute, as JSON.
const ADDRESSES: &str = "chat:bans:addresses";
const SETTINGS: &str = "chat:settings";
const LOG: &str = "chat:log";
const SEQUENCE: &str = "chat:sequence";
const EPOCH: &str = "chat:epoch";
const IDS: &str = "chat:ids";

/// See the head of this file.
pub(super) struct Redis {
    client: Client,
    idle: Mutex<Option<MultiplexedConnection>>,
    origin: String,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The client holds the password.
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

/// What goes over the channel; other kinds than ours are the state's.
#[derive(Serialize, Deserialize)]
struct Envelope {
    origin: String,
    #[serde(default)]
    epoch: String,
    #[serde(default)]
    version: u64,
    kind: String,
    body: Value,
    timestamp: u64,
}

impl Redis {
    pub(super) fn new(url: &Secret, instance: &str) -> Result<Self, StoreError> {
        // For `rediss://`; an error means that the process has chosen already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::open(url.expose())
            // The error may repeat the URL, and with it the password.
            .map_err(|_| StoreError("REDIS_URL can't be used".to_owned()))?;
        Ok(Self {
            client,
            idle: Mutex::new(None),
            origin: format!("{instance}:{}", random_id()),
        })
    }

    pub(super) async fn load(&self) -> Result<Loaded, StoreError> {
        let mut pipe = redis::pipe();
        pipe.atomic()
            .lrange(MESSAGES, 0, -1)
            .hgetall(BANS)
            .hgetall(SETTINGS)
            .get(EPOCH)
            .get(SEQUENCE)
            .hvals(ADDRESSES);
        type Found = (
            Vec<Vec<u8>>,
            HashMap<String, String>,
            HashMap<String, String>,
            Option<String>,
            Option<u64>,
            Vec<Vec<u8>>,
        );
        let ask = Ask::Pipe(&pipe);
        let found = self.call::<Found>("load", &ask).await?;
        let (messages, bans, settings, epoch, sequence, addresses) = found;
        let read = |message: &Vec<u8>| serde_json::from_slice(message).ok().map(Arc::new);
        let ban = |(user, end): (String, String)| Some((user.into(), end.parse().ok()?));
        Ok(Loaded {
            state: State {
                messages: messages.iter().filter_map(read).collect(),
                mutes: bans.into_iter().filter_map(ban).collect(),
                muted_addresses: mutes(&addresses).map(|mute| (mute.address, mute)).collect(),
                pinned: settings.get("pinned").map(|id| id.as_str().into()),
                slow_mode_seconds: settings
                    .get("slowMode")
                    .and_then(|seconds| seconds.parse().ok())
                    .unwrap_or(0),
            },
            epoch: epoch.unwrap_or_default(),
            sequence: sequence.unwrap_or(0),
        })
    }

    pub(super) async fn append(&self, event: &Event) -> Result<Place, StoreError> {
        let (kind, timestamp) = match event {
            Event::Message(message) => ("chat", message.timestamp),
            Event::Moderation(moderation) => ("moderation", moderation.timestamp),
        };
        let script = Script::new(script::APPEND);
        let mut call = script.prepare_invoke();
        for key in [
            MESSAGES, BANS, SETTINGS, LOG, SEQUENCE, EPOCH, IDS, ADDRESSES,
        ] {
            call.key(key);
        }
        call.arg(&**event.id())
            .arg(json(event)?)
            .arg(kind)
            .arg(json(&self.origin)?)
            .arg(random_id())
            .arg(timestamp)
            .arg(CHANNEL);
        match event {
            Event::Message(message) => {
                call.arg(json(&**message)?);
            }
            Event::Moderation(moderation) => arguments(&mut call, moderation),
        }
        let ask = Ask::Script(&call);
        let (epoch, sequence) = self.call::<(String, u64)>("append", &ask).await?;
        Ok(Place { epoch, sequence })
    }

    pub(super) async fn since(&self, place: &Place) -> Result<Option<Missed>, StoreError> {
        let mut pipe = redis::pipe();
        pipe.atomic().lrange(LOG, 0, -1).get(EPOCH).get(SEQUENCE);
        type Found = (Vec<String>, Option<String>, Option<u64>);
        let ask = Ask::Pipe(&pipe);
        let (log, epoch, sequence) = self.call::<Found>("since", &ask).await?;
        let epoch = epoch.unwrap_or_default();
        // One that was empty is the same until something else was seen.
        if !place.epoch.is_empty() && epoch != place.epoch {
            return Ok(None);
        }
        let missed = sequence.unwrap_or(0).saturating_sub(place.sequence);
        let events = log
            .iter()
            .filter_map(|entry| serde_json::from_str(entry).ok());
        let events: Vec<(u64, Event)> = events
            .filter(|(sequence, _)| *sequence > place.sequence)
            .collect();
        Ok((events.len() as u64 == missed).then_some(Missed { epoch, events }))
    }

    pub(super) async fn tell(&self, roll: &Roll) -> Result<(), StoreError> {
        let message = self.envelope("presence", roll)?;
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(CHANNEL).arg(&message);
        self.call::<()>("tell", &Ask::Command(&publish)).await
    }

    pub(super) async fn mute_address(&self, mute: &AddressMute) -> Result<(), StoreError> {
        let message = self.envelope("mute", mute)?;
        let mut pipe = redis::pipe();
        let address = mute.address.to_string();
        pipe.atomic();
        match mute.lifted {
            true => pipe.hdel(ADDRESSES, address),
            false => pipe.hset(ADDRESSES, address, json(mute)?),
        };
        pipe.ignore().publish(CHANNEL, message).ignore();
        self.call::<()>("mute", &Ask::Pipe(&pipe)).await
    }

    pub(super) async fn muted_addresses(&self) -> Result<Vec<AddressMute>, StoreError> {
        let mut command = redis::cmd("HVALS");
        command.arg(ADDRESSES);
        let ask = Ask::Command(&command);
        let found = self.call::<Vec<Vec<u8>>>("muted addresses", &ask).await?;
        Ok(mutes(&found).collect())
    }

    pub(super) async fn restore(&self, state: &State) -> Result<(), StoreError> {
        let script = Script::new(script::RESTORE);
        let mut call = script.prepare_invoke();
        for key in [MESSAGES, BANS, SETTINGS, ADDRESSES] {
            call.key(key);
        }
        call.arg(state.pinned.as_deref().unwrap_or_default())
            .arg(state.slow_mode_seconds)
            .arg(state.messages.len());
        for message in state.messages.iter().rev() {
            call.arg(&*message.id).arg(json(&**message)?);
        }
        call.arg(state.mutes.len());
        for (user, until) in &state.mutes {
            call.arg(&**user).arg(*until);
        }
        call.arg(state.muted_addresses.len());
        for (address, mute) in &state.muted_addresses {
            call.arg(address.to_string()).arg(json(mute)?);
        }
        self.call::<()>("restore", &Ask::Script(&call)).await
    }

    /// What is told beside the log.
    fn envelope(&self, kind: &str, body: &impl Serialize) -> Result<String, StoreError> {
        let body = serde_json::to_value(body);
        json(&Envelope {
            origin: self.origin.clone(),
            epoch: String::new(),
            version: 0,
            kind: kind.to_owned(),
            body: body.map_err(|error| StoreError(error.to_string()))?,
            timestamp: crate::clock::now_ms(),
        })
    }

    pub(super) async fn watch(&self, heard: &mpsc::Sender<Heard>) {
        while !heard.is_closed() {
            if let Err(error) = self.subscribed(heard).await {
                tracing::debug!(%error, "the subscription to other instances' chat has ended");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn subscribed(&self, heard: &mpsc::Sender<Heard>) -> RedisResult<()> {
        let connect = tokio::time::timeout(TIMEOUT, self.client.get_async_pubsub());
        let late = |_| redis::RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        let mut subscription = connect.await.map_err(late)??;
        subscription.subscribe(CHANNEL).await?;
        if heard.send(Heard::Connected).await.is_err() {
            return Ok(());
        }
        let mut messages = subscription.on_message();
        while let Some(message) = messages.next().await {
            let Some(news) = self.read(message.get_payload_bytes()) else {
                continue;
            };
            if heard.send(news).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// `None` for what is none of chat's business. Events of our own come this way too: they show how far the others are.
    fn read(&self, payload: &[u8]) -> Option<Heard> {
        let envelope: Envelope = serde_json::from_slice(payload).ok()?;
        match envelope.kind.as_str() {
            "chat" | "moderation" => Some(Heard::Event {
                place: Place {
                    epoch: envelope.epoch,
                    sequence: envelope.version,
                },
                event: serde_json::from_value(envelope.body).ok()?,
            }),
            "presence" if envelope.origin != self.origin => Some(Heard::Roll {
                origin: envelope.origin,
                roll: serde_json::from_value(envelope.body).ok()?,
            }),
            "mute" if envelope.origin != self.origin => {
                Some(Heard::Mute(serde_json::from_value(envelope.body).ok()?))
            }
            _ => None,
        }
    }

    /// Asks over the connection that is there, or a new one; one that failed is not used again.
    async fn call<T: FromRedisValue>(&self, what: &str, ask: &Ask<'_>) -> Result<T, StoreError> {
        let failed = |error: redis::RedisError| StoreError(format!("Redis, chat, {what}: {error}"));
        // Taken out, so that giving up the call gives up the connection.
        let idle = self.idle().take();
        if let Some(mut connection) = idle
            && let Ok(answer) = ask.of(&mut connection).await
        {
            *self.idle() = Some(connection);
            return Ok(answer);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let connect = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let mut connection = connect.await.map_err(failed)?;
        let answer = ask.of(&mut connection).await.map_err(failed)?;
        *self.idle() = Some(connection);
        Ok(answer)
    }

    fn idle(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    let failed = |error| StoreError(format!("something of chat can't be encoded: {error}"));
    serde_json::to_string(value).map_err(failed)
}

/// Mutes that can be read.
fn mutes(stored: &[Vec<u8>]) -> impl Iterator<Item = AddressMute> {
    let read = |mute: &Vec<u8>| serde_json::from_slice(mute).ok();
    stored.iter().filter_map(read)
}

/// One question to Redis.
enum Ask<'a> {
    Pipe(&'a redis::Pipeline),
    Command(&'a redis::Cmd),
    Script(&'a redis::ScriptInvocation<'a>),
}

impl Ask<'_> {
    async fn of<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<T> {
        match self {
            Self::Pipe(pipe) => pipe.query_async(connection).await,
            Self::Command(command) => command.query_async(connection).await,
            Self::Script(script) => script.invoke_async(connection).await,
        }
    }
}

fn arguments(call: &mut redis::ScriptInvocation<'_>, moderation: &Moderation) {
    let text = |text: &Option<Arc<str>>| text.as_deref().unwrap_or_default().to_owned();
    let action = serde_json::to_value(moderation.action).unwrap_or_default();
    let value = match moderation.action {
        Action::SlowMode => moderation.duration_seconds.unwrap_or(0),
        _ => until(moderation),
    };
    call.arg(action.as_str().unwrap_or_default())
        .arg(text(&moderation.message_id))
        .arg(text(&moderation.user_id))
        .arg(value);
}
