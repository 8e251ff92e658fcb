-- Lines: what is wished for, by whom, and how that changes. A part of commit.lua, which includes it.
--
-- line.q is a flat list {place, quantity, place, quantity, ...}, oldest share first.

local function line_of(id, list)
  for index, line in ipairs(list or cart.n) do
    if line.i == id then return line, index end
  end
end

local function touch(line)
  line.c = version
  line.t = now - cart.b
end

local function total_of(line)
  local total = 0
  for index = 2, #line.q, 2 do total = total + line.q[index] end
  return total
end

local function most_of(line)
  return line.m and limits.quantity * SCALE or limits.quantity
end

local function give(line, place, quantity)
  local shares = line.q
  for index = 1, #shares, 2 do
    if shares[index] == place then
      shares[index + 1] = shares[index + 1] + quantity
      return
    end
  end
  shares[#shares + 1] = place
  shares[#shares + 1] = quantity
end

local function share_of(line, place)
  for index = 1, #line.q, 2 do
    if line.q[index] == place then return line.q[index + 1] end
  end
  return 0
end

local function drop_empty_shares(line)
  local shares, kept = line.q, {}
  for index = 1, #shares, 2 do
    if shares[index + 1] > 0 then
      kept[#kept + 1] = shares[index]
      kept[#kept + 1] = shares[index + 1]
    end
  end
  line.q = kept
end

-- Takes up to `quantity` from the share at `index` and returns what is still to be taken.
local function take_at(shares, index, quantity)
  local taken = math.min(shares[index + 1], quantity)
  shares[index + 1] = shares[index + 1] - taken
  return quantity - taken
end

-- Takes from the actor's own share first, then from the newest of the others.
local function take(line, own, quantity)
  local shares = line.q
  for index = 1, #shares, 2 do
    if shares[index] == own then quantity = take_at(shares, index, quantity) end
  end
  for index = #shares - 1, 1, -2 do quantity = take_at(shares, index, quantity) end
  drop_empty_shares(line)
end

local function holds(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted then return true end
  end
  return false
end

-- The guard of an add: {channels or false, stores or false, channels for carts without a store}; false is anywhere.
local function sold_here(guard)
  if not guard then return true end
  local channels, stores, storeless = guard[1], guard[2], guard[3]
  if channels and not holds(channels, cart.c) then return false end
  if not stores then return true end
  if cart.s then return holds(stores, cart.s) end
  return holds(storeless, cart.c)
end

-- Adds to a line of a list, which is made of `attributes` where it is not there yet.
local function add_to(list, most, refusal, id, quantity, attributes, place)
  local line = line_of(id, list)
  if not line then
    if #list >= most then return refusal end
    line = attributes
    line.i, line.a, line.q = id, version, {}
    list[#list + 1] = line
  elseif line.m ~= attributes.m then
    return 'INVALID_QUANTITY'  -- the product changed its unit since: pieces and thousandths do not add up
  end
  if total_of(line) + quantity > most_of(line) then return 'QUANTITY_LIMIT' end
  give(line, place, quantity)
  touch(line)
end

-- After a share was lowered: takes away what is empty.
local function tidy(list, index)
  local line = list[index]
  drop_empty_shares(line)
  touch(line)
  if line.q[1] then return end
  if list == cart.n then remove_line(index) else table.remove(list, index) end
end

-- The quantity that is meant for a line, nil where it cannot be.
local function quantity_of(line, thousandths)
  local wanted = line.m and thousandths or thousandths / SCALE
  if wanted >= 0 and wanted == math.floor(wanted) then return wanted end
end

-- Sets the actor's own share of a line. The log is told the total, like that of every other set.
local function set_own(list, id, thousandths, seen)
  local line, index = line_of(id, list)
  if not line then return 'LINE_NOT_FOUND' end
  if stale(line.c, seen) then return 'STALE_VERSION' end
  local wanted, place = quantity_of(line, thousandths), place_of(actor)
  if not wanted then return 'INVALID_QUANTITY' end
  local own = share_of(line, place)
  if wanted == 0 and own == 0 then return 'ROLE_FORBIDS' end
  if wanted > own and total_of(line) + wanted - own > most_of(line) then return 'QUANTITY_LIMIT' end
  if wanted ~= own then
    give(line, place, wanted - own)
    tidy(list, index)
  end
  return nil, total_of(line), id, list == cart.n and 'set' or 'suggest'
end

function apply.add(id, quantity, attributes, guard)
  if not sold_here(guard) then return 'NOT_SOLD_HERE' end
  if quantity < 1 then return 'INVALID_QUANTITY' end
  if role() ~= 's' then
    return add_to(cart.n, limits.lines, 'LINE_LIMIT', id, quantity, attributes, place_made(actor)), quantity
  end
  cart.sg = cart.sg or {}
  local most, place = limits.suggestions, place_of(actor)
  return add_to(cart.sg, most, 'SUGGESTION_LIMIT', id, quantity, attributes, place), quantity, id, 'suggest'
end

function apply.set(id, thousandths, seen)
  local own = own_part()
  if own then return set_own(own, id, thousandths, seen) end
  local line, index = line_of(id)
  if not line then return 'LINE_NOT_FOUND' end
  if stale(line.c, seen) then return 'STALE_VERSION' end
  local wanted = quantity_of(line, thousandths)
  if not wanted then return 'INVALID_QUANTITY' end
  local total = total_of(line)
  if wanted > total and wanted > most_of(line) then return 'QUANTITY_LIMIT' end
  if wanted == 0 then
    remove_line(index)
  elseif wanted > total then
    give(line, place_made(actor), wanted - total)
  elseif wanted < total then
    take(line, place_of(actor), total - wanted)
  end
  if wanted ~= total then touch(line) end
  return nil, wanted
end

function apply.del(id, seen)
  local own = own_part()
  if own then return set_own(own, id, 0, seen) end
  local line, index = line_of(id)
  if not line then return 'LINE_NOT_FOUND' end
  if stale(line.c, seen) then return 'STALE_VERSION' end
  remove_line(index)
end

function apply.line_put(id, field, value, seen)
  local line = line_of(id)
  if not line then return 'LINE_NOT_FOUND' end
  if stale(line.c, seen) then return 'STALE_VERSION' end
  if own_part() and share_of(line, place_of(actor)) < total_of(line) then return 'ROLE_FORBIDS' end
  if not value or value == '' then value = nil end
  if not same(line[field], value) then
    line[field] = value
    touch(line)
  end
  return nil, field
end
