#!lua flags=no-writes
-- Reads one cart with the store's time.
--
-- KEYS    1 cart
-- Answer  {now ms, cart (msgpack map) or nil}; whether the caller may see it is decided by who reads the bytes

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
return {now, redis.call('GET', KEYS[1])}
