#!lua
-- Spends one attempt of a budget, or asks whether there is one left.
--
-- KEYS    1 attempts spent (number)
-- ARGV    1 how many there are    2 for how long from the first one, ms    3 '1' to spend, '' to ask
-- Answer  {now ms, 1 where there was one left, else 0}

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return {now, 0} end
if ARGV[3] == '1' and redis.call('INCR', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {now, 1}
