-- What the steps of a checkout do to the cart. A part of commit.lua, which includes it.

-- Freezes the cart as it was when it was priced.
function apply.freeze(quote, life_ms, seen)
  if version - 1 ~= seen then return 'CART_CHANGED' end
  cart.fz = {q = quote, p = place_made(actor), a = now, e = now + life_ms}
  return nil, now + life_ms
end

function apply.extend(quote, life_ms)
  local held = freeze.by(cart, quote)
  if not held then return 'QUOTE_EXPIRED' end
  held.e = math.max(held.e, now + life_ms)
  return nil, held.e
end

-- For whoever froze it, and for those who act like the owner.
function apply.thaw(quote)
  local held = freeze.by(cart, quote)
  if not held then return 'QUOTE_EXPIRED' end
  if freeze.is_being_completed(held, now) then return 'CHECKOUT_BUSY' end
  if role() ~= 'o' and place_of(actor) ~= held.p then return 'ROLE_FORBIDS' end
  cart.fz = nil
end
