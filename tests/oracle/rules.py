"""The rule files, read as data by the oracle: who qualifies, and which lines a rule speaks of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel

from engine.rules.benefits.amount_off import AmountOff
from engine.rules.benefits.delivery_amount_off import DeliveryAmountOff
from engine.rules.benefits.delivery_percent_off import DeliveryPercentOff
from engine.rules.benefits.fixed_price import FixedPrice
from engine.rules.benefits.order_amount_off import OrderAmountOff
from engine.rules.benefits.order_percent_off import OrderPercentOff
from engine.rules.benefits.percent_off import PercentOff
from engine.rules.conditions.contains import Contains
from engine.rules.conditions.quantity import Quantity
from engine.rules.conditions.spend import Spend
from engine.rules.model import Promotion, RuleFile
from engine.rules.selectors import PriceRange, Selector
from engine.rules.window import Active, Hours
from tests.oracle.cart import Cart, Line, canonical_code
from tests.oracle.shop import end_instant, first_instant

AnyBenefit = (
    PercentOff | AmountOff | FixedPrice | OrderPercentOff | OrderAmountOff | DeliveryPercentOff | DeliveryAmountOff
)
AnyCondition = Contains | Quantity | Spend

_DEFAULT_LANES = ["price", "item", "bundle", "order", "shipping", "points"]
_DEFAULT_LANE_OF = {
    "percent_off": "item",
    "amount_off": "item",
    "fixed_price": "item",
    "order_percent_off": "order",
    "order_amount_off": "order",
    "delivery_percent_off": "shipping",
    "delivery_amount_off": "shipping",
}
_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@dataclass(frozen=True)
class Rules:
    """All rule files together: (name, mode) of each lane, and the promotions."""

    lanes: list[tuple[str, str]]
    rounding: str
    promotions: list[Promotion]

    def of_lane(self, lane: str) -> list[Promotion]:
        """Return the promotions of a lane in their order."""
        mine = [each for each in self.promotions if (each.lane or _DEFAULT_LANE_OF[benefit_of(each).word]) == lane]
        return sorted(mine, key=lambda each: (-each.priority, each.id))


@dataclass(frozen=True)
class Verdict:
    """Why a promotion does not apply, with the numbers of a failed condition."""

    code: str
    condition: str = ""
    numbers: tuple[int, int, int] | None = field(default=None)
    """Wanted, measured, distance; None where nothing can be measured."""


def read_rules(folder: Path) -> Rules:
    """Read a rule folder."""
    paths = sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")])
    return rules_of([parse(path.read_text(encoding="utf-8")) for path in paths])


def parse(text: str) -> RuleFile:
    """Parse one rule file; every value arrives at the model as the text it is written as."""
    return RuleFile.model_validate(yaml.load(text, Loader=yaml.BaseLoader) or {})  # noqa: S506 - builds only text, lists and maps


def rules_of(files: list[RuleFile]) -> Rules:
    """Put rule files together."""
    lanes = [[(lane.name, lane.mode.value) for lane in file.lanes] for file in files if file.lanes]
    roundings = [file.rounding.value for file in files if file.rounding]
    return Rules(
        lanes=lanes[0] if lanes else [(name, "stack") for name in _DEFAULT_LANES],
        rounding=roundings[0] if roundings else "half_up",
        promotions=[promotion for file in files for promotion in file.promotions],
    )


def benefit_of(promotion: Promotion) -> AnyBenefit:
    """Return the one benefit of a promotion."""
    written = [getattr(promotion.give, word) for word in _DEFAULT_LANE_OF if getattr(promotion.give, word) is not None]
    assert len(written) == 1
    benefit: AnyBenefit = written[0]
    return benefit


def conditions_of(promotion: Promotion) -> list[AnyCondition]:
    """Return the conditions in the alphabetical order of their words."""
    if promotion.when is None:
        return []
    words = ("contains", "quantity", "spend")
    return [condition for word in words if (condition := getattr(promotion.when, word)) is not None]


# Who, where, when


def closed_gate(promotion: Promotion, cart: Cart) -> Verdict | None:
    """Return the first gate that keeps a promotion from this cart, whatever is in it."""
    if promotion.channels is not None and cart.channel not in promotion.channels:
        return Verdict("wrong_channel")
    if promotion.stores is not None and cart.store.id not in promotion.stores:
        return Verdict("wrong_store")
    if promotion.codes is not None and not cart.codes & {canonical_code(code) for code in promotion.codes}:
        return Verdict("code_missing")
    if not is_open(promotion.active, cart.store.timezone, cart.at_ms):
        return Verdict("outside_window")
    if any(cart.store.currency not in amounts for amounts in _amounts_in(promotion)):
        return Verdict("currency")
    return _customer_gate(promotion, cart)


def _amounts_in(promotion: Promotion) -> list[dict[str, int]]:
    """Return every amount that the benefit and the conditions state, by currency."""
    benefit = benefit_of(promotion)
    written = [
        getattr(benefit, "amount", None),
        getattr(benefit, "price", None),
        benefit.at_most,
        *(condition.at_least for condition in conditions_of(promotion) if isinstance(condition, Spend)),
        *(bound for word in (benefit, *conditions_of(promotion)) for bound in _bounds_in(word)),
    ]
    return [_texts(amounts) for amounts in written if amounts is not None]


def _bounds_in(written: object) -> list[Any]:
    """Return the bounds of all price ranges in a word or selector, whatever they are nested in."""
    if isinstance(written, PriceRange):
        return [written.at_least, written.below]
    if isinstance(written, tuple):
        return [bound for each in written for bound in _bounds_in(each)]
    if isinstance(written, BaseModel):
        return [bound for name in type(written).model_fields for bound in _bounds_in(getattr(written, name))]
    return []


def _customer_gate(promotion: Promotion, cart: Cart) -> Verdict | None:
    wanted, facts = promotion.customers, cart.facts
    if wanted is None:
        return None
    if facts is None:
        return Verdict("sign_in")
    not_for_them = Verdict("not_for_customer")
    if wanted.tiers is not None and facts.tier not in wanted.tiers:
        return not_for_them
    if wanted.segments is not None and not facts.segments & set(wanted.segments):
        return not_for_them
    if wanted.first_order is not None:
        this_is_the_first = facts.first_order_ms is None or facts.first_order_ms >= cart.at_ms
        if wanted.first_order != this_is_the_first:
            return not_for_them
    return None


def is_open(active: Active, store_zone: str, at_ms: int) -> bool:
    """Say whether a promotion is active at an instant, by the clock on the wall of its zone."""
    zone = active.timezone or store_zone
    if active.from_ is not None and at_ms < first_instant(active.from_.day, active.from_.clock, zone):
        return False
    if active.until is not None and at_ms >= end_instant(active.until.day, active.until.clock, zone):
        return False
    if active.weekly is None:
        return True
    return any(_covers(hours, *_on_the_wall(at_ms, zone)) for hours in active.weekly)


def _on_the_wall(at_ms: int, zone: str) -> tuple[int, int]:
    """Return the day of the week and the minute of the day that clocks in a zone show."""
    wall = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))
    return wall.weekday(), wall.hour * 60 + wall.minute


def _covers(hours: Hours, weekday: int, minute: int) -> bool:
    today, yesterday = _DAYS[weekday], _DAYS[weekday - 1]
    if hours.from_ < hours.until:
        return today in hours.days and hours.from_ <= minute < hours.until
    # Through the night, or once around the clock: the hours belong to the day on which they begin.
    return (today in hours.days and minute >= hours.from_) or (yesterday in hours.days and minute < hours.until)


# What is in the cart


def failed_condition(promotion: Promotion, cart: Cart, at_lane_start: dict[str, int]) -> Verdict | None:
    """Return the first condition that does not hold; `at_lane_start` is what each line then cost."""
    for condition in conditions_of(promotion):
        failed = _failure(condition, cart, at_lane_start)
        if failed is not None:
            return failed
    return None


def _failure(condition: AnyCondition, cart: Cart, at_lane_start: dict[str, int]) -> Verdict | None:
    regulated = condition.counting == "regulated"
    if isinstance(condition, Contains):
        return _contains_failure(condition, cart, regulated=regulated)
    lines = chosen(cart, condition.on, condition.except_, regulated=regulated)
    if isinstance(condition, Quantity):
        measured = sum(len(line.units) for line in lines)
        wanted = condition.at_least
    else:
        of_list = condition.threshold_on == "list"
        measured = sum(line.list_minor if of_list else at_lane_start[line.id] for line in lines)
        wanted = _texts(condition.at_least)[cart.store.currency]
    if measured >= wanted:
        return None
    return Verdict("condition_failed", condition.word, (wanted, measured, wanted - measured))


def _contains_failure(condition: Contains, cart: Cart, *, regulated: bool) -> Verdict | None:
    def present(selector: Selector) -> bool:
        return bool(chosen(cart, selector, None, regulated=regulated))

    one_of_any = not condition.any_of or any(present(selector) for selector in condition.any_of)
    every_one_of_all = all(present(selector) for selector in condition.all_of)
    no_one_of_none = not any(present(selector) for selector in condition.none_of)
    if one_of_any and every_one_of_all and no_one_of_none:
        return None
    return Verdict("condition_failed", condition.word)


def chosen(cart: Cart, on: Selector | None, except_: Selector | None, *, regulated: bool = False) -> list[Line]:
    """Return the lines that `on` selects and `except_` does not; regulated goods only if asked for."""
    return [
        line
        for line in cart.goods
        if (regulated or not line.product.never_discount)
        and (on is None or selects(on, line, cart.store.currency))
        and (except_ is None or not selects(except_, line, cart.store.currency))
    ]


def selects(selector: Selector, line: Line, currency: str) -> bool:
    """Say whether a selector selects a line: all that is written must be true of it."""
    product = line.product
    truths = []
    if selector.sku is not None:
        truths.append(product.sku in selector.sku)
    if selector.category is not None:
        truths.append(any(f"{product.category}/".startswith(f"{category}/") for category in selector.category))
    if selector.tag is not None:
        truths.append(any(tag in product.tags for tag in selector.tag))
    if selector.attribute is not None:
        for name, values in selector.attribute.items():
            truths.append(product.attributes.get(name) in values)
    if selector.price is not None:
        truths.append(_in_range(selector.price, line.tag_minor, currency))
    if selector.all_of is not None:
        truths += [selects(each, line, currency) for each in selector.all_of]
    if selector.any_of is not None:
        truths.append(any(selects(each, line, currency) for each in selector.any_of))
    if selector.none_of is not None:
        truths.append(not selects(selector.none_of, line, currency))
    return all(truths)


def _in_range(price: PriceRange, tag_minor: int, currency: str) -> bool:
    at_least = None if price.at_least is None else _texts(price.at_least)
    below = None if price.below is None else _texts(price.below)
    if at_least is not None and tag_minor < at_least[currency]:
        return False
    return below is None or tag_minor < below[currency]


def _texts(amounts: Mapping[Any, int]) -> dict[str, int]:
    """Return amounts by the name of their currency."""
    return {str(currency): amount for currency, amount in amounts.items()}
