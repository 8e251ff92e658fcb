#!lua
-- Takes a cart away from a customer: one whose creation or attachment failed after the claim, or one that is gone.
-- Where it was the active cart, the superseded one becomes active again, and the one before that superseded.
--
-- KEYS    1 customer (hash: a active cart, s superseded cart, b superseded before, r where creating requests went)
--         2 open carts (sorted set)
-- ARGV    1 the cart
-- Answer  {now ms, active cart or nil}
--
-- Sending it twice changes nothing more.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local cart = ARGV[1]
local record = redis.call('HMGET', KEYS[1], 'a', 's', 'b')
local active, superseded, before = record[1], record[2], record[3]

redis.call('ZREM', KEYS[2], cart)
if before == cart then before = false end

local function keep(field, value)
  if value then redis.call('HSET', KEYS[1], field, value) else redis.call('HDEL', KEYS[1], field) end
end

if active == cart then
  active = superseded ~= cart and superseded
  keep('a', active)
  keep('s', before)
  keep('b', false)
elseif superseded == cart then
  keep('s', false)
end

-- A request that went to this cart may go elsewhere when it is sent again.
local packed = redis.call('HGET', KEYS[1], 'r')
local went, kept = packed and cmsgpack.unpack(packed) or {}, {}
for index = 1, #went, 2 do
  if went[index + 1] ~= cart then
    kept[#kept + 1] = went[index]
    kept[#kept + 1] = went[index + 1]
  end
end
if #kept < #went then keep('r', #kept > 0 and cmsgpack.pack(kept)) end
return {now, active}
