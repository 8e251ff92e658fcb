"""Real baskets run as orders of their households: points, counters and budgets agree with a plain recount.

Shoppers come many at once, over two workers that mirror used-up limits and sweep meanwhile. Some pay twice, some with
two payments, some too late; some cancel, some leave, some orders are taken back. What is counted again afterwards is
counted from the quotes that were paid for, by the text of the rules below, and by nothing of the engine.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, auto
from itertools import chain, islice
from pathlib import Path

import pytest

from engine.callers import Caller, CallerKind, Scope
from engine.cart.commands import AddLines, NewLine
from engine.cart.model import Cart
from engine.checkout.model import Order, Quote
from engine.checkout_service import (
    Completed,
    begin_checkout,
    cancel_checkout,
    cancel_order,
    complete_checkout,
    find_order,
    orders_of,
)
from engine.errors import UserErrorCode
from engine.limits import Limit, LimitKind
from engine.loyalty.account import account_of_customer
from engine.money import format_minor
from engine.priced import PricedCart, Snapshot
from engine.pricing.admission import admit_codes
from engine.pricing.basket import build_basket
from engine.pricing.cartfile import CartDocument, parse_cart_line, read_cart
from engine.pricing.load import load_shop
from engine.pricing.requests import Limits
from engine.pricing.shop import Shop
from engine.rules.load import load_rule_sources
from engine.service import NewCart, Panier
from engine.source import Source
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.sweeping import sweep, sweep_for_ever
from engine.types import CustomerId, InstantMs, PromotionId
from engine.used_up import UsedUp
from tests.loyalty.test_verify import verify
from tests.servers import plain_server
from tests.storage.test_checkout import expired
from tests.test_cli import GROCER

AT_ONCE = 16
TRIES = 8
"""How often a shopper agrees to another total; each time somebody else was quicker, or gave up."""
RULES = """\
loyalty:
  timezone: UTC
  on_cancel: {{claw_back: negative}}
promotions:
  - {{id: base, give: {{points: {{add: 1, per: 1 USD}}}}}}
  - {{id: double, limits: {{total: {few}}}, give: {{points: {{multiply: 2}}}}}}
  - {{id: first, limits: {{total: {some}}}, give: {{order_percent_off: {{percent: 2%}}}}}}
  - {{id: each, limits: {{per_customer: 2, on_cancel: keep}}, give: {{order_amount_off: {{amount: 0.10 USD}}}}}}
  - id: local
    active: {{from: 2020-01-01, timezone: UTC}}
    limits: {{per_store: {few}, per_day: {some}}}
    give: {{order_amount_off: {{amount: 0.05 USD}}}}
  - {{id: single, codes: [{codes}], limits: {{per_code: 1}}, give: {{order_amount_off: {{amount: 0.20 USD}}}}}}
  - {{id: rest, limits: {{budget: {few} USD, partial: true}}, give: {{order_percent_off: {{percent: 3%}}}}}}
  - {{id: whole, limits: {{budget: {few}.20 USD}}, give: {{order_amount_off: {{amount: 0.50 USD}}}}}}
"""
WHOLE_MINOR = 50
STAFF = Caller(CallerKind.STAFF, "desk", scopes=frozenset({Scope.CHECKOUT}))
ANOTHER_PRICE = {UserErrorCode.LIMIT_REACHED, UserErrorCode.TOTAL_CHANGED, UserErrorCode.CART_CHANGED}
"""The last one where another order of the household was placed at this moment: it is counted in what is known of them."""
LATE = {UserErrorCode.LIMIT_REACHED, UserErrorCode.QUOTE_EXPIRED}


class Fate(Enum):
    """How it goes on with a checkout that was begun."""

    PAID = auto()
    PAID_THRICE = auto()
    """The same payment is told three times at once."""
    TWO_PAYMENTS = auto()
    PAID_LATE = auto()
    """After the quote has expired."""
    CANCELLED = auto()
    LEFT = auto()
    TAKEN_BACK = auto()
    """The order is cancelled, twice at once."""


FATES = [Fate.PAID] * 11 + [Fate.PAID_THRICE] * 2 + [Fate.TWO_PAYMENTS, Fate.TWO_PAYMENTS, Fate.PAID_LATE]
FATES += [Fate.CANCELLED, Fate.LEFT, Fate.LEFT, Fate.TAKEN_BACK]


@dataclass
class Recount:
    """What was used and earned, counted from quotes that were paid for."""

    used: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By promotion, what it is counted by, and of whom or what."""
    points: Counter[str] = field(default_factory=Counter)
    """By household."""
    orders: Counter[str] = field(default_factory=Counter)

    def count(self, quote: Quote, *, taken_back: bool = False) -> None:
        """Count an order; one that was taken back left only what its promotion keeps."""
        household = str(quote.cart.customer)
        self.orders[household] += 1
        for (promotion, kind, subject), amount in uses(quote).items():
            if not taken_back or promotion == "each":
                self.used[promotion, kind, subject] += amount
        if not taken_back:
            self.points[household] += points(quote)

    def has_room(self, promotion: str, quote: Quote, ceilings: dict[tuple[str, str], int], amount: int = 1) -> bool:
        """Say whether a promotion could be used once more, or so much of its budget be spent, by this cart."""
        return all(
            self.used[promotion, kind, subject_of(kind, quote)] + amount <= ceiling
            for (limited, kind), ceiling in ceilings.items()
            if limited == promotion
        )


