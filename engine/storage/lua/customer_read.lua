#!lua flags=no-writes
-- Reads a customer's record.
--
-- KEYS    1 customer (hash: f facts as a msgpack map, a active cart, s superseded cart)
-- Answer  {now ms, facts or nil, active cart or nil, superseded cart or nil}

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local record = redis.call('HMGET', KEYS[1], 'f', 'a', 's')
return {now, record[1], record[2], record[3]}
