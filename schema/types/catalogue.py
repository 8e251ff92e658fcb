"""The shop as clients see it: channels, stores, products and what they cost where."""

from collections.abc import Mapping
from functools import cached_property

import strawberry
from strawberry import ID

from engine.cart.model import QUANTITY_SCALE, Cart
from engine.fields import label_in
from engine.priced import Snapshot
from engine.pricing.basket import buyer_of
from engine.pricing.evaluation import Alternative, Unavailable
from engine.pricing.pricebook import PriceList, UnitPrice
from engine.pricing.shop import Channel, DeliveryMethod, Fee, Product, Shop, Store
from engine.rules.catalogue import CatalogueOffer, CataloguePrice, catalogue_price
from engine.types import Currency, InstantMs, Sku
from schema.ids import encode_id
from schema.scalars import QuantityOut, quantity_out
from schema.types.money import MoneyView
from schema.types.node import Node
from schema.views import field, object_type

UnavailableReason = strawberry.enum(
    Unavailable, name="UnavailableReason", description="Why something is not for sale in a channel and store."
)


class _Labelled:
    """Something with a label in the shop's languages."""

    __slots__ = ("_label", "_shop")

    def __init__(self, label: Mapping[str, str], shop: Shop) -> None:
        self._label = label
        self._shop = shop

    @field("What shoppers call it, in one of the shop's languages; its first one by default.")
    def label(self, locale: str | None = None) -> str:
        """Return the text in `locale`, or what comes nearest."""
        return label_in(self._label, locale or self._shop.locales[0])


@object_type("Channel", interfaces=(Node,))
class ChannelView(_Labelled):
    """A way to the shop, such as the web or a till."""

    __slots__ = ("_channel",)

    def __init__(self, channel: Channel, shop: Shop) -> None:
        super().__init__(channel.label, shop)
        self._channel = channel

    @property
    def id(self) -> ID:
        """Opaque; for `node`."""
        return encode_id("Channel", self._channel.id)

    @property
    def code(self) -> str:
        """The name by which arguments and tokens mean it, such as "web"."""
        return self._channel.id

    @property
    def store(self) -> str | None:
        """The code of the store whose prices hold where a cart of this channel names none."""
        return self._channel.store


@object_type("Store", interfaces=(Node,))
class StoreView(_Labelled):
    """A shop of bricks, and with it the place that decides currency, tax and time zone."""

    __slots__ = ("_store",)

    def __init__(self, store: Store, shop: Shop) -> None:
        super().__init__(store.label, shop)
        self._store = store

    @property
    def id(self) -> ID:
        """Opaque; for `node`."""
        return encode_id("Store", self._store.id)

    @property
    def code(self) -> str:
        """The name by which arguments and tokens mean it."""
        return self._store.id

    @property
    def country(self) -> str:
        """ISO 3166-1 alpha-2."""
        return self._store.country

    @property
    def currency(self) -> str:
        """ISO 4217."""
        return self._store.currency

    @property
    def timezone(self) -> str:
        """An IANA zone, such as "Europe/Paris"."""
        return self._store.timezone


@object_type("DeliveryMethod")
class DeliveryMethodView(_Labelled):
    """A way to get the goods. What it costs depends on place and slot: choose it, and look at the cart's deliveries."""

    __slots__ = ("_method",)

    def __init__(self, method: DeliveryMethod, shop: Shop) -> None:
        super().__init__(method.label, shop)
        self._method = method

    @property
    def code(self) -> str:
        """The name by which a delivery choice means it."""
        return self._method.id

    @property
    def slots(self) -> list[str]:
        """The slots one of which must be chosen; empty where there is nothing to choose."""
        return list(self._method.slots)

    @property
    def channels(self) -> list[str] | None:
        """The codes of the channels that offer it, null for all."""
        return sorted(self._method.channels) if self._method.channels is not None else None

    @property
    def countries(self) -> list[str] | None:
        """The countries (ISO 3166-1 alpha-2) it is offered in, null for all."""
        return sorted(self._method.countries) if self._method.countries is not None else None


@object_type("Fee")
class FeeView(_Labelled):
    """Something a shopper may choose to pay for, such as gift wrap."""

    __slots__ = ("_fee",)

    def __init__(self, fee: Fee, shop: Shop) -> None:
        super().__init__(fee.label, shop)
        self._fee = fee

    @property
    def code(self) -> str:
        """The name by which `cartFeesAdd` means it."""
        return self._fee.id

    @property
    def amounts(self) -> list[MoneyView]:
        """What one costs, in each currency of the shop."""
        return [MoneyView(amount_minor, currency) for currency, amount_minor in self._fee.amounts_minor.items()]


