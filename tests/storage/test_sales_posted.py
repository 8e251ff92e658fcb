"""What tills sold while they were offline counts on limits and points, beyond both too, once."""

import json
from dataclasses import replace
from decimal import Decimal

from engine.callers import Caller, CallerKind, Scope
from engine.cart.snapshot import Allowances, read_snapshot, snapshot_document
from engine.limits import Limit, LimitKind
from engine.offline_service import post_sales, record_sale, take_snapshot
from engine.pricing.basket import build_basket
from engine.pricing.evaluation import OutcomeCode
from engine.pricing.requests import LineRequest
from engine.pricing.sales import SaleRequest, SoldLineRequest, UseRequest, Verification
from engine.rules.evaluate import evaluate
from engine.rules.uses import closed_by
from engine.service import Panier
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.offline import Overshoot
from engine.types import ChannelId, InstantMs, PromotionId, StoreId
from engine.used_up import UsedUp
from tests.storage.test_checkout import ADA, ONCE, SINGLE, TEN, counted, filled, guest, quoted
from tests.storage.test_checkout import engine as engine  # noqa: PLC0414  # a fixture, found by its name
from tests.storage.test_checkout import snapshot as snapshot  # noqa: PLC0414  # likewise

REST = PromotionId("rest")
BUDGET = Limit(REST, LimitKind.BUDGET, "EUR")
SCOPES = frozenset({Scope.CART_READ, Scope.CART_WRITE})
TILL = Caller(CallerKind.TERMINAL, "till", ChannelId("pos"), StoreId("south"), device="till-1", scopes=SCOPES)


def sale_of(number: int, **uses: str) -> SaleRequest:
    """Return a sale that says which promotions gave how much."""
    return SaleRequest(
        id=f"sale-{number}",
        at_ms=InstantMs(1_780_315_200_000),
        lines=(SoldLineRequest(None, LineRequest(sku="milk", quantity=Decimal(2)), "2.40"),),
        codes=None,
        total="2.40",
        currency="EUR",
        payment_method="card",
        payment_reference=f"pay-{number}",
        ruleset_hash="x",
        price_book_version="y",
        uses=tuple(UseRequest(PromotionId(name), amount) for name, amount in uses.items()),
    )


async def sold(engine: Panier, number: int, **uses: str) -> Overshoot | None:
    cart = await filled(engine, guest(f"g{number}"))
    taken = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert taken.snapshot is not None, taken.errors
    recorded = await record_sale(engine, TILL, taken.snapshot, sale_of(number, **uses))
    assert recorded.sale is not None, recorded.errors
    again = await record_sale(engine, TILL, taken.snapshot, sale_of(number, **uses))
    assert again.sale == recorded.sale
    return recorded.sale.overshoot


async def test_the_uses_of_sales_are_counted_and_what_is_beyond_is_told(engine: Panier) -> None:
    assert await sold(engine, 1, single="1.00", ten="9.50") == Overshoot()
    assert (await counted(engine, SINGLE), await counted(engine, TEN)) == ((1, 0), (950, 0))
    assert await sold(engine, 2, single="1.00", ten="1.00") == Overshoot((SINGLE.promotion, TEN.promotion))
    assert (await counted(engine, SINGLE), await counted(engine, TEN)) == ((2, 0), (1050, 0))
    await post_sales(engine)
    assert await counted(engine, SINGLE) == (2, 0)


async def test_a_promotion_that_a_sale_names_twice_gave_both_amounts(engine: Panier) -> None:
    """A till may write it line by line."""
    cart = await filled(engine, guest("twice"))
    taken = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert taken.snapshot is not None
    told = sale_of(1, ten="2.00")
    recorded = await record_sale(engine, TILL, taken.snapshot, replace(told, uses=told.uses + told.uses))
    assert recorded.sale is not None
    assert await counted(engine, TEN) == (400, 0)


