#!lua
-- Claims a code for a device: exactly one gets it, and the cart changes in the same step.
--
-- KEYS    1 the code (hash)    2 the cart    3 its log (list)    4 its wake-up channel (sharded pub/sub)
--         5 the copy that is made    6 its log    7 the codes of the cart: see handoff_spent.lua
-- ARGV    1 who asks: msgpack list {member id, is the shop's, channel, store or false, device, id of the receipt,
--           operation id}
--         2 guard rails: msgpack map {guest_ms, customer_ms, log, members}    3 how long a claim is remembered, ms
--         4 id of the cart that the code was for when it was looked up
--         5 the copy to start from: msgpack map    6 name of the code
-- Answer  {'won' or 'replayed', now ms, receipt, cart}    the receipt: see receipt_of; the cart may be nil
--         {'claimed', now ms, receipt, tell}              another one has it; `tell` is 1 where the name may be told
--         {'held', now ms, why}                           the cart is with another device, or in checkout
--         {'full', now ms}                                the cart has as many members as it may have
--         {'unknown', now ms}                             no such code, or none that concerns whoever asks
--
-- A code is good until its expiry by this clock, to the millisecond. The bytes of a cart: engine/cart/codec.py.

-- include: lease
-- include: freeze
-- include: handoff_spent