def subject_of(kind: str, quote: Quote) -> str:
    """Return of whom or what a use counts."""
    match kind:
        case "customer":
            return str(quote.cart.customer)
        case "store":
            return quote.cart.store or "367"
        case "day":
            return datetime.fromtimestamp(quote.began_ms / 1000, UTC).strftime("%Y-%m-%d")
        case "code":
            return next((code.canonical for code in quote.cart.codes), "")
        case "budget":
            return "USD"
        case _:
            return ""


def given_minor(quote: Quote) -> Counter[str]:
    """Return what each promotion took off."""
    given: Counter[str] = Counter()
    for discount in quote.evaluation.discounts:
        given[discount.promotion] += discount.amount_minor
    return given


def uses(quote: Quote) -> dict[tuple[str, str, str], int]:
    """Return what an order used, by the rules above."""
    given = given_minor(quote)
    doubled = any(earned.promotion == "double" for earned in quote.evaluation.points)
    kinds = {
        "double": ["total"] if doubled else [],
        "first": ["total"],
        "each": ["customer"],
        "local": ["store", "day"],
        "single": ["code"],
        "rest": ["budget"],
        "whole": ["budget"],
    }
    return {
        (promotion, kind, subject_of(kind, quote)): given[promotion] if kind == "budget" else 1
        for promotion, counted_by in kinds.items()
        for kind in counted_by
        if given[promotion] or promotion == "double"
    }


def goods_minor(quote: Quote) -> int:
    return sum(line.total_minor for line in quote.evaluation.lines)


def points(quote: Quote) -> int:
    """Return what an order earned: a point for every dollar, and as many again where they were doubled."""
    return goods_minor(quote) // 100 * (2 if ("double", "total", "") in uses(quote) else 1)


