#!lua
-- Claims a customer's pointer to the active cart.
--
-- KEYS    1 customer (hash: f facts, a active cart, s superseded cart, b the one that was superseded before that,
--           r msgpack list of {proposed, chosen, proposed, chosen, ...}: where the latest creating requests went,
--           g the named group that new carts are shared with)
--         2 open carts (sorted set: cart id, by the instant in ms at which the customer got it)
--         3 orders, 4 their categories, see history.lua
-- ARGV    1 the cart proposed, a digest of the request that proposes it
--         2 'if_none' keeps a pointer that is there (the loser of a race adopts it), 'replace' makes it the superseded
--         3 how many open carts are remembered, the newest
-- Answer  {now ms, facts or nil, history or nil, active cart, superseded cart or nil, 1 if this call made the cart active else 0,
--          the cart that the request goes to, the named group or nil}
--
-- Sending it twice changes nothing more: the same creating request goes to the same cart, whatever is active by then.

-- include: history

local REMEMBERED = 16  -- creating requests

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local proposed, mode, most = ARGV[1], ARGV[2], tonumber(ARGV[3])

local record = redis.call('HMGET', KEYS[1], 'f', 'a', 's', 'r', 'g')
local facts, active, superseded = record[1], record[2], record[3]
local known = history(KEYS[1], KEYS[3], KEYS[4])
local went = record[4] and cmsgpack.unpack(record[4]) or {}

for index = 1, #went, 2 do
  if mode == 'if_none' and went[index] == proposed then
    return {now, facts, known, active, superseded, 0, went[index + 1], record[5]}
  end
end

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
if mode == 'if_none' then
  went[#went + 1] = proposed
  went[#went + 1] = active
  while #went > 2 * REMEMBERED do table.remove(went, 1) end
  redis.call('HSET', KEYS[1], 'r', cmsgpack.pack(went))
end
if active == proposed then
  redis.call('ZADD', KEYS[2], now, proposed)
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -most - 1)
end
return {now, facts, known, active, superseded, active ~= record[2] and 1 or 0, active, record[5]}
