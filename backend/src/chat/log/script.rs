//! The script that gives a chat event its place: numbers it, keeps it, changes what it changes, and tells everybody.

/// Keys: messages, bans, settings, log, sequence, epoch, ids. Arguments: event id, event, kind (`chat` or `moderation`),
/// origin, an epoch if there is none, Unix milliseconds, channel, then of a message its JSON; of a moderation its action,
/// message id, user id and, for mutes, their end, for slow mode its seconds.
pub(super) const APPEND: &str = r#"
local epoch = redis.call('GET', KEYS[6])
if not epoch then
  epoch = ARGV[5]
  redis.call('SET', KEYS[6], epoch)
end
local known = redis.call('ZSCORE', KEYS[7], ARGV[1])
if known then return {epoch, tostring(known)} end
local sequence = redis.call('INCR', KEYS[5])
redis.call('ZADD', KEYS[7], sequence, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[7], 0, -1001)
redis.call('RPUSH', KEYS[4], '[' .. sequence .. ',' .. ARGV[2] .. ']')
redis.call('LTRIM', KEYS[4], -1000, -1)
if ARGV[3] == 'chat' then
  redis.call('RPUSH', KEYS[1], ARGV[8])
  redis.call('LTRIM', KEYS[1], -200, -1)
else
  local action, message, user, value = ARGV[8], ARGV[9], ARGV[10], ARGV[11]
  if action == 'delete' then
    for _, item in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
      local fine, decoded = pcall(cjson.decode, item)
      if fine and decoded['id'] == message then redis.call('LREM', KEYS[1], 1, item) end
    end
    if redis.call('HGET', KEYS[3], 'pinned') == message then redis.call('HDEL', KEYS[3], 'pinned') end
  elseif action == 'clear' then
    redis.call('DEL', KEYS[1])
    redis.call('HDEL', KEYS[3], 'pinned')
  elseif action == 'timeout' or action == 'ban' then
    redis.call('HSET', KEYS[2], user, value)
  elseif action == 'unban' then
    redis.call('HDEL', KEYS[2], user)
  elseif action == 'pin' then
    if message == '' then redis.call('HDEL', KEYS[3], 'pinned')
    else redis.call('HSET', KEYS[3], 'pinned', message) end
  elseif action == 'slowMode' then
    redis.call('HSET', KEYS[3], 'slowMode', value)
  end
end
redis.call('PUBLISH', ARGV[7], '{"origin":' .. ARGV[4] .. ',"epoch":' .. cjson.encode(epoch) .. ',"version":' ..
  sequence .. ',"kind":"' .. ARGV[3] .. '","body":' .. ARGV[2] .. ',"timestamp":' .. ARGV[6] .. '}')
return {epoch, tostring(sequence)}
"#;
