"""What clients may ask."""

from collections.abc import Callable
from typing import Final

import strawberry
from strawberry import ID

from engine.cart.draw import draw_of
from engine.cart.model import Cart
from engine.cart.refusals import REFUSALS
from engine.errors import RefusedError, UserErrorCode
from engine.priced import PricedCart
from engine.types import CartId, ChannelId, PromotionId, Sku, StoreId
from schema.context import Info, RequestContext
from schema.errors import ErrorCode, fault
from schema.ids import decode_id, key_of
from schema.types.cart import CartView
from schema.types.catalogue import (
    ChannelView,
    DeliveryMethodView,
    FeeView,
    PriceContext,
    PricedProductView,
    ProductView,
    StoreView,
)
from schema.types.log import LogEntryConnectionView
from schema.types.members import InviteView
from schema.types.node import Node
from schema.types.offers import PromotionView, RulesetView
from schema.types.paging import page_of
from schema.views import field

PRODUCTS_MAX: Final = 250


QUERIES: Final = "What can be asked. Channels, stores, products and promotions need no token."


@strawberry.type(description=QUERIES)
class Query:
    """The root of queries."""

    @field("A cart that the caller may see; null for any other, as if it did not exist.")
    async def cart(self, info: Info, id: ID) -> CartView | None:
        """One round trip to the store."""
        return await _cart(info.context, id)

    @field("The cart that the customer last worked on, from any device; null for a guest.")
    async def active_cart(self, info: Info) -> CartView | None:
        """Two round trips to the store."""
        caller = info.context.known_caller()
        return _view(await info.context.engine.active_cart(caller), info.context)

    @field("The cart that was active before the customer signed in with another one.")
    async def superseded_cart(self, info: Info) -> CartView | None:
        """Two round trips to the store."""
        caller = info.context.known_caller()
        return _view(await info.context.engine.superseded_cart(caller), info.context)

    @field("Anything with an id: a cart, product, channel, store or promotion.")
    async def node(self, info: Info, id: ID) -> Node | None:
        """At most one round trip to the store."""
        found = decode_id(id)
        if found is None:
            return None
        if found.type == "Cart":
            return await _cart(info.context, id)  # type: ignore[return-value]  # views are types of the schema by name
        look_up = _NODES.get(found.type)
        return look_up(info.context, found.key) if look_up else None  # type: ignore[return-value]  # as above

    @field("Products by SKU, in the order asked, null for an unknown one; priced for the caller and place.")
    async def products(
        self, info: Info, skus: list[str], channel: str | None = None, store: str | None = None
    ) -> list[PricedProductView | None]:
        """One round trip to the store for a customer, whose tier decides prices; none for others."""
        if len(skus) > PRODUCTS_MAX:
            raise fault(ErrorCode.INVALID_ARGUMENT, f"`skus` are at most {PRODUCTS_MAX}, not {len(skus)}")
        context = info.context
        named, stored = context.place(channel, store)
        shop, caller = context.snapshot.shop, context.caller
        facts = await context.engine.facts_of(caller.customer) if caller and caller.customer else None
        shopper = Cart(
            id=CartId(""),
            version=0,
            members=(),
            channel=named,
            store=stored,
            locale=shop.locales[0],
            facts=facts,
            draw=draw_of(caller.member if caller else ""),
        )
        prices = PriceContext(context.snapshot, shopper, context.now_ms)
        found = [shop.products.get(Sku(sku)) for sku in skus]
        return [PricedProductView(product, prices) if product else None for product in found]

    @field("The ways to the shop.")
    def channels(self, info: Info) -> list[ChannelView]:
        """From the snapshot."""
        shop = info.context.snapshot.shop
        return [ChannelView(channel, shop) for channel in shop.channels.values()]

    @field("The shops of bricks.")
    def stores(self, info: Info) -> list[StoreView]:
        """From the snapshot."""
        shop = info.context.snapshot.shop
        return [StoreView(store, shop) for store in shop.stores.values()]

    @field("The ways to get the goods.")
    def delivery_methods(self, info: Info) -> list[DeliveryMethodView]:
        """From the snapshot."""
        shop = info.context.snapshot.shop
        return [DeliveryMethodView(method, shop) for method in shop.delivery_methods.values()]

    @field("What a shopper may choose to pay for.")
    def fees(self, info: Info) -> list[FeeView]:
        """From the snapshot."""
        shop = info.context.snapshot.shop
        return [FeeView(fee, shop) for fee in shop.fees.values()]

    @field("The promotions that are running.")
    def ruleset(self, info: Info) -> RulesetView:
        """From the snapshot."""
        return RulesetView(info.context)

    @field(
        "What happened to a cart after a version, oldest first, as far back as the log reaches; null for a cart that "
        "the caller may not see."
    )
    async def cart_log(
        self, info: Info, cart_id: ID, after: int = 0, first: int | None = None
    ) -> LogEntryConnectionView | None:
        """One round trip to the store."""
        caller, cart = info.context.known_caller(), CartId(key_of(cart_id, "Cart"))
        if after < 0:
            raise fault(ErrorCode.INVALID_ARGUMENT, f"`after` is {after}: expected the version of a cart, or 0")
        entries = await info.context.engine.log(caller, cart, after) if cart else None
        return LogEntryConnectionView(page_of(entries, first, None), caller) if entries is not None else None

    @field(
        "The invites of a cart that have not ended, with their codes; for its owner, and for staff with `cart:write`. "
        "Null for a cart that the caller may not see."
    )
    async def cart_invites(self, info: Info, cart_id: ID) -> list[InviteView] | None:
        """One round trip to the store."""
        caller, cart = info.context.known_caller(), CartId(key_of(cart_id, "Cart"))
        priced = await info.context.engine.cart(caller, cart) if cart else None
        if priced is None:
            return None
        if not caller.may_manage(priced.cart):
            message = REFUSALS[UserErrorCode.ROLE_FORBIDS]
            raise RefusedError.because(UserErrorCode.ROLE_FORBIDS, message, "cartId")
        return [InviteView(invite) for invite in priced.cart.invites if invite.ends_ms > priced.as_of_ms]


async def _cart(context: RequestContext, id: ID) -> CartView | None:
    caller, cart = context.known_caller(), CartId(key_of(id, "Cart"))
    return _view(await context.engine.cart(caller, cart), context) if cart else None


def _view(priced: PricedCart | None, context: RequestContext) -> CartView | None:
    return CartView(priced, context.known_caller()) if priced else None


def _product(context: RequestContext, key: str) -> ProductView | None:
    product = context.snapshot.shop.products.get(Sku(key))
    return ProductView(product) if product else None


def _channel(context: RequestContext, key: str) -> ChannelView | None:
    shop = context.snapshot.shop
    channel = shop.channels.get(ChannelId(key))
    return ChannelView(channel, shop) if channel else None


def _store(context: RequestContext, key: str) -> StoreView | None:
    shop = context.snapshot.shop
    store = shop.stores.get(StoreId(key))
    return StoreView(store, shop) if store else None


def _promotion(context: RequestContext, key: str) -> PromotionView | None:
    promotion = context.snapshot.ruleset.by_id.get(PromotionId(key))
    if promotion is None or not (context.sees_all_offers or promotion.for_everybody):
        return None
    return PromotionView(promotion, context)


_NODES: Final[dict[str, Callable[[RequestContext, str], object]]] = {
    "Product": _product,
    "Channel": _channel,
    "Store": _store,
    "Promotion": _promotion,
}
