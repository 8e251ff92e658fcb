#!lua
-- Notes that a cart went into another one: where either of them is a customer's active cart, that is the latter from
-- now on, and the former the superseded one. Sending it twice changes nothing more.
--
-- KEYS    1 customer (hash: a active cart, s superseded cart)    2 open carts (sorted set)
-- ARGV    1 the cart that went    2 the cart that holds both
--         3 how many open carts are remembered, the newest
-- Answer  {now ms, active cart or nil}

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local active = redis.call('HGET', KEYS[1], 'a')

if active == ARGV[1] or active == ARGV[2] then
  redis.call('HSET', KEYS[1], 'a', ARGV[2], 's', ARGV[1])
  redis.call('HDEL', KEYS[1], 'b')
  redis.call('ZADD', KEYS[2], now, ARGV[2])
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -tonumber(ARGV[3]) - 1)
  active = ARGV[2]
end
return {now, active}