@dataclass
class World:
    """A shop with two workers on one store, and what its shoppers have done."""

    workers: list[Panier]
    connection: Connection
    names: KeyNames
    ceilings: dict[tuple[str, str], int]
    codes: list[str]
    paid: list[Order] = field(default_factory=list)
    taken_back: list[Order] = field(default_factory=list)
    unpaid: list[Quote] = field(default_factory=list)
    """Quotes of which no order came."""
    refused: int = 0
    """Shoppers who had agreed to so many totals that they went away."""

    async def shop(self, number: int, basket: Cart, fate: Fate | None = None) -> Quote | None:
        """Buy a basket, as its household would."""
        draw = random.Random(number)  # noqa: S311  # a course of events, no secret
        worker = self.workers[number % len(self.workers)]
        caller = Caller(CallerKind.CUSTOMER, str(basket.customer), device=f"phone-{number}")
        code = draw.choice(self.codes) if draw.random() < 0.2 else None
        quote = await _begun(worker, caller, await _filled(worker, caller, number, basket, code))
        if quote is None:
            self.refused += 1
            return None
        await self._go_on(worker, caller, quote, fate or draw.choice(FATES), f"payment-{number}")
        return quote

    async def _go_on(self, worker: Panier, caller: Caller, quote: Quote, fate: Fate, reference: str) -> None:
        async def pay(by: str) -> Completed:
            other = self.workers[len(by) % 2]
            return await complete_checkout(other, caller, quote.cart.id, quote.id, by, quote.amount_hash)

        match fate:
            case Fate.CANCELLED:
                assert (await cancel_checkout(worker, caller, quote.cart.id, quote.id, None)).errors == ()
                self.unpaid.append(quote)
                return
            case Fate.LEFT:
                self.unpaid.append(quote)
                return
            case Fate.PAID_THRICE:
                answers = await asyncio.gather(*[pay(reference) for _ in range(3)])
                assert len({answer.order.number for answer in answers if answer.order}) == 1
                assert not any(answer.errors or answer.refund_due for answer in answers)
            case Fate.TWO_PAYMENTS:
                both = (reference, f"{reference}+")
                at_once = await asyncio.gather(*map(pay, both))
                assert all(answer.order or answer.errors[0].code == "CHECKOUT_BUSY" for answer in at_once)
                answers = [await pay(each) for each in both]
                assert sorted(answer.refund_due for answer in answers) == [False, True]
            case Fate.PAID_LATE:
                await expired(worker, self.connection, self.names, quote)
                answer = await pay(reference)
                if answer.order is None:
                    assert answer.refund_due
                    assert {error.code for error in answer.errors} <= LATE
                    self.unpaid.append(quote)
                    return
        order = (await pay(reference)).order
        assert order is not None
        assert order.quote == quote
        if fate is Fate.TAKEN_BACK:
            await asyncio.gather(*[cancel_order(each, STAFF, order.number, "broken") for each in self.workers])
            self.taken_back.append(order)
        else:
            self.paid.append(order)

    async def rest(self) -> None:
        """Let the time of all that was left be over, and sweep."""
        for quote in self.unpaid:
            for use in quote.uses:
                await self.workers[0].stores.limits.extend(use.limit, quote.id, quote.began_ms)
        await sweep(self.workers[0], age_ms=0)

    def recounted(self) -> Recount:
        """Count again what was used and earned."""
        recount = Recount()
        for order in self.paid:
            recount.count(order.quote)
        for order in self.taken_back:
            recount.count(order.quote, taken_back=True)
        return recount

    async def agrees(self) -> None:
        """Compare what the store says with a recount; nothing is held, and nothing is left to be done."""
        stores, recount = self.workers[0].stores, self.recounted()
        quotes = [*(order.quote for order in chain(self.paid, self.taken_back)), *self.unpaid]
        at_issue = {key for quote in quotes for key in uses(quote)}
        limits = {key: Limit(PromotionId(key[0]), LimitKind(key[1]), key[2]) for key in at_issue}
        assert set(limits.values()) == {use.limit for quote in quotes for use in quote.uses}
        counted = await stores.limits.read(list(limits.values()))
        assert {key: found.spent for key, found in zip(limits, counted, strict=True)} == {
            key: recount.used[key] for key in limits
        }
        assert all(found.held == 0 for found in counted)
        assert all(recount.used[key] <= self.ceilings[key[:2]] for key in limits)
        households = {str(quote.cart.customer) for quote in quotes}
        assert len(households) > len(quotes) / 10
        for household in households:
            account = await stores.ledger.read(account_of_customer(CustomerId(household)))
            assert (household, account.active) == (household, recount.points[household])
            customer = Caller(CallerKind.CUSTOMER, household)
            numbers = await orders_of(self.workers[0], customer, CustomerId(household))
            assert len(numbers) == recount.orders[household]
        for order in self.taken_back:
            found = await find_order(self.workers[0], STAFF, order.number)
            assert found is not None
            assert found.cancelled is not None
        for partition in range(self.names.partitions):
            assert not await stores.checkouts.unfinished(partition)
            assert not await stores.checkouts.left_pinned(partition, 0)


def sold_now(documents: Iterable[CartDocument], shop: Shop) -> Iterator[Cart]:
    """Yield baskets with what of them promotions may touch and is to be had today, unless that is nothing."""
    now_ms = InstantMs(time.time_ns() // 10**6)
    for document in documents:
        cart = read_cart(document, shop).cart
        sold = build_basket(cart, shop, now_ms).lines
        to_be_had = {line.id for line in sold if not line.product.never_discount}
        if to_be_had and cart.facts:
            lines = tuple([line for line in cart.lines if line.id in to_be_had])
            yield replace(cart, lines=lines, customer=cart.facts.customer)


async def _filled(worker: Panier, caller: Caller, number: int, basket: Cart, code: str | None) -> PricedCart:
    """Fill a cart as a guest, and sign in."""
    goods = AddLines(tuple([NewLine(line.sku, line.quantity, line.measured) for line in basket.lines]))
    commands = (goods, admit_codes([code], worker.limits)) if code else (goods,)
    new = NewCart(store=basket.store, channel=basket.channel, commands=commands)
    guest = Caller(CallerKind.GUEST, f"guest-{number}", device=caller.device)
    made = await worker.create(guest, None, lambda *_: new)
    assert made.priced is not None, made.errors
    assert caller.customer is not None
    attached = await worker.attach(caller, made.priced.cart.id, caller.customer, None, guest)
    assert attached.priced is not None, attached.errors
    return attached.priced


async def _begun(worker: Panier, caller: Caller, priced: PricedCart) -> Quote | None:
    """Begin to pay, agreeing to what it costs now; None where that was another total each time."""
    for _ in range(TRIES):
        total = format_minor(priced.evaluation.totals.total_minor, priced.evaluation.currency)
        begun = await begin_checkout(worker, caller, priced.cart.id, total, None)
        if begun.quoted is not None:
            return begun.quoted.quote
        assert {error.code for error in begun.errors} <= ANOTHER_PRICE
        assert begun.priced is not None
        priced = begun.priced
    return None


async def _in_turns(world: World, waiting: Iterator[tuple[int, Cart]]) -> None:
    """Let shoppers come, so many at once, until there are no more; workers mirror and sweep meanwhile."""

    async def shoppers() -> None:
        for number, basket in waiting:
            await world.shop(number, basket)

    background = [asyncio.create_task(UsedUp(worker).keep(0.2)) for worker in world.workers]
    background += [asyncio.create_task(sweep_for_ever(worker, 3, age_ms=0)) for worker in world.workers]
    try:
        await asyncio.gather(*[shoppers() for _ in range(AT_ONCE)])
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)


