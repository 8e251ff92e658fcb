#!lua
-- Keeps a quote, before its cart is frozen for it. After that it is what the shopper was told, and stays so.
--
-- KEYS    1 the cart    2 the quote, see checkout_attempt.lua
-- ARGV    1 quote id    2 the quote    3 its amount hash    4 for how long it is known, ms
-- Answer  {1} where it was kept, else {0}

-- include: freeze

local stored = redis.call('GET', KEYS[1])
if stored and freeze.by(cmsgpack.unpack(stored), ARGV[1]) or redis.call('HEXISTS', KEYS[2], 'order') == 1 then
  return {0}
end
redis.call('HSET', KEYS[2], 'blob', ARGV[2], 'hash', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {1}
