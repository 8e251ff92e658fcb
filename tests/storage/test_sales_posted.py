"""What tills sold while they were offline counts on limits, beyond them too, once."""

from decimal import Decimal

from engine.callers import Caller, CallerKind, Scope
from engine.offline_service import post_sales, record_sale, take_snapshot
from engine.pricing.requests import LineRequest
from engine.pricing.sales import SaleRequest, SoldLineRequest, UseRequest
from engine.service import Panier
from engine.types import ChannelId, InstantMs, PromotionId, StoreId
from tests.storage.test_checkout import ONCE, SINGLE, TEN, counted, filled, guest, quoted
from tests.storage.test_checkout import engine as engine  # noqa: PLC0414  # a fixture, found by its name
from tests.storage.test_checkout import snapshot as snapshot  # noqa: PLC0414  # likewise

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


async def sold(engine: Panier, number: int, **uses: str) -> tuple[PromotionId, ...] | None:
    cart = await filled(engine, guest(f"g{number}"))
    taken = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert taken.snapshot is not None, taken.errors
    recorded = await record_sale(engine, TILL, taken.snapshot, sale_of(number, **uses))
    assert recorded.sale is not None, recorded.errors
    again = await record_sale(engine, TILL, taken.snapshot, sale_of(number, **uses))
    assert again.sale == recorded.sale
    return recorded.sale.overshoot


async def test_the_uses_of_sales_are_counted_and_what_is_beyond_is_told(engine: Panier) -> None:
    assert await sold(engine, 1, single="1.00", ten="9.50") == ()
    assert (await counted(engine, SINGLE), await counted(engine, TEN)) == ((1, 0), (950, 0))
    assert await sold(engine, 2, single="1.00", ten="1.00") == ("single", "ten")
    assert (await counted(engine, SINGLE), await counted(engine, TEN)) == ((2, 0), (1050, 0))
    await post_sales(engine)
    assert await counted(engine, SINGLE) == (2, 0)


async def test_a_snapshot_says_what_is_left(engine: Panier) -> None:
    cart = await filled(engine, guest("before"))
    before = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert before.snapshot is not None
    assert before.snapshot.allowances.uses == {"single": 1}
    await quoted(engine, guest("first"), "ONLY-ONE")
    after = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert after.snapshot is not None
    assert after.snapshot.allowances.uses == {"single": 0}
    assert await counted(engine, ONCE) == (0, 0)
