#!lua
-- Keeps the next version of a points account, with the entries that led to it, unless somebody else was first.
--
-- KEYS    1 account (hash: v version, b state as bytes)    2 entries (list, as bytes, the oldest first)
--         3 operations (hash: operation -> record as bytes)
--         4 pins of the partition (sorted set: msgpack {account, hold, owner}, by the instant in ms of the pin)
-- ARGV    1 version that was read, 0 for none    2 state    3 new records (msgpack list of {operation, record})
--         4 entries (msgpack list)    5 new pins (msgpack list of {member, instant})    6 pins that are over (list)
-- Answer  {1} it is kept, {0} it is not: read again
--
-- Sent twice, the second is refused: what was read is no longer the newest, and whoever reads it finds what was done.

if tonumber(redis.call('HGET', KEYS[1], 'v') or 0) ~= tonumber(ARGV[1]) then return {0} end
redis.call('HSET', KEYS[1], 'v', ARGV[1] + 1, 'b', ARGV[2])
for _, done in ipairs(cmsgpack.unpack(ARGV[3])) do redis.call('HSET', KEYS[3], done[1], done[2]) end
for _, entry in ipairs(cmsgpack.unpack(ARGV[4])) do redis.call('RPUSH', KEYS[2], entry) end
for _, pin in ipairs(cmsgpack.unpack(ARGV[5])) do redis.call('ZADD', KEYS[4], pin[2], pin[1]) end
for _, member in ipairs(cmsgpack.unpack(ARGV[6])) do redis.call('ZREM', KEYS[4], member) end
return {1}
