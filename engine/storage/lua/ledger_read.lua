#!lua flags=no-writes
-- Reads a points account, and what it remembers of operations.
--
-- KEYS    1 account (hash: v version, b state as bytes)    2 operations (hash: operation -> record as bytes)
-- ARGV    operations
-- Answer  {now ms, state or nil, record of each operation or nil}

local clock = redis.call('TIME')
local answer = {clock[1] * 1000 + math.floor(clock[2] / 1000), redis.call('HGET', KEYS[1], 'b')}
for index, operation in ipairs(ARGV) do answer[2 + index] = redis.call('HGET', KEYS[2], operation) end
return answer
