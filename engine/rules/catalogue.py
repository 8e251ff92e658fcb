"""The price of a product before it is in any cart: what it was, and what the offers of the catalogue leave of it.

The offers of the catalogue are the promotions of the lane `price`. They are asked about a cart that holds one unit of
the product and nothing else, by the code that prices carts: what a shelf says and what a cart says cannot differ for
want of a second way to count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.cart.commands import line_id
from engine.cart.model import QUANTITY_SCALE, Cart, LineItem
from engine.pricing.basket import build_basket
from engine.pricing.shop import Product, Shop
from engine.rules.evaluate import evaluate
from engine.rules.ruleset import Assembly, Ruleset, RulesetName, head_of
from engine.types import Currency, InstantMs, MemberId, PromotionId

CATALOGUE_LANE = "price"

_NOBODY = MemberId("")


@dataclass(frozen=True, slots=True)
class CatalogueOffer:
    """What one promotion takes off one unit of a product."""

    promotion: PromotionId
    label: Mapping[str, str]
    amount_minor: int


@dataclass(frozen=True, slots=True)
class CataloguePrice:
    """What one unit costs before and after the offers of the catalogue: a piece, or a whole kilogram, litre, metre."""

    currency: Currency
    was_minor: int
    now_minor: int
    offers: tuple[CatalogueOffer, ...]


def catalogue_rules(ruleset: Ruleset) -> Ruleset:
    """Return the rule set of the lane `price` alone, without hidden promotions and those that need a code.

    Work it out once for a rule set, not once for a product.
    """
    shown = [
        promotion
        for promotion in (ruleset.promotions[place] for place in ruleset.by_lane.get(CATALOGUE_LANE, ()))
        if promotion.codes is None and not promotion.written.hidden
    ]
    promotions = tuple(replace(promotion, place=place) for place, promotion in enumerate(shown))
    assembly = Assembly()
    for promotion in promotions:
        assembly.add(head_of(promotion))
    lanes = tuple(lane for lane in ruleset.lanes if lane.name == CATALOGUE_LANE)
    return assembly.ruleset(
        RulesetName(ruleset.hash, lanes, ruleset.rounding, ruleset.may_conflict, ruleset.loyalty), promotions
    )


def catalogue_price(
    product: Product, shopper: Cart, shop: Shop, rules: Ruleset, as_of_ms: InstantMs
) -> CataloguePrice | None:
    """Return what one unit costs a shopper; None where it is not sold to them, or has no price.

    `shopper` is an empty cart: its channel, store and facts say where and who. `rules` come from `catalogue_rules`.
    """
    quantity = QUANTITY_SCALE if product.measured else 1
    wish = LineItem(line_id(product.sku), product.sku, ((_NOBODY, quantity),), measured=product.measured)
    basket = build_basket(replace(shopper, lines=(wish,)), shop, as_of_ms)
    if not basket.lines:
        return None
    evaluation = evaluate(basket, rules)
    line = evaluation.lines[0]
    offers = tuple(
        CatalogueOffer(share.promotion, rules.by_id[share.promotion].written.label, share.amount_minor)
        for share in line.allocations
    )
    return CataloguePrice(evaluation.currency, line.list_minor, line.total_minor, offers)
