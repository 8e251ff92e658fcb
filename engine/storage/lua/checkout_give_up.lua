#!lua
-- Ends an attempt to complete a quote: whoever made it, because something is short; or a sweeper, because nobody came
-- back to it. After this, that attempt places no order.
--
-- KEYS    1 the cart    2 the quote, see checkout_attempt.lua
-- ARGV    1 quote id    2 number of the attempt, '' for a sweeper    3 payment reference to be refunded, '' for none
-- Answer  {'given up', now ms, until when the cart stays frozen, ms, 0 where it is not, number of the attempt that is
--          over, -1 where no attempt can follow}
--         {'placed', now ms, order number}    it was completed: what is pinned is to be posted
--         {'busy', now ms}                    for a sweeper: the attempt is still somebody's

-- include: freeze

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- include: refund

local order = redis.call('HGET', KEYS[2], 'order')
if order then return {'placed', now, order} end
local stored = redis.call('GET', KEYS[1])
local cart = stored and cmsgpack.unpack(stored)
local held = cart and freeze.by(cart, ARGV[1])
if ARGV[3] ~= '' then refund(ARGV[3]) end
if not held then return {'given up', now, 0, -1} end
if ARGV[2] == '' and freeze.is_being_completed(held, now) then return {'busy', now} end
local over = tonumber(ARGV[2]) or held.n or 0
if held.n == over or ARGV[2] == '' then
  held.n, held.r, held.u = over + 1, nil, nil
  redis.call('SET', KEYS[1], cmsgpack.pack(cart), 'KEEPTTL')
end
return {'given up', now, held.e > now and held.e or 0, over}
