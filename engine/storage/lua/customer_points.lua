#!lua
-- Notes what a points account makes of a customer, unless something newer is noted.
--
-- KEYS    1 customer (hash: h version of the history, y points as bytes, yv the account that they are of and its version)
-- ARGV    1 the account    2 its version    3 points (bytes)
-- Answer  {1} it changed something, {0} it did not

local account, version = string.match(redis.call('HGET', KEYS[1], 'yv') or '', '^(.*) (%d+)$')
if account == ARGV[1] and tonumber(version) > tonumber(ARGV[2]) then return {0} end
redis.call('HSET', KEYS[1], 'yv', ARGV[1] .. ' ' .. ARGV[2])
if redis.call('HGET', KEYS[1], 'y') == ARGV[3] then return {0} end
redis.call('HSET', KEYS[1], 'y', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'h', 1)
return {1}
