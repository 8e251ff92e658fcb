#!lua
-- Takes a cart away from a customer: one whose creation or attachment failed after the claim, or one that is gone.
-- Where it was the active cart, the superseded one becomes active again.
--
-- KEYS    1 customer (hash: a active cart, s superseded cart)    2 open carts (sorted set)
-- ARGV    1 the cart
-- Answer  {now ms, active cart or nil}
--
-- Sending it twice changes nothing more.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local cart = ARGV[1]
local record = redis.call('HMGET', KEYS[1], 'a', 's')
local active, superseded = record[1], record[2]

redis.call('ZREM', KEYS[2], cart)
if superseded and (superseded == cart or active == cart) then redis.call('HDEL', KEYS[1], 's') end
if active == cart then
  active = superseded ~= cart and superseded
  if active then redis.call('HSET', KEYS[1], 'a', active) else redis.call('HDEL', KEYS[1], 'a') end
end
return {now, active}
