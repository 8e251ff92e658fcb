-- A cart in checkout, and after it. A part of several scripts.
--
-- cart.fz is {q = quote, p = place of who began, a = since, e = until, ms}, and while somebody completes it {n = number
-- of the attempt, r = payment reference, u = until when it is theirs, ms}: so long it does not lapse. It has lapsed at
-- its last millisecond, but stays until the next change: as long as it is there, the cart is what the quote says.
-- cart.od is {n = order number, p = place, a = since}: what was ordered changes no more.

local freeze = {}

function freeze.is_being_completed(held, now)
  return held.u ~= nil and now < held.u
end

function freeze.now_of(cart, now)
  local held = cart.fz
  if held and (now < held.e or freeze.is_being_completed(held, now)) then return held end
end

-- The freeze of a quote, lapsed or not.
function freeze.by(cart, quote)
  local held = cart.fz
  if held and held.q == quote then return held end
end

-- Why what a cart holds is not to be changed, whoever asks; nil where it may.
function freeze.closed(cart, now)
  if cart.sd then return 'CART_SOLD' end
  if cart.od then return 'CART_ORDERED' end
  return freeze.now_of(cart, now) and 'CART_FROZEN' or nil
end
