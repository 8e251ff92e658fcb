-- Members: how they come and go, what they suggest, whose the cart is. A part of commit.lua, which includes it.

-- Gives all shares of one place to another.
local function move_shares(list, from, into)
  for _, line in ipairs(list) do
    local old = line.q
    line.q = {}
    for index = 1, #old, 2 do give(line, old[index] == from and into or old[index], old[index + 1]) end
  end
end

-- Makes a guest the member they signed in as. Where that one has a place already, the lower place becomes theirs and
-- the other is left with their name and no role.
local function rename(guest, member)
  local from, into = place_of(guest), place_of(member)
  if not from or guest == member then return end
  cart.m[from][1] = member
  if into then
    local kept, left = math.min(from, into), math.max(from, into)
    move_shares(cart.n, left, kept)
    move_shares(cart.sg or {}, left, kept)
    cart.m[left] = {member, '-'}
    if cart.o and cart.o.p == left then cart.o.p = kept end
    for _, made in ipairs({cart.sd or {}, cart.od or {}, cart.fz or {}}) do
      if made.p == left then made.p = kept end
    end
  end
  if actor == guest then actor = member end
end

local function owner_of()
  for _, known in ipairs(cart.m) do
    if known[2] == 'o' then return known[1] end
  end
end

local function guest_owner()
  local owner = owner_of()
  if owner and string.sub(owner, 1, 6) == 'guest:' then return owner end
end

local function make_owner(member)
  for _, known in ipairs(cart.m) do
    if known[2] == 'o' then known[2] = 'e' end
  end
  local place = place_made(member)
  local rules = RIGHTS[cart.m[place][2]] and cart.m[place][3] or {}
  -- A screen that is made the owner is no guest in the cart any more.
  rules.t, rules.r = nil, nil
  cart.m[place] = {member, 'o', next(rules) and rules or nil}
end

function apply.facts(customer, facts)
  if cart.u ~= customer then return end
  -- Versions of a shop folder's records are not above 0 and have no order: whichever is sent last holds.
  if not cart.a or facts.v > cart.a.v or cart.a.v <= 0 and facts.v <= 0 then cart.a = facts end
end

function apply.attach(customer, member, guest, facts)
  if cart.u and cart.u ~= customer then return 'CART_HAS_CUSTOMER' end
  guest = guest or guest_owner()
  if guest then rename(guest, member) end
  make_owner(member)
  cart.u = customer
  apply.facts(customer, facts)
end

-- Seats. An entry of cart.m with a role has rules as well where there are some: {b = {amount, currency}, k = blocked
-- categories}; one that was left keeps them. One that was removed has {x = version}: older invites let them in no more.

local function seat_of(member)
  local place = place_of(member)
  if place and RIGHTS[cart.m[place][2]] then return cart.m[place], place end
end

-- What holds for the goods of somebody who leaves by themselves: to leave, or to come back, lifts no limit.
local function limits_left(rules)
  local left = {b = rules and rules.b, k = rules and rules.k}
  return next(left) and left or nil
end

-- Gives somebody a role, unless they have one.
local function seat(member, letter)
  if seat_of(member) then return end
  local seated = 0
  for _, known in ipairs(cart.m) do
    if RIGHTS[known[2]] then seated = seated + 1 end
  end
  if seated >= limits.members then return 'MEMBER_LIMIT' end
  local place = place_made(member)
  cart.m[place] = {member, letter, limits_left(cart.m[place][3])}
end

