//! The script that compares, writes and publishes in one step.

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};

use super::keys;
use crate::store::{Outcome, Parts, Position, Write};

/// Refuses unless the store holds the expected version, with two exceptions for whole snapshots: an empty store is
/// filled, and a process may write over its own earlier write whose answer it has not seen.
const SOURCE: &str = r"
local epoch = redis.call('GET', KEYS[4])
local version = redis.call('GET', KEYS[5])
local whole = ARGV[10] == '1'
if not epoch or not tonumber(version or '') then
  if not whole then return {'empty'} end
else
  local writer, sequence = string.match(redis.call('GET', KEYS[6]) or '', '^(.*) (%d+)$')
  local own = writer == ARGV[5] and epoch == ARGV[3]
  if own and tonumber(sequence) == tonumber(ARGV[6]) then return {'written'} end
  local later = own and tonumber(sequence) > tonumber(ARGV[6])
  local over = own and whole and tonumber(version) <= tonumber(ARGV[4])
  local expected = epoch == ARGV[1] and version == ARGV[2]
  if later or not (over or expected) then return {'conflict', epoch, version} end
end
if ARGV[7] ~= '' then redis.call('SET', KEYS[1], ARGV[7]) end
if ARGV[8] ~= '' then redis.call('SET', KEYS[2], ARGV[8]) end
if ARGV[9] ~= '' then redis.call('SET', KEYS[3], ARGV[9]) end
redis.call('SET', KEYS[4], ARGV[3])
redis.call('SET', KEYS[5], ARGV[4])
redis.call('SET', KEYS[6], ARGV[5] .. ' ' .. ARGV[6])
redis.call('PUBLISH', ARGV[11], ARGV[12])
if ARGV[13] ~= '' then
  redis.call('PUBLISH', 'events:stream:state:update', ARGV[13])
  redis.call('PUBLISH', 'events:all', ARGV[13])
  redis.call('LPUSH', KEYS[7], ARGV[13])
  redis.call('LTRIM', KEYS[7], 0, 999)
end
return {'written'}
";

/// What goes along with a write.
pub(super) struct Call<'a> {
    /// This process.
    pub(super) writer: &'a str,
    /// The how manieth write of this process it is.
    pub(super) sequence: u64,
    /// For other instances.
    pub(super) message: String,
    /// For the surrounding system.
    pub(super) event: Option<String>,
}

/// Runs it.
pub(super) async fn write(
    connection: &mut MultiplexedConnection,
    write: &Write,
    call: &Call<'_>,
) -> RedisResult<Outcome> {
    let json = |part: bool, text: serde_json::Result<String>| {
        if part {
            text.map_err(std::io::Error::from)
        } else {
            Ok(String::new())
        }
    };
    let next = &write.next;
    let expected = write.expected.as_ref();
    let script = Script::new(SOURCE);
    let mut invocation = script.prepare_invoke();
    for key in [
        keys::STREAM,
        keys::SCENE,
        keys::SETTINGS,
        keys::EPOCH,
        keys::VERSION,
        keys::WRITER,
        keys::HISTORY,
    ] {
        invocation.key(key);
    }
    invocation
        .arg(expected.map_or("", |expected| &expected.epoch))
        .arg(expected.map_or(0, |expected| expected.version))
        .arg(&*next.epoch)
        .arg(next.version)
        .arg(call.writer)
        .arg(call.sequence)
        .arg(json(
            write.parts.stream,
            serde_json::to_string(&*next.stream),
        )?)
        .arg(json(
            write.parts.scene,
            serde_json::to_string(&*next.scene),
        )?)
        .arg(json(
            write.parts.settings,
            serde_json::to_string(&write.settings()),
        )?)
        .arg(u8::from(write.parts == Parts::ALL))
        .arg(keys::UPDATES)
        .arg(&call.message)
        .arg(call.event.as_deref().unwrap_or_default());
    let answer: Vec<String> = invocation.invoke_async(connection).await?;
    Ok(outcome(&answer))
}

fn outcome(answer: &[String]) -> Outcome {
    match answer {
        [word] if word == "written" => Outcome::Written,
        [_, epoch, version] => Outcome::Conflict(Position {
            epoch: epoch.as_str().into(),
            // The script has seen that it is a number; one that is no counter is replaced like an old one.
            version: version.parse().unwrap_or(0),
        }),
        _ => Outcome::Empty,
    }
}
