#!lua
-- Lets others approve a screen's code again, because the cart of who did is not to be had for it.
--
-- KEYS    1 the code (hash)
-- ARGV    1 who approved: member id    2 id of the cart
-- Answer  {'given back', now ms}    where it is approved by another one, nothing is changed

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local expires, by, cart = unpack(redis.call('HMGET', KEYS[1], 'expires', 'by', 'cart'))
if by == ARGV[1] and cart == ARGV[2] then
  redis.call('HDEL', KEYS[1], 'by', 'cart', 'access')
  redis.call('PEXPIREAT', KEYS[1], expires)
end
return {'given back', now}
