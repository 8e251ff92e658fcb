#!lua
-- Records a sale that a till made by itself, once, and closes the cart that was sold. Nothing refuses it but another
-- sale under its id: the goods are gone and paid for.
--
-- KEYS    1 cart    2 its log    3 its wake-up channel (sharded pub/sub)    4 its sales (hash)
--         5 the sales of the partition whose uses are to be posted (sorted set, by when they came)
-- ARGV    1 who sold: msgpack list {member id, channel, store or false, device}
--         2 guard rails: msgpack map {guest_ms, customer_ms, log}
--         3 the sale: msgpack list {id, payment reference, content digest, bytes to keep, entry for key 5, or '' where
--         there are no uses}
-- Answer  {'recorded' or 'replayed', now ms, record, overshoot or nil, cart or nil}
--         {'reused', now ms}            another sale has the id
--
-- A record is a msgpack list {content digest, kept bytes, when it came, ms, 1 where the cart had been sold before}; it
-- stands under 's:' and the id, the id under 'p:' and the payment reference, what sale_posted.lua notes under 'o:' and
-- the id, and whose points it is about under 'e:' and the id. A sale has no life span. The bytes of the cart: engine/cart/codec.py.

local member, channel, store, device = unpack(cmsgpack.unpack(ARGV[1]), 1, 4)
local limits = cmsgpack.unpack(ARGV[2])
local id, reference, content, kept, to_post = unpack(cmsgpack.unpack(ARGV[3]), 1, 5)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local stored = redis.call('GET', KEYS[1])

local function answer(status, of, record)
  return {status, now, record, redis.call('HGET', KEYS[4], 'o:' .. of), redis.call('GET', KEYS[1])}
end

local function close(cart)
  local place
  for at, known in ipairs(cart.m) do
    if known[1] == member then place = at end
  end
  if not place then
    place = #cart.m + 1
    cart.m[place] = {member, '-'}
  end
  local life_ms = cart.u and limits.customer_ms or limits.guest_ms
  cart.sd = {i = id, p = place, d = device, c = channel, s = store or nil, a = now}
  cart.o, cart.fz = nil, nil
  cart.v, cart.e, cart.x = cart.v + 1, now, now + life_ms
  local entry = {cart.v, 'sale-' .. id, now - cart.b, place, channel, store, device, {{'sold', id}}}
  redis.call('SET', KEYS[1], cmsgpack.pack(cart), 'PX', life_ms)
  if redis.call('RPUSH', KEYS[2], cmsgpack.pack(entry)) > limits.log then redis.call('LTRIM', KEYS[2], -limits.log, -1) end
  redis.call('PEXPIRE', KEYS[2], life_ms)
  redis.call('SPUBLISH', KEYS[3], cart.v)
end

local known = redis.call('HGET', KEYS[4], 's:' .. id)
if known then
  if cmsgpack.unpack(known)[1] ~= content then return {'reused', now} end
  return answer('replayed', id, known)
end
-- The same payment under another id is the same sale: a till that was set up anew counts its sales from the start.
local paid = redis.call('HGET', KEYS[4], 'p:' .. reference)
if paid then return answer('replayed', paid, redis.call('HGET', KEYS[4], 's:' .. paid)) end

local cart = stored and cmsgpack.unpack(stored)
local record = cmsgpack.pack({content, kept, now, cart and (cart.sd or cart.od) and 1 or 0})
redis.call('HSET', KEYS[4], 's:' .. id, record, 'p:' .. reference, id)
if to_post ~= '' then redis.call('ZADD', KEYS[5], now, to_post) end
if cart and not (cart.sd or cart.od) then close(cart) end
return answer('recorded', id, record)