async def _one_by_one(world: World, waiting: Iterator[tuple[int, Cart]]) -> None:
    """Let shoppers come who are alone: they get what there is room for, and nothing else."""
    recount = world.recounted()
    for number, basket in waiting:
        for worker in world.workers:
            await UsedUp(worker).look()
        quote = await world.shop(number, basket, Fate.PAID)
        assert quote is not None, "nobody else was there"
        given = given_minor(quote)
        products = world.workers[0].snapshot.shop.products
        if all(products[line.sku].never_discount for line in basket.lines):
            # Nothing is taken off regulated goods, whatever room there is.
            recount.count(quote)
            continue
        for promotion in ("each", "local"):
            assert bool(given[promotion]) is recount.has_room(promotion, quote, world.ceilings)
        if quote.cart.codes:
            assert bool(given["single"]) is recount.has_room("single", quote, world.ceilings)
        if goods_minor(quote) >= 100:
            doubled = ("double", "total", "") in uses(quote)
            assert doubled is recount.has_room("double", quote, world.ceilings)
            assert bool(given["first"]) is recount.has_room("first", quote, world.ceilings)
            assert bool(given["whole"]) is recount.has_room("whole", quote, world.ceilings, WHOLE_MINOR)
        assert given["rest"] or not recount.has_room("rest", quote, world.ceilings)
        recount.count(quote)


async def _ordered(url: str, shop: Shop, documents: Iterable[CartDocument], number: int) -> None:
    """Run baskets as orders, the last tenth of them one by one."""
    codes = [f"SINGLE-{index}" for index in range(number // 20)]
    few, some = number // 20, number // 3
    text = RULES.format(few=few, some=some, codes=", ".join(codes))
    snapshot = Snapshot(shop, load_rule_sources([Source("rules.yaml", text)], shop).ruleset)
    names, connections = KeyNames(shop=shop.id), [Connection(url, timeout_s=30) for _ in range(2)]
    await connections[0].load()
    ceilings = {
        ("double", "total"): few,
        ("first", "total"): some,
        ("each", "customer"): 2,
        ("local", "store"): few,
        ("local", "day"): some,
        ("single", "code"): 1,
        ("rest", "budget"): few * 100,
        ("whole", "budget"): few * 100 + 20,
    }
    workers = [Panier(snapshot, Stores.on(connection, names), Limits()) for connection in connections]
    world = World(workers, connections[0], names, ceilings, codes)
    waiting = enumerate(islice(sold_now(documents, shop), number))
    try:
        await _in_turns(world, islice(waiting, number * 9 // 10))
        await world.rest()
        await world.agrees()
        await _one_by_one(world, waiting)
        await world.agrees()
    finally:
        for connection in connections:
            await connection.close()
    assert world.refused <= number // 50
    came = len(world.paid), len(world.taken_back), len(world.unpaid), world.refused
    print("%d orders stand, %d were taken back, %d quotes unpaid, %d shoppers gave up" % came)  # noqa: T201, UP031  # shown with -s


def run(folder: Path, shop: Shop, documents: Iterable[CartDocument], number: int) -> None:
    with plain_server(folder / "store") as server:
        asyncio.run(_ordered(server.url, shop, documents, number))
        status, lines = verify(server.url, GROCER)
        assert status == 0, lines


def test_baskets_of_the_example_shop_as_orders_agree_with_a_recount(tmp_path: Path) -> None:
    text = (GROCER / "baskets.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [parse_cart_line(line, "baskets.jsonl", number) for number, line in enumerate(text, start=1)]
    run(tmp_path, load_shop(GROCER), [each for each in documents if isinstance(each, CartDocument)], 240)


@pytest.mark.slow  # minutes
@pytest.mark.timeout(1800)
def test_ten_thousand_baskets_of_the_data_set_as_orders_agree_with_a_recount(tmp_path: Path) -> None:
    from bench.test_baskets import baskets

    shop = load_shop(GROCER)
    run(tmp_path, shop, baskets(shop), 10_000)
