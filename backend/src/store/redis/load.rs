//! Reading from Redis.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, RedisResult, SetExpiry, SetOptions};

use super::keys;
use crate::state::{Invalid, SceneState, SettingsRecord, StreamState, scene_from_layer_state};
use crate::store::{Position, Stored};

/// How long a value that can't be read is kept aside.
const KEPT: u64 = 7 * 24 * 60 * 60;

type Bytes = Option<Vec<u8>>;

/// Reads everything in one command.
pub(super) async fn load(connection: &mut MultiplexedConnection) -> RedisResult<Stored> {
    let names = [
        keys::STREAM,
        keys::SCENE,
        keys::LAYERS,
        keys::SETTINGS,
        keys::EPOCH,
        keys::VERSION,
    ];
    let (stream, scene, layers, settings, epoch, version): (
        Bytes,
        Bytes,
        Bytes,
        Bytes,
        Bytes,
        Bytes,
    ) = connection.mget(&names).await?;
    let had_scene = scene.is_some();
    let mut stored = Stored {
        stream: read(connection, keys::STREAM, stream, StreamState::from_stored).await?,
        scene: read(connection, keys::SCENE, scene, SceneState::from_stored).await?,
        settings: read(connection, keys::SETTINGS, settings, settings_from).await?,
        position: parse_position(epoch, version),
    };
    if !had_scene {
        stored.scene = read(connection, keys::LAYERS, layers, scene_from_layer_state).await?;
    }
    Ok(stored)
}

/// Reads the version alone.
pub(super) async fn position(
    connection: &mut MultiplexedConnection,
) -> RedisResult<Option<Position>> {
    let (epoch, version): (Bytes, Bytes) = connection.mget(&[keys::EPOCH, keys::VERSION]).await?;
    Ok(parse_position(epoch, version))
}

fn parse_position(epoch: Bytes, version: Bytes) -> Option<Position> {
    let epoch = String::from_utf8(epoch?).ok()?;
    let version = String::from_utf8(version?).ok()?.parse().ok()?;
    (!epoch.is_empty()).then(|| Position {
        epoch: Arc::from(epoch),
        version,
    })
}

fn settings_from(text: &str) -> Result<SettingsRecord, Invalid> {
    serde_json::from_str(text).map_err(|error| Invalid(error.to_string()))
}

/// Reads one value. One that can't be read is copied aside first, as its place will be written to.
async fn read<T>(
    connection: &mut MultiplexedConnection,
    key: &str,
    value: Bytes,
    parse: impl Fn(&str) -> Result<T, Invalid>,
) -> RedisResult<Option<T>> {
    let Some(value) = value else {
        return Ok(None);
    };
    let parsed = match std::str::from_utf8(&value) {
        Ok(text) => parse(text),
        Err(_) => Err(Invalid("it is not UTF-8".to_owned())),
    };
    match parsed {
        Ok(parsed) => Ok(Some(parsed)),
        Err(error) => {
            let aside = format!("{key}{}", keys::INVALID);
            let options = SetOptions::default().with_expiration(SetExpiry::EX(KEPT));
            let () = connection.set_options(&aside, value, options).await?;
            tracing::error!(
                key,
                aside,
                %error,
                "a stored value can't be read: it is kept aside for 7 days, and defaults take its place"
            );
            Ok(None)
        }
    }
}
