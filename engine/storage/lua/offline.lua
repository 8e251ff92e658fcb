-- What a device did offline: several requests, each with an id, a version and a log entry of its own, or refused by
-- itself. A part of commit.lua, which includes it.
--
-- ARGV 6 is a msgpack list {when the device's snapshot ends, ms, requests}, oldest first. A request is a list
-- {operation key, content digest, operation id, when it was made, operations or false for one that cannot be}.
--
-- Answer  {'synced', now ms, cart or nil, results}; a result is {'applied', version}, {'duplicate', version} or
--         {'refused', code, index}

-- How much of each place's share the device saw. Who signed in since goes by another name now: what was seen of names
-- that are gone stands at 0.
local function seen_by_place(shares)
  local seen = {[0] = 0}
  for member, quantity in pairs(shares) do
    local place = place_of(member) or 0
    seen[place] = (seen[place] or 0) + quantity
  end
  return seen
end

-- Takes away what the device took away of what it saw: from its own share first, then from the newest of the others, of
-- each no more than was seen; and where names are gone from the oldest, for shares keep their places. Of a line that was removed and made anew since the snapshot, it saw nothing.
function apply.less(id, thousandths, snapshot_version, shares)
  local line, index = line_of(id)
  if not line then return nil, 0, id, 'set' end
  local wanted = quantity_of(line, thousandths)
  if not wanted then return 'INVALID_QUANTITY' end
  local left, own, seen = wanted, place_of(actor), seen_by_place(shares)
  local function take_most(at, most)
    local asked = math.min(left, most)
    local taken = asked - take_at(line.q, at, asked)
    left = left - taken
    return taken
  end
  for at = 1, #line.q, 2 do
    if line.q[at] == own then take_most(at, left) end
  end
  if line.a <= snapshot_version and not own_part() then
    for at = #line.q - 1, 1, -2 do take_most(at, seen[line.q[at]] or 0) end
    for at = 1, #line.q, 2 do seen[0] = seen[0] - take_most(at, seen[0]) end
  end
  if left < wanted then tidy(cart.n, index) end
  return nil, total_of(line), id, 'set'
end

local function done_before(record)
  local known_content, made = cmsgpack.unpack(record)
  if known_content ~= content then return {'refused', 'OPERATION_ID_REUSED', -1} end
  own_versions[made] = true
  return {'duplicate', made}
end

local function done_now(operations, told)
  version, changes = cart.v + 1, {{'offline', told}}
  local status, _, blob, code, index = unpack(commit(operations))
  if status ~= 'applied' then
    cart = lease.without_lapsed_screens(cmsgpack.unpack(stored), now)
    return {'refused', code, index}
  end
  stored, own_versions[version] = blob, true
  return {'applied', version}
end

-- A request that is remembered is a duplicate whatever has become of the cart and of the right to it.
local function sync_one(told, operations, ends)
  local record = redis.call('HGET', KEYS[3], operation_key)
  if record then return done_before(record) end
  if not stored then return {'refused', 'CART_NOT_FOUND', -1} end
  if not operations then return {'refused', 'NOTHING_TO_DO', -1} end
  if now >= ends then return {'refused', 'SNAPSHOT_EXPIRED', -1} end
  if not role() then return {'refused', 'NOT_HELD', -1} end
  return done_now(operations, told)
end

local function sync(synced)
  local ends, requests = synced[1], synced[2]
  local results = {}
  if stored then cart = lease.without_lapsed_screens(cmsgpack.unpack(stored), now) end
  for index, request in ipairs(requests) do
    operation_key, content, operation_id = request[1], request[2], request[3]
    results[index] = sync_one(request[4], request[5], ends)
  end
  return {'synced', now, stored, results}
end
