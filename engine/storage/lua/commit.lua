#!lua
-- Applies one request of operations to one cart: all of it or nothing, in one round trip.
--
-- KEYS  1 cart (string, msgpack map)        2 its log (list of msgpack entries, one for each version)
--       3 applied operations (hash)         4 its wake-up channel (sharded pub/sub)
--
-- ARGV  1 who asks: msgpack list {member id, acts by scope, operation key, content digest, operation id,
--         channel, store or false, device}; the operation key is a digest of member and operation id
--       2 operations: msgpack list of {verb, argument...}, see engine/cart/commands.py
--       3 guard rails: msgpack map {lines, quantity, codes, fees, adjustments, members, invites, suggestions, bytes,
--         guest_ms, customer_ms, log, ids_ms}
--       4 the cart to start from where there is none: msgpack map, or '' where the cart must exist
--       5 '1' where a cart that is there already is taken as it is, and the operations go into it
--       6 requests that were made offline, in place of the one above: see offline.lua, which also says the answer
--
-- Answer  {'applied',  now ms, cart, version}             written; the request made that version
--         {'replayed', now ms, cart, version}             had been applied before and made that version
--         {'refused',  now ms, cart or nil, code, index}  nothing written, nothing remembered; the index of the
--                                                         operation counts from 0, -1 is the request as a whole;
--                                                         no cart for somebody who could not join it
--         {'missing',  now ms}                            no such cart, or not one the caller may know of
--
-- The bytes of the cart are described in engine/cart/codec.py. An empty Lua table is packed as an empty list, so a
-- map that may be empty is left out instead. All numbers are integers far below 2^53; there is no money here.

local SCALE = 1000       -- measured goods are counted in thousandths
local PRUNE_EVERY = 64   -- versions between two clean-ups of old operation ids
local NO_OPERATIONS = cmsgpack.pack({})

