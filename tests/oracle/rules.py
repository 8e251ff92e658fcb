"""The rule files, read as data by the oracle: who qualifies, and which lines a rule speaks of."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel

from engine.rules.benefits.amount_off import AmountOff
from engine.rules.benefits.bundle import Bundle
from engine.rules.benefits.buy_get import BuyGet
from engine.rules.benefits.delivery_amount_off import DeliveryAmountOff
from engine.rules.benefits.delivery_percent_off import DeliveryPercentOff
from engine.rules.benefits.delivery_price import DeliveryPrice
from engine.rules.benefits.every_nth import EveryNth
from engine.rules.benefits.fee_amount_off import FeeAmountOff
from engine.rules.benefits.fee_percent_off import FeePercentOff
from engine.rules.benefits.fixed_price import FixedPrice
from engine.rules.benefits.gift import Gift
from engine.rules.benefits.issue_code import IssueCode
from engine.rules.benefits.n_for_m import NForM
from engine.rules.benefits.order_amount_off import OrderAmountOff
from engine.rules.benefits.order_percent_off import OrderPercentOff
from engine.rules.benefits.percent_off import PercentOff
from engine.rules.benefits.points import Points
from engine.rules.benefits.tiers import Tiers
from engine.rules.conditions.active import ActiveCondition
from engine.rules.conditions.codes import Codes
from engine.rules.conditions.contains import Contains, Several
from engine.rules.conditions.context import Context
from engine.rules.conditions.customers import CustomersCondition
from engine.rules.conditions.delivery import Delivery
from engine.rules.conditions.experiment import Experiment
from engine.rules.conditions.line_amount import LineAmount
from engine.rules.conditions.payment import Payment
from engine.rules.conditions.products import Products
from engine.rules.conditions.quantity import Quantity
from engine.rules.conditions.spend import Spend
from engine.rules.conditions.weight import Weight
from engine.rules.customers import Birthday, Customers, Orders
from engine.rules.model import Lane, Promotion, RuleFile
from engine.rules.selectors import PriceRange, Selector
from engine.rules.when import When
from engine.rules.window import Active, Hours
from tests.oracle.cart import Cart, DeliveryKey, Line, canonical_code
from tests.oracle.shop import Customer, end_instant, first_instant

GoodsBenefit = PercentOff | AmountOff | FixedPrice | Tiers | OrderPercentOff | OrderAmountOff
SetBenefit = BuyGet | NForM | EveryNth | Bundle
DeliveryBenefit = DeliveryPercentOff | DeliveryAmountOff | DeliveryPrice
FeeBenefit = FeePercentOff | FeeAmountOff
MoneyBenefit = GoodsBenefit | SetBenefit | DeliveryBenefit | FeeBenefit
AnyBenefit = MoneyBenefit | Gift | Points | IssueCode
OnGoods = LineAmount | Products | Quantity | Spend | Weight
NotMeasured = ActiveCondition | Codes | Context | CustomersCondition | Delivery | Experiment | Payment
AnyCondition = OnGoods | NotMeasured | Contains

_DEFAULT_LANES = ["price", "item", "bundle", "order", "shipping", "points"]
_DEFAULT_LANE_OF = {
    "percent_off": "item",
    "amount_off": "item",
    "fixed_price": "item",
    "tiers": "item",
    "buy_get": "bundle",
    "n_for_m": "bundle",
    "every_nth": "bundle",
    "bundle": "bundle",
    "order_percent_off": "order",
    "order_amount_off": "order",
    "delivery_percent_off": "shipping",
    "delivery_amount_off": "shipping",
    "delivery_price": "shipping",
    "fee_percent_off": "shipping",
    "fee_amount_off": "shipping",
    "gift": "bundle",
    "points": "points",
    "issue_code": "points",
}
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@dataclass(frozen=True)
class Rules:
    """All rule files together: (name, mode) of each lane, and the promotions."""

    lanes: list[tuple[str, str]]
    rounding: str
    promotions: list[Promotion]
    codes: dict[str, set[str]]
    """The codes that unlock each promotion."""
    loyalty: Any = None
    """The programme as it is written."""

    def of_lane(self, lane: str) -> list[Promotion]:
        """Return the promotions of a lane in their order."""
        mine = [each for each in self.promotions if lane_of(each) == lane]
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
    return RuleFile.model_validate(yaml.load(text, Loader=_LOADER) or {})  # noqa: S506 - builds only text, lists and maps


def rules_of(files: list[RuleFile]) -> Rules:
    """Put rule files together."""
    lanes = [[(lane.name, _mode_of(lane)) for lane in file.lanes] for file in files if file.lanes]
    roundings = [file.rounding.value for file in files if file.rounding]
    promotions = [promotion for file in files for promotion in file.promotions]
    return Rules(
        lanes=lanes[0] if lanes else [(name, "stack") for name in _DEFAULT_LANES],
        rounding=roundings[0] if roundings else "half_up",
        promotions=promotions,
        codes={promotion.id: _codes_of(promotion) for promotion in promotions},
        loyalty=next((file.loyalty for file in files if file.loyalty), None),
    )


def _mode_of(lane: Lane) -> str:
    return lane.mode.value if lane.per == "cart" else f"best per {lane.per.value}"


def lane_of(promotion: Promotion) -> str:
    """Return the lane in which a promotion competes."""
    return promotion.lane or _DEFAULT_LANE_OF[benefit_of(promotion).word]


def benefit_of(promotion: Promotion) -> AnyBenefit:
    """Return the one benefit of a promotion."""
    written = [getattr(promotion.give, word) for word in _DEFAULT_LANE_OF if getattr(promotion.give, word) is not None]
    assert len(written) == 1
    benefit: AnyBenefit = written[0]
    return benefit


def benefit_here(promotion: Promotion, cart: Cart) -> AnyBenefit:
    """Return the benefit with what is left of a budget, which may be given in part, as its cap."""
    benefit, currency = benefit_of(promotion), cart.store.currency
    limits = promotion.limits
    budgets = _texts(limits.budget) if limits and limits.partial and limits.budget else {}
    if currency not in budgets:
        return benefit
    left_minor = cart.budget_left_minor.get(promotion.id, budgets[currency])
    caps = [left_minor, *([_texts(benefit.at_most)[currency]] if benefit.at_most else [])]
    return benefit.model_copy(update={"at_most": {currency: min(caps)}})


_WORDS = [
    *("active", "codes", "contains", "context", "customers", "delivery", "experiment"),
    *("line_amount", "payment", "products", "quantity", "spend", "weight"),
]


def words_of(when: When) -> list[AnyCondition]:
    """Return the conditions that stand at this level, in the alphabetical order of their words."""
    return [condition for word in _WORDS if (condition := getattr(when, word)) is not None]


def conditions_of(promotion: Promotion) -> list[AnyCondition]:
    """Return all conditions, however deep."""
    found: list[AnyCondition] = []
    levels = [promotion.when] if promotion.when else []
    while levels:
        level = levels.pop()
        found += words_of(level)
        levels += [*level.all_of, *level.any_of, *([level.none_of] if level.none_of else [])]
    return found


def _codes_of(promotion: Promotion) -> set[str]:
    """Return the codes that a promotion asks for, at its gate and in its conditions."""
    asked = [each.any_of for each in conditions_of(promotion) if isinstance(each, Codes)]
    return {canonical_code(code) for codes in [promotion.codes or (), *asked] for code in codes}


def code_meant(typed: str, rules: Rules) -> str:
    """Return the code that was meant: itself where it is known, else the one known code that looks the same."""

    def looks(code: str) -> str:
        return code.replace("O", "0").replace("I", "1").replace("L", "1")

    known = set().union(*rules.codes.values())
    if typed in known:
        return typed
    alike = [code for code in known if looks(code) == looks(typed)]
    return alike[0] if len(alike) == 1 else typed


# Who, where, when


def closed_gate(promotion: Promotion, cart: Cart) -> Verdict | None:
    """Return the first gate that keeps a promotion from this cart, whatever is in it."""
    if promotion.channels is not None and cart.channel not in promotion.channels:
        return Verdict("wrong_channel")
    if not _in_store(promotion, cart):
        return Verdict("wrong_store")
    if promotion.codes is not None and not cart.codes & {canonical_code(code) for code in promotion.codes}:
        return Verdict("code_missing")
    if not is_open(promotion.active, cart.store.timezone, cart.at_ms):
        return Verdict("outside_window")
    if any(cart.store.currency not in amounts for amounts in _amounts_in(promotion)):
        return Verdict("currency")
    return _limit_gate(promotion, cart) or _customer_gate(promotion, cart)


def _limit_gate(promotion: Promotion, cart: Cart) -> Verdict | None:
    if promotion.limits is None:
        return None
    if promotion.id in cart.closed:
        return Verdict({"limit": "limit_reached", "budget": "budget_spent"}[cart.closed[promotion.id]])
    stamps = promotion.limits.stamps
    if cart.facts is None:
        return Verdict("sign_in") if promotion.limits.per_customer is not None or stamps is not None else None
    enough = stamps is None or cart.facts.stamps.get(stamps.card, 0) >= stamps.take
    return None if enough else Verdict("not_for_customer")


def _in_store(wanted: Promotion | Context, cart: Cart) -> bool:
    store = cart.store
    return (
        (wanted.stores is None or store.id in wanted.stores)
        and (wanted.store_groups is None or any(group in wanted.store_groups for group in store.groups))
        and (wanted.countries is None or store.country in wanted.countries)
    )


def _amounts_in(promotion: Promotion) -> list[dict[str, int]]:
    """Return every amount that the benefit and the conditions state, by currency."""
    benefit = benefit_of(promotion)
    written = [
        *_amounts_given(benefit),
        promotion.limits.budget if promotion.limits else None,
        *(each.at_least for each in conditions_of(promotion) if isinstance(each, Spend | LineAmount)),
        *(bound for word in (benefit, *conditions_of(promotion)) for bound in _bounds_in(word)),
    ]
    return [_texts(amounts) for amounts in written if isinstance(amounts, Mapping)]


def _amounts_given(written: object) -> list[Any]:
    """Return the amounts of a benefit, its steps and its groups, but not those in selectors."""
    if isinstance(written, tuple):
        return [amounts for each in written for amounts in _amounts_given(each)]
    if not isinstance(written, BaseModel) or isinstance(written, Selector):
        return []
    found = [
        getattr(written, name, None) for name in ("amount", "price", "per", "spend", "at_most", "at_most_per_line")
    ]
    found = [each for each in found if isinstance(each, Mapping)]
    return found + [each for name in type(written).model_fields for each in _amounts_given(getattr(written, name))]


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
    return None if _is_wanted(wanted, facts, cart) else Verdict("not_for_customer")


def _is_wanted(wanted: Customers, facts: Customer, cart: Cart) -> bool:
    """Say whether all that is asked of a customer is known and true of this one."""
    today = _date_at(cart.at_ms, cart.store.timezone)
    truths = []
    if wanted.tiers is not None:
        truths.append(facts.tier in wanted.tiers)
    if wanted.segments is not None:
        truths.append(any(segment in facts.segments for segment in wanted.segments))
    if wanted.first_order is not None:
        this_is_the_first = facts.first_order_ms is None or facts.first_order_ms >= cart.at_ms
        truths.append(wanted.first_order == this_is_the_first)
    if wanted.points is not None:
        truths.append(facts.points >= wanted.points.at_least)
    if wanted.account_age is not None:
        since = None if facts.since_ms is None else _date_at(facts.since_ms, cart.store.timezone)
        earliest = today - timedelta(days=wanted.account_age.at_least_days)
        truths.append(since is not None and since <= earliest)
    if wanted.birthday is not None:
        truths.append(facts.birthday is not None and _near_birthday(wanted.birthday, facts.birthday, today))
    if wanted.orders is not None:
        truths.append(facts.orders is not None and _orders_fit(wanted.orders, facts.orders))
    if wanted.nth_order is not None:
        truths.append(facts.orders is not None and any(facts.orders == nth - 1 for nth in wanted.nth_order))
    if wanted.first_order_in is not None:
        named = wanted.first_order_in.category
        truths.append(facts.ordered_categories is not None and not _any_below(facts.ordered_categories, named))
    return all(truths)


def _near_birthday(wanted: Birthday, birthday: str, today: date) -> bool:
    """Look at each day around today: is it the birthday? Who was born on 29 February has it on the 28th elsewhen."""
    for days in range(-wanted.within_days, wanted.within_days + 1):
        day = today + timedelta(days=days)
        if day.strftime("%m-%d") == birthday:
            return True
        last_of_february = day.month == 2 and (day + timedelta(days=1)).month == 3
        if birthday == "02-29" and last_of_february:
            return True
    return False


def _orders_fit(wanted: Orders, orders: int) -> bool:
    if wanted.at_least is not None and orders < wanted.at_least:
        return False
    return wanted.below is None or orders < wanted.below


def _any_below(paths: Iterable[str], categories: Iterable[str]) -> bool:
    """Say whether one of the paths is one of the categories, or below one."""
    return any(f"{path}/".startswith(f"{category}/") for path in paths for category in categories)


def is_open(active: Active, store_zone: str, at_ms: int) -> bool:
    """Say whether a promotion is active at an instant, by the clock on the wall of its zone."""
    zone = active.timezone or store_zone
    if active.from_ is not None and at_ms < first_instant(active.from_.day, active.from_.clock, zone):
        return False
    if active.until is not None and at_ms >= end_instant(active.until.day, active.until.clock, zone):
        return False
    today = _date_at(at_ms, zone)
    if today in active.except_days:
        return False
    if active.weekly is None:
        return True
    night_counts = today - timedelta(days=1) not in active.except_days
    return any(_covers(hours, *_on_the_wall(at_ms, zone), night_counts=night_counts) for hours in active.weekly)


def _date_at(at_ms: int, zone: str) -> date:
    """Return the day that calendars in a zone show."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone)).date()


