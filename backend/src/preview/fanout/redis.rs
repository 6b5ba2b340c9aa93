//! The two sides of the channels in Redis: what is to be sent goes out, what comes is noted. Both begin anew whenever
//! their connection ends.

use std::future::Future;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError, RedisResult};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::wire::{self, FRAMES, PICTURES, WANTED};
use super::{Shared, TELL};
use crate::config::Secret;
use crate::preview::choice::Variant;
use crate::preview::frames::Frames;
use crate::store::StoreError;

/// For one call.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) fn client(url: &Secret) -> Result<Client, StoreError> {
    // For `rediss://`; an error means that the process has chosen already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // The error may repeat the URL, and with it the password.
    Client::open(url.expose()).map_err(|_| StoreError("REDIS_URL can't be used".to_owned()))
}

/// Sends what is to be sent, and once a second what the viewers here want.
pub(super) async fn send(client: Client, shared: Arc<Shared>, frames: Frames) {
    let mut ticks = interval(TELL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = None;
    loop {
        let tell = tokio::select! {
            () = shared.outgoing.notified() => false,
            _ = ticks.tick() => true,
        };
        if let Err(error) = sent(&client, &mut connection, &shared, &frames, tell).await {
            tracing::debug!(%error, "frames do not reach other instances");
            connection = None;
            tokio::time::sleep(PAUSE).await;
            // By then they are old.
            let mut slots = shared.slots();
            slots.out = Default::default();
            slots.picture_out = None;
        }
    }
}

async fn sent(
    client: &Client,
    connection: &mut Option<MultiplexedConnection>,
    shared: &Shared,
    frames: &Frames,
    tell: bool,
) -> RedisResult<()> {
    let connection = match connection {
        Some(connection) => connection,
        None => {
            let new = within(client.get_multiplexed_async_connection()).await?;
            connection.insert(new)
        }
    };
    if tell {
        let wanted = Variant::all().filter(|variant| frames.wants(*variant));
        let message = wire::wanted(&shared.origin, wanted);
        publish(connection, WANTED, message).await?;
    }
    let picture = shared.slots().picture_out.take();
    if let Some(picture) = picture {
        publish(
            connection,
            PICTURES,
            wire::picture(&shared.origin, &picture),
        )
        .await?;
    }
    for variant in Variant::all() {
        if let Some(frame) = shared.outgoing(variant) {
            publish(connection, FRAMES, wire::frame(&shared.origin, &frame)).await?;
        }
    }
    Ok(())
}

async fn publish(
    connection: &mut MultiplexedConnection,
    channel: &str,
    message: Vec<u8>,
) -> RedisResult<()> {
    let mut command = redis::cmd("PUBLISH");
    command.arg(channel).arg(message);
    within(command.query_async(connection)).await
}

/// Listens, for ever.
pub(super) async fn receive(client: Client, shared: Arc<Shared>) {
    loop {
        if let Err(error) = subscribed(&client, &shared).await {
            tracing::debug!(%error, "the subscription to other instances' frames has ended");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn subscribed(client: &Client, shared: &Shared) -> RedisResult<()> {
    let mut subscription = within(client.get_async_pubsub()).await?;
    within(subscription.subscribe(&[FRAMES, PICTURES, WANTED])).await?;
    let mut messages = subscription.on_message();
    while let Some(message) = messages.next().await {
        shared.heard(message.get_channel_name(), message.get_payload_bytes());
    }
    Ok(())
}

async fn within<T>(call: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    let late = |_| RedisError::from(std::io::Error::from(ErrorKind::TimedOut));
    timeout(TIMEOUT, call).await.map_err(late)?
}
