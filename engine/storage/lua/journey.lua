#!lua
-- Adds steps to somebody's journey, unless they switched that off, and tells the journey.
--
-- KEYS    1 steps (sorted set: msgpack list {kind, text, at ms, channel, store or false, device}, by the instant)
--         2 there where it is switched off
-- ARGV    1 steps to add (msgpack list of lists {kind, text, channel, store or false, device}), which happen now
--         2 steps of another journey that go over into this one (msgpack list of entries as they lie in the set)
--         3 how many steps are kept, the newest    4 for how long, ms
--         5 'on' or 'off' to switch it, '' to leave it; off takes away what is there
-- Answer  {now ms, 1 where it is switched on else 0, list of entries, newest first}
--
-- A step that is there already is not there twice, so that going over may be done again.

local most, life_ms = tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

if ARGV[5] == 'off' then
  redis.call('SET', KEYS[2], '1')
  redis.call('DEL', KEYS[1])
elseif ARGV[5] == 'on' then
  redis.call('DEL', KEYS[2])
end
if redis.call('EXISTS', KEYS[2]) == 1 then return {now, 0, {}} end

local added, gone_over = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
for _, step in ipairs(added) do
  local kind, text, channel, store, device = unpack(step, 1, 5)
  redis.call('ZADD', KEYS[1], now, cmsgpack.pack({kind, text, now, channel, store, device}))
end
for _, entry in ipairs(gone_over) do
  redis.call('ZADD', KEYS[1], cmsgpack.unpack(entry)[3], entry)
end
if added[1] or gone_over[1] then
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -most - 1)
  redis.call('PEXPIRE', KEYS[1], life_ms)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - life_ms)
return {now, 1, redis.call('ZREVRANGE', KEYS[1], 0, -1)}
