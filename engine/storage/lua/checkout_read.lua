#!lua flags=no-writes
-- Reads a quote and its cart.
--
-- KEYS    1 the cart    2 the quote, see checkout_attempt.lua
-- Answer  {now ms, cart, quote, order number, refunds}    nil for what there is not

local clock = redis.call('TIME')
local kept = redis.call('HMGET', KEYS[2], 'blob', 'order', 'refunds')
return {clock[1] * 1000 + math.floor(clock[2] / 1000), redis.call('GET', KEYS[1]), kept[1], kept[2], kept[3]}
