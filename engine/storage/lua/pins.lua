#!lua flags=no-writes
-- Reads what is pinned in a partition, the oldest first.
--
-- KEYS    1 pins (sorted set: msgpack {key, hold, owner}, by the instant in ms of the pin)
-- ARGV    1 how long ago, ms, at least    2 how many at most
-- Answer  list of {member, instant}

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local answer = {}
for index = 1, #found, 2 do answer[#answer + 1] = {found[index], tonumber(found[index + 1])} end
return answer
