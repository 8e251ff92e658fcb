"""Which products of a shop a selector selects, at any price that they have."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from engine.pricing.basket import BasketLine, build_basket
from engine.pricing.cartfile import CartDocument, read_cart
from engine.pricing.shop import Product, Shop
from engine.rules.selectors import Key, Selector
from engine.types import Currency, InstantMs, Sku

_ANY_DAY = InstantMs(0)


class Goods:
    """The products of a shop, found by what selectors name them by. Surcharges of options are left out of prices."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._any_line = _any_line(shop)
        self._currency = shop.stores[shop.default_store].currency
        self._lines: dict[Sku, list[tuple[BasketLine, Currency]]] = {}
        self._selected: dict[tuple[str, Callable[[Iterable[bool]], bool]], frozenset[Sku]] = {}
        self._by_key: dict[Key, set[Sku]] = {}
        self.all = frozenset(shop.products)
        self.regulated = frozenset(sku for sku, product in shop.products.items() if product.never_discount)
        for sku, product in shop.products.items():
            for key in product.keys:
                self._by_key.setdefault(key, set()).add(sku)

    def selected(self, selector: Selector) -> frozenset[Sku]:
        """Return the products that it may select: at one of their prices, in a currency that it states."""
        return self._found(selector, any)

    def always_selected(self, selector: Selector) -> frozenset[Sku]:
        """Return the products that it selects at all their prices, discounted or not."""
        return self._found(selector, all)

    def _found(self, selector: Selector, some_or_all: Callable[[Iterable[bool]], bool]) -> frozenset[Sku]:
        key = (selector.model_dump_json(exclude_none=True), some_or_all)
        if key not in self._selected:
            keys = selector.keys()
            candidates = self.all if keys is None else set[Sku]().union(*(self._by_key.get(k, ()) for k in keys))
            stated = [frozenset(amounts) for amounts in selector.amounts()]
            currencies = frozenset.intersection(*stated) if stated else None
            matches = selector.compile()
            self._selected[key] = frozenset(
                sku
                for sku in candidates
                if some_or_all(
                    (currencies is None or currency in currencies) and matches(line, currency, discounted)
                    for line, currency in self._lines_of(sku)
                    for discounted in (False, True)
                )
            )
        return self._selected[key]

    def _lines_of(self, sku: Sku) -> list[tuple[BasketLine, Currency]]:
        """Return a line at each price of a product; at nothing where it has no price yet."""
        if sku not in self._lines:
            product = self._shop.products[sku]
            breaks = self._shop.prices.breaks.get(sku, {})
            prices = {
                (price_list.currency, amount_minor)
                for price_list in self._shop.prices.lists
                for amount_minor in breaks.get(price_list.id, ((), ()))[1]
            }
            self._lines[sku] = [
                (self._line(product, amount_minor), currency)
                for currency, amount_minor in sorted(prices) or [(self._currency, 0)]
            ]
        return self._lines[sku]

    def _line(self, product: Product, price_minor: int) -> BasketLine:
        return replace(
            self._any_line,
            product=product,
            unit_minor=price_minor,
            unit_list_minor=price_minor,
            list_minor=price_minor,
        )


def _any_line(shop: Shop) -> BasketLine:
    """Return a line of something, to make those of other goods from."""
    document = {"lines": [{"product": {"sku": "any", "tax_category": next(iter(_rates(shop)))}, "price": "1"}]}
    read = read_cart(CartDocument.model_validate(document), shop)
    return build_basket(read.cart, shop, _ANY_DAY, read.explicit, read.closed).lines[0]


def _rates(shop: Shop) -> list[str]:
    store = shop.store_of(shop.default_channel, None)
    return list(shop.taxes[store.country].rates_ppm)