-- Takes what one place put into a list of lines out of it, and tells the log line by line.
local function take_out(list, place, verb)
  for index = #list, 1, -1 do
    local line = list[index]
    local own = share_of(line, place)
    if own > 0 then
      give(line, place, -own)
      tidy(list, index)
      changes[#changes + 1] = {verb, line.i, total_of(line)}
    end
  end
end

-- Empties a seat; an owner keeps theirs until somebody else is the owner.
local function part(member, keep, entry)
  local known, place = seat_of(member)
  if not known then return 'MEMBER_NOT_FOUND' end
  if known[2] == 'o' then return 'OWNER_STAYS' end
  if not keep then
    take_out(cart.n, place, 'set')
    take_out(cart.sg or {}, place, 'suggest')
  end
  cart.m[place] = entry
  if cart.o and cart.o.p == place then cart.o = nil end
  return nil, keep and 'keep' or 'remove', member
end

function apply.seat(member, letter)
  return seat(member, letter), letter
end

-- Gives a screen a place, to edit or to read. Who has one keeps what they may do; who comes is told nothing of the
-- owner's, because a screen may be anybody's (cart.q lists {place, what is shared, version}). The place is theirs for a
-- time, which whatever they do begins anew.
function apply.screen(member, letter, stay_ms)
  if actor ~= owner_of() then return 'ROLE_FORBIDS' end
  local known, place = seat_of(member)
  if not known then
    local refusal = seat(member, letter)
    if refusal then return refusal end
    cart.q = cart.q or {}
    place = place_of(member)
    cart.q[#cart.q + 1] = {place, '', version}
    cart.m[place][3] = {t = now + stay_ms, r = stay_ms}
  elseif known[2] == 'v' then
    known[2] = letter
  end
  return nil, letter
end

-- What a screen shows is in use: that its time begins anew is all that is to be done, and every change does it.
function apply.stay()
  local known = seat_of(actor)
  if not (known and known[3] and known[3].t) then return 'MEMBER_NOT_FOUND' end
  return nil, '', ''
end

function apply.expel(member, keep)
  return part(member, keep, {member, 'x', {x = version}})
end

function apply.leave(keep)
  local known = seat_of(actor)
  return part(actor, keep, {actor, '-', known and limits_left(known[3])})
end

function apply.role(member, letter)
  local known = seat_of(member)
  if not known then return 'MEMBER_NOT_FOUND' end
  if known[2] == 'o' then return 'OWNER_STAYS' end
  known[2] = letter
  return nil, letter
end

-- Also of somebody who left: what they left behind may be let through.
function apply.limit(member, budget, categories)
  local place = place_of(member)
  local known = place and cart.m[place]
  if not seat_of(member) and not (known and limits_left(known[3])) then return 'MEMBER_NOT_FOUND' end
  local screen = known[3] or {}
  local rules = {b = budget or nil, k = categories[1] and categories or nil, t = screen.t, r = screen.r}
  cart.m[place] = {member, known[2], next(rules) and rules or nil}
end

-- What all have together: cart.gr is {b = {amount, currency}, d = deadline}; absent where there is neither.
function apply.group(budget, deadline)
  local rules = {b = budget or nil, d = deadline or nil}
  cart.gr = next(rules) and rules or nil
  return nil, '', ''
end

-- Another owner: what is known of the one before, where their goods go, how they pay and their points are not handed over.
function apply.own(member, customer, facts, keep_delivery)
  if not seat_of(member) then return 'MEMBER_NOT_FOUND' end
  make_owner(member)
  cart.u, cart.a, cart.bu = customer or nil, facts or nil, nil
  put('payment', nil)
  if keep_delivery then return end
  put('delivery', nil)
  for _, line in ipairs(cart.n) do
    if line.d then
      line.d = nil
      touch(line)
    end
  end
end

-- A guest who takes part in a cart signs in and keeps the seat, or the one that they had signed in. Whose an open cart
-- is changes by `attach` only; one that was sold or ordered keeps its customer, and its owner has another name.
function apply.sign_in(guest, member)
  local from, into = seat_of(guest), seat_of(member)
  local was_owner = from and from[2] == 'o'
  if guest ~= actor or not (from or into) or was_owner and not (cart.sd or cart.od) then return 'ROLE_FORBIDS' end
  local letter, rules = unpack(was_owner and from or into or from, 2, 3)
  rename(guest, member)
  cart.m[place_of(member)] = {member, letter, rules}
end

-- Invites: cart.iv is a list of {i id, c code, r role, n uses, u uses left, x end, a version}; absent where there is
-- none. Their codes are secrets: the log names them by their ids.

local function open_invites()
  local open = {}
  for _, invite in ipairs(cart.iv or {}) do
    if invite.u > 0 and invite.x > now then open[#open + 1] = invite end
  end
  return open
end

function apply.invite(id, code, letter, uses, life_ms)
  local open = open_invites()
  if #open >= limits.invites then return 'INVITE_LIMIT' end
  open[#open + 1] = {i = id, c = code, r = letter, n = uses, u = uses, x = now + life_ms, a = version}
  cart.iv = open
  return nil, letter, id
end

function apply.uninvite(id)
  local kept = {}
  for _, invite in ipairs(cart.iv or {}) do
    if invite.i ~= id then kept[#kept + 1] = invite end
  end
  if #kept == #(cart.iv or {}) then return 'INVITE_NOT_FOUND' end
  cart.iv = kept[1] and kept or nil
end

-- Whoever takes part already keeps their role and uses nothing up.
function apply.join(code)
  local known = seat_of(actor)
  if known then return nil, known[2], '' end
  local place = place_of(actor)
  local removed = place and cart.m[place][2] == 'x' and cart.m[place][3].x or 0
  for _, invite in ipairs(open_invites()) do
    if invite.c == code and invite.a > removed then
      local refusal = seat(actor, invite.r)
      if not refusal then invite.u = invite.u - 1 end
      return refusal, invite.r, invite.i
    end
  end
  return 'INVITE_NOT_FOUND'
end

-- Suggestions. One member's or all of those that make up a line are taken off the list, and each given to `settle`.
local function take_suggested(id, member, settle)
  local line, index = line_of(id, cart.sg or {})
  local place, total = member and place_of(member), 0
  if not line then return 'SUGGESTION_NOT_FOUND' end
  for at = 1, #line.q, 2 do
    if not member or line.q[at] == place then
      local refusal = settle(line, line.q[at], line.q[at + 1])
      if refusal then return refusal end
      total = total + line.q[at + 1]
      line.q[at + 1] = 0
    end
  end
  if total == 0 then return 'SUGGESTION_NOT_FOUND' end
  tidy(cart.sg, index)
  return nil, total
end

-- The goods stay those of whoever suggested them.
function apply.approve(id, member)
  return take_suggested(id, member, function(line, place, quantity)
    local wished = {}
    for name, value in pairs(line) do wished[name] = value end
    return add_to(cart.n, limits.lines, 'LINE_LIMIT', id, quantity, wished, place)
  end)
end

function apply.decline(id, member)
  return take_suggested(id, member, function() end)
end
