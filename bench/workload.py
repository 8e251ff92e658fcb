"""The workload that speed is measured with: one shop, one cart, one set of documents, shared by everything in bench/.

A 20-line cart, 19 fields a line, 100 active promotions; three item percents reach each line, four order percents
apply. In detail:

- 160 products in 32 categories, 5 in each. The cart holds two of each product of four categories.
- 96 promotions take a percentage off one category, three for each; they stack, so three reach every line. The 84
  that are for other categories are active too, and find nothing in this cart.
- 4 promotions take a percentage off the order, from amounts that this cart reaches.
- Fields are counted as the service itself counts them (`schema.documents`): each one selected, at any depth. The
  fields of a line are `LINE`; around them stand what a cart page shows: totals, discounts, warnings.

`expected_total_minor` is worked out here by hand, with no part of the engine: whoever measures compares each answer
with it, since a wrong answer is not a fast one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from engine.priced import Snapshot
from engine.pricing.load import load_shop
from engine.rules.load import load_rules

CATEGORIES: Final = 32
PRODUCTS_A_CATEGORY: Final = 5
CART_CATEGORIES: Final = 4
QUANTITY: Final = 2
ITEM_PERCENTS: Final = (10, 5, 3)
"""What the three promotions of each category take off, in the order of their ids."""
ORDER_PERCENTS: Final = (4, 3, 2, 1)
LINES: Final = CART_CATEGORIES * PRODUCTS_A_CATEGORY

LINE: Final = """
fragment line on LineItem {
  lineId sku quantity unit available note priceList
  product { name }
  unitPrice { amount }
  listAmount { amount }
  discountAmount { amount }
  total { amount }
  tax { rate }
}
"""
"""The 19 fields of a line."""

CART: Final = (
    """
fragment cart on Cart {
  id version currency
  lines { totalCount nodes { ...line } }
  discounts { promotionId label amount { amount } }
  totals { subtotal { amount } discounts { amount } taxIncluded { amount } total { amount minorUnits currency } }
  warnings { code message }
}
"""
    + LINE
)

READ: Final = "query Cart($id: ID!) { cart(id: $id) { ...cart } }" + CART
ADD: Final = (
    """
mutation Add($id: ID!, $lines: [CartLineInput!]!) {
  cartLinesAdd(cartId: $id, lines: $lines) { cart { ...cart } userErrors { code field message } replayed version }
}
"""
    + CART
)
CREATE: Final = (
    "mutation Create($lines: [CartLineInput!]!) { cartCreate(input: {lines: $lines}) { cart { id version } } }"
)
SESSION: Final = 'mutation { sessionCreate(channel: "web") { token } }'
ALLOCATIONS: Final = (
    "query Shares($id: ID!) { cart(id: $id) { lines { nodes { lineId "
    "allocations { promotionId label amount { amount minorUnits currency } } } } } }"
)
"""The part of a cart that has most objects: seven shares of discounts on each of its lines."""

DOCUMENTS: Final = (READ, ADD, CREATE, SESSION, ALLOCATIONS)


def write_shop(folder: Path) -> Path:
    """Write the shop folder of the workload, its rules included."""
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    for name, text in _files().items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def snapshot(folder: Path) -> Snapshot:
    """Write the shop and load it."""
    shop = load_shop(write_shop(folder))
    return Snapshot(shop, load_rules(folder / "rules", shop).ruleset)


def lines() -> list[dict[str, Any]]:
    """Return the lines of the cart, as `cartCreate` and `cartLinesAdd` take them."""
    return [{"sku": sku, "quantity": QUANTITY} for category in range(CART_CATEGORIES) for sku in _skus(category)]


def expected_total_minor(quantities: dict[str, int]) -> int:
    """Return what a cart of these quantities costs, in cents.

    Each percentage is taken off what is left of a line, or of the order, and rounded half up.
    """
    left = 0
    for sku, quantity in quantities.items():
        line = _price_minor(sku) * quantity
        for percent in ITEM_PERCENTS:
            line -= (line * percent + 50) // 100
        left += line
    for percent in ORDER_PERCENTS:
        left -= (left * percent + 50) // 100
    return left


def _skus(category: int) -> list[str]:
    return [f"p{category:02}-{number}" for number in range(PRODUCTS_A_CATEGORY)]


def _price_minor(sku: str) -> int:
    category, number = sku[1:].split("-")
    return 299 + 137 * int(number) + 11 * int(category)


def _files() -> dict[str, str]:
    skus = [(category, sku) for category in range(CATEGORIES) for sku in _skus(category)]
    products = "".join(f"{sku},Product {sku},goods/c{category:02},food\n" for category, sku in skus)
    prices = "".join(f"base,{sku},{_price_minor(sku) // 100}.{_price_minor(sku) % 100:02}\n" for _, sku in skus)
    return {
        "shop.yaml": "id: bench\nname: Bench\nlocales: [en]\ndefault_channel: web\ndefault_store: main\n",
        "channels.yaml": "channels:\n  - {id: web, label: Web}\n",
        "stores.yaml": ("stores:\n  - {id: main, label: Main, country: FR, currency: EUR, timezone: Europe/Paris}\n"),
        "tax.yaml": "countries:\n  FR: {included: true, rates: {food: 5.5%}}\n",
        "price_lists.yaml": "price_lists:\n  - {id: base, currency: EUR, tax: included}\n",
        "products.csv": "sku,name,category,tax_category\n" + products,
        "prices.csv": "price_list,sku,amount\n" + prices,
        "rules/workload.yaml": "promotions:\n" + "".join(_promotions()),
    }


def _promotions() -> Iterator[str]:
    for category in range(CATEGORIES):
        for place, percent in enumerate(ITEM_PERCENTS):
            yield (
                f"  - id: item-{category:02}-{place}\n    label: {percent}% off\n"
                f"    give: {{percent_off: {{percent: {percent}%, on: {{category: goods/c{category:02}}}}}}}\n"
            )
    for place, percent in enumerate(ORDER_PERCENTS):
        yield (
            f"  - id: order-{place}\n    label: {percent}% off the order\n"
            f"    when: {{spend: {{at_least: {place + 1}0 EUR}}}}\n"
            f"    give: {{order_percent_off: {{percent: {percent}%}}}}\n"
        )
