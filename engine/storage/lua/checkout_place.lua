#!lua
-- Places an order: writes it with what is still to be done for it, and closes the cart. There is no order before this,
-- and no way back after it.
--
-- KEYS    1 the cart       2 the quote, see checkout_attempt.lua    3 the order (hash: blob of the quote, placed, paid, customer)
--         4 the outbox of the partition (hash: order number -> what is to be done)
--         5 the log        6 the wake-up channel of the cart (sharded pub/sub)
-- ARGV    1 quote id       2 number of the attempt    3 payment reference    4 order number
--         5 for the log: msgpack list {channel, store or false, device, operation id}    6 length of the log
-- Answer  {'placed', now ms, order number, refunds, customer}    now; with the payments to be refunded, see refund.lua,
--                                                     and whose cart it is, '' for nobody's that is known
--         {'before', now ms, order number, 1 or 0}    placed before; 1: with this payment
--         {'stale', now ms}                           the attempt was given up
--         {'taken', now ms}                           another order has this number: draw another one

-- include: freeze
-- include: refund

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local quote, attempt, reference, number = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]

local order, paid, blob, kept = unpack(redis.call('HMGET', KEYS[2], 'order', 'paid', 'blob', 'refunds'))
if order then
  redis.call('HSET', KEYS[2], 'order', order)
  return {'before', now, order, paid == reference and 1 or 0}
end
local stored = redis.call('GET', KEYS[1])
local cart = stored and cmsgpack.unpack(stored)
local held = cart and freeze.by(cart, quote)
if not held or held.n ~= attempt or held.r ~= reference or is_refunded(reference) then return {'stale', now} end
if redis.call('EXISTS', KEYS[3]) == 1 then return {'taken', now} end

local from = cmsgpack.unpack(ARGV[5])
local life_ms = redis.call('PTTL', KEYS[1])
cart.od = {n = number, p = held.p, a = now}
cart.fz, cart.o = nil, nil
cart.v, cart.e = cart.v + 1, now
redis.call('SET', KEYS[1], cmsgpack.pack(cart), 'KEEPTTL')
local entry = {cart.v, from[4], now - cart.b, held.p, from[1], from[2], from[3], {{'order', number, ''}}}
if redis.call('RPUSH', KEYS[5], cmsgpack.pack(entry)) > tonumber(ARGV[6]) then
  redis.call('LTRIM', KEYS[5], -tonumber(ARGV[6]), -1)
end
redis.call('PEXPIRE', KEYS[5], life_ms)
redis.call('HSET', KEYS[3], 'blob', blob, 'placed', now, 'paid', reference, 'customer', cart.u or '')
redis.call('HSET', KEYS[4], number, 'place')
redis.call('HSET', KEYS[2], 'order', number, 'paid', reference)
redis.call('SPUBLISH', KEYS[6], cart.v)
return {'placed', now, number, kept or '', cart.u or ''}
