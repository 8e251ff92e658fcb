#!lua flags=no-writes
-- Reads a customer's record.
--
-- KEYS    1 customer (hash: f facts as a msgpack map, a active cart, s superseded cart)
--         2 open carts    3 orders, 4 their categories, see history.lua
-- Answer  {now ms, facts or nil, history or nil, active cart or nil, superseded cart or nil}

-- include: history

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local record = redis.call('HMGET', KEYS[1], 'f', 'a', 's')
return {now, record[1], history(KEYS[1], KEYS[3], KEYS[4]), record[2], record[3]}
