"""Rule files by chance: every word of the language, in every place where it may stand."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from hypothesis import strategies as st

from tests.strategies_shop import (
    ARMS,
    BRANDS,
    CATEGORIES,
    CHANNELS,
    CODES,
    COUNTRIES,
    DATES,
    DECIMALS,
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
    Draw,
    Written,
    amounts,
    decimal,
    maybe,
    positive,
    prices,
    some,
    text_of,
    thousandths,
)


@st.composite
def selectors(draw: Draw, depth: int = 1) -> Written:
    """Draw a selector; most select something."""
    kinds = ["sku", "category", "tag", "attribute", "price", "discounted"] + (["and", "or", "not"] if depth else [])
    written: Written = {}
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2, unique=True)):
        if kind == "sku":
            written["sku"] = draw(some(PRODUCTS))
        elif kind == "category":
            written["category"] = draw(some(CATEGORIES))
        elif kind == "tag":
            written["tag"] = draw(some(TAGS))
        elif kind == "attribute":
            written["attribute"] = {"brand": draw(some(BRANDS))}
        elif kind == "price":
            written["price"] = {}
            low, high = sorted([draw(prices), draw(prices)])
            bounds = draw(st.sampled_from(["at_least", "below", "both"]))
            if bounds != "below":
                written["price"]["at_least"] = draw(amounts(st.just(low)))
            if bounds != "at_least":
                written["price"]["below"] = draw(amounts(st.just(high + 1)))
        elif kind == "discounted":
            written["discounted"] = draw(st.sampled_from(["true", "false"]))
        elif kind == "not":
            written["not"] = draw(selectors(depth - 1))
        else:
            written[kind] = draw(st.lists(selectors(depth - 1), min_size=1, max_size=2))
    return written


def _choice(draw: Draw, written: Written) -> Written:
    maybe(draw, written, "on", selectors(), 2)
    maybe(draw, written, "except", selectors(), 4)
    return written


percents = st.sampled_from(["10%", "50%", "33.33%", "12.5%", "100%", "2.5%", "0.01%", "75%"])


@st.composite
def benefits(draw: Draw, words: Sequence[str] = ()) -> Written:
    """Draw a benefit, one of the words if any are given."""
    word = draw(
        st.sampled_from(
            words
            or [
                *("percent_off", "percent_off", "amount_off", "amount_off", "fixed_price"),
                *("order_percent_off", "order_amount_off", "delivery_percent_off", "delivery_amount_off"),
                *("delivery_price", "tiers", "buy_get", "n_for_m", "every_nth", "bundle"),
            ]
        )
    )
    if word in ON_UNITS:
        return {word: draw(ON_UNITS[word]())}
    written: Written = {}
    if word.endswith("percent_off"):
        written["percent"] = draw(percents)
    elif word.endswith("_price"):
        written["price"] = draw(amounts(st.one_of(st.just(0), prices)))
    else:
        written["amount"] = draw(amounts())
    if word == "amount_off":
        written["per"] = draw(st.sampled_from(["unit", "line", "selection"]))
    if word == "percent_off":
        maybe(draw, written, "amount_of", st.sampled_from(["current", "list"]), 2)
        maybe(draw, written, "rounding", st.sampled_from(["unit", "line", "order"]), 2)
    if word in ("percent_off", "amount_off", "fixed_price"):
        _choice(draw, written)
        if written.get("per", "unit") == "unit":
            maybe(draw, written, "max_units", few, 2)
        nth = written.get("per", "unit") == "unit" and draw(st.integers(1, 5)) == 5
        if nth:
            written["pick"] = draw(nths())
        elif "max_units" in written:
            maybe(draw, written, "pick", picks, 2)
        maybe(draw, written, "at_most_per_line", amounts(), 5)
    elif word.startswith("order"):
        maybe(draw, written, "except", selectors())
    else:
        maybe(draw, written, "methods", some(METHODS))
    maybe(draw, written, "at_most", amounts())
    return {word: written}


few = st.one_of(st.integers(1, 2), st.integers(1, 5)).map(str)
picks = st.sampled_from(["cheapest", "dearest"])


@st.composite
def nths(draw: Draw) -> Written:
    """Draw a place in the row of units."""
    written: Written = {"nth": draw(few)}
    maybe(draw, written, "from", picks, 2)
    return written


everywhere = positive.map(lambda minor: {money: decimal(minor, places) for money, places in DECIMALS.items()})


@st.composite
def _rewards(draw: Draw) -> Written:
    kind = draw(st.sampled_from(["percent", "amount", "price", "free"]))
    written = {"percent": percents, "amount": everywhere, "price": everywhere, "free": st.just("true")}
    return {kind: draw(written[kind])}


def _sets(draw: Draw, written: Written, *, pick: bool = True) -> Written:
    """Write what all benefits share that build sets."""
    if pick:
        maybe(draw, written, "pick", picks, 2)
    maybe(draw, written, "max_sets", few)
    maybe(draw, written, "unit_reuse", st.sampled_from(["none", "trigger", "reward", "both"]), 2)
    maybe(draw, written, "at_most", amounts(), 6)
    return written


def _sometimes_chosen(draw: Draw, written: Written) -> Written:
    maybe(draw, written, "on", selectors(), 3)
    maybe(draw, written, "except", selectors(), 8)
    return written


@st.composite
def _tiers(draw: Draw) -> Written:
    written: Written = {}
    mode = draw(st.sampled_from(["whole", "slab"]))
    if draw(st.booleans()):
        bounds = draw(st.lists(st.integers(1, 8), min_size=1, max_size=3, unique=True).map(sorted))
        written["by_quantity"] = [{"quantity": str(bound), **draw(_rewards())} for bound in bounds]
    else:
        bounds = draw(st.lists(prices, min_size=1, max_size=3, unique=True).map(sorted))
        steps: list[Written] = []
        for bound in bounds:
            takes_amount = mode == "whole" and draw(st.booleans())
            reward = {"amount": draw(everywhere)} if takes_amount else {"percent": draw(percents)}
            spend = {money: decimal(bound, places) for money, places in DECIMALS.items()}
            steps.append({"spend": spend, **reward})
        written["by_spend"] = steps
    written["mode"] = mode
    maybe(draw, written, "at_most", amounts(), 5)
    return _sometimes_chosen(draw, written)


@st.composite
def _buy_get(draw: Draw) -> Written:
    get: Written = draw(_rewards())
    maybe(draw, get, "quantity", few)
    buy = {"quantity": draw(few)}
    return _sets(draw, {"buy": _sometimes_chosen(draw, buy), "get": _sometimes_chosen(draw, get)})


@st.composite
def _n_for_m(draw: Draw) -> Written:
    take = draw(st.integers(2, 5))
    pay = draw(st.integers(1, take - 1))
    return _sets(draw, _sometimes_chosen(draw, {"take": str(take), "pay": str(pay)}))


@st.composite
def _every_nth(draw: Draw) -> Written:
    written = {"nth": draw(st.sampled_from(["2", "2", "3", "4"])), **draw(_rewards())}
    return _sets(draw, _sometimes_chosen(draw, written), pick=False)


@st.composite
def _bundles(draw: Draw) -> Written:
    groups: list[Written] = []
    for _ in range(draw(st.integers(1, 3))):
        group: Written = {}
        maybe(draw, group, "quantity", few)
        groups.append(_sometimes_chosen(draw, group))
    return _sets(draw, {"groups": groups, **draw(_rewards())})


ON_UNITS: Final[dict[str, Callable[[], st.SearchStrategy[Written]]]] = {
    "tiers": _tiers,
    "buy_get": _buy_get,
    "n_for_m": _n_for_m,
    "every_nth": _every_nth,
    "bundle": _bundles,
}


_ON_GOODS: Final = ["spend", "line_amount", "quantity", "products", "weight"]
_ANY_CONDITION: Final = [
    *(*_ON_GOODS, *_ON_GOODS, "contains", "contains", "delivery", "payment"),
    *("context", "customers", "codes", "active", "experiment"),
]


@st.composite
def conditions(draw: Draw, depth: int = 2) -> Written:
    """Draw one or two conditions, and now and then some that are joined."""
    written: Written = {}
    if depth and draw(st.integers(1, 3)) == 3:
        branches = st.lists(conditions(depth - 1), min_size=1, max_size=2)
        joint = draw(st.sampled_from(["and", "or", "or", "not"]))
        written[joint] = draw(conditions(depth - 1) if joint == "not" else branches)
    words = st.lists(st.sampled_from(_ANY_CONDITION), min_size=0 if written else 1, max_size=2, unique=True)
    return written | {word: draw(_condition(word)) for word in draw(words)}


def _condition(word: str) -> st.SearchStrategy[Written]:
    """Return a strategy for what stands under a word."""
    others: dict[str, st.SearchStrategy[Written]] = {
        "contains": _contents(),
        "delivery": _some_of(methods=METHODS, slots=SLOTS, places=["7", "751", "1"]),
        "payment": some(PAYMENTS).map(lambda methods: {"methods": methods}),
        "context": _some_of(channels=CHANNELS, stores=list(STORES), store_groups=GROUPS, countries=COUNTRIES),
        "customers": customers(),
        "codes": some(CODES).map(lambda codes: {"any": codes}),
        "active": windows(),
        "experiment": st.sampled_from([(name, arm) for name, arms in ARMS.items() for arm in arms]).map(
            lambda arm: {"name": arm[0], "arms": ARMS[arm[0]], "arm": arm[1]}
        ),
    }
    return others[word] if word in others else _on_goods(word)


@st.composite
def _on_goods(draw: Draw, word: str) -> Written:
    written: Written = {}
    if word in ("spend", "line_amount"):
        written["at_least"] = draw(amounts(prices))
        maybe(draw, written, "threshold_on", st.sampled_from(["current", "list"]), 2)
    elif word == "weight":
        written["at_least"] = thousandths(draw(st.integers(1, 4000)))
        written["unit"] = draw(st.sampled_from(["kg", "kg", "m"]))
    else:
        written["at_least"] = str(draw(st.integers(1, 6)))
    _choice(draw, written)
    maybe(draw, written, "counting", st.sampled_from(["goods", "regulated"]))
    return written


@st.composite
def _contents(draw: Draw) -> Written:
    written: Written = {}
    several = st.fixed_dictionaries({"of": selectors(), "at_least": st.integers(1, 5).map(str)})
    for key in draw(st.lists(st.sampled_from(["any", "all", "none"]), min_size=1, max_size=2, unique=True)):
        written[key] = draw(st.lists(st.one_of(selectors(), several), min_size=1, max_size=2))
    maybe(draw, written, "counting", st.sampled_from(["goods", "regulated"]))
    return written


def _some_of(**known: list[str]) -> st.SearchStrategy[Written]:
    """Return a strategy for lists of known words under one or two of the keys."""
    keys = st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=2, unique=True)
    return keys.flatmap(lambda chosen: st.fixed_dictionaries({key: some(known[key]) for key in chosen}))


def _dates(draw: Draw, written: Written) -> None:
    """Write a beginning, an end or both, in order and in some zone."""
    days = st.lists(st.sampled_from(DATES), min_size=2, max_size=2, unique_by=lambda written: written[:10])
    first, last = sorted(draw(days))
    bounds = draw(st.sampled_from(["from", "until", "both"]))
    if bounds != "until":
        written["from"] = first
    if bounds != "from":
        written["until"] = last


@st.composite
def windows(draw: Draw) -> Written:
    """Draw dates, weekly hours or both."""
    written: Written = {}
    if draw(st.booleans()):
        _dates(draw, written)
    if not written or draw(st.booleans()):
        written["weekly"] = draw(st.lists(hours(), min_size=1, max_size=2))
    maybe(draw, written, "except_days", some([day[:10] for day in DATES]), 4)
    maybe(draw, written, "timezone", st.sampled_from(ZONES), 2)
    return written


@st.composite
def hours(draw: Draw) -> Written:
    """Draw recurring hours, also through the night."""
    days = some(["fri", "sat", "sun", "mon"])
    written: Written = {"from": draw(st.sampled_from(TIMES[:-1])), "until": draw(st.sampled_from(TIMES))}
    maybe(draw, written, "days", days, 2)
    return written


@st.composite
def promotions(draw: Draw, id_: str, lanes: list[str] | None) -> Written:
    """Draw a promotion; most of them let most carts through."""
    written: Written = {"id": id_}
    if lanes is not None:
        written["lane"] = draw(st.sampled_from(lanes))
    elif draw(st.integers(1, 6)) == 6:
        written["lane"] = draw(st.sampled_from(["price", "item", "bundle", "order", "shipping", "points"]))
    maybe(draw, written, "priority", st.integers(-2, 2).map(str), 2)
    maybe(draw, written, "active", windows(), 5)
    maybe(draw, written, "channels", some(CHANNELS), 10)
    maybe(draw, written, "stores", some(list(STORES)), 12)
    maybe(draw, written, "store_groups", some(GROUPS), 16)
    maybe(draw, written, "countries", some(COUNTRIES), 16)
    maybe(draw, written, "codes", some(CODES), 8)
    maybe(draw, written, "customers", customers(), 8)
    maybe(draw, written, "when", conditions(), 3)
    written["give"] = draw(benefits())
    return written


def customers() -> st.SearchStrategy[Written]:
    """Return a strategy for whom a promotion is for: one or two of the keys."""
    known: dict[str, st.SearchStrategy[Any]] = {
        "tiers": some(TIERS),
        "segments": some(SEGMENTS),
        "first_order": st.sampled_from(["true", "false"]),
        "points": st.sampled_from(["5", "120", "121"]).map(lambda points: {"at_least": points}),
        "account_age": st.integers(1, 400).map(lambda days: {"at_least_days": str(days)}),
        "birthday": st.integers(0, 60).map(lambda days: {"within_days": str(days)}),
        "orders": st.sampled_from([("at_least", "1"), ("below", "3")]).map(lambda bound: {bound[0]: bound[1]}),
        "nth_order": some(["1", "2", "4"]),
        "first_order_in": some(CATEGORIES).map(lambda names: {"category": names}),
    }
    keys = st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=2, unique=True)
    return keys.flatmap(lambda chosen: st.fixed_dictionaries({key: known[key] for key in chosen}))


@st.composite
def rules(draw: Draw) -> tuple[str, ...]:
    """Draw one or two rule files."""
    head: Written = {}
    names = None
    if draw(st.booleans()):
        names = ["early", "late", "last"][: draw(st.integers(1, 3))]
        head["lanes"] = [{"name": name, "mode": draw(st.sampled_from(["stack", "first", "best"]))} for name in names]
    maybe(draw, head, "rounding", st.sampled_from(["half_up", "half_even", "half_down"]), 2)
    ids = draw(st.permutations(["a", "b", "c", "d", "e", "f", "g"]))[: draw(st.integers(1, 7))]
    written = [draw(promotions(id_, names)) for id_ in ids]
    split = draw(st.integers(0, len(written)))
    files = [{**head, "promotions": written[:split]}, {"promotions": written[split:]}]
    return tuple(text_of(file) for file in files if any(file.values()))