async def test_uses_are_those_of_the_cart_that_was_sold_though_it_is_gone_by_then(
    engine: Panier, connection: Connection, names: KeyNames
) -> None:
    cart = await filled(engine, ADA, "WELCOME")
    taken = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert taken.snapshot is not None
    await connection.command("DEL", names.cart(cart.cart.id))
    recorded = await record_sale(engine, TILL, taken.snapshot, sale_of(1, **{"each-once": "2.00"}))
    assert recorded.sale is not None
    assert (recorded.priced, recorded.sale.overshoot) == (None, Overshoot())
    assert await counted(engine, ONCE) == (1, 0)


async def test_a_snapshot_says_what_is_left(engine: Panier) -> None:
    cart = await filled(engine, guest("before"))
    before = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert before.snapshot is not None
    assert before.snapshot.allowances == Allowances(0, {SINGLE.promotion: 1}, {REST: 150})
    await quoted(engine, guest("first"), "ONLY-ONE")
    after = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert after.snapshot is not None
    assert after.snapshot.allowances.uses == {SINGLE.promotion: 0}
    assert await counted(engine, ONCE) == (0, 0)


async def test_a_till_comes_to_the_same_cents_where_a_budget_is_partly_spent(engine: Panier) -> None:
    """What is left of it at the snapshot is what the till gives, and what it sold is checked by that."""
    await quoted(engine, guest("first"), "REST")
    await UsedUp(engine).look()
    cart = await filled(engine, guest("second"), "REST")
    taken = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert taken.snapshot is not None
    assert taken.priced is not None
    assert (cart.evaluation.totals.discounts_minor, taken.snapshot.allowances.budgets_minor) == (50, {REST: 50})
    read = read_snapshot(json.loads(json.dumps(snapshot_document(taken.snapshot))))
    loaded = engine.snapshot
    basket = build_basket(read.cart, loaded.shop, cart.as_of_ms, closed=closed_by(read.allowances))
    by_till = evaluate(basket, loaded.ruleset)
    assert by_till.totals == cart.evaluation.totals == taken.priced.evaluation.totals
    assert by_till.outcomes[REST] == cart.evaluation.outcomes[REST] == taken.priced.evaluation.outcomes[REST]

    # Somebody else holds the rest by now: that the till gave it is no fault of its price.
    await quoted(engine, guest("third"), "REST")
    line = SoldLineRequest(None, LineRequest(sku="milk", quantity=Decimal(2)), "1.90")
    sale = replace(
        sale_of(1, rest="0.50"),
        total="1.90",
        lines=(line,),
        ruleset_hash=loaded.ruleset.hash,
        price_book_version=loaded.shop.version,
    )
    recorded = await record_sale(engine, TILL, read, sale)
    assert recorded.sale is not None
    assert (recorded.sale.kept.verified.verification, recorded.sale.overshoot) == (Verification.SAME, Overshoot())
    (left,) = await engine.stores.limits.read([BUDGET])
    assert (left.spent, left.held, left.left(150)) == (50, 150, -50)


async def test_a_budget_that_is_spent_and_uses_that_are_used_up_are_closed_at_the_till(engine: Panier) -> None:
    assert await sold(engine, 1, single="1.00", rest="1.50") == Overshoot()
    await UsedUp(engine).look()
    cart = await filled(engine, guest("late"), "REST", "ONLY-ONE")
    taken = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert taken.snapshot is not None
    basket = build_basket(taken.snapshot.cart, engine.snapshot.shop, cart.as_of_ms)
    by_till = evaluate(replace(basket, closed=closed_by(taken.snapshot.allowances)), engine.snapshot.ruleset)
    assert by_till.outcomes == cart.evaluation.outcomes
    assert {outcome.code for outcome in by_till.outcomes.values()} >= {
        OutcomeCode.LIMIT_REACHED,
        OutcomeCode.BUDGET_SPENT,
    }
