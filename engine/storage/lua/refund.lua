-- Keeps that a payment is to be refunded, once. A part of several scripts; KEYS[2] is the quote.

local function refund(paid_by)
  local kept = redis.call('HGET', KEYS[2], 'refunds')
  local references = kept and cmsgpack.unpack(kept) or {}
  for _, known in ipairs(references) do
    if known == paid_by then return end
  end
  references[#references + 1] = paid_by
  redis.call('HSET', KEYS[2], 'refunds', cmsgpack.pack(references))
end
