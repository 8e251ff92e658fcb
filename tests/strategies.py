"""Hypothesis strategies for small shops, rules and carts in which everything happens often.

A scenario is text, as people write it: engine and oracle both read it from the first byte. Amounts are small, so that
halves of a cent, floors and ties are the rule; instants lie around the two nights on which clocks are changed.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from random import Random
from typing import Any, Final

import yaml
from hypothesis import strategies as st

from tests.cases.running import Files, Scenario

DECIMALS: Final = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
STORES: Final = {
    "paris": ("FR", "EUR", "Europe/Paris", "[city, old]"),
    "lyon": ("FR", "EUR", "Europe/Paris", "[]"),
    "tokyo": ("JP", "JPY", "Asia/Tokyo", "[city]"),
    "kuwait": ("KW", "KWD", "Asia/Kuwait", "[]"),
    "york": ("US", "USD", "America/New_York", "[old]"),
}
CHANNELS: Final = ["web", "app", "pos"]
CATEGORIES: Final = ["food", "food/bread", "food/bread/rye", "food/breadth", "wear", "wear/shoes", "gifts"]
TAGS: Final = ["fresh", "sale", "vegan"]
BRANDS: Final = ["Acme", "Bolt", "Cara"]
PRODUCTS: Final = ["apple", "boot", "card", "cheese", "loaf", "mug", "rope", "sock"]
MEASURED: Final = {"cheese": "kg", "rope": "m"}
WITH_OPTIONS: Final = ["boot", "cheese", "mug"]
SEGMENTS: Final = ["family", "vip"]
TIERS: Final = ["silver", "gold"]
CODES: Final = ["SPRING10", "VIP", "X1"]
METHODS: Final = ["home", "pickup"]
PLACES: Final = ["", "75001", "75116", "10"]
ZONES: Final = ["Europe/Paris", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "UTC"]
TAX_CATEGORIES: Final = ["basic", "food", "standard"]
INSTANTS: Final = [
    "2026-03-08T01:59:59-05:00",
    "2026-03-08T03:00:00-04:00",
    "2026-03-28T23:30:00+01:00",
    "2026-03-29T01:59:59.999+01:00",
    "2026-03-29T03:00:00+02:00",
    "2026-03-29T23:59:59.999+02:00",
    "2026-03-30T00:00:00+02:00",
    "2026-10-25T02:30:00+02:00",
    "2026-10-25T02:30:00+01:00",
    "2026-10-25T03:00:00+01:00",
    "2026-11-01T01:30:00-04:00",
    "2026-11-01T01:30:00-05:00",
    "2026-04-04T15:15:00Z",
    "2026-06-15T12:00:00Z",
]
DATES: Final = [
    "2026-03-08",
    "2026-03-28",
    "2026-03-29",
    "2026-03-29T02:30",
    "2026-03-29T03:00",
    "2026-03-30",
    "2026-10-24",
    "2026-10-25",
    "2026-10-25T02:30",
    "2026-11-01T01:30",
    "2026-12-31",
]
TIMES: Final = ["00:00", "01:30", "02:00", "02:30", "03:00", "12:00", "22:00", "23:59", "24:00"]

Written = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]


def decimal(minor: int, decimals: int) -> str:
    """Write minor units as people write an amount."""
    digits = str(minor).rjust(decimals + 1, "0")
    return f"{digits[: len(digits) - decimals]}.{digits[len(digits) - decimals :]}" if decimals else digits


def thousandths(quantity: int) -> str:
    """Write thousandths as a decimal."""
    return decimal(quantity, 3)


prices = st.one_of(st.integers(1, 30), st.integers(1, 400), st.integers(1, 5000))
positive = st.one_of(st.integers(1, 12), st.integers(1, 500))


@st.composite
def amounts(draw: Draw, minor: st.SearchStrategy[int] = positive) -> dict[str, str]:
    """Draw amounts in every currency, and now and then in some only."""
    known = draw(st.sampled_from([list(DECIMALS)] * 8 + [["EUR"], ["EUR", "USD"], ["JPY", "KWD"]]))
    return {currency: decimal(draw(minor), DECIMALS[currency]) for currency in known}


def some(values: list[str]) -> st.SearchStrategy[list[str]]:
    """Return some of the values, at least one."""
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


def maybe(draw: Draw, written: Written, key: str, value: st.SearchStrategy[Any], one_in: int = 3) -> None:
    """Write a key, one time in so many."""
    if draw(st.integers(1, one_in)) == one_in:
        written[key] = draw(value)


def text_of(document: Any) -> str:
    """Write YAML, booleans plainly: as texts they would be quoted."""
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=118)
    return text.replace("'true'", "true").replace("'false'", "false")


# The shop: made by chance from a seed, because it takes too many choices for hypothesis to make one by one


@cache
def shop_files(seed: int) -> Files:
    """Return a shop folder; the same one for the same seed."""
    chance = Random(seed)  # noqa: S311 - no secret
    files = {
        "shop.yaml": text_of(
            {
                "id": "small",
                "name": "Small",
                "locales": ["en"],
                "default_channel": "web",
                "default_store": "paris",
                "tax_rounding": chance.choice(["line", "rate"]),
            }
        ),
        "channels.yaml": "channels: [{id: web, label: W}, {id: app, label: A}, {id: pos, label: P, store: lyon}]\n",
        "stores.yaml": "stores:\n"
        + "".join(
            f"  - {{id: {id_}, label: S, country: {country}, currency: {money}, timezone: {zone}, groups: {groups}}}\n"
            for id_, (country, money, zone, groups) in STORES.items()
        ),
        "tax.yaml": text_of({"countries": {name: _country(chance) for name in ("FR", "JP", "KW", "US")}}),
        "products.csv": "sku,name,category,tax_category,unit,range,tags,never_discount,options,brand\n"
        + "".join(_product(chance, sku) for sku in PRODUCTS),
        **_price_book(chance),
        "ranges.yaml": "ranges: [{id: online, channels: [web, app]}, {id: french, stores: [paris, lyon]}]\n",
        "delivery.yaml": text_of({"methods": [_home(chance), _pickup(chance)]}),
        "fees.yaml": text_of(
            {
                "fees": [
                    {"id": fee, "label": "F", "amount": _amounts(chance, full=8), "tax_category": category}
                    for fee, category in (("wrap", "standard"), ("crate", "basic"))
                ]
            }
        ),
        "options.yaml": text_of(
            {
                "options": [
                    {
                        "id": "cut",
                        "label": "Cut",
                        "values": {"whole": dict.fromkeys(DECIMALS, "0"), "sliced": _amounts(chance)},
                    },
                    {"id": "words", "label": "Words", "text": {"length_max": "20", "surcharge": _amounts(chance)}},
                ]
            }
        ),
        "customers.csv": "id,tier,segments,first_order,points\n"
        "ada,gold,family vip,2026-03-29,120\nben,,,,\ncy,silver,family,2026-10-25,5\n",
    }
    return tuple(files.items())


def _country(chance: Random) -> Written:
    return {
        "included": chance.choice(["true", "false"]),
        "rates": {name: chance.choice(["0%", "5.5%", "8.875%", "10%", "20%"]) for name in TAX_CATEGORIES},
        "delivery": chance.choice(["standard", "food", "goods", "goods"]),
    }


def _product(chance: Random, sku: str) -> str:
    cells = [
        sku,
        sku.title(),
        chance.choice(CATEGORIES),
        chance.choice(TAX_CATEGORIES),
        MEASURED.get(sku, "piece"),
        chance.choice(["core", "core", "core", "core", "online", "french"]),
        " ".join(chance.sample(TAGS, chance.randint(0, 2))),
        "yes" if sku == "card" else "",
        "cut words" if sku in WITH_OPTIONS else "",
        chance.choice(["", *BRANDS]),
    ]
    return ",".join(cells) + "\n"


def _minor(chance: Random) -> int:
    return chance.randint(1, chance.choice([30, 400, 5000]))


def _amounts(chance: Random, *, full: int = 0, zero: bool = False) -> dict[str, str]:
    """Amounts in every currency or, unless `full` is 0, once in so many times in some only."""
    known = ["EUR", "USD"] if full and chance.randint(1, full) == full else list(DECIMALS)
    minor = 0 if zero and chance.randint(1, 3) == 3 else _minor(chance)
    return {currency: decimal(minor, DECIMALS[currency]) for currency in known}


def _some(chance: Random, values: list[str]) -> list[str]:
    return chance.sample(values, chance.randint(1, 2))


def _price_book(chance: Random) -> dict[str, str]:
    lists: list[Written] = [
        {"id": f"base-{currency}", "currency": currency, "tax": chance.choice(["included", "excluded"])}
        for currency in DECIMALS
    ]
    for number in range(chance.randint(0, 5)):
        extra: Written = {
            "id": f"l{number}",
            "currency": chance.choice(["EUR", "EUR", "JPY", "USD"]),
            "tax": chance.choice(["included", "excluded"]),
        }
        restrictions = {
            "channels": _some(chance, CHANNELS),
            "stores": _some(chance, list(STORES)),
            "store_groups": _some(chance, ["city", "old"]),
            "tiers": _some(chance, TIERS),
            "segments": _some(chance, SEGMENTS),
            "priority": chance.choice(["-1", "0", "1"]),
        }
        extra |= {key: value for key, value in restrictions.items() if chance.randint(1, 3) == 3}
        if chance.randint(1, 3) == 3:
            first, last = sorted(chance.sample(["2026-03-28", "2026-03-29", "2026-10-25T03:00", "2026-12-31"], 2))
            extra |= {"from": first, "until": last, "timezone": chance.choice(ZONES)}
        lists.append(extra)
    rows = ["price_list,sku,amount,from_quantity"]
    for price_list in lists:
        decimals = DECIMALS[price_list["currency"]]
        for sku in PRODUCTS:
            if chance.randint(1, 2 if price_list["id"].startswith("l") else 12) == 1:
                continue
            rows.append(f"{price_list['id']},{sku},{decimal(_minor(chance), decimals)},")
            if chance.randint(1, 4) == 4:
                from_quantity = "1.5" if sku in MEASURED else "3"
                rows.append(f"{price_list['id']},{sku},{decimal(_minor(chance), decimals)},{from_quantity}")
    return {"price_lists.yaml": text_of({"price_lists": lists}), "prices.csv": "\n".join(rows) + "\n"}


def _home(chance: Random) -> Written:
    entries: list[Written] = [{}, {"slots": ["evening"]}, {"places": ["75"]}, {"places": ["75"], "slots": ["evening"]}]
    entries.append({"places": ["751", "1"]})
    fees = [{**entry, "amount": _amounts(chance, full=8)} for entry in chance.sample(entries, chance.randint(2, 5))]
    return {"id": "home", "label": "M", "slots": ["day", "evening"], "fees": fees}


def _pickup(chance: Random) -> Written:
    written: Written = {"id": "pickup", "label": "M", "fees": [{"amount": _amounts(chance, zero=True)}]}
    if chance.randint(1, 2) == 2:
        written["channels"] = ["web", "pos"]
    if chance.randint(1, 2) == 2:
        written["countries"] = ["FR", "US", "JP"]
    return written


# The rules


@st.composite
def selectors(draw: Draw, depth: int = 1) -> Written:
    """Draw a selector; most select something."""
    kinds = ["sku", "category", "tag", "attribute", "price"] + (["and", "or", "not"] if depth else [])
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
def benefits(draw: Draw) -> Written:
    """Draw a benefit."""
    word = draw(
        st.sampled_from(
            [
                *("percent_off", "percent_off", "amount_off", "amount_off", "fixed_price"),
                *("order_percent_off", "order_amount_off", "delivery_percent_off", "delivery_amount_off"),
            ]
        )
    )
    written: Written = {}
    if word.endswith("percent_off"):
        written["percent"] = draw(percents)
    elif word == "fixed_price":
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
    elif word.startswith("order"):
        maybe(draw, written, "except", selectors())
    else:
        maybe(draw, written, "methods", some(METHODS))
    maybe(draw, written, "at_most", amounts())
    return {word: written}


@st.composite
def conditions(draw: Draw) -> Written:
    """Draw one or two conditions."""
    written: Written = {}
    counting = st.sampled_from(["goods", "regulated"])
    for word in draw(st.lists(st.sampled_from(["spend", "quantity", "contains"]), min_size=1, max_size=2, unique=True)):
        condition: Written = {}
        if word == "spend":
            condition["at_least"] = draw(amounts(prices))
            maybe(draw, condition, "threshold_on", st.sampled_from(["current", "list"]), 2)
            _choice(draw, condition)
        elif word == "quantity":
            condition["at_least"] = str(draw(st.integers(1, 6)))
            _choice(draw, condition)
        else:
            for key in draw(st.lists(st.sampled_from(["any", "all", "none"]), min_size=1, max_size=2, unique=True)):
                condition[key] = draw(st.lists(selectors(), min_size=1, max_size=2))
        maybe(draw, condition, "counting", counting)
        written[word] = condition
    return written


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
    maybe(draw, written, "codes", some(CODES), 8)
    maybe(draw, written, "customers", customers(), 8)
    maybe(draw, written, "when", conditions(), 3)
    written["give"] = draw(benefits())
    return written


@st.composite
def customers(draw: Draw) -> Written:
    """Draw whom a promotion is for."""
    written: Written = {}
    maybe(draw, written, "tiers", some(TIERS), 2)
    maybe(draw, written, "segments", some(SEGMENTS), 2)
    if not written or draw(st.booleans()):
        written["first_order"] = draw(st.sampled_from(["true", "false"]))
    return written


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


# The cart


@st.composite
def lines(draw: Draw, decimals: int) -> Written:
    """Draw a line of the catalogue, or now and then one that brings its own product and price."""
    written: Written = {}
    sku = draw(st.sampled_from(PRODUCTS))
    measured = sku in MEASURED
    if draw(st.integers(1, 4)) == 4:
        written["product"] = _explicit_product(draw, sku)
        written["price"] = decimal(draw(prices), decimals)
        measured = "unit" in written["product"]
        maybe(draw, written, "tax_included", st.booleans())
    else:
        written["sku"] = sku
        if sku in WITH_OPTIONS:
            options: Written = {}
            maybe(draw, options, "cut", st.sampled_from(["whole", "sliced"]), 2)
            maybe(draw, options, "words", st.sampled_from(["hello", "für dich"]))
            if options:
                written["options"] = options
    if measured:
        written["quantity"] = thousandths(draw(st.one_of(st.integers(1, 3500), st.sampled_from([500, 1000, 1500]))))
    else:
        written["quantity"] = draw(st.one_of(st.integers(1, 4), st.integers(1, 12)))
    maybe(draw, written, "line_key", st.sampled_from(["a", "b"]), 6)
    maybe(draw, written, "delivery", deliveries(), 5)
    return written


def _explicit_product(draw: Draw, sku: str) -> Written:
    written: Written = {"sku": sku, "tax_category": draw(st.sampled_from(TAX_CATEGORIES))}
    maybe(draw, written, "category", st.sampled_from(CATEGORIES), 2)
    maybe(draw, written, "unit", st.just("kg"), 4)
    maybe(draw, written, "tags", some(TAGS), 2)
    maybe(draw, written, "attributes", st.sampled_from(BRANDS).map(lambda brand: {"brand": brand}))
    maybe(draw, written, "never_discount", st.booleans(), 5)
    return written


@st.composite
def deliveries(draw: Draw) -> Written:
    """Draw a delivery choice."""
    if draw(st.integers(1, 3)) == 3:
        return {"method": "pickup", "place": draw(st.sampled_from(["", "75001"]))}
    return {"method": "home", "place": draw(st.sampled_from(PLACES)), "slot": draw(st.sampled_from(["day", "evening"]))}


@st.composite
def carts(draw: Draw) -> Written:
    """Draw a cart document."""
    written: Written = {"at": draw(st.sampled_from(INSTANTS))}
    maybe(draw, written, "channel", st.sampled_from(CHANNELS), 2)
    maybe(draw, written, "store", st.sampled_from(list(STORES)), 2)
    store = written.get("store") or ("lyon" if written.get("channel") == "pos" else "paris")
    decimals = DECIMALS[STORES[store][1]]
    if draw(st.integers(1, 3)) > 1:
        written["customer"] = draw(
            st.one_of(
                st.sampled_from([{"id": "ada"}, {"id": "ben"}, {"id": "cy"}, {"id": "new"}]),
                st.sampled_from([{"id": "ada", "tier": "silver"}, {"segments": ["vip"]}, {"tier": "gold"}]),
                st.just({"id": "cy", "first_order": "2026-03-29T03:00:00+02:00"}),
            )
        )
    written["lines"] = _told_apart(draw(st.lists(lines(decimals), min_size=1, max_size=6)))
    maybe(draw, written, "codes", some(["spring-10", "V I P", "x1", "NOPE"]), 2)
    maybe(draw, written, "fees", st.lists(fees(), min_size=1, max_size=3))
    maybe(draw, written, "delivery", deliveries(), 2)
    return written


def _told_apart(lines: list[Written]) -> list[Written]:
    """Give products that differ different SKUs: a document in which they do not is contradictory."""
    known: dict[str, list[Written]] = {}
    for line in lines:
        if "product" in line:
            product = line["product"]
            same_sku = known.setdefault(product["sku"], [])
            content = {"product": dict(product), "tax_included": line.get("tax_included")}
            if content not in same_sku:
                same_sku.append(content)
            place = same_sku.index(content)
            if place:
                product["sku"] += f"-{place}"
    return lines


@st.composite
def fees(draw: Draw) -> Written:
    """Draw a chosen fee."""
    return {"fee": draw(st.sampled_from(["wrap", "crate"])), "quantity": draw(st.integers(1, 3))}


@st.composite
def scenarios(draw: Draw) -> Scenario:
    """Draw a shop, its rules and a cart."""
    return Scenario(draw(st.integers(0, 60).map(shop_files)), draw(rules()), draw(carts()))


def with_lines(scenario: Scenario, lines: Sequence[Mapping[str, Any]]) -> Scenario:
    """Return the scenario with other lines."""
    return Scenario(scenario.shop, scenario.rules, {**scenario.cart, "lines": list(lines)})


def with_rules(scenario: Scenario, *rules: str) -> Scenario:
    """Return the scenario with other rule files."""
    return Scenario(scenario.shop, rules, scenario.cart)