def _on_the_wall(at_ms: int, zone: str) -> tuple[int, int]:
    """Return the day of the week and the minute of the day that clocks in a zone show."""
    wall = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))
    return wall.weekday(), wall.hour * 60 + wall.minute


def _covers(hours: Hours, weekday: int, minute: int, *, night_counts: bool) -> bool:
    today, yesterday = _DAYS[weekday], _DAYS[weekday - 1]
    if hours.from_ < hours.until:
        return today in hours.days and hours.from_ <= minute < hours.until
    # Through the night, or once around the clock: the hours belong to the day on which they begin.
    if today in hours.days and minute >= hours.from_:
        return True
    return night_counts and yesterday in hours.days and minute < hours.until


# What is in the cart


def failed_condition(promotion: Promotion, cart: Cart, at_lane_start: dict[str, int]) -> Verdict | None:
    """Return the first condition that does not hold; `at_lane_start` is what each line then cost."""
    return _failure_of_all(promotion.when, cart, at_lane_start) if promotion.when else None


def _failure_of_all(when: When, cart: Cart, at_lane_start: dict[str, int]) -> Verdict | None:
    """Return the first failure: of the words, then under `and`, then under `or`, then under `not`."""
    failures = [_failure(condition, cart, at_lane_start) for condition in words_of(when)]
    failures += [_failure_of_all(each, cart, at_lane_start) for each in when.all_of]
    if when.any_of:
        branches = [_failure_of_all(each, cart, at_lane_start) for each in when.any_of]
        failures.append(_nearest([branch for branch in branches if branch]) if all(branches) else None)
    if when.none_of is not None and _failure_of_all(when.none_of, cart, at_lane_start) is None:
        failures.append(Verdict("condition_failed", "not"))
    return next((failure for failure in failures if failure is not None), None)


