#!lua
-- Takes a code back that nobody has claimed.
--
-- KEYS    1 the code (hash)    2 the cart    3 the codes of the cart: see handoff_spent.lua
-- ARGV    1 member id    2 id of the cart that the code was for when it was looked up    3 name of the code
-- Answer  {'revoked', now ms}             it is good for nothing any more
--         {'claimed', now ms, receipt}    too late: see handoff_claim.lua
--         {'unknown', now ms}             no such code, or none of theirs
--
-- It is theirs who made it, and the owner's.
--
-- include: handoff_spent

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local code, flat = {}, redis.call('HGETALL', KEYS[1])
for index = 1, #flat, 2 do code[flat[index]] = flat[index + 1] end
if code.cart ~= ARGV[2] then return {'unknown', now} end

local theirs = code.giver == ARGV[1]
local stored = redis.call('GET', KEYS[2])
for _, known in ipairs(stored and cmsgpack.unpack(stored).m or {}) do
  theirs = theirs or known[1] == ARGV[1] and known[2] == 'o'
end
if not theirs then return {'unknown', now} end
if code.receipt then
  return {'claimed', now, {code.receipt, code.mode, code.got, code.by, code.by_device, code.by_channel, code.by_store,
    tonumber(code.at), tonumber(code['until'])}}
end
redis.call('HSET', KEYS[1], 'revoked', 1)
note_spent(KEYS[3], ARGV[3])
return {'revoked', now}
