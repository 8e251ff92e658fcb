-- Sealing a cart, so that what it holds goes into another one, or comes back. A part of commit.lua, which includes it.
--
-- cart.mg is absent in a cart of its own, else {t = target, s = 'm' merging, 'd' merged or 'u' coming back, v = version
-- that sealed it, p = policy, w = who had it merged, u = version that sealed it to come back, x = who had that done}. A
-- cart that has it changes no more, so that what was read of it holds until merge_finish.lua says what was decided.

local function mover()
  return {actor, by_scope, operation_id, who[6], who[7], who[8]}
end

local function is_sealed(operations)
  return cart.mg and not (cart.mg.s == 'd' and operations[1] and operations[1][1] == 'unmerge')
end

function apply.merge(target, policy)
  cart.mg = {t = target, s = 'm', v = version, p = policy, w = mover()}
  return nil, policy
end

function apply.unmerge()
  if not cart.mg then return 'NOT_MERGED' end
  cart.mg.s, cart.mg.u, cart.mg.x = 'u', version, mover()
  return nil, '', cart.mg.t
end
