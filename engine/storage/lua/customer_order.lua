#!lua
-- Counts an order of a customer, or takes a cancelled one back.
--
-- KEYS    1 customer (hash: h version of the history)    2 orders (sorted set)    3 categories (hash), see history.lua
-- ARGV    1 order number    2 when it was placed in ms    3 'place' or 'cancel'    4 its category paths (msgpack list)
-- Answer  {1} it changed something, {0} it was done before
--
-- A cancelled order stays known, so that counting it late changes nothing any more.

local before = redis.call('ZSCORE', KEYS[2], ARGV[1])
local by
if ARGV[3] == 'place' and not before then
  redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
  by = 1
elseif ARGV[3] == 'cancel' and tonumber(before) ~= 0 then
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
  by = before and -1 or 0
end
if not by then return {0} end
for _, path in ipairs(cmsgpack.unpack(ARGV[4])) do
  if by ~= 0 and redis.call('HINCRBY', KEYS[3], path, by) == 0 then redis.call('HDEL', KEYS[3], path) end
end
redis.call('HINCRBY', KEYS[1], 'h', 1)
return {1}
