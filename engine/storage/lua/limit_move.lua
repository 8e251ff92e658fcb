#!lua
-- Moves room from one shard of a limit to another, in three steps: take, give, settle; see counter.lua.
--
-- KEYS    1 counter    2 holds    3 deadlines
-- ARGV    take    at the source: 2 destination, 3 how much, '' for all there is, 4 the ceiling at the home, else ''
--         give    at the destination: 2 source, 3 number, 4 amount, 5 the ceiling
--         settle  at the source: 2 destination, 3 number
-- Answer  {number, amount}; number 0 where nothing moves
--
-- Between two shards one amount is on its way at a time, and each has a number: a step that comes twice, or long after
-- all steps were done, changes nothing, and what a crash left on its way is taken up by whoever takes next.

-- include: counter

local verbs = {}

function verbs.take(destination, wanted, ceiling)
  local number_sent, amount_sent = on_its_way(destination)
  if number_sent then return {tonumber(number_sent), tonumber(amount_sent)} end
  local left = room(tonumber(ceiling))
  local amount = math.min(left, tonumber(wanted) or left)
  if amount < 1 then return {0, 0} end
  local sent = redis.call('HINCRBY', KEYS[1], 'n:' .. destination, 1)
  redis.call('HSET', KEYS[1], 'o:' .. destination, string.format('%d %.0f', sent, amount))
  redis.call('HINCRBY', KEYS[1], 'm', -amount)
  if ceiling ~= '' then redis.call('HINCRBY', KEYS[1], 'g', 1) end
  return {sent, amount}
end

function verbs.give(source, sent, amount, ceiling)
  if tonumber(sent) <= number('i:' .. source) then return {0, 0} end
  redis.call('HSET', KEYS[1], 'i:' .. source, sent, 'c', ceiling)
  redis.call('HINCRBY', KEYS[1], 'm', amount)
  return {tonumber(sent), tonumber(amount)}
end

function verbs.settle(destination, sent)
  if on_its_way(destination) ~= sent then return {0, 0} end
  redis.call('HDEL', KEYS[1], 'o:' .. destination)
  return {tonumber(sent), 0}
end

return verbs[ARGV[1]](unpack(ARGV, 2))