local who = cmsgpack.unpack(ARGV[1])
local member, is_shops, channel, store, device, receipt_id, operation_id = unpack(who, 1, 7)
local limits = cmsgpack.unpack(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local code, flat = {}, redis.call('HGETALL', KEYS[1])
for index = 1, #flat, 2 do code[flat[index]] = flat[index + 1] end
local stored = redis.call('GET', KEYS[2])
local cart = stored and lease.without_lapsed_screens(cmsgpack.unpack(stored), now)

local function place_of(wanted)
  for place, known in ipairs(cart.m) do
    if known[1] == wanted then return place end
  end
end

local function role_of(wanted)
  return cart and lease.role_at(cart, place_of(wanted))
end

local function receipt_of()
  return {code.receipt, code.mode, code.got, code.by, code.by_device, code.by_channel, code.by_store,
    tonumber(code.at), tonumber(code['until'] or 0)}
end

-- Writes a new version of a cart and what led to it.
local function write(key, log, made, place, changes)
  local life_ms = made.u and limits.customer_ms or limits.guest_ms
  made.v, made.e, made.x = made.v + 1, now, now + life_ms
  local entry = {made.v, operation_id, now - made.b, place, channel, store, device, changes}
  redis.call('SET', key, cmsgpack.pack(made), 'PX', life_ms)
  if redis.call('RPUSH', log, cmsgpack.pack(entry)) > limits.log then redis.call('LTRIM', log, -limits.log, -1) end
  redis.call('PEXPIRE', log, life_ms)
end

local function put(letter, field, value)
  if cart[letter] == value then return end
  cart[letter] = value
  cart.w = cart.w or {}
  cart.w[field] = cart.v + 1
end

-- What newcomers know of the giver's: cart.q lists {place, words, version}. All others but the owner know all.
local function knows(wanted, word)
  for _, newcomer in ipairs(cart.q or {}) do
    local known = cart.m[newcomer[1]]
    if known[1] == wanted and known[2] ~= 'o' then
      return string.find(' ' .. newcomer[2] .. ' ', ' ' .. word .. ' ', 1, true) ~= nil
    end
  end
  return true
end

-- Nobody gives on what they were not told themselves.
local function shared()
  local words = {}
  for word in string.gmatch(code.share, '%a+') do
    if knows(code.giver, word) then words[#words + 1] = word end
  end
  return table.concat(words, ' ')
end

-- Another person does not get to know what the giver did not want to share, and spends no points of the owner.
local function welcome(place, known_before)
  if known_before or is_shops then return end
  cart.bu = nil
  local newcomers = {}
  for _, newcomer in ipairs(cart.q or {}) do
    if newcomer[1] ~= place then newcomers[#newcomers + 1] = newcomer end
  end
  newcomers[#newcomers + 1] = {place, shared(), cart.v + 1}
  cart.q = newcomers
end

local give = {}

function give.move(place)
  local until_ms = now + tonumber(code.lease)
  cart.o = {p = place, d = device, c = channel, s = store or nil, a = now, e = until_ms, r = tonumber(code.lease)}
  if is_shops then
    put('c', 'channel', channel)
    put('s', 'store', store or nil)
  end
  return until_ms
end

function give.join(place)
  local known = cart.m[place]
  if known[2] ~= 'o' then cart.m[place] = {known[1], 'e', lease.role_at(cart, place) and known[3] or nil} end
end

local function is_full()
  local seated = 0
  for place in ipairs(cart.m) do
    if lease.role_at(cart, place) then seated = seated + 1 end
  end
  return seated >= limits.members
end

-- The shares of all members become the claimer's. What is not a wish for goods comes along for members who know it, and
-- where the giver said so.
local function copy(is_known)
  local made, words = cmsgpack.unpack(ARGV[5]), ' ' .. shared() .. ' '
  local function told(word)
    return is_known and knows(member, word) or string.find(words, ' ' .. word .. ' ', 1, true)
  end
  local own, address = is_known and knows(member, 'history'), told('address')
  for _, line in ipairs(cart.n) do
    local total = 0
    for index = 2, #line.q, 2 do total = total + line.q[index] end
    line.q, line.a, line.c, line.t = {1, total}, 1, 1, 0
    if not own then line.n = nil end
    if not address then line.d = nil end
  end
  made.n, made.f, made.g = cart.n, cart.f, cart.g
  if own then made.k = cart.k end
  if address then made.d, made.t = cart.d, cart.t end
  if told('payment') then made.y = cart.y end
  made.b = now
  write(KEYS[5], KEYS[6], made, 1, {{'create'}, {'handoff', 'copy', device}})
  return made.i
end

-- Whoever gave the code must still have the right to: removed from the cart, their codes are good for nothing. So are
-- those for a cart that was sold, but to copy it.
local function giver_may()
  local edits = code.by_scope == '1' or lease.is_with(cart, now, code.giver, code.giver_device)
  local letter = role_of(code.giver)
  local sold = (cart.sd or cart.od) and code.mode ~= 'copy'
  return not sold and (letter or edits) and lease.may_give(code.mode, letter, edits)
end

-- Whoever was removed from the cart needs a newer code to come back.
local function was_removed()
  local known = cart.m[place_of(member) or 0]
  return known and known[2] == 'x' and known[3].x > tonumber(code.version)
end

if code.cart ~= ARGV[4] or code.revoked then return {'unknown', now} end
if code.receipt then
  if code.by == member and code.by_device == device then
    -- Written again, because whoever waits for the disk waits for what this very call wrote.
    redis.call('HSET', KEYS[1], 'receipt', code.receipt)
    return {'replayed', now, receipt_of(), stored or nil}
  end
  local known = role_of(member) ~= nil
  local colleague = is_shops and store and (store == code.by_store or store == code.for_store)
  if known or colleague then return {'claimed', now, receipt_of(), known and 1 or 0} end
  return {'unknown', now}
end
-- What a merged cart held is elsewhere, and a code of it good for nothing: there is another one to be had.
if not cart or cart.mg or now >= tonumber(code.expires) or not giver_may() or was_removed() then return {'unknown', now} end
if code.for_store ~= '' and not (is_shops and store == code.for_store) then return {'unknown', now} end
if code.for_channel ~= '' and channel ~= code.for_channel then return {'unknown', now} end
if code.mode == 'move' and lease.is_elsewhere(cart, now, code.giver, code.giver_device) then
  return {'held', now, 'CART_HELD'}
end
if code.mode == 'move' and freeze.now_of(cart, now) then return {'held', now, 'CART_FROZEN'} end

local known, got, until_ms = role_of(member) ~= nil, cart.i, nil
if code.mode == 'join' and not known and is_full() then return {'full', now} end
if code.mode == 'copy' then
  got = copy(known)
else
  local place = place_of(member)
  if not place then
    place = #cart.m + 1
    cart.m[place] = {member, '-'}
  end
  welcome(place, known)
  until_ms = give[code.mode](place)
  write(KEYS[2], KEYS[3], cart, place, {{'handoff', code.mode, device}})
  redis.call('SPUBLISH', KEYS[4], cart.v)
end
code.receipt, code.got, code.by, code.by_device, code.by_channel = receipt_id, got, member, device, channel
code.by_store, code.at, code['until'] = store or '', now, until_ms or 0
for _, field in ipairs({'receipt', 'got', 'by', 'by_device', 'by_channel', 'by_store', 'at', 'until'}) do
  redis.call('HSET', KEYS[1], field, code[field])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
note_spent(KEYS[7], ARGV[6])
return {'won', now, receipt_of(), redis.call('GET', code.mode == 'copy' and KEYS[5] or KEYS[2])}
