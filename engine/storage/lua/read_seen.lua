#!lua flags=no-writes
-- Reads what a member saw of a cart, and what happened to it since.
--
-- KEYS    1 cart    2 its log    3 what the member saw (msgpack map, v is the version)
-- Answer  {now ms, cart or nil, seen or nil, list of msgpack entries, oldest first}; fewer entries than versions
--         passed means that the log no longer reaches back so far

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local cart, seen = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[3])
if not cart or not seen then return {now, cart, seen, {}} end
local passed = cmsgpack.unpack(cart).v - cmsgpack.unpack(seen).v
if passed < 1 then return {now, cart, seen, {}} end
return {now, cart, seen, redis.call('LRANGE', KEYS[2], -passed, -1)}
