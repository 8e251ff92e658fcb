#!lua
-- Keeps a code for a cart, and remembers under which operation it was made.
--
-- KEYS    1 the code (hash)    2 the cart    3 the codes of the cart: see handoff_spent.lua
-- ARGV    1 who asks: msgpack list {member id, acts by scope, device, operation key, content digest}
--         2 name of the code   3 how many codes a cart may have open   4 life of the code, ms
--         5 what the code does: msgpack list of field, value, field, value, …
-- Answer  {'made', now ms, name, expiry}        kept, now or when the operation was first sent
--         {'taken', now ms}                     another cart has this code: draw another one
--         {'refused', now ms, refusal's code}
--         {'missing', now ms}                   no such cart, or not one the caller may hand over
--
-- include: lease
-- include: freeze

local who = cmsgpack.unpack(ARGV[1])
local member, by_scope, device, operation_key, content = unpack(who, 1, 5)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local stored = redis.call('GET', KEYS[2])
if not stored then return {'missing', now} end
local cart = lease.without_lapsed_screens(cmsgpack.unpack(stored), now)
local role
for place, known in ipairs(cart.m) do
  if known[1] == member then role = lease.role_at(cart, place) end
end
local here = lease.is_with(cart, now, member, device)
if not (role or by_scope or here) then return {'missing', now} end

-- Codes that were claimed or revoked are remembered until they would have ended, so that they are made once. For each
-- that may be open there are so many at most.
local REMEMBERED = 10

local open, remembered = 0, 0
local records = redis.call('HGETALL', KEYS[3])
for index = 1, #records, 2 do
  local name, expires, made_of, spent = unpack(cmsgpack.unpack(records[index + 1]))
  if records[index] == operation_key then
    if made_of ~= content then return {'refused', now, 'OPERATION_ID_REUSED'} end
    return {'made', now, name, expires}
  end
  if expires <= now then
    redis.call('HDEL', KEYS[3], records[index])
  else
    remembered = remembered + 1
    open = open + (spent and 0 or 1)
  end
end

local fields, mode = cmsgpack.unpack(ARGV[5]), nil
for index = 1, #fields, 2 do
  if fields[index] == 'mode' then mode = fields[index + 1] end
end
if cart.mg then return {'refused', now, 'CART_MERGED'} end
if not lease.may_give(mode, role, here or by_scope) then return {'refused', now, 'ROLE_FORBIDS'} end
local closed = freeze.closed(cart, now)
if closed and (mode == 'move' or mode == 'join' and closed ~= 'CART_FROZEN') then return {'refused', now, closed} end
if mode == 'move' and lease.is_elsewhere(cart, now, member, device) then return {'refused', now, 'CART_HELD'} end
local most = tonumber(ARGV[3])
if open >= most or remembered >= most * REMEMBERED then return {'refused', now, 'HANDOFF_LIMIT'} end
if redis.call('EXISTS', KEYS[1]) == 1 then return {'taken', now} end

local expires = now + tonumber(ARGV[4])
redis.call('HSET', KEYS[1], 'cart', cart.i, 'version', cart.v, 'expires', expires, 'giver', member, 'giver_device', device,
  'by_scope', by_scope and 1 or 0, unpack(fields))
redis.call('PEXPIREAT', KEYS[1], expires)
redis.call('HSET', KEYS[3], operation_key, cmsgpack.pack({ARGV[2], expires, content}))
redis.call('PEXPIREAT', KEYS[3], math.max(expires, redis.call('PEXPIRETIME', KEYS[3])))
return {'made', now, ARGV[2], expires}
