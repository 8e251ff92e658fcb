-- Which device has a cart, and for how long; and who may hand it on. A part of several scripts.
--
-- cart.o is the lease: {p = place of its holder, d = device, c = channel, s = store or nil, a = since, e = until, ms,
-- r = for how many ms it is renewed}. It has lapsed at its last millisecond, and is taken out by the next change.

local lease = {}

-- Screens have their place for a time: an entry of cart.m with rules {t = until, ms, r = for how many ms it is renewed by
-- use}. It has lapsed at its last millisecond; nobody else's place does.
function lease.without_lapsed_screens(cart, now)
  for place, known in ipairs(cart.m) do
    if known[3] and known[3].t and known[3].t <= now then cart.m[place] = {known[1], '-'} end
  end
  return cart
end

function lease.now_of(cart, now)
  local held = cart.o
  if held and now < held.e then return held end
end

function lease.is_with(cart, now, member, device)
  local held = lease.now_of(cart, now)
  return held and cart.m[held.p][1] == member and held.d == device
end

function lease.is_elsewhere(cart, now, member, device)
  return lease.now_of(cart, now) and not lease.is_with(cart, now, member, device)
end

-- The role of somebody at a place of cart.m, nil where they are no member, or not any more.
function lease.role_at(cart, place)
  local letter = place and cart.m[place][2]
  return letter ~= '-' and letter ~= 'x' and letter or nil
end

-- Who may give what: a place among the editors is the owner's to give, the cart itself whoever's who may edit it now
-- (`edits` for those who do without a role), and a copy everybody's who reads it.
function lease.may_give(mode, letter, edits)
  if mode == 'join' then return letter == 'o' end
  return mode == 'copy' or letter == 'o' or letter == 'e' or edits
end

-- Renews, returns or takes back. Returns a refusal's code, or nil and what the log keeps.
function lease.change(cart, what, now, member, device)
  if what == 'take_back' then
    local owner = false
    for _, known in ipairs(cart.m) do owner = owner or known[1] == member and known[2] == 'o' end
    if not owner then return 'ROLE_FORBIDS' end
    if not lease.now_of(cart, now) then return 'NOT_HELD' end
    cart.o = nil
  else
    if not lease.is_with(cart, now, member, device) then return 'NOT_HELD' end
    if what == 'renew' then cart.o.e = now + cart.o.r else cart.o = nil end
  end
end
