"""Rule files by chance: every word of the language, in every place where it may stand."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from tests.generator.shop import (
    ARMS,
    BRANDS,
    CARDS,
    CATEGORIES,
    CHANNELS,
    CODES,
    COUNTRIES,
    DATES,
    GROUPS,
    METHODS,
    PAYMENTS,
    PRODUCTS,
    SEGMENTS,
    SLOTS,
    STORES,
    TAGS,
    TIERS,
    TIMES,
    ZONES,
    Written,
    amount,
    amounts,
    any_of,
    everywhere,
    maybe,
    one_in,
    price,
    some,
    some_of,
    text_of,
    thousandths,
)

IDS: Final = list("abcdefghij")
MODES: Final = ["stack", "first", "best"]
ROUNDINGS: Final = ["half_up", "half_even", "half_down"]
LABELS: Final = ["red", "blue"]
"""Tags by which promotions mean each other."""
PERCENTS: Final = ["10%", "50%", "33.33%", "12.5%", "100%", "2.5%", "0.01%", "75%"]


def few(chance: Random) -> str:
    """Return a small number, mostly 1 or 2."""
    return str(chance.randint(1, chance.choice([2, 5])))


# Which goods


def selector(chance: Random, depth: int = 1) -> Written:
    """Return a selector; most select something."""
    kinds = ["sku", "category", "tag", "attribute", "price", "discounted"] + (["and", "or", "not"] if depth else [])
    return {kind: _selected(chance, kind, depth) for kind in some(chance, kinds, chance.choice([1, 1, 2]))}


def _selected(chance: Random, kind: str, depth: int) -> object:
    if kind == "not":
        return selector(chance, depth - 1)
    if kind in ("and", "or"):
        return [selector(chance, depth - 1) for _ in range(chance.randint(1, 2))]
    if kind == "price":
        low, high = sorted([price(chance), price(chance)])
        bounds = {"at_least": amounts(chance, lambda _: low), "below": amounts(chance, lambda _: high + 1)}
        return {bound: bounds[bound] for bound in some(chance, list(bounds))}
    known: dict[str, list[str]] = {"sku": PRODUCTS, "category": CATEGORIES, "tag": TAGS}
    if kind in known:
        return some(chance, known[kind])
    return {"brand": some(chance, BRANDS)} if kind == "attribute" else chance.choice(["true", "false"])


def _select(chance: Random, written: Written, on: int, except_: int) -> Written:
    """Write which goods are meant, one time in so many."""
    maybe(chance, written, "on", selector, on)
    maybe(chance, written, "except", selector, except_)
    return written


# Benefits


def benefit(chance: Random, words: Sequence[str] = ()) -> Written:
    """Return a benefit, one of the words if any are given."""
    word = chance.choice(words or _OFTEN)
    return {word: BENEFITS[word](chance)}


def _percent_off(chance: Random) -> Written:
    written: Written = {"percent": chance.choice(PERCENTS)}
    maybe(chance, written, "amount_of", any_of(["current", "list"]), 2)
    maybe(chance, written, "rounding", any_of(["unit", "line", "order"]), 2)
    return _off_units(chance, written)


def _amount_off(chance: Random) -> Written:
    return _off_units(chance, {"amount": amounts(chance), "per": chance.choice(["unit", "line", "selection"])})


def _fixed_price(chance: Random) -> Written:
    return _off_units(chance, {"price": _price(chance)})


def _off_units(chance: Random, written: Written) -> Written:
    """Write what all benefits share that lower chosen units."""
    if written.get("per", "unit") == "unit":
        maybe(chance, written, "max_units", few, 2)
        if one_in(chance, 5):
            written["pick"] = _place_in_row(chance)
        elif "max_units" in written and not one_in(chance, 4):
            written["pick"] = chance.choice(["cheapest", "dearest"])
    maybe(chance, written, "at_most_per_line", amounts, 5)
    maybe(chance, written, "at_most", amounts)
    return _select(chance, written, 2, 4)


def _place_in_row(chance: Random) -> Written:
    written: Written = {"nth": few(chance)}
    maybe(chance, written, "from", any_of(["cheapest", "dearest"]), 2)
    return written


def _price(chance: Random) -> dict[str, str]:
    return amounts(chance, lambda each: each.choice([0, price(each)]))


def _order_off(key: str) -> Callable[[Random], Written]:
    def make(chance: Random) -> Written:
        written = _off(key)(chance)
        maybe(chance, written, "except", selector)
        return written

    return make


def _off(key: str, named: str = "", names: Sequence[str] = ()) -> Callable[[Random], Written]:
    """Return what draws a benefit without goods: so much by that key, perhaps only of those that are named."""
    makes: dict[str, Callable[[Random], object]] = {"percent": any_of(PERCENTS), "amount": amounts, "price": _price}

    def make(chance: Random) -> Written:
        written: Written = {key: makes[key](chance)}
        if named:
            maybe(chance, written, named, some_of(list(names)))
        maybe(chance, written, "at_most", amounts)
        return written

    return make


def _reward(chance: Random) -> Written:
    kind = chance.choice(["percent", "amount", "price", "free"])
    if kind in ("amount", "price"):
        return {kind: everywhere(amount(chance))}
    return {"percent": chance.choice(PERCENTS)} if kind == "percent" else {"free": "true"}


def _tiers(chance: Random) -> Written:
    written: Written = {"mode": chance.choice(["whole", "slab"])}
    if one_in(chance, 2):
        bounds = sorted(some(chance, list(range(1, 9))))
        written["by_quantity"] = [{"quantity": str(bound), **_reward(chance)} for bound in bounds]
    else:
        bounds = sorted({price(chance) for _ in range(chance.randint(1, 3))})
        takes = ["percent", "amount"] if written["mode"] == "whole" else ["percent"]
        written["by_spend"] = [
            {"spend": everywhere(bound)}
            | (
                {"percent": chance.choice(PERCENTS)}
                if chance.choice(takes) == "percent"
                else {"amount": everywhere(amount(chance))}
            )
            for bound in bounds
        ]
    maybe(chance, written, "at_most", amounts, 5)
    return _select(chance, written, 3, 5)


def _sets(chance: Random, written: Written) -> Written:
    """Write what all benefits share that build sets."""
    maybe(chance, written, "max_sets", few)
    maybe(chance, written, "at_most", amounts, 5)
    if not one_in(chance, 4):
        written["unit_reuse"] = chance.choice(["none", "trigger", "reward", "both"])
    return written


def _picked_sets(chance: Random, written: Written) -> Written:
    maybe(chance, written, "pick", any_of(["cheapest", "dearest"]), 2)
    return _sets(chance, written)


def _buy_get(chance: Random) -> Written:
    get = _reward(chance)
    maybe(chance, get, "quantity", few)
    buy: Written = {"quantity": few(chance)}
    return _picked_sets(chance, {"buy": _select(chance, buy, 3, 5), "get": _select(chance, get, 3, 5)})


def _n_for_m(chance: Random) -> Written:
    take = chance.randint(2, 5)
    written: Written = {"take": str(take), "pay": str(chance.randint(1, take - 1))}
    return _picked_sets(chance, _select(chance, written, 3, 5))


def _every_nth(chance: Random) -> Written:
    written = {"nth": chance.choice(["2", "2", "3", "4"]), **_reward(chance)}
    return _sets(chance, _select(chance, written, 3, 5))


def _bundle(chance: Random) -> Written:
    groups: list[Written] = []
    for _ in range(chance.randint(1, 3)):
        group: Written = {}
        maybe(chance, group, "quantity", few)
        groups.append(_select(chance, group, 3, 5))
    return _picked_sets(chance, {"groups": groups, **_reward(chance)})


def _gift(chance: Random) -> Written:
    way = chance.choice(["sku", "cheapest_of", "choice_of"])
    skus = some(chance, PRODUCTS, 4)
    written: Written = {way: skus[0] if way == "sku" else skus}
    maybe(chance, written, "quantity", few)
    maybe(chance, written, "price", amounts)
    return written


def _points(chance: Random) -> Written:
    way = chance.choice(["once", "per", "per", "multiply", "multiply", "multiply"])
    if way == "once":
        return {"add": chance.choice(["1", "100"])}
    written: Written = {"multiply": chance.choice(["2", "3", "1.25"])}
    if way == "per":
        written = {"add": few(chance), "per": amounts(chance)}
    maybe(chance, written, "counting", any_of(["regulated", "unregulated"]), 2)
    return _select(chance, written, 2, 4)


def _issue_code(chance: Random) -> Written:
    return {"series": chance.choice(["spring", "next-visit"]), "valid_days": few(chance)}


BENEFITS: Final[dict[str, Callable[[Random], Written]]] = {
    "percent_off": _percent_off,
    "amount_off": _amount_off,
    "fixed_price": _fixed_price,
    "tiers": _tiers,
    "buy_get": _buy_get,
    "n_for_m": _n_for_m,
    "every_nth": _every_nth,
    "bundle": _bundle,
    "order_percent_off": _order_off("percent"),
    "order_amount_off": _order_off("amount"),
    "delivery_percent_off": _off("percent", "methods", METHODS),
    "delivery_amount_off": _off("amount", "methods", METHODS),
    "delivery_price": _off("price", "methods", METHODS),
    "fee_percent_off": _off("percent", "fees", ["wrap", "crate"]),
    "fee_amount_off": _off("amount", "fees", ["wrap", "crate"]),
    "gift": _gift,
    "points": _points,
    "issue_code": _issue_code,
}
ON_UNITS: Final = ["tiers", "buy_get", "n_for_m", "every_nth", "bundle"]
ON_ITEMS: Final = [*ON_UNITS, *ON_UNITS, "percent_off", "amount_off", "fixed_price"]
"""What lowers chosen goods, sets of units rather often."""
ON_THE_CART: Final = [word for word in BENEFITS if word.startswith(("delivery", "fee", "order"))]
BESIDES: Final = ["gift", "points", "issue_code"]
_OFTEN: Final = [*BENEFITS, "percent_off", "percent_off", "amount_off", "gift", "points"]


# Conditions


def conditions(chance: Random, depth: int = 2) -> Written:
    """Return one or two conditions, and now and then some that are joined."""
    written: Written = {}
    if depth and one_in(chance, 3):
        joint = chance.choice(["and", "or", "or", "not"])
        branches = [conditions(chance, depth - 1) for _ in range(1 if joint == "not" else chance.randint(1, 2))]
        written[joint] = branches[0] if joint == "not" else branches
    number = chance.randint(0, 1) if written else chance.choice([1, 1, 2])
    words = [chance.choice([*CONDITIONS, "customers", "customers"]) for _ in range(number)]
    return written | {word: CONDITIONS[word](chance) for word in words}


def _cost(chance: Random) -> Written:
    written: Written = {"at_least": amounts(chance, price)}
    maybe(chance, written, "threshold_on", any_of(["current", "list"]), 2)
    return _counted(chance, written)


def _number(chance: Random) -> Written:
    return _counted(chance, {"at_least": str(chance.randint(1, chance.choice([2, 6])))})


def _weight(chance: Random) -> Written:
    written = {
        "at_least": thousandths(chance.randint(1, chance.choice([400, 4000]))),
        "unit": chance.choice(["kg", "kg", "m"]),
    }
    return _counted(chance, written)


def _counted(chance: Random, written: Written) -> Written:
    maybe(chance, written, "counting", any_of(["goods", "regulated"]), 2)
    return _select(chance, written, 3, 4)


def _contains(chance: Random) -> Written:
    def entry() -> Written:
        return {"of": selector(chance), "at_least": few(chance)} if one_in(chance, 2) else selector(chance)

    written: Written = {
        key: [entry() for _ in range(chance.randint(1, 2))] for key in some(chance, ["any", "all", "none"], 2)
    }
    maybe(chance, written, "counting", any_of(["goods", "regulated"]), 2)
    return written


def _lists(**known: list[str]) -> Callable[[Random], Written]:
    """Return what draws known words under one or two of the keys."""
    return lambda chance: {key: some(chance, known[key]) for key in some(chance, sorted(known), 2)}


def _experiment(chance: Random) -> Written:
    name = chance.choice(list(ARMS))
    return {"name": name, "arms": ARMS[name], "arm": chance.choice(list(ARMS[name]))}


def window(chance: Random) -> Written:
    """Return dates, weekly hours or both."""
    written: Written = {}
    if one_in(chance, 2):
        first, last = sorted(chance.sample(DATES, 2))
        while first[:10] == last[:10]:
            first, last = sorted(chance.sample(DATES, 2))
        bounds = {"from": first, "until": last}
        written |= {bound: bounds[bound] for bound in some(chance, list(bounds))}
    if not written or one_in(chance, 2):
        written["weekly"] = [_hours(chance) for _ in range(chance.randint(1, 2))]
    maybe(chance, written, "except_days", lambda each: some(each, sorted({day[:10] for day in DATES})), 4)
    maybe(chance, written, "timezone", any_of(ZONES), 2)
    return written


def _hours(chance: Random) -> Written:
    """Return recurring hours, also through the night."""
    written: Written = {"from": chance.choice(TIMES[:-1]), "until": chance.choice(TIMES)}
    maybe(chance, written, "days", some_of(["fri", "sat", "sun", "mon"]), 2)
    return written


def customers(chance: Random) -> Written:
    """Return whom a promotion is for: one or two of the keys."""
    known: dict[str, Callable[[Random], object]] = {
        "tiers": some_of(TIERS),
        "segments": some_of(SEGMENTS),
        "first_order": any_of(["true", "false"]),
        "points": lambda each: {"at_least": each.choice(["5", "120", "121"])},
        "account_age": lambda each: {"at_least_days": str(each.randint(1, each.choice([20, 400])))},
        "birthday": lambda each: {"within_days": str(each.randint(0, 60))},
        "orders": any_of([{"at_least": "1"}, {"below": "3"}]),
        "nth_order": some_of(["1", "2", "4"]),
        "first_order_in": lambda each: {"category": some(each, CATEGORIES)},
    }
    return {key: known[key](chance) for key in some(chance, list(known), chance.choice([1, 1, 2]))}


CONDITIONS: Final[dict[str, Callable[[Random], Written]]] = {
    "spend": _cost,
    "line_amount": _cost,
    "quantity": _number,
    "products": _number,
    "weight": _weight,
    "contains": _contains,
    "delivery": _lists(methods=METHODS, slots=SLOTS, places=["7", "751", "1"]),
    "payment": lambda chance: {"methods": some(chance, PAYMENTS)},
    "context": _lists(channels=CHANNELS, stores=list(STORES), store_groups=GROUPS, countries=COUNTRIES),
    "customers": customers,
    "codes": lambda chance: {"any": some(chance, CODES)},
    "active": window,
    "experiment": _experiment,
}


# Promotions and files


def promotion(chance: Random, id_: str, lanes: list[str] | None) -> Written:
    """Return a promotion; most of them let most carts through."""
    written: Written = {"id": id_}
    if lanes is not None:
        written["lane"] = chance.choice(lanes)
    elif one_in(chance, 6):
        written["lane"] = chance.choice(["price", "item", "bundle", "order", "shipping", "points"])
    maybe(chance, written, "priority", any_of(["-2", "-1", "0", "1", "2"]), 2)
    maybe(chance, written, "active", window, 12)
    maybe(chance, written, "channels", some_of(CHANNELS), 20)
    maybe(chance, written, "stores", some_of(list(STORES)), 20)
    maybe(chance, written, "store_groups", some_of(GROUPS), 30)
    maybe(chance, written, "countries", some_of(COUNTRIES), 30)
    maybe(chance, written, "codes", some_of(CODES), 12)
    maybe(chance, written, "customers", customers, 6)
    maybe(chance, written, "when", conditions, 2)
    written["give"] = benefit(chance)
    maybe(chance, written, "limits", lambda each: limits(each, written), 4)
    return written


def limits(chance: Random, promotion: Written) -> Written:
    """Return limits that a promotion may have: no budget for what takes no money off."""
    (word,) = promotion["give"]
    names = ["total", "per_customer", "per_store", "per_day"]
    written: Written = {
        name: few(chance) for name in (["per_code"] if "codes" in promotion else some(chance, names, 2))
    }
    if word not in ("points", "issue_code"):
        maybe(chance, written, "budget", amounts, 2)
        if "budget" in written and word != "gift":
            maybe(chance, written, "partial", any_of(["true", "true", "false"]), 2)
    maybe(chance, written, "stamps", lambda each: {"card": each.choice(CARDS), "take": str(each.randint(1, 4))}, 4)
    maybe(chance, written, "on_cancel", any_of(["return", "keep"]), 2)
    return written


def used_up(chance: Random) -> Written:
    """Return what a cart document may say of limits that are used up, or nearly."""
    written: Written = {}
    maybe(chance, written, "closed", lambda each: {id_: each.choice(["limit", "budget"]) for id_ in some(each, IDS, 5)})
    maybe(chance, written, "budget_left", lambda each: {id_: amounts(each) for id_ in some(each, IDS, 5)}, 2)
    return written


def rivals(chance: Random, promotions: list[Written]) -> None:
    """Write into promotions which of them do not go together."""
    for written in promotions:
        maybe(chance, written, "tags", some_of(LABELS), 2)
        maybe(chance, written, "excludes", some_of(LABELS), 4)
        maybe(chance, written, "combines_with", some_of(LABELS), 6)
        maybe(chance, written, "exclusive", any_of(["true"]), 8)


def rule_files(chance: Random) -> tuple[str, ...]:
    """Return one or two rule files."""
    names = ["early", "late", "last"][: chance.randint(1, 3)] if one_in(chance, 2) else None
    written = [promotion(chance, id_, names) for id_ in chance.sample(IDS, chance.randint(1, 10))]
    if one_in(chance, 3):
        rivals(chance, written)
    split = chance.randint(0, len(written))
    files = [{**head(chance, names), "promotions": written[:split]}, {"promotions": written[split:]}]
    return tuple(text_of(file) for file in files if any(file.values()))


def head(chance: Random, lanes: Sequence[str] | None) -> Written:
    """Return what stands above the promotions: how lanes compete, if they are not the default ones, and the rounding."""
    written: Written = {}
    if lanes is not None:
        written["lanes"] = [{"name": name, "mode": chance.choice(MODES)} for name in lanes]
    if not one_in(chance, 4):
        written["rounding"] = chance.choice(ROUNDINGS)
    return written


def plain_rules(chance: Random, words: Sequence[str]) -> str:
    """Return a file of promotions that are open to everybody and give one of the words each, in one lane or two."""
    names = ["one", "two"][: chance.randint(1, 2)]
    written = []
    for id_ in chance.sample(IDS, chance.randint(1, 7)):
        promotion: Written = {"id": id_, "lane": chance.choice(names), "give": benefit(chance, words)}
        maybe(chance, promotion, "priority", any_of(["0", "1"]), 2)
        written.append(promotion)
    return text_of({**head(chance, names), "promotions": written})


def guarded_rules(chance: Random) -> str:
    """Return a file of promotions that only differ in what they ask of a cart or of a customer."""
    written: list[Written] = []
    for id_ in chance.sample(IDS, chance.randint(3, 10)):
        asked = chance.choice(
            [("when", conditions), ("when", conditions), ("customers", customers), ("active", window)]
        )
        written.append({"id": id_, asked[0]: asked[1](chance), "give": {"percent_off": {"percent": "10%"}}})
    return text_of({"promotions": written})