def _nearest(failures: list[Verdict]) -> Verdict:
    """Return the failure of which the least part is missing; one that more cannot help only if all are such."""
    best, least = failures[0], None
    for failure in failures:
        if failure.numbers is not None and failure.numbers[2] > 0:
            wanted, _, distance = failure.numbers
            part = Fraction(distance, wanted)
            if least is None or part < least:
                best, least = failure, part
    return best


def _failure(condition: AnyCondition, cart: Cart, at_lane_start: dict[str, int]) -> Verdict | None:
    if isinstance(condition, Contains):
        return _contains_failure(condition, cart)
    if isinstance(condition, OnGoods):
        wanted, measured = _measured(condition, cart, at_lane_start)
        if measured >= wanted:
            return None
        return Verdict("condition_failed", condition.word, (wanted, measured, wanted - measured))
    return None if _holds(condition, cart) else Verdict("condition_failed", condition.word)


def _measured(condition: OnGoods, cart: Cart, at_lane_start: dict[str, int]) -> tuple[int, int]:
    """Return what is wanted, and what the chosen goods have of it."""
    lines = chosen(cart, condition.on, condition.except_, regulated=condition.counting == "regulated")
    match condition:
        case Quantity():
            return condition.at_least, sum(len(line.units) for line in lines)
        case Products():
            return condition.at_least, len({line.product.sku for line in lines})
        case Weight():
            return condition.at_least, sum(line.quantity for line in lines if line.product.unit == condition.unit)
        case Spend() | LineAmount():
            of_list = condition.threshold_on == "list"
            costs = [line.list_minor if of_list else at_lane_start[line.id] for line in lines]
            wanted = _texts(condition.at_least)[cart.store.currency]
            return wanted, sum(costs) if isinstance(condition, Spend) else max([0, *costs])


