#!lua
-- Notes who has a cart open, and tells who has. An entry that nobody renews lapses.
--
-- KEYS    1 viewers (sorted set: msgpack entry, by the instant in ms at which it lapses)
--         2 the cart's wake-up channel (sharded pub/sub)
-- ARGV    1 life of an entry, ms    2 how many are noted at most
--         3 entries that are here (msgpack list)    4 entries that left (msgpack list)
-- Answer  {now ms, list of entries}
--
-- Where somebody came, left or lapsed, the word 'viewers' is sent to the channel.

local life_ms, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local changed = redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, entry in ipairs(cmsgpack.unpack(ARGV[4])) do
  changed = changed + redis.call('ZREM', KEYS[1], entry)
end
local here = cmsgpack.unpack(ARGV[3])
for _, entry in ipairs(here) do
  if redis.call('ZSCORE', KEYS[1], entry) or redis.call('ZCARD', KEYS[1]) < most then
    changed = changed + redis.call('ZADD', KEYS[1], now + life_ms, entry)
  end
end
if here[1] then redis.call('PEXPIRE', KEYS[1], life_ms) end
if changed > 0 then redis.call('SPUBLISH', KEYS[2], 'viewers') end
return {now, redis.call('ZRANGE', KEYS[1], 0, -1)}
