#!lua
-- Claims a customer's pointer to the active cart.
--
-- KEYS    1 customer (hash: f facts, a active cart, s superseded cart, b the one that was superseded before that)
--         2 open carts (sorted set: cart id, by the instant in ms at which the customer got it)
-- ARGV    1 the cart proposed
--         2 'if_none' keeps a pointer that is there (the loser of a race adopts it), 'replace' makes it the superseded
--         3 a cart the caller found gone, or '': a pointer to it counts as none
--         4 how many open carts are remembered, the newest
-- Answer  {now ms, facts or nil, active cart, superseded cart or nil, 1 if this call made the cart active else 0}
--
-- Sending it twice changes nothing more.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local proposed, mode, gone, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local function living(cart)
  return cart and cart ~= gone and cart
end

local record = redis.call('HMGET', KEYS[1], 'f', 'a', 's')
local facts, active, superseded = record[1], living(record[2]), living(record[3])

if active ~= proposed and (mode == 'replace' or not active) then
  -- Kept until the next claim, so that a release can put everything back.
  if superseded and active then redis.call('HSET', KEYS[1], 'b', superseded) else redis.call('HDEL', KEYS[1], 'b') end
  superseded = active or superseded
  active = proposed
end
if superseded == active then superseded = false end

if active ~= record[2] then redis.call('HSET', KEYS[1], 'a', active) end
if superseded then
  redis.call('HSET', KEYS[1], 's', superseded)
elseif record[3] then
  redis.call('HDEL', KEYS[1], 's')
end
if gone ~= '' then redis.call('ZREM', KEYS[2], gone) end
if active == proposed then
  redis.call('ZADD', KEYS[2], now, proposed)
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -most - 1)
end
return {now, facts, active, superseded, active ~= record[2] and 1 or 0}