def _holds(condition: NotMeasured, cart: Cart) -> bool:  # noqa: PLR0911 - one for each word
    match condition:
        case ActiveCondition():
            return is_open(condition, cart.store.timezone, cart.at_ms)
        case Codes():
            return any(canonical_code(code) in cart.codes for code in condition.any_of)
        case Context():
            in_channel = condition.channels is None or cart.channel in condition.channels
            return in_channel and _in_store(condition, cart)
        case CustomersCondition():
            return cart.facts is not None and _is_wanted(condition, cart.facts, cart)
        case Delivery():
            return any(_delivery_fits(condition, each.key) for each in cart.deliveries if each.available)
        case Experiment():
            return _arm_of(condition, cart.draw) == condition.arm
        case Payment():
            return cart.payment_method in condition.methods


def _delivery_fits(wanted: Delivery, key: DeliveryKey) -> bool:
    method, place, slot = key
    truths = [
        wanted.methods is None or method in wanted.methods,
        wanted.slots is None or slot in wanted.slots,
        wanted.places is None or any(place[: len(prefix)] == prefix for prefix in wanted.places),
    ]
    return all(truths)


def _arm_of(experiment: Experiment, draw: int) -> str:
    """Lay the arms out point by point, in the order of their names; empty for a point beyond them."""
    digest = hashlib.blake2b(f"{experiment.name}:{draw}".encode(), digest_size=8).hexdigest()
    point = Fraction(int(digest, 16), 2**64) * 10_000
    points = [arm for arm in sorted(experiment.arms) for _ in range(experiment.arms[arm])]
    place = point.numerator // point.denominator
    return points[place] if place < len(points) else ""


