-- What Panier itself knows of a customer, beside what it was told. Included by scripts.
--
-- `record`      hash: h version, w when facts were last told in ms, y points of a programme (bytes)
-- `orders`      sorted set: order number, by the instant in ms at which it was placed; 0 once it was cancelled
-- `categories`  hash: category path -> orders with goods of it
-- Returns nil for a customer of whom nothing is known, else
--   {version, orders or nil where none was ever counted, those since facts were told, instant of the first in ms or nil, categories, points or nil}

local function history(record, orders, categories)
  local known = redis.call('HMGET', record, 'h', 'w', 'y')
  if not known[1] then return false end
  local first = redis.call('ZRANGEBYSCORE', orders, 1, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  return {
    tonumber(known[1]),
    redis.call('EXISTS', orders) == 1 and redis.call('ZCOUNT', orders, 1, '+inf'),
    redis.call('ZCOUNT', orders, '(' .. (known[2] or 0), '+inf'),
    first and tonumber(first) or false,
    redis.call('HKEYS', categories),
    known[3],
  }
end
