"""Hypothesis strategies for small shops, rules and carts in which everything happens often.

A scenario is text, as people write it: engine and oracle both read it from the first byte. Amounts are small, so that
halves of a cent, floors and ties are the rule; instants lie around the two nights on which clocks are changed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.cases.running import Scenario
from tests.strategies_rules import ON_UNITS, benefits, rules
from tests.strategies_shop import (
    BRANDS,
    CATEGORIES,
    CHANNELS,
    DECIMALS,
    INSTANTS,
    MEASURED,
    PAYMENTS,
    PLACES,
    PRODUCTS,
    ROLES,
    STORES,
    TAGS,
    TAX_CATEGORIES,
    WITH_OPTIONS,
    Draw,
    Written,
    decimal,
    maybe,
    prices,
    shop_files,
    some,
    text_of,
    thousandths,
)


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
                known_customers(),
                st.sampled_from([{"id": "ada"}, {"id": "ben"}, {"id": "cy"}, {"id": "new"}]),
                st.sampled_from([{"id": "ada", "tier": "silver"}, {"segments": ["vip"]}, {"tier": "gold"}]),
                st.just({"id": "cy", "first_order": "2026-03-29T03:00:00+02:00"}),
            )
        )
    written["lines"] = _told_apart(draw(st.lists(lines(decimals), min_size=1, max_size=6)))
    maybe(draw, written, "codes", some(["spring-10", "V I P", "x1", "NOPE"]), 2)
    maybe(draw, written, "fees", st.lists(fees(), min_size=1, max_size=3))
    changes = st.lists(adjustments(decimals, len(written["lines"])), min_size=1, max_size=4)
    maybe(draw, written, "adjustments", changes)
    maybe(draw, written, "delivery", deliveries(), 2)
    maybe(draw, written, "payment_method", st.sampled_from(PAYMENTS), 2)
    maybe(draw, written, "draw", st.integers(0, 2**32 - 1), 2)
    return written


@st.composite
def known_customers(draw: Draw) -> Written:
    """Draw a customer of whom much is known."""
    written: Written = {}
    maybe(draw, written, "points", st.sampled_from([0, 4, 5, 120, 500]), 2)
    maybe(draw, written, "since", st.sampled_from(INSTANTS), 2)
    maybe(draw, written, "birthday", st.sampled_from(["02-28", "02-29", "03-01", "03-29", "06-20", "12-31"]), 2)
    maybe(draw, written, "orders", st.integers(0, 4), 2)
    maybe(draw, written, "ordered_categories", st.lists(st.sampled_from(CATEGORIES), max_size=3), 2)
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
def adjustments(draw: Draw, decimals: int, line_count: int) -> Written:
    """Draw a change by hand."""
    kind = draw(st.sampled_from(["price", "amount", "percent", "percent"]))
    written: Written = {"reason": "damaged", "role": draw(st.sampled_from(ROLES))}
    currency = draw(st.sampled_from([None] * 6 + ["EUR", "JPY"])) if kind != "percent" else None
    if currency:
        written["currency"] = currency
    if kind == "percent":
        written["percent"] = draw(st.sampled_from(["2.5", "10", "20"]))
    else:
        minor = st.one_of(st.integers(1, 30), st.integers(1, 400))
        written[kind] = decimal(draw(minor), DECIMALS[currency] if currency else decimals)
    if kind == "price":
        written["role"] = "manager"
    if kind == "price" or draw(st.booleans()):
        written["line"] = draw(st.integers(0, line_count - 1))
    return written


@st.composite
def fees(draw: Draw) -> Written:
    """Draw a chosen fee."""
    return {"fee": draw(st.sampled_from(["wrap", "crate"])), "quantity": draw(st.integers(1, 3))}


@st.composite
def scenarios(draw: Draw) -> Scenario:
    """Draw a shop, its rules and a cart."""
    return Scenario(draw(st.integers(0, 60).map(shop_files)), draw(rules()), draw(carts()))


@st.composite
def set_scenarios(draw: Draw) -> Scenario:
    """Draw a few goods with few prices, under rules that pick single units and build sets, so that these meet often."""
    words = [*ON_UNITS, *ON_UNITS, "percent_off", "amount_off", "fixed_price"]
    head: Written = {}
    maybe(draw, head, "rounding", st.sampled_from(["half_up", "half_even", "half_down"]), 2)
    names = draw(st.sampled_from([["one"], ["one", "two"]]))
    head["lanes"] = [
        {"name": name, "mode": draw(st.sampled_from(["stack", "stack", "first", "best"]))} for name in names
    ]
    promotions = []
    for id_ in draw(st.permutations(["a", "b", "c", "d"]))[: draw(st.integers(1, 4))]:
        benefit = draw(benefits(words))
        promotion = {"id": id_, "lane": draw(st.sampled_from(names)), "give": benefit}
        maybe(draw, promotion, "priority", st.integers(0, 1).map(str), 2)
        promotions.append(promotion)
    goods = []
    for sku in draw(st.lists(st.sampled_from(PRODUCTS), min_size=1, max_size=4, unique=True)):
        line = {"product": _explicit_product(draw, sku), "price": decimal(draw(st.sampled_from([5, 10, 10, 33])), 2)}
        measured = "unit" in line["product"]
        goods.append({**line, "quantity": thousandths(1500) if measured else draw(st.integers(1, 6))})
    text = text_of({**head, "promotions": promotions})
    return Scenario(draw(st.integers(0, 10).map(shop_files)), (text,), {"at": INSTANTS[-1], "lines": goods})


@st.composite
def adjusted_scenarios(draw: Draw) -> Scenario:
    """Draw a scenario in which staff change something, under a few plain rules of all lanes."""
    cart = draw(carts())
    store = cart.get("store") or ("lyon" if cart.get("channel") == "pos" else "paris")
    decimals = DECIMALS[STORES[store][1]]
    changes = st.lists(adjustments(decimals, len(cart["lines"])), min_size=1, max_size=5)
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
    head = {"rounding": draw(st.sampled_from(["half_up", "half_even", "half_down"]))}
    chosen = [each for each in known if draw(st.booleans())]
    rules = text_of({**head, "promotions": chosen})
    return Scenario(draw(st.integers(0, 60).map(shop_files)), (rules,), {**cart, "adjustments": draw(changes)})


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