def _contains_failure(condition: Contains, cart: Cart) -> Verdict | None:
    def wanted(goods: Several | Selector) -> int:
        return goods.at_least if isinstance(goods, Several) else 1

    def held(goods: Several | Selector) -> int:
        """As many units as there are, but no more than wanted."""
        selector = goods.of if isinstance(goods, Several) else goods
        lines = chosen(cart, selector, None, regulated=condition.counting == "regulated")
        return min(sum(len(line.units) for line in lines), wanted(goods))

    def failed(wanted: int, measured: int, distance: int) -> Verdict:
        return Verdict("condition_failed", "contains", (wanted, measured, distance))

    unwanted = [goods for goods in condition.none_of if held(goods) == wanted(goods)]
    if unwanted:
        return failed(0, len(unwanted), 0)
    all_wanted, all_held = sum(map(wanted, condition.all_of)), sum(map(held, condition.all_of))
    if all_held < all_wanted:
        return failed(all_wanted, all_held, all_wanted - all_held)
    missing = [wanted(goods) - held(goods) for goods in condition.any_of]
    if missing and min(missing) > 0:
        nearest = condition.any_of[missing.index(min(missing))]
        return failed(wanted(nearest), held(nearest), min(missing))
    return None


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
    if selector.discounted is not None:
        truths.append(selector.discounted == line.discounted_before)
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
