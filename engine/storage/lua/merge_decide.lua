#!lua
-- Decides what becomes of a merge, or of undoing one, and changes the target in the same step. The first decision on
-- an attempt holds for ever, whoever asks again, and however late.
--
-- KEYS    1 the target    2 its log    3 its wake-up channel    4 the decision on this attempt
--         5 the decision on the merge: the same key, or where this undoes one, the one of that
--         6 the target before and after the merge (hash: before, after)
-- ARGV    1 in whose name: msgpack list {member, acts by scope, operation id, channel, store or false, device}
--         2 'merge' or 'undo'
--         3 version of the target that the next two were worked out from; '' to see it first
--         4 what it is to hold: msgpack map, see `encode_content` in engine/cart/codec.py
--         5 what is told of it: msgpack list of {policy, changes, what the log keeps}
--         6 guard rails: msgpack map {bytes, guest_ms, customer_ms, log}    7 for how long a merge can be undone, ms
--         8 a refusal's code, where whoever works it out has found that it cannot be; else ''
--         9 until when it may be asked again what was decided, ms
-- Answer  {'decided', now ms, decision}           msgpack list {status, when, version, refusal's code, policy, changes}
--         {'look', now ms, cart, before, after}   work it out from these; the last two for an undo
--         {'too_large', now ms}                   that would be more than a cart may be: work it out with less

local who = cmsgpack.unpack(ARGV[1])
local member, by_scope, operation_id, channel, store, device = unpack(who, 1, 6)
local undoes = ARGV[2] == 'undo'
local limits = cmsgpack.unpack(ARGV[6])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- include: lease
-- include: freeze

local function decide(status, version, code, policy, changes)
  local decision = cmsgpack.pack({status, now, version, code, policy, changes})
  redis.call('SET', KEYS[4], decision, 'PXAT', ARGV[9])
  return {'decided', now, decision}
end

local function refuse(code)
  return decide('refused', 0, code, '', {})
end

local known = redis.call('GET', KEYS[4])
if known then return {'decided', now, known} end
local stored = redis.call('GET', KEYS[1])
if not stored then return refuse('CART_NOT_FOUND') end
local cart = cmsgpack.unpack(stored)

local function place_of(wanted)
  for place, person in ipairs(cart.m) do
    if person[1] == wanted then return place end
  end
end

local function place_made(wanted)
  local place = place_of(wanted)
  if not place then
    place = #cart.m + 1
    cart.m[place] = {wanted, '-'}
  end
  return place
end

local role = lease.role_at(cart, place_of(member))
local edits = by_scope or role == 'o' or role == 'e' or lease.is_with(cart, now, member, device)
if cart.mg then return refuse('CART_MERGED') end
local closed = freeze.closed(cart, now)
if closed then return refuse(closed) end
if not edits then return refuse('ROLE_FORBIDS') end
if lease.is_elsewhere(cart, now, member, device) then return refuse('CART_HELD') end
if ARGV[8] ~= '' then return refuse(ARGV[8]) end

local merge = undoes and redis.call('GET', KEYS[5])
local merged = merge and cmsgpack.unpack(merge)
local kept = {}
if undoes then
  if not merged or merged[1] ~= 'applied' then return refuse('NOT_MERGED') end
  kept = redis.call('HMGET', KEYS[6], 'before', 'after')
  if now > merged[2] + tonumber(ARGV[7]) or not kept[1] then return refuse('TOO_LATE_TO_UNDO') end
end
if ARGV[3] == '' or tonumber(ARGV[3]) ~= cart.v then return {'look', now, stored, kept[1], kept[2]} end

local version = cart.v + 1
local content = cmsgpack.unpack(ARGV[4])

-- What this version changes is changed now.
local function placed(lines)
  for _, line in ipairs(lines) do
    for index = 1, #line.q, 2 do line.q[index] = place_made(line.q[index]) end
    if line.c == version then line.t = now - cart.b end
  end
  return lines
end

cart.n, cart.k, cart.f = placed(content.n), content.k, content.f
for _, adjustment in ipairs(content.j) do adjustment.p = place_made(adjustment.p) end
cart.g, cart.j = content.g[1] and content.g or nil, content.j[1] and content.j or nil
cart.sg = content.sg[1] and placed(content.sg) or nil
local note = content.t ~= '' and content.t or nil
if cart.t ~= note then
  cart.t, cart.w = note, cart.w or {}
  cart.w.note = version
end

local place, life_ms = place_made(member), cart.u and limits.customer_ms or limits.guest_ms
cart.v, cart.e, cart.x = version, now, now + life_ms
local blob = cmsgpack.pack(cart)
if #blob > limits.bytes and #blob > #stored then return {'too_large', now} end

local policy, changes, told = unpack(cmsgpack.unpack(ARGV[5]), 1, 3)
local entry = {version, operation_id, now - cart.b, place, channel, store, device, told}
redis.call('SET', KEYS[1], blob, 'PX', life_ms)
if redis.call('RPUSH', KEYS[2], cmsgpack.pack(entry)) > limits.log then redis.call('LTRIM', KEYS[2], -limits.log, -1) end
redis.call('PEXPIRE', KEYS[2], life_ms)
redis.call('SPUBLISH', KEYS[3], version)
if undoes then
  merged[1] = 'undone'
  redis.call('SET', KEYS[5], cmsgpack.pack(merged), 'KEEPTTL')
  redis.call('DEL', KEYS[6])
else
  redis.call('HSET', KEYS[6], 'before', stored, 'after', blob)
  redis.call('PEXPIRE', KEYS[6], ARGV[7])
end
return decide(undoes and 'undone' or 'applied', version, '', policy, changes)
