#!lua
-- Does one thing to one hold on one counter of a limit; see counter.lua.
--
-- KEYS    1 counter    2 holds    3 deadlines
--         4 pins of the partition (sorted set: msgpack {counter, hold, owner}, by the instant in ms of the pin)
-- ARGV    1 verb    2 hold id    3 shard
--         hold, beyond:         4 ceiling    5 amount    6 deadline in ms    7 owner
--                               8 'first' try; 'last' after all other shards' rest came here: take what there is of a
--                                 partial use, post beyond the limit all the same     9 '1' for a partial use
--         extend:               4 deadline in ms
--         pin:                  4 number of the attempt whose pin it is
--         unpin:                4 deadline in ms    5 number of the attempt that is over, '' for whichever
-- Answer  {now ms, status, amount, room, number of gifts, list of {destination, number, amount} on their way}
--         The status is the hold's state: 'h', 'p', 'x', 'r'; or '' there is no such hold, 'home' it is made at the
--         home, 'short' there is not enough, 'lapsed' its deadline is over, 'other' the id has another amount. The last
--         two answers come with 'short', the room with 'short', 'h' and 'x' of a verb that knows the ceiling.
--
-- Each verb may be sent twice, and then changes nothing more.

-- include: counter

local verb, id, shard = ARGV[1], ARGV[2], tonumber(ARGV[3])
local packed = redis.call('HGET', KEYS[2], id)
local hold = packed and cmsgpack.unpack(packed)

local function answer(status, ...) return {now, status, hold and hold[2] or 0, ...} end

local function keep(state, amount, asked, owner, attempt)
  hold = {state, amount, asked, owner, attempt}
  redis.call('HSET', KEYS[2], id, cmsgpack.pack(hold))
end

local function pin_name() return cmsgpack.pack({KEYS[1], id, hold[4]}) end

local function spend()
  redis.call('HINCRBY', KEYS[1], 'h', -hold[2])
  redis.call('HINCRBY', KEYS[1], 's', hold[2])
  redis.call('ZREM', KEYS[3], id)
  if hold[1] == 'p' then redis.call('ZREM', KEYS[4], pin_name()) end
  keep('x', hold[2], hold[3], hold[4])
  return answer('x', 0)
end

local function short(left)
  local sent, fields = {}, redis.call('HGETALL', KEYS[1])
  for index = 1, #fields, 2 do
    local destination = string.match(fields[index], '^o:(%d+)$')
    if destination then sent[#sent + 1] = {destination, on_its_way(destination)} end
  end
  return answer('short', math.max(left, 0), number('g'), sent)
end

-- Makes the hold, or says why not. A shard that is short sends to the home, and keeps doing so for this hold: sent
-- twice, it must not be made twice.
local function make(force)
  local ceiling, asked, deadline = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
  if deadline <= now then return answer('lapsed') end
  local left = room(shard == 0 and ceiling or nil)
  if shard ~= 0 and (left < asked or redis.call('HGET', KEYS[1], 'c') ~= ARGV[4]) then
    keep('>', 0, asked, '')
    redis.call('ZADD', KEYS[3], deadline, id)
    return answer('home')
  end
  local granted = asked
  if left < asked and not (force and ARGV[8] == 'last') then
    if not (ARGV[9] == '1' and ARGV[8] == 'last' and left > 0) then return short(left) end
    granted = left
  end
  keep('h', granted, asked, ARGV[7])
  redis.call('HINCRBY', KEYS[1], 'h', granted)
  redis.call('ZADD', KEYS[3], deadline, id)
  return answer('h', left - granted)
end

local verbs = {}

function verbs.hold()
  if not hold then return make(false) end
  return answer(hold[3] == tonumber(ARGV[5]) and hold[1] or 'other', 0)
end

function verbs.beyond()
  local made = not hold and make(true)
  if made and made[2] ~= 'h' then return made end
  return (hold[1] == 'h' or hold[1] == 'p') and spend() or answer(hold[1], 0)
end

function verbs.extend()
  if hold[1] == 'h' then redis.call('ZADD', KEYS[3], ARGV[4], id) end
  return answer(hold[1])
end

function verbs.pin()
  local attempt = tonumber(ARGV[4])
  if hold[1] == 'h' then
    keep('p', hold[2], hold[3], hold[4], attempt)
    redis.call('ZREM', KEYS[3], id)
    redis.call('ZADD', KEYS[4], now, pin_name())
  elseif hold[1] == 'p' and hold[5] < attempt then
    keep('p', hold[2], hold[3], hold[4], attempt)
  end
  return answer(hold[1])
end

-- What a later attempt has pinned meanwhile stays so.
function verbs.unpin()
  if hold[1] == 'p' and hold[5] <= (tonumber(ARGV[5]) or hold[5]) then
    redis.call('ZREM', KEYS[4], pin_name())
    redis.call('ZADD', KEYS[3], ARGV[4], id)
    keep('h', hold[2], hold[3], hold[4])
  end
  return answer(hold[1])
end

function verbs.release()
  if hold[1] ~= 'h' then return answer(hold[1]) end
  redis.call('HINCRBY', KEYS[1], 'h', -hold[2])
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  return answer('')
end

function verbs.post()
  return (hold[1] == 'h' or hold[1] == 'p') and spend() or answer(hold[1])
end

verbs['return'] = function()
  if hold[1] == 'x' then
    redis.call('HINCRBY', KEYS[1], 's', -hold[2])
    keep('r', hold[2], hold[3], hold[4])
  end
  return answer(hold[1])
end

if hold and hold[1] == '>' then return answer('home') end
if not hold and verb ~= 'hold' and verb ~= 'beyond' then return answer('') end
return verbs[verb]()
