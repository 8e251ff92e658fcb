#!lua
-- Begins to complete a quote, for one payment, or says what became of it.
--
-- KEYS    1 the cart    2 the quote (hash: state, blob, hash, order, paid; refunds, a msgpack list of references)
-- ARGV    1 quote id    2 payment reference    3 amount hash that the payment was for
--         4 for how long the attempt is whose it is, ms
-- Answer  {'go', now ms, number of the attempt, cart}    nobody else completes the quote meanwhile
--         {'placed', now ms, order number, 1 or 0}       it was completed; 0: with another payment, to be refunded
--         {'busy', now ms}                               another payment completes it at this moment
--         {'mismatch', now ms}                           the payment was for something else: to be refunded
--         {'refunded', now ms}                           it was said before that the payment is to be refunded, or
--                                                        too many were: it pays for nothing
--         {'over', now ms}                               cancelled, or the cart changed since: to be refunded
--         {'unknown', now ms}
--
-- What is to be refunded is kept with the quote. An order that was placed before is written down once more: whoever
-- tells of it waits until that is on disk.

-- include: freeze

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local quote, reference = ARGV[1], ARGV[2]

local hash, order, paid = unpack(redis.call('HMGET', KEYS[2], 'hash', 'order', 'paid'))
if not hash then return {'unknown', now} end

-- include: refund

if order then
  redis.call('HSET', KEYS[2], 'order', order)
  if paid == reference then return {'placed', now, order, 1} end
  refund(reference)
  return {'placed', now, order, 0}
end
if hash ~= ARGV[3] then
  refund(reference)
  return {'mismatch', now}
end
if is_refunded(reference) then return {'refunded', now} end
local stored = redis.call('GET', KEYS[1])
local cart = stored and cmsgpack.unpack(stored)
local held = cart and freeze.by(cart, quote)
if not held then
  refund(reference)
  return {'over', now}
end
if freeze.is_being_completed(held, now) and held.r ~= reference then return {'busy', now} end
if held.r ~= reference or not freeze.is_being_completed(held, now) then held.n = (held.n or 0) + 1 end
held.r, held.u = reference, now + tonumber(ARGV[4])
local blob = cmsgpack.pack(cart)
redis.call('SET', KEYS[1], blob, 'KEEPTTL')
return {'go', now, held.n, blob}
