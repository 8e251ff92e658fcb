"""A quote is read back as it was written, whatever is in it: the example shop's baskets have something of most."""

import zlib
from dataclasses import replace

import pytest

from bench.test_pricing import GROCER, read_carts
from engine.cart.model import Burn
from engine.checkout.codec import LAYOUT, UnknownQuoteLayoutError, decode_quote, encode_quote
from engine.checkout.model import PointsUse, Quote
from engine.loyalty.account import account_of_customer
from engine.priced import PricedCart, Snapshot
from engine.pricing.load import load_shop
from engine.rules.load import load_rules
from engine.rules.uses import uses_of
from engine.types import CustomerId, MemberId, QuoteId

MEMBER = MemberId("customer:Hélène")


@pytest.fixture(scope="module")
def quotes() -> list[Quote]:
    shop = load_shop(GROCER)
    snapshot = Snapshot(shop, load_rules(GROCER / "rules", shop).ruleset)
    made = []
    for number, (read, at_ms) in enumerate(read_carts(shop, 200)):
        burn = Burn(None if number % 2 else 500, 10_000, MEMBER) if number % 3 == 0 else None
        priced = PricedCart(replace(read.cart, burn=burn), snapshot, at_ms)
        uses = uses_of(priced.basket, snapshot.ruleset, priced.evaluation)
        points = PointsUse(account_of_customer(CustomerId("Hélène")), 500) if burn else None
        made.append(Quote(QuoteId(f"{number}"), priced.cart, priced.evaluation, tuple(uses), MEMBER, at_ms, points))
    return made


def test_a_quote_comes_back_as_it_was(quotes: list[Quote]) -> None:
    assert any(quote.uses for quote in quotes) or any(quote.evaluation.discounts for quote in quotes)
    for quote in quotes:
        back = decode_quote(encode_quote(quote))
        assert back == quote
        assert back.amount_hash == quote.amount_hash


def test_the_layout_of_another_version_is_not_guessed_at(quotes: list[Quote]) -> None:
    written = zlib.decompress(encode_quote(quotes[0])).removeprefix(b"%d " % LAYOUT)
    for layout in (b"2", b"", b"{"):
        with pytest.raises(UnknownQuoteLayoutError, match=f"reads {LAYOUT}"):
            decode_quote(zlib.compress(layout + b" " + written))
