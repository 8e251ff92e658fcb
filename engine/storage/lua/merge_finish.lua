#!lua
-- Brings what was decided on a merge, or on undoing one, back to the source: it is merged, or a cart of its own again.
--
-- KEYS    1 the source    2 its log    3 its wake-up channel
-- ARGV    1 in whose name: msgpack list, see merge_decide.lua
--         2 the attempt: the version that sealed the source    3 '1' where it is merged from now on, else ''
--         4 what the log keeps: msgpack list    5 guard rails: msgpack map {guest_ms, customer_ms, log}
-- Answer  {now ms, cart or nil}
--
-- Where this attempt is over, nothing is changed: sending it twice, or very late, does no harm.

local who = cmsgpack.unpack(ARGV[1])
local limits = cmsgpack.unpack(ARGV[5])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local stored = redis.call('GET', KEYS[1])
if not stored then return {now, false} end
local cart = cmsgpack.unpack(stored)
local transfer = cart.mg
if not transfer or transfer.s == 'd' or (transfer.u or transfer.v) ~= tonumber(ARGV[2]) then return {now, stored} end

if ARGV[3] == '1' then
  transfer.s, transfer.u, transfer.x = 'd', nil, nil
else
  cart.mg = nil
end
local place
for index, person in ipairs(cart.m) do
  if person[1] == who[1] then place = index end
end
local life_ms = cart.u and limits.customer_ms or limits.guest_ms
cart.v, cart.e, cart.x = cart.v + 1, now, now + life_ms
local blob = cmsgpack.pack(cart)
local entry = {cart.v, who[3], now - cart.b, place, who[4], who[5], who[6], cmsgpack.unpack(ARGV[4])}
redis.call('SET', KEYS[1], blob, 'PX', life_ms)
if redis.call('RPUSH', KEYS[2], cmsgpack.pack(entry)) > limits.log then redis.call('LTRIM', KEYS[2], -limits.log, -1) end
redis.call('PEXPIRE', KEYS[2], life_ms)
redis.call('SPUBLISH', KEYS[3], cart.v)
return {now, blob}
