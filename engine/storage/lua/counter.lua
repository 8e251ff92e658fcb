-- What the scripts on the counters of limits share.
--
-- A limit is counted on one counter, or on several, its shards, of which number 0 is its home. A counter is
--   KEYS[1]  a hash: s spent, h held, m moved here from other shards less what was moved away, c the ceiling under
--            which that came here, g how often the home gave some away; o:N what is on its way to shard N, as "number
--            amount", n:N the number of the latest; i:N the number of the latest that came from shard N
--   KEYS[2]  holds, a hash: hold id -> msgpack list {state, amount, asked, owner}, and where it is pinned the number of
--            the attempt; states: h held, p pinned, x spent, r returned, > made at the home, because this shard was short
--   KEYS[3]  deadlines, a sorted set: hold id by the instant in ms at which it lapses; pinned and spent ones are not in it
-- Room at the home is ceiling + m - s - h, at another shard m - s - h: over all shards, and what is on its way between
-- them, it adds up to what is left of the limit. All numbers are integers below 2^53.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function number(field)
  return tonumber(redis.call('HGET', KEYS[1], field) or 0)
end

-- Takes the lapsed holds away: whatever a script then reads is what counts now.
local lapsed = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now)
for _, id in ipairs(lapsed) do
  local hold = cmsgpack.unpack(redis.call('HGET', KEYS[2], id))
  redis.call('HINCRBY', KEYS[1], 'h', -hold[2])
  redis.call('HDEL', KEYS[2], id)
end
if lapsed[1] then redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now) end

-- The room here; `ceiling` is a number at the home and nil elsewhere.
local function room(ceiling)
  return (ceiling or 0) + number('m') - number('s') - number('h')
end

-- What is on its way to a shard: its number and amount; nil where nothing is.
local function on_its_way(destination)
  local sent = redis.call('HGET', KEYS[1], 'o:' .. destination)
  if sent then return string.match(sent, '(%d+) (%d+)') end
end
