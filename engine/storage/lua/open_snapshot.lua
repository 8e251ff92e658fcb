#!lua
-- Reads a cart for a device that goes offline with it, and remembers that: as long as such a snapshot is open, nothing
-- that was applied to the cart is forgotten, or what the device sends again could be done twice.
--
-- KEYS    1 cart    2 applied operations (hash); its field `open` is when the last snapshot ends, ms
-- ARGV    1 how long the snapshot is good, ms
-- Answer  {now ms, cart (msgpack map) or nil, when it ends, ms}; whether the caller may have it is decided by who reads
--         the bytes. It ends with the cart at the latest.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local stored = redis.call('GET', KEYS[1])
if not stored then return {now, false, 0} end
local cart = cmsgpack.unpack(stored)
local ends = math.min(now + tonumber(ARGV[1]), cart.x)
local known = tonumber(redis.call('HGET', KEYS[2], 'open') or 0)
redis.call('HSET', KEYS[2], 'open', math.max(ends, known))
redis.call('PEXPIREAT', KEYS[2], math.max(cart.x, redis.call('PEXPIRETIME', KEYS[2])))
return {now, stored, ends}
