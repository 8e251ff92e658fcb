#!lua
-- Applies one operation to a named group, or makes it.
--
-- KEYS    1 group (string, msgpack map)
-- ARGV    1 who asks: msgpack list {member id, operation key, content digest}
--         2 operation: msgpack list {verb, argument...}, see engine/cart/groups.py; '' where a group is made
--         3 guard rails: msgpack map {members, invites, life_ms}
--         4 the group to start from: msgpack map, or '' where it must exist
-- Answer  {'applied',  now ms, group}    written; no group where it was taken apart
--         {'replayed', now ms, group}    had been applied before
--         {'refused',  now ms, code}     nothing written
--         {'missing',  now ms}           no such group, or not one the caller may know of
--
-- A group is a map: i id, v version, n name, o owner, b created, ms; m members, lists {id, role, rules or nil}, where
-- rules are {b = {amount, currency}, k = blocked categories}, and of those removed, whose role is 'x', {x = version};
-- iv invites, as in a cart; r the latest operations, a flat list {key, content, key, content, ...}.

local REMEMBERED = 32  -- operations

local member, operation_key, content = unpack(cmsgpack.unpack(ARGV[1]), 1, 3)
local limits = cmsgpack.unpack(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local stored = redis.call('GET', KEYS[1])
local group

local function place_of(wanted)
  for place, known in ipairs(group.m) do
    if known[1] == wanted then return place end
  end
end

local function seat_of(wanted)
  local place = place_of(wanted)
  if place and group.m[place][2] ~= 'x' then return group.m[place], place end
end

local function open_invites()
  local open = {}
  for _, invite in ipairs(group.iv or {}) do
    if invite.u > 0 and invite.x > now then open[#open + 1] = invite end
  end
  return open
end

-- What only the owner may do; whoever takes part may leave, and who does not, join.
local OWNERS = {}
for _, verb in ipairs({'rename', 'role', 'own', 'delete', 'expel', 'limit', 'invite', 'uninvite'}) do
  OWNERS[verb] = true
end

-- Each returns a refusal's code, or nil.
local apply = {}

function apply.rename(name)
  group.n = name
end

function apply.join(code)
  if seat_of(member) then return end
  local place = place_of(member)
  local removed = place and group.m[place][3].x or 0
  local seated = 0
  for _, known in ipairs(group.m) do
    if known[2] ~= 'x' then seated = seated + 1 end
  end
  for _, invite in ipairs(open_invites()) do
    if invite.c == code and invite.a > removed then
      if seated >= limits.members then return 'MEMBER_LIMIT' end
      group.m[place or #group.m + 1] = {member, invite.r}
      invite.u = invite.u - 1
      return
    end
  end
  return 'INVITE_NOT_FOUND'
end

function apply.leave()
  if group.o == member then return 'OWNER_STAYS' end
  table.remove(group.m, place_of(member))
end

function apply.expel(wanted)
  local known, place = seat_of(wanted)
  if not known then return 'MEMBER_NOT_FOUND' end
  if group.o == wanted then return 'OWNER_STAYS' end
  group.m[place] = {wanted, 'x', {x = group.v + 1}}
end

function apply.role(wanted, letter)
  local known = seat_of(wanted)
  if not known then return 'MEMBER_NOT_FOUND' end
  known[2] = letter
end

function apply.limit(wanted, budget, categories)
  local known, place = seat_of(wanted)
  if not known then return 'MEMBER_NOT_FOUND' end
  local rules = {b = budget or nil, k = categories[1] and categories or nil}
  group.m[place] = {wanted, known[2], next(rules) and rules or nil}
end

function apply.own(wanted)
  if not seat_of(wanted) then return 'MEMBER_NOT_FOUND' end
  group.o = wanted
end

function apply.delete()
  group = nil
end

function apply.invite(id, code, letter, uses, life_ms)
  local open = open_invites()
  if #open >= limits.invites then return 'INVITE_LIMIT' end
  open[#open + 1] = {i = id, c = code, r = letter, n = uses, u = uses, x = now + life_ms, a = group.v + 1}
  group.iv = open
end

function apply.uninvite(id)
  local kept = {}
  for _, invite in ipairs(group.iv or {}) do
    if invite.i ~= id then kept[#kept + 1] = invite end
  end
  if #kept == #(group.iv or {}) then return 'INVITE_NOT_FOUND' end
  group.iv = kept[1] and kept or nil
end

-- Who was removed is remembered as long as an invite is open that would let them in again.
local function forget_removed()
  local kept = {}
  for _, known in ipairs(group.m) do
    local matters = known[2] ~= 'x'
    for _, invite in ipairs(group.iv or {}) do matters = matters or invite.a <= known[3].x end
    if matters then kept[#kept + 1] = known end
  end
  group.m = kept
end

local function write()
  if not group then
    redis.call('DEL', KEYS[1])
    return {'applied', now}
  end
  group.v = group.v + 1
  local open = open_invites()
  group.iv = open[1] and open or nil
  forget_removed()
  group.r[#group.r + 1] = operation_key
  group.r[#group.r + 1] = content
  while #group.r > 2 * REMEMBERED do table.remove(group.r, 1) end
  local blob = cmsgpack.pack(group)
  redis.call('SET', KEYS[1], blob, 'PX', limits.life_ms)
  return {'applied', now, blob}
end

if not stored then
  if ARGV[4] == '' then return {'missing', now} end
  group = cmsgpack.unpack(ARGV[4])
  group.b = now
  return write()
end

group = cmsgpack.unpack(stored)
for index = 1, #group.r, 2 do
  if group.r[index] == operation_key then
    if group.r[index + 1] ~= content then return {'refused', now, 'OPERATION_ID_REUSED'} end
    return {'replayed', now, stored}
  end
end
-- A group's id is derived from the operation that makes it.
if ARGV[4] ~= '' then return {'replayed', now, stored} end

local operation = cmsgpack.unpack(ARGV[2])
local verb = operation[1]
if verb ~= 'join' and not seat_of(member) then return {'missing', now} end
if OWNERS[verb] and group.o ~= member then return {'refused', now, 'ROLE_FORBIDS'} end
local refusal = apply[verb](unpack(operation, 2, 6))
if refusal then return {'refused', now, refusal} end
return write()
