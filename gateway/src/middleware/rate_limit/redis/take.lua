-- Takes a token from a client's bucket, or tells how long it would have to wait for one.
--
-- A bucket is a hash of `last` (microseconds since 1970) and `tokens`, in this order: Traefik's buckets look the same, so that
-- both may share one Redis. The clock is that of Redis, because gateways' clocks differ.
local rate, burst, forget, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'last', 'tokens')
local last, tokens = tonumber(kept[1]), tonumber(kept[2])
if not last or not tokens then
    last, tokens = now, burst
end
-- Redis's clock may have been set back.
tokens = math.min(tokens + math.max(now - last, 0) * rate, burst)
local granted, wait = 1, math.max((1 - tokens) / rate, 0)
if wait > longest then
    granted = 0
else
    tokens = tokens - 1
end
redis.call('HSET', KEYS[1], 'last', now, 'tokens', tokens)
redis.call('EXPIRE', KEYS[1], forget)
return { granted, string.format('%.17g', wait), string.format('%.17g', tokens) }