@object_type("Attribute")
class AttributeView:
    """A named property of a product."""

    __slots__ = ("_name", "_value")

    def __init__(self, name: str, value: str) -> None:
        self._name = name
        self._value = value

    @property
    def name(self) -> str:
        """The column of the catalogue, such as "brand"."""
        return self._name

    @property
    def value(self) -> str:
        """What it says of this product."""
        return self._value


@object_type("Product", interfaces=(Node,))
class ProductView:
    """A product, wherever it is sold."""

    __slots__ = ("_product",)

    def __init__(self, product: Product) -> None:
        self._product = product

    @property
    def id(self) -> ID:
        """Opaque; for `node`."""
        return encode_id("Product", self._product.sku)

    @property
    def sku(self) -> str:
        """The name by which `cartLinesAdd` means it."""
        return self._product.sku

    @property
    def name(self) -> str:
        """What shoppers read."""
        return self._product.name

    @property
    def category(self) -> str:
        """A path from the widest to the narrowest, such as "grocery/bakery/bread"."""
        return self._product.category

    @property
    def gtin(self) -> str | None:
        """The number under its barcode."""
        return self._product.gtin or None

    @property
    def unit(self) -> str:
        """What a quantity counts: "piece", or a measure such as "kg"."""
        return self._product.unit

    @property
    def tags(self) -> list[str]:
        """Further words about it."""
        return sorted(self._product.tags)

    @property
    def options(self) -> list[str]:
        """The options a line of it may have, such as "engraving"."""
        return list(self._product.options)

    @property
    def attributes(self) -> list[AttributeView]:
        """The further columns of the catalogue."""
        return [AttributeView(name, value) for name, value in self._product.attributes.items()]


@object_type("Alternative")
class AlternativeView:
    """Another product that the catalogue names instead of one that is not sold here."""

    __slots__ = ("_alternative", "_shop")

    def __init__(self, alternative: Alternative, shop: Shop) -> None:
        self._alternative = alternative
        self._shop = shop

    @property
    def kind(self) -> str:
        """`pack`: the same goods in another pack; `substitute`: other goods."""
        return self._alternative.kind

    @property
    def units(self) -> int:
        """How many units of the original one of these holds."""
        return self._alternative.units

    @property
    def product(self) -> ProductView:
        """The product itself."""
        return ProductView(self._shop.products[self._alternative.sku])


@object_type("QuantityBreak")
class QuantityBreakView:
    """The price from a quantity on."""

    __slots__ = ("_measured", "_price")

    def __init__(self, price: UnitPrice, *, measured: bool) -> None:
        self._price = price
        self._measured = measured

    @property
    def from_quantity(self) -> QuantityOut:
        """The quantity of one line from which this price holds for all of it."""
        return quantity_out(self._price.from_quantity, measured=self._measured)

    @property
    def price(self) -> MoneyView:
        """What one piece, or one whole unit of measured goods, costs then."""
        return MoneyView(self._price.amount_minor, self._price.price_list.currency)

    @property
    def price_list(self) -> str:
        """The price list it comes from."""
        return self._price.price_list.id


class PriceContext:
    """Where, for whom and when catalogue prices are shown: worked out once for all products of a query.

    `shopper` is an empty cart that says where and who.
    """

    __slots__ = ("_shopper", "_snapshot", "_store", "as_of_ms", "lists", "shop")

    def __init__(self, snapshot: Snapshot, shopper: Cart, as_of_ms: InstantMs) -> None:
        self.shop = snapshot.shop
        self.as_of_ms = as_of_ms
        self._snapshot = snapshot
        self._shopper = shopper
        self._store = self.shop.store_of(shopper.channel, shopper.store)
        self.lists: tuple[PriceList, ...] = self.shop.prices.lists_for(buyer_of(shopper, self._store, as_of_ms))

    def sells(self, product: Product) -> bool:
        """Say whether a product is sold here."""
        return self.shop.sold_in(product, self._shopper.channel, self._store.id)

    def price(self, sku: Sku, quantity: int) -> UnitPrice | None:
        """Return the price of one unit where that much is bought."""
        return self.shop.prices.unit_price(sku, quantity, self.lists)

    def catalogue_price(self, product: Product) -> CataloguePrice | None:
        """Return what one unit costs before and after the offers of the catalogue."""
        rules = self._snapshot.catalogue_rules
        return catalogue_price(product, self._shopper, self.shop, rules, self.as_of_ms)


