"""Carts by chance, and what they are priced under."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from tests.cases.running import Scenario
from tests.generator.rules import (
    BESIDES,
    IDS,
    ON_ITEMS,
    ON_THE_CART,
    ROUNDINGS,
    benefit,
    guarded_rules,
    plain_rules,
    rule_files,
    used_up,
)
from tests.generator.shop import (
    BRANDS,
    CARDS,
    CATEGORIES,
    CHANNELS,
    DECIMALS,
    INSTANTS,
    MEASURED,
    PAYMENTS,
    PLACES,
    PRODUCTS,
    ROLES,
    SEGMENTS,
    STORES,
    TAGS,
    TAX_CATEGORIES,
    TIERS,
    WITH_OPTIONS,
    Written,
    any_of,
    decimal,
    maybe,
    one_in,
    price,
    shop_files,
    some,
    some_of,
    text_of,
    thousandths,
)

TYPED_CODES = ["spring-10", "SPRING1O", "V I P", "v1p", "x1", "xi", "XL", "NOPE"]
"""Codes as shoppers type them: some mean a known one, some only look like one."""


def scenario(chance: Random) -> Scenario:
    """Return a shop, its rules and a cart: most often anything at all, else one of the kinds below."""
    return chance.choice(
        [anything, anything, anything, sets, sets, extras, extras, guarded, guarded, by_staff, burning]
    )(chance)


def anything(chance: Random) -> Scenario:
    """Return a scenario in which every word may occur."""
    return Scenario(shop_files(chance.randint(0, 60)), rule_files(chance), cart(chance))


def sets(chance: Random) -> Scenario:
    """Return a few goods with few prices, under rules that pick single units and build sets, so that these meet often."""
    rules = plain_rules(chance, ON_ITEMS)
    goods = []
    for sku in some(chance, PRODUCTS, 4):
        line = {"product": _explicit_product(chance, sku), "price": decimal(chance.choice([5, 10, 10, 33]), 2)}
        measured = "unit" in line["product"]
        goods.append({**line, "quantity": thousandths(1500) if measured else chance.randint(1, 6)})
    return Scenario(shop_files(chance.randint(0, 10)), (rules,), {"at": INSTANTS[-1], "lines": goods})


def extras(chance: Random) -> Scenario:
    """Return a cart with a delivery and fees, under rules about these and about gifts, points and codes."""
    rules = plain_rules(chance, [*ON_THE_CART, *BESIDES, *BESIDES])
    fees = [_fee(chance) for _ in range(2)]
    document = {**cart(chance), "delivery": _delivery(chance), "fees": fees, "gift_choices": _gift_choices(chance)}
    return Scenario(shop_files(chance.randint(0, 60)), (rules,), document)


def guarded(chance: Random) -> Scenario:
    """Return a cart of somebody, under rules that are only about who, when and what."""
    document = cart(chance)
    document["customer"] = _known_customer(chance)
    return Scenario(shop_files(chance.randint(0, 60)), (guarded_rules(chance),), document)


def few_units(chance: Random, lane: Written) -> Scenario:
    """Return at most seven units under at most four promotions in one lane, such as ``{name: one, mode: best}``.

    Now and then a lane before it has made units of one line unlike.
    """
    written = [{"id": id_, "lane": lane["name"], "give": benefit(chance, ON_ITEMS)} for id_ in some(chance, IDS, 4)]
    for promotion in written:
        # Lanes that hand out lines or units round nothing once over the order.
        promotion["give"].get("percent_off", {}).pop("rounding", None)
    if one_in(chance, 3):
        written.append({"id": "z", "lane": "before", "give": {"percent_off": {"percent": "50%", "max_units": "1"}}})
    goods: list[Written] = []
    left = chance.randint(1, 7)
    while left:
        number = chance.randint(1, left)
        left -= number
        product = {"sku": f"{chance.choice(PRODUCTS)}-{len(goods)}", "tax_category": "basic"}
        product["category"] = chance.choice(CATEGORIES)
        price_minor = chance.choice([5, 10, 33, price(chance)])
        goods.append({"product": product, "price": decimal(price_minor, 2), "quantity": number})
    rules = text_of({"lanes": [{"name": "before"}, lane], "promotions": written})
    return Scenario(shop_files(0), (rules,), {"at": INSTANTS[-1], "lines": goods})


def by_staff(chance: Random) -> Scenario:
    """Return a scenario in which staff change something, under a few plain rules of all lanes."""
    document = cart(chance)
    document["adjustments"] = _adjustments(chance, document)
    known = [
        {"id": "item", "give": {"percent_off": {"percent": "10%", "amount_of": "list"}}},
        {"id": "order", "give": {"order_amount_off": {"amount": dict.fromkeys(DECIMALS, "3")}}},
        {
            "id": "delivery",
            "when": {"spend": {"at_least": dict.fromkeys(DECIMALS, "5")}},
            "give": {"delivery_percent_off": {"percent": "100%"}},
        },
        {"id": "late", "lane": "points", "give": {"percent_off": {"percent": "33.33%"}}},
    ]
    rules = text_of({"rounding": chance.choice(ROUNDINGS), "promotions": [each for each in known if one_in(chance, 2)]})
    return Scenario(shop_files(chance.randint(0, 60)), (rules,), document)


def burning(chance: Random) -> Scenario:
    """Return a cart on which points are to be spent, under a programme and some rules, among them on points to come."""
    document = cart(chance)
    document["burn"] = {"balance": chance.choice([0, 7, 120, 300, 10**6])}
    maybe(chance, document["burn"], "points", any_of([0, 1, 50, 100, 299, 5000]), 2)
    rate = {
        "points": chance.choice([1, 3, 100]),
        "worth": chance.choice(["1 EUR", "0.07 EUR", {"EUR": "2", "JPY": "9"}]),
    }
    maybe(chance, rate, "as", any_of(["discount", "tender"]), 2)
    maybe(chance, rate, "minimum", any_of([2, 50, 200]), 2)
    maybe(chance, rate, "step", any_of([3, 50]), 2)
    maybe(chance, rate, "at_most", any_of(["50%", "33.33%", "100%"]), 2)
    written = {"loyalty": {"burn": rate}} if not one_in(chance, 9) else {}
    rules = plain_rules(chance, [*ON_ITEMS, *ON_THE_CART, *BESIDES])
    return Scenario(shop_files(chance.randint(0, 60)), (rules, text_of(written)), document)


# Carts


def cart(chance: Random) -> Written:
    """Return a cart document."""
    written: Written = {"at": chance.choice(INSTANTS)}
    maybe(chance, written, "channel", any_of(CHANNELS), 2)
    maybe(chance, written, "store", any_of(list(STORES)), 2)
    if not one_in(chance, 4):
        written["customer"] = _customer(chance)
    decimals = _decimals(written)
    written["lines"] = _told_apart([_line(chance, decimals) for _ in range(chance.randint(1, 6))])
    maybe(chance, written, "codes", some_of(TYPED_CODES), 2)
    maybe(chance, written, "fees", lambda each: [_fee(each) for _ in range(each.randint(1, 3))], 2)
    maybe(chance, written, "gift_choices", _gift_choices, 2)
    maybe(chance, written, "adjustments", lambda each: _adjustments(each, written))
    maybe(chance, written, "delivery", _delivery, 2)
    maybe(chance, written, "payment_method", any_of(PAYMENTS), 2)
    maybe(chance, written, "draw", lambda each: each.randint(0, 2**32 - 1), 2)
    written.update(used_up(chance))
    return written


def _decimals(document: Mapping[str, Any]) -> int:
    """Return how many decimals the money of a cart has."""
    store = document.get("store") or ("lyon" if document.get("channel") == "pos" else "paris")
    return DECIMALS[STORES[store][1]]


def _line(chance: Random, decimals: int) -> Written:
    """Return a line of the catalogue, or now and then one that brings its own product and price."""
    written: Written = {}
    sku = chance.choice(PRODUCTS)
    measured = sku in MEASURED
    if one_in(chance, 4):
        written["product"] = _explicit_product(chance, sku)
        written["price"] = decimal(price(chance), decimals)
        measured = "unit" in written["product"]
        maybe(chance, written, "tax_included", any_of([True, False]))
    else:
        written["sku"] = sku
        if sku in WITH_OPTIONS:
            options: Written = {}
            maybe(chance, options, "cut", any_of(["whole", "sliced"]), 2)
            maybe(chance, options, "words", any_of(["hello", "für dich"]))
            if options:
                written["options"] = options
    if measured:
        written["quantity"] = thousandths(
            chance.choice([500, 1000, 1500, *(chance.randint(1, 3500) for _ in range(3))])
        )
    else:
        written["quantity"] = chance.randint(1, chance.choice([4, 12]))
    maybe(chance, written, "line_key", any_of(["a", "b"]), 6)
    maybe(chance, written, "delivery", _delivery, 5)
    return written


def _explicit_product(chance: Random, sku: str) -> Written:
    written: Written = {"sku": sku, "tax_category": chance.choice(TAX_CATEGORIES)}
    maybe(chance, written, "category", any_of(CATEGORIES), 2)
    maybe(chance, written, "unit", any_of(["kg"]), 4)
    maybe(chance, written, "tags", some_of(TAGS), 2)
    maybe(chance, written, "attributes", lambda each: {"brand": each.choice(BRANDS)})
    maybe(chance, written, "never_discount", any_of([True, False]), 5)
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


def _delivery(chance: Random) -> Written:
    if one_in(chance, 3):
        return {"method": "pickup", "place": chance.choice(["", "75001"])}
    return {"method": "home", "place": chance.choice(PLACES), "slot": chance.choice(["day", "evening"])}


def _customer(chance: Random) -> Written:
    if one_in(chance, 2):
        return _known_customer(chance)
    known: list[Written] = [{"id": "ada"}, {"id": "ben"}, {"id": "cy"}, {"id": "new"}]
    known += [{"id": "ada", "tier": "silver"}, {"segments": ["vip"]}, {"tier": "gold"}]
    return chance.choice([*known, {"id": "cy", "first_order": "2026-03-29T03:00:00+02:00"}])


def _known_customer(chance: Random) -> Written:
    """Return a customer of whom much is known."""
    written: Written = {}
    maybe(chance, written, "points", any_of([0, 4, 5, 120, 500]), 2)
    maybe(chance, written, "since", any_of(INSTANTS), 2)
    maybe(chance, written, "birthday", any_of(["02-28", "02-29", "03-01", "03-29", "06-20", "12-31"]), 2)
    maybe(chance, written, "orders", any_of([0, 1, 2, 3, 4]), 2)
    maybe(chance, written, "tier", any_of(TIERS), 2)
    maybe(chance, written, "segments", some_of(SEGMENTS), 2)
    maybe(chance, written, "stamps", lambda each: {card: each.randint(0, 4) for card in some(each, CARDS, 2)}, 2)
    maybe(chance, written, "ordered_categories", lambda each: each.sample(CATEGORIES, each.randint(0, 2)), 2)
    return written


def _fee(chance: Random) -> Written:
    return {"fee": chance.choice(["wrap", "crate"]), "quantity": chance.randint(1, 3)}


def _gift_choices(chance: Random) -> Written:
    return {id_: chance.choice(PRODUCTS) for id_ in IDS if not one_in(chance, 4)}


def _adjustments(chance: Random, document: Mapping[str, Any]) -> list[Written]:
    """Return changes by hand."""
    decimals, lines = _decimals(document), len(document["lines"])
    return [_adjustment(chance, decimals, lines) for _ in range(chance.randint(1, 5))]


def _adjustment(chance: Random, decimals: int, line_count: int) -> Written:
    kind = chance.choice(["price", "amount", "percent", "percent"])
    written: Written = {"reason": "damaged", "role": chance.choice(ROLES)}
    currency = chance.choice([None] * 6 + ["EUR", "JPY"]) if kind != "percent" else None
    if currency:
        written["currency"] = currency
    if kind == "percent":
        written["percent"] = chance.choice(["2.5", "10", "20"])
    else:
        minor = chance.randint(1, chance.choice([30, 400]))
        written[kind] = decimal(minor, DECIMALS[currency] if currency else decimals)
    if kind == "price":
        written["role"] = "manager"
    if kind == "price" or one_in(chance, 2):
        written["line"] = chance.randint(0, line_count - 1)
    return written


# What the same scenario would be with something else in it


def with_lines(scenario: Scenario, lines: Sequence[Mapping[str, Any]], order: Sequence[int] | None = None) -> Scenario:
    """Return the scenario with other lines; `order` says at which place each of them stood."""
    adjustments = [
        {**each, "line": order.index(each["line"])} if order and "line" in each else each
        for each in scenario.cart.get("adjustments", ())
    ]
    cart = {**scenario.cart, "lines": list(lines), "adjustments": adjustments}
    return Scenario(scenario.shop, scenario.rules, cart)


def with_rules(scenario: Scenario, *rules: str) -> Scenario:
    """Return the scenario with other rule files."""
    return Scenario(scenario.shop, rules, scenario.cart)
