#!lua flags=no-writes
-- Reads what happened to a cart after a version, with the cart itself: what a returning subscriber needs.
--
-- KEYS    1 cart    2 its log
-- ARGV    1 version after which to read
-- Answer  {now ms, cart or nil, list of msgpack entries, oldest first}; fewer entries than versions passed means
--         that the log no longer reaches back so far

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local cart = redis.call('GET', KEYS[1])
if not cart then return {now, false, {}} end
local passed = cmsgpack.unpack(cart).v - ARGV[1]
if passed < 1 then return {now, cart, {}} end
return {now, cart, redis.call('LRANGE', KEYS[2], -passed, -1)}
