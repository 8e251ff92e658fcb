#!lua
-- Writes what is known of a customer.
--
-- KEYS    1 customer (hash: f facts as a msgpack map with its version v, w when they were told)
--         2 open carts (sorted set)    3 orders, 4 their categories, see history.lua
-- ARGV    1 facts (msgpack map)
--         2 'next' gives them the version after the stored one, 'given' keeps theirs, and then writes only if newer
-- Answer  {now ms, the stored facts, history or nil, list of open carts, newest first}; the facts are to be copied into those carts

-- include: history

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local facts = cmsgpack.unpack(ARGV[1])
local stored = redis.call('HGET', KEYS[1], 'f')
local version = stored and cmsgpack.unpack(stored).v or 0

if ARGV[2] == 'next' then facts.v = version + 1 end
if not stored or facts.v > version then
  stored = cmsgpack.pack(facts)
  redis.call('HSET', KEYS[1], 'f', stored, 'w', now)
end
return {now, stored, history(KEYS[1], KEYS[3], KEYS[4]), redis.call('ZREVRANGE', KEYS[2], 0, -1)}
