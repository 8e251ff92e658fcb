#!lua
-- Cancels an order, once, and notes what is to be given back for it.
--
-- KEYS    1 the order (hash)    2 the outbox of the partition (hash)
-- ARGV    1 order number        2 who: member id    3 why
-- Answer  {'cancelled', now ms}    now, or before
--         {'unknown', now ms}
--
-- Where the order itself has still something to be done, the outbox says both, in their order.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

if redis.call('EXISTS', KEYS[1]) == 0 then return {'unknown', now} end
if redis.call('HEXISTS', KEYS[1], 'cancelled') == 0 then
  redis.call('HSET', KEYS[1], 'cancelled', now, 'cancelled_by', ARGV[2], 'why', ARGV[3])
  local open = redis.call('HGET', KEYS[2], ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[1], open and open .. ' cancel' or 'cancel')
else
  -- Written once more, so that whoever tells of it waits until it is on disk.
  redis.call('HSET', KEYS[1], 'cancelled', redis.call('HGET', KEYS[1], 'cancelled'))
end
return {'cancelled', now}