local who = cmsgpack.unpack(ARGV[1])
local actor, by_scope, operation_key, content, operation_id = unpack(who, 1, 5)
local limits = cmsgpack.unpack(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local stored = redis.call('GET', KEYS[1])
local cart, version
local changes = {}       -- what the log keeps of this request: lists of {verb, subject, detail}

-- People: cart.m lists {id, role, rules or nil}; shares and log entries name a member by the place in that list, so it
-- never shrinks. Whoever acts by scope has a place with role '-', and so has a guest who turned out to be a known
-- member, and who left; who was removed has 'x'.

local function set_of(...)
  local set = {}
  for _, word in ipairs({...}) do set[word] = true end
  return set
end

-- What each role may do: o owner, e editor, a adder, s suggester, v viewer. An owner may do everything.
local RIGHTS = {
  o = setmetatable({}, {__index = function() return true end}),
  e = set_of('add', 'set', 'del', 'less', 'line_put', 'put', 'clear', 'code', 'uncode', 'fee', 'unfee', 'choose',
    'adjust', 'unadjust', 'burn', 'facts', 'balance', 'approve', 'decline', 'join', 'leave', 'sign_in', 'lease', 'stay', 'freeze', 'extend',
    'thaw'),
  a = set_of('add', 'set', 'del', 'less', 'line_put', 'join', 'leave', 'sign_in', 'lease', 'stay'),
  s = set_of('add', 'set', 'del', 'join', 'leave', 'sign_in', 'lease', 'stay'),
  v = set_of('join', 'leave', 'sign_in', 'lease', 'stay'),
}

-- What may be done to a cart that another device has: sign in, come, be told less, and end or ask for the lease.
local WHILE_ELSEWHERE = set_of('attach', 'sign_in', 'facts', 'balance', 'join', 'role', 'uninvite', 'lease', 'stay')
-- What may be done to a cart in checkout: likewise, and renew or end that.
local WHILE_FROZEN = set_of('attach', 'sign_in', 'facts', 'join', 'role', 'uninvite', 'lease', 'stay', 'extend', 'thaw')
-- What may be done to a cart that was sold or ordered: be told less, go, and be known by another name.
local WHEN_SOLD = set_of('sign_in', 'role', 'leave')

-- What brings copies up to date and changes nothing that is wished: a checkout that expired may yet be paid for.
local REFRESHES = set_of('facts', 'balance')

-- include: lease
-- include: freeze

local function place_of(member)
  for place, known in ipairs(cart.m) do
    if known[1] == member then return place end
  end
end

local function place_made(member)
  local place = place_of(member)
  if not place then
    cart.m[#cart.m + 1] = {member, '-'}
    place = #cart.m
  end
  return place
end

-- The role in which the request acts, nil for somebody who is no member. Staff by scope act like the owner, and the
-- device that has the cart like an editor, whoever it is.
local function role()
  if by_scope then return 'o' end
  local place = place_of(actor)
  local letter = place and cart.m[place][2]
  if letter ~= 'o' and lease.is_with(cart, now, actor, who[8]) then return 'e' end
  return RIGHTS[letter] and letter
end

-- Whether a screen goes and takes nothing along: who stands before it next is not to see the cart, whoever has it now.
local function is_screen_that_goes(operations)
  local place = place_of(actor)
  local rules = place and cart.m[place][3]
  return rules and rules.t and #operations == 1 and operations[1][1] == 'leave' and operations[1][2]
end

-- Why a cart is closed to a request as a whole; nil where it is not.
local function closed_to(operations)
  if is_screen_that_goes(operations) then return end
  local elsewhere = lease.is_elsewhere(cart, now, actor, who[8])
  local frozen = freeze.now_of(cart, now)
  for _, operation in ipairs(operations) do
    local verb = operation[1]
    if cart.sd and not WHEN_SOLD[verb] then return 'CART_SOLD' end
    if cart.od and not WHEN_SOLD[verb] then return 'CART_ORDERED' end
    if frozen and not WHILE_FROZEN[verb] then return 'CART_FROZEN' end
    if elsewhere and not WHILE_ELSEWHERE[verb] then return 'CART_HELD' end
  end
end

-- The lines of which the actor changes only what they put themselves, nil where all of it is theirs to change.
-- Suggestions wait in cart.sg, a list of lines like cart.n; it is absent where there is none.
local function own_part()
  local letter = role()
  if letter == 'a' then return cart.n end
  if letter == 's' then return cart.sg or {} end
end

-- What this request has changed itself is not stale to it, and neither is what its device did before it while offline.
local own_versions = {}

local function stale(changed, seen)
  return seen and changed > seen and changed < version and not own_versions[changed]
end

local function same(one, other)
  return cmsgpack.pack(one) == cmsgpack.pack(other)
end

-- Adjustments: cart.j is a list of maps, each with an id and perhaps the line it is about; absent where there is none.

local function keep_adjustments(wanted)
  local kept = {}
  for _, adjustment in ipairs(cart.j or {}) do
    if wanted(adjustment) then kept[#kept + 1] = adjustment end
  end
  cart.j = kept[1] and kept or nil
end

-- What was granted for a line goes with it: added again, it is another wish under the same id.
local function remove_line(index)
  local id = cart.n[index].i
  table.remove(cart.n, index)
  keep_adjustments(function(adjustment) return adjustment.l ~= id end)
end

-- Codes and fees are lists of {name, value}.
local function named(list, name)
  for index, item in ipairs(list) do
    if item[1] == name then return item, index end
  end
end

-- The operations. Each returns a refusal's code, or nil and what the log keeps: the detail, and where they are not
-- those of the operation, the subject and the verb.

local apply = {}

-- include: lines

local FIELDS = {channel = 'c', store = 's', locale = 'l', delivery = 'd', payment = 'y', note = 't'}

local function put(field, value)
  if not value or value == '' then value = nil end
  if same(cart[FIELDS[field]], value) then return end
  cart[FIELDS[field]] = value
  cart.w = cart.w or {}
  cart.w[field] = version
end

function apply.put(field, value, seen)
  if stale(cart.w and cart.w[field] or 1, seen) then return 'STALE_VERSION' end
  put(field, value)
  local told = field == 'channel' or field == 'store' or field == 'locale'
  return nil, told and value or ''
end

function apply.clear()
  cart.n, cart.k, cart.f, cart.g, cart.j, cart.sg, cart.bu = {}, {}, {}, nil, nil, nil, nil
  put('note', nil)
end

-- Of a code that an order brought comes what is known of it, which is brought up to date when it is entered again.
function apply.code(canonical, entered, series, expires, ended)
  local code = named(cart.k, canonical)
  if not code then
    if #cart.k >= limits.codes then return 'CODE_LIMIT' end
    code = {canonical, entered}
    cart.k[#cart.k + 1] = code
  end
  if series then code[3], code[4], code[5] = series, expires, ended end
end

-- To take out offline what is gone meanwhile is agreed already: so with fees, of which only what was seen goes.
function apply.uncode(canonical, offline)
  local _, index = named(cart.k, canonical)
  if not index then return not offline and 'INVALID_CODE' or nil end
  table.remove(cart.k, index)
end

function apply.fee(name, quantity)
  if quantity < 1 then return 'INVALID_QUANTITY' end
  local fee = named(cart.f, name)
  if not fee then
    if #cart.f >= limits.fees then return 'CART_TOO_LARGE' end
    fee = {name, 0}
    cart.f[#cart.f + 1] = fee
  end
  if fee[2] + quantity > limits.quantity then return 'QUANTITY_LIMIT' end
  fee[2] = fee[2] + quantity
  return nil, quantity
end

function apply.unfee(name, seen)
  local fee, index = named(cart.f, name)
  if not index then return not seen and 'UNKNOWN_FEE' or nil end
  fee[2] = seen and fee[2] - seen or 0
  if fee[2] <= 0 then table.remove(cart.f, index) end
end

-- Chosen gifts: cart.g is a list of {promotion, SKU}; absent where nothing is chosen.
function apply.choose(promotion, sku)
  local choices = cart.g or {}
  local choice, index = named(choices, promotion)
  if not (choice or sku) then return 'UNKNOWN_GIFT' end
  if choice then table.remove(choices, index) end
  if sku then choices[#choices + 1] = {promotion, sku} end
  cart.g = choices[1] and choices or nil
  return nil, sku or ''
end

function apply.adjust(id, line, attributes, told)
  if line and not line_of(line) then return 'LINE_NOT_FOUND' end
  local adjustments = cart.j or {}
  if #adjustments >= limits.adjustments then return 'ADJUSTMENT_LIMIT' end
  attributes.i, attributes.l, attributes.p = id, line or nil, place_made(actor)
  attributes.a, attributes.t = version, now - cart.b
  adjustments[#adjustments + 1] = attributes
  cart.j = adjustments
  return nil, told
end

function apply.unadjust(id)
  local before = #(cart.j or {})
  keep_adjustments(function(adjustment) return adjustment.i ~= id end)
  if #(cart.j or {}) == before then return 'ADJUSTMENT_NOT_FOUND' end
end

-- Points to be spent: cart.bu is {n = how many, absent for as many as it takes, b = balance, p = place of who wished it}.
function apply.burn(points, customer, balance)
  if points == 0 then
    cart.bu = nil
  elseif cart.u ~= (customer or nil) then
    return 'CART_CHANGED'
  else
    cart.bu = {n = points or nil, b = balance, p = place_made(actor)}
  end
  return nil, points or 'all', ''
end

function apply.balance(balance)
  if cart.bu then cart.bu.b = balance end
  return nil, '', ''
end

function apply.lease(what)
  return lease.change(cart, what, now, actor, who[8])
end

-- include: members
-- include: merging
-- include: checkout

-- The request.

local function refused(code, index)
  return {'refused', now, stored, code, index}
end

-- After these the actor may be no member any more, at least not under that name.
local PARTING = set_of('attach', 'leave', 'sign_in', 'lease')

-- A request applied before is recognised for its sender only, because the operation key names them. Where it took
-- their membership or their lease away, its replay cannot be asked for it.
local function replay(record)
  local known_content, made, _, parted = cmsgpack.unpack(record)
  if not parted and not role() then return {'missing', now} end
  if known_content ~= content then return refused('OPERATION_ID_REUSED', -1) end
  return {'replayed', now, stored, made}
end

-- Applies the operations to the decoded cart, and returns the code and index of one that is refused. Each is asked
-- for its right, because the one before may have changed that.
local function apply_all(operations)
  for index, operation in ipairs(operations) do
    local verb, letter = operation[1], role()
    if not (verb == 'join' or letter and RIGHTS[letter][verb]) then return 'ROLE_FORBIDS', index - 1 end
    local code, detail, subject, told = apply[verb](unpack(operation, 2, 7))
    if code then return code, index - 1 end
    changes[#changes + 1] = {told or verb, subject or operation[2], detail}
  end
end

-- While a snapshot of the cart is open, see open_snapshot.lua, everything that was applied is remembered.
local function prune_applied()
  if now < tonumber(redis.call('HGET', KEYS[3], 'open') or 0) then return end
  local records = redis.call('HGETALL', KEYS[3])
  for index = 1, #records, 2 do
    local _, _, at = cmsgpack.unpack(records[index + 1])
    if records[index] == 'open' or at < now - limits.ids_ms then redis.call('HDEL', KEYS[3], records[index]) end
  end
end

local function write(blob, place, parted, life_ms)
  local entry = {version, operation_id, now - cart.b, place, who[6], who[7], who[8], changes}
  redis.call('SET', KEYS[1], blob, 'PX', life_ms)
  local length = redis.call('RPUSH', KEYS[2], cmsgpack.pack(entry))
  if length > limits.log then redis.call('LTRIM', KEYS[2], -limits.log, -1) end
  local record = {content, version, now, parted and 1 or nil}
  redis.call('HSET', KEYS[3], operation_key, cmsgpack.pack(unpack(record)))
  if version % PRUNE_EVERY == 0 then prune_applied() end
  redis.call('PEXPIRE', KEYS[2], life_ms)
  redis.call('PEXPIRE', KEYS[3], life_ms)
  redis.call('SPUBLISH', KEYS[4], version)
end

local function commit(operations)
  local parted, refreshes, outside = false, true, not role()
  if is_sealed(operations) and outside then
    -- Somebody outside has come with a code, which is good for nothing now.
    return {'refused', now, false, 'INVITE_NOT_FOUND', 0}
  end
  local closed = is_sealed(operations) and 'CART_MERGED' or closed_to(operations)
  if closed then return {'refused', now, not outside and stored, closed, -1} end
  if not stored then changes[1] = {'create'} end
  for _, operation in ipairs(operations) do
    parted = parted or PARTING[operation[1]]
    refreshes = refreshes and REFRESHES[operation[1]]
  end
  local code, index = apply_all(operations)
  if code then return {'refused', now, not outside and stored, code, index} end

  local life_ms = cart.u and limits.customer_ms or limits.guest_ms
  local place = place_made(actor)
  local rules = cart.m[place][3]
  if rules and rules.t then rules.t = now + rules.r end
  if cart.sg and not cart.sg[1] then cart.sg = nil end
  if not lease.now_of(cart, now) then cart.o = nil end
  if not (refreshes or freeze.now_of(cart, now)) then cart.fz = nil end
  cart.v, cart.e, cart.x = version, now, now + life_ms
  local blob = cmsgpack.pack(cart)
  -- A cart that is over a lowered limit may still shrink, and be sealed.
  if not cart.mg and #blob > limits.bytes and #blob > #(stored or '') then return refused('CART_TOO_LARGE', -1) end
  write(blob, place, parted, life_ms)
  return {'applied', now, blob, version}
end

-- include: offline

if ARGV[6] then return sync(cmsgpack.unpack(ARGV[6])) end
if stored then
  cart = lease.without_lapsed_screens(cmsgpack.unpack(stored), now)
elseif ARGV[4] ~= '' then
  cart = cmsgpack.unpack(ARGV[4])
  cart.b = now
else
  return {'missing', now}
end
version = cart.v + 1

local record = redis.call('HGET', KEYS[3], operation_key)
if stored and record then return replay(record) end
local operations = cmsgpack.unpack(ARGV[2])
if not role() and not (operations[1] and operations[1][1] == 'join') then return {'missing', now} end
if stored and ARGV[4] ~= '' then
  -- A cart's id is derived from the operation that creates it: that it is there says that it was applied. A customer's
  -- active cart may have been made by another device a moment ago, though: then this request has yet to be.
  if ARGV[5] ~= '1' then return {'replayed', now, stored, 1} end
  if cart.sd then return refused('CART_SOLD', -1) end
  if ARGV[2] == NO_OPERATIONS then return {'applied', now, stored, cart.v} end
end
return commit(operations)