@object_type("CatalogueOffer")
class CatalogueOfferView:
    """A promotion that lowers the price of a product before it is in any cart."""

    __slots__ = ("_currency", "_offer", "_shop")

    def __init__(self, offer: CatalogueOffer, currency: Currency, shop: Shop) -> None:
        self._offer = offer
        self._currency = currency
        self._shop = shop

    @property
    def promotion_id(self) -> ID:
        """The id in the rule file."""
        return ID(self._offer.promotion)

    @field("What shoppers call it, in one of the shop's languages; its first one by default.")
    def label(self, locale: str | None = None) -> str:
        """Return the text in `locale`, or what comes nearest, or the id."""
        return label_in(self._offer.label, locale or self._shop.locales[0]) or self._offer.promotion

    @property
    def amount(self) -> MoneyView:
        """What it takes off one unit, not negative."""
        return MoneyView(self._offer.amount_minor, self._currency)


@object_type("PricedProduct")
class PricedProductView:
    """A product in one channel and store, with its price for whoever asks."""

    def __init__(self, product: Product, context: PriceContext) -> None:
        self._product = product
        self._context = context

    @cached_property
    def _catalogue(self) -> CataloguePrice | None:
        return self._context.catalogue_price(self._product)

    @property
    def product(self) -> ProductView:
        """The product itself."""
        return ProductView(self._product)

    @property
    def available(self) -> bool:
        """Whether it can be bought here now."""
        return self.unavailable_reason is None

    @property
    def unavailable_reason(self) -> Unavailable | None:
        """Why it cannot be bought here now, null where it can."""
        if not self._context.sells(self._product):
            return Unavailable.NOT_SOLD_HERE
        return Unavailable.NO_PRICE if self._one() is None else None

    @property
    def alternatives(self) -> list[AlternativeView]:
        """What the catalogue names instead that is sold here."""
        shop = self._context.shop
        return [
            AlternativeView(Alternative(other.sku, other.kind, other.units), shop)
            for other in self._product.alternates
            if self._context.sells(shop.products[other.sku])
        ]

    @property
    def price(self) -> MoneyView | None:
        """The list price of one piece, or of one whole unit of measured goods; null where it is not available here."""
        price = self._one() if self._context.sells(self._product) else None
        return MoneyView(price.amount_minor, price.price_list.currency) if price else None

    @property
    def was_price(self) -> MoneyView | None:
        """The list price that offers of the catalogue have lowered; null where none of them does."""
        found = self._catalogue
        return MoneyView(found.was_minor, found.currency) if found and found.offers else None

    @property
    def now_price(self) -> MoneyView | None:
        """What one unit, alone in a cart, costs after the offers of the catalogue; null where it is not available."""
        found = self._catalogue
        return MoneyView(found.now_minor, found.currency) if found else None

    @property
    def promotions(self) -> list[CatalogueOfferView]:
        """The offers of the catalogue that make the difference, in the order in which they are applied."""
        found, shop = self._catalogue, self._context.shop
        return [CatalogueOfferView(offer, found.currency, shop) for offer in found.offers] if found else []

    @property
    def price_list(self) -> str | None:
        """The price list it comes from."""
        price = self._one()
        return price.price_list.id if price else None

    @property
    def tax_included(self) -> bool | None:
        """Whether the price contains tax."""
        price = self._one()
        return price.price_list.tax_included if price else None

    @property
    def quantity_breaks(self) -> list[QuantityBreakView]:
        """Every price that holds from some quantity on, smallest quantity first."""
        sku, prices = self._product.sku, self._context.shop.prices
        of_sku = prices.breaks.get(sku, {})
        starts = sorted({start for held in self._context.lists for start in of_sku.get(held.id, ((), ()))[0]})
        found = [self._context.price(sku, start) for start in starts]
        return [QuantityBreakView(price, measured=self._product.measured) for price in dict.fromkeys(found) if price]

    def _one(self) -> UnitPrice | None:
        return self._context.price(self._product.sku, QUANTITY_SCALE if self._product.measured else 1)
