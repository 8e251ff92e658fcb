#!lua flags=no-writes
-- Reads counters of limits that lie in one slot; see counter.lua.
--
-- KEYS    for each counter: counter, holds, deadlines
-- Answer  for each counter {spent, held}; lapsed holds do not count, though nobody took them away yet

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local answer = {}
for index = 1, #KEYS, 3 do
  local counted = redis.call('HMGET', KEYS[index], 's', 'h')
  local spent, held = tonumber(counted[1] or 0), tonumber(counted[2] or 0)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[index + 2], '-inf', now)) do
    held = held - cmsgpack.unpack(redis.call('HGET', KEYS[index + 1], id))[2]
  end
  answer[#answer + 1] = {spent, held}
end
return answer
