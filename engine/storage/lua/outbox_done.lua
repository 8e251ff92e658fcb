#!lua
-- Takes what was done off the outbox, unless more came meanwhile: that is done again from the start, to no harm.
--
-- KEYS    1 the outbox of the partition (hash)    ARGV    1 order number    2 what was to be done
-- Answer  1 where nothing is left to do for the order, else 0

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and 1 or 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
