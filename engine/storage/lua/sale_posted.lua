#!lua
-- Notes that the uses of a sale were posted, and what it took that was not there.
--
-- KEYS    1 the sales of the cart (hash)    2 the sales of the partition whose uses are to be posted (sorted set)
-- ARGV    1 id of the sale    2 its entry for key 2    3 msgpack list {promotions, points}
-- Answer  {now ms, 1 where it was still to be noted}

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local open = redis.call('ZREM', KEYS[2], ARGV[2])
if open == 1 then redis.call('HSET', KEYS[1], 'o:' .. ARGV[1], ARGV[3]) end
return {now, open}
