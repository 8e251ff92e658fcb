-- Payments that are to be refunded. A part of several scripts; KEYS[2] is the quote, whose field `refunds` is a msgpack
-- list of references. It has an end: whoever tells of payments that are none must not fill the store.

local REFUNDS_MOST = 100

local function refunds()
  local kept = redis.call('HGET', KEYS[2], 'refunds')
  return kept and cmsgpack.unpack(kept) or {}
end

-- Whether a payment pays for nothing: it was said to be refunded, and that may be under way.
local function is_refunded(paid_by)
  local references = refunds()
  for _, known in ipairs(references) do
    if known == paid_by then return true end
  end
  return #references >= REFUNDS_MOST
end

-- Keeps that a payment is to be refunded, once.
local function refund(paid_by)
  if is_refunded(paid_by) then return end
  local references = refunds()
  references[#references + 1] = paid_by
  redis.call('HSET', KEYS[2], 'refunds', cmsgpack.pack(references))
end
