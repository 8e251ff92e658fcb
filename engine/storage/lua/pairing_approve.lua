#!lua
-- Gives a screen the cart of whoever read its code: the first one who does.
--
-- KEYS    1 the code (hash)
-- ARGV    1 who approves: member id    2 id of the cart    3 access: 'read' or 'edit'    4 for how long that is kept, ms
-- Answer  {'approved', now ms}    theirs, now or the first time they said so
--         {'unknown', now ms}     no such code, expired, or approved by another one
--
-- The screen's place in the cart is another partition's: it is made after this, and again by whoever sends this again.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local expires, by, cart, access = unpack(redis.call('HMGET', KEYS[1], 'expires', 'by', 'cart', 'access'))
if not expires then return {'unknown', now} end
if by then
  if by == ARGV[1] and cart == ARGV[2] and access == ARGV[3] then return {'approved', now} end
  return {'unknown', now}
end
if now >= tonumber(expires) then return {'unknown', now} end
redis.call('HSET', KEYS[1], 'by', ARGV[1], 'cart', ARGV[2], 'access', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {'approved', now}
