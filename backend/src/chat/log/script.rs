//! Chat's scripts. One gives an event its place: numbers it, keeps it, changes what it changes, and tells everybody. The
//! other gives a Redis that has lost everything what an instance still knows.

/// Keys: messages, bans, settings, log, sequence, epoch, ids, muted addresses. Arguments: event id, event, kind (`chat` or `moderation`),
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
    local addresses = redis.call('HGETALL', KEYS[8])
    for at = 1, #addresses, 2 do
      local fine, mute = pcall(cjson.decode, addresses[at + 1])
      if fine and mute['user'] == user then redis.call('HDEL', KEYS[8], addresses[at]) end
    end
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

/// Keys: messages, bans, settings, muted addresses. Arguments: the id of the pinned message or nothing, slow mode's seconds,
/// then three lists, each its length and pairs: message id and JSON (newest first), user and end, address and JSON. What
/// is there already stays; only the first instance restores.
pub(super) const RESTORE: &str = r#"
if redis.call('HSETNX', KEYS[3], 'restored', 1) == 0 then return 0 end
if ARGV[1] ~= '' then redis.call('HSETNX', KEYS[3], 'pinned', ARGV[1]) end
redis.call('HSETNX', KEYS[3], 'slowMode', ARGV[2])
local known = {}
for _, item in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local fine, decoded = pcall(cjson.decode, item)
  if fine then known[decoded['id']] = true end
end
local at = 3
local function pairs_of(each)
  local count = tonumber(ARGV[at])
  for pair = 0, count - 1 do each(ARGV[at + 1 + 2 * pair], ARGV[at + 2 + 2 * pair]) end
  at = at + 1 + 2 * count
end
pairs_of(function(id, message)
  if not known[id] then redis.call('LPUSH', KEYS[1], message) end
end)
redis.call('LTRIM', KEYS[1], -200, -1)
pairs_of(function(user, ends) redis.call('HSETNX', KEYS[2], user, ends) end)
pairs_of(function(address, mute) redis.call('HSETNX', KEYS[4], address, mute) end)
return 1
"#;
