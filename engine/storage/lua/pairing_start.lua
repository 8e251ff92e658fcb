#!lua
-- Keeps a code that a screen shows.
--
-- KEYS    1 the code (hash)
-- ARGV    1 life of the code, ms    2 the screen: msgpack list of field, value, field, value, …
-- Answer  {'made', now ms, expiry}
--         {'taken', now ms}           another screen shows this code: draw another one

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

if redis.call('EXISTS', KEYS[1]) == 1 then return {'taken', now} end
local expires = now + tonumber(ARGV[1])
redis.call('HSET', KEYS[1], 'expires', expires, unpack(cmsgpack.unpack(ARGV[2])))
redis.call('PEXPIREAT', KEYS[1], expires)
return {'made', now, expires}
