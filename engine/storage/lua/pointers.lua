#!lua
-- Notes what somebody takes part in, newest first, and tells it.
--
-- KEYS    1 pointers (sorted set: id, by the instant in ms at which they came)
-- ARGV    1 id to note, or ''    2 how many are kept, the newest    3 life of the set from its last use, ms
--         4 ids to take away (msgpack list), which were told before the instant in 5, ms
-- Answer  {now ms, flat list {id, instant, id, instant, ...}, newest first}
--
-- What was noted after that instant stays: somebody is just coming, and their step into it is still under way.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

for _, id in ipairs(cmsgpack.unpack(ARGV[4])) do
  local came = redis.call('ZSCORE', KEYS[1], id)
  if came and tonumber(came) <= tonumber(ARGV[5]) then redis.call('ZREM', KEYS[1], id) end
end
if ARGV[1] ~= '' then
  redis.call('ZADD', KEYS[1], 'NX', now, ARGV[1])
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[2]) - 1)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return {now, redis.call('ZREVRANGE', KEYS[1], 0, -1, 'WITHSCORES')}
