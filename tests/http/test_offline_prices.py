"""A till with a bundle and a snapshot comes to the same cents as the service: real baskets, and shops and rules by chance.

The service answers over HTTP, with the snapshot, what the cart comes to at the instant at which that was taken; the till
loads the bundle and prices the snapshot at this instant.
"""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.callers import CallerKind, Scope
from engine.cart.codec import encode_new_cart
from engine.cart.commands import AddAdjustment, AddCodes, AddFees, AddLines, ChooseGift, Command, NewLine
from engine.cart.model import Cart, LineItem
from engine.cli.bundle import bundle, load_bundle
from engine.priced import Snapshot
from engine.pricing.basket import build_basket
from engine.pricing.cartfile import CartDocument, parse_cart_line, read_cart
from engine.pricing.evaluation import Evaluation
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.load import load_rules
from engine.rules.ruleset import Ruleset
from engine.rules.uses import closed_by
from engine.signed_snapshots import checked_snapshot, key_set
from engine.storage.carts import Actor, CartLimits, Committed, Edit
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.types import CartId, ChannelId, InstantMs, MemberId, OperationId
from schema.ids import encode_id
from tests.generator.scenarios import scenario
from tests.http.service import Client, Service
from tests.http.test_mutations import only
from tests.http.test_offline import sale_of, sold
from tests.http.test_offline import snapshot as taken_from
from tests.shops import small_shop
from tests.test_cli import PANIER, environment

GROCER = Path(__file__).parents[2] / "examples" / "grocer"
BASKETS = 250
SCENARIOS = 100
PRICED = """
mutation($id: ID!) {
  cartSnapshot(cartId: $id) {
    snapshot { signed } userErrors { message }
    cart {
      currency computedFrom { asOf }
      totals { goods { minorUnits } total { minorUnits } taxIncluded { minorUnits } taxAdded { minorUnits } }
      lines(first: 500) { nodes { lineId available total { minorUnits } } }
      discounts { promotionId amount { minorUnits } } pointsEarned
      deliveries { method total { minorUnits } } fees { fee total { minorUnits } } codes { code state }
    }
  }
}
"""


LIMITED = """\
promotions:
  - {id: shared, limits: {budget: 5 EUR, partial: true}, give: {order_amount_off: {amount: 3 EUR}}}
  - {id: tenth, limits: {budget: 2 EUR, partial: true}, give: {percent_off: {percent: 10%, on: {sku: oat}}}}
  - {id: spent, limits: {budget: 1 EUR}, give: {order_amount_off: {amount: 0.50 EUR}}}
  - {id: once, limits: {total: 1}, give: {order_amount_off: {amount: 0.25 EUR}}}
  - {id: ours, limits: {per_store: 9}, give: {order_amount_off: {amount: 0.10 EUR}}}
"""


@pytest.fixture(scope="module")
def own(store_url: str, shop: Snapshot) -> Iterator[Service]:
    """Run a service of its own, because its shop is another one again and again."""
    with Service(store_url, shop).run() as running:
        yield running


@pytest.fixture(name="till")
def _till(own: Service) -> Client:
    return own.client(own.token(CallerKind.TERMINAL, "till", device="till", scopes=frozenset(Scope)))


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what the service says that a cart comes to."""
    cart = answer["cart"]
    lines = {line["lineId"]: line for line in cart["lines"]["nodes"] if line["available"]}
    return {
        "currency": cart["currency"],
        "totals": {name: money["minorUnits"] for name, money in cart["totals"].items()},
        "lines": {id_: line["total"]["minorUnits"] for id_, line in lines.items()},
        "discounts": [(each["promotionId"], each["amount"]["minorUnits"]) for each in cart["discounts"]],
        "deliveries": [(each["method"], each["total"]["minorUnits"]) for each in cart["deliveries"]],
        "fees": [(each["fee"], each["total"]["minorUnits"]) for each in cart["fees"]],
        "codes": [(each["code"], each["state"].lower()) for each in cart["codes"]],
        "points": cart["pointsEarned"],
    }


def worked_out(evaluation: Evaluation) -> dict[str, Any]:
    """Return the same of what the till works out."""
    totals = evaluation.totals
    lines = {line.line: line for line in evaluation.lines if line.unavailable is None}
    return {
        "currency": evaluation.currency,
        "totals": {
            "goods": totals.goods_minor,
            "total": totals.total_minor,
            "taxIncluded": totals.tax_included_minor,
            "taxAdded": totals.tax_added_minor,
        },
        "lines": {str(id_): line.total_minor for id_, line in lines.items()},
        "discounts": [(str(each.promotion), each.amount_minor) for each in evaluation.discounts],
        "deliveries": [(each.method, each.total_minor) for each in evaluation.deliveries],
        "fees": [(each.fee, each.total_minor) for each in evaluation.fees],
        "codes": [(each.canonical, str(each.state)) for each in evaluation.codes],
        "points": evaluation.points_earned,
    }


async def kept(store_url: str, carts: list[Cart]) -> None:
    """Put carts into the store as if somebody had filled them."""
    connection = Connection(store_url, timeout_s=5)
    await connection.load()
    limits = CartLimits(quantity=10_000_000, cart_bytes=1024 * 1024)
    stores = Stores.on(connection, KeyNames(), limits)
    actor = Actor(MemberId("service:file"), ChannelId("x"), by_scope=True)
    try:
        for cart in carts:
            edit = Edit(actor, OperationId(cart.id), _ops(cart), new_cart=encode_new_cart(cart))
            assert isinstance(await stores.carts.commit(cart.id, edit), Committed)
    finally:
        await connection.close()


def _ops(cart: Cart) -> list[Any]:
    """Return what fills a cart like this one; its context, facts and draw are what it starts with."""
    commands: list[Command] = [
        AddLines(tuple(_wish(line) for line in cart.lines)),
        AddCodes(tuple((code.canonical, code.entered) for code in cart.codes)),
        AddFees(tuple((fee.fee, fee.quantity) for fee in cart.fees)),
        *(ChooseGift(promotion, sku) for promotion, sku in cart.gift_choices.items()),
        *(
            AddAdjustment(each.id, each.kind, each.line, each.value, each.currency, each.reason, each.role)
            for each in cart.adjustments
        ),
    ]
    return [op for command in commands for op in command.ops()]


def _wish(line: LineItem) -> NewLine:
    return NewLine(
        line.sku,
        line.quantity,
        measured=line.measured,
        options=line.options,
        line_key=line.line_key,
        delivery=line.delivery,
        label_price_minor=line.label_price_minor,
        label_currency=line.label_currency,
    )


def cart_of(document: CartDocument, shop: Shop, id_: str) -> Cart:
    return replace(read_cart(document, shop).cart, id=CartId(id_))


def document_of(text: str) -> CartDocument:
    document = parse_cart_line(text, "carts.jsonl", 1)
    assert isinstance(document, CartDocument), document
    return document


def assert_same(till: Client, cart: Cart, shop: Shop, ruleset: Ruleset, keys: list[Any]) -> str:
    """Compare service and till; return the snapshot."""
    answer = only(till.run(PRICED, id=encode_id("Cart", cart.id)))
    assert answer["userErrors"] == []
    signed: str = answer["snapshot"]["signed"]
    snapshot = checked_snapshot(signed, keys)
    as_of = datetime.fromtimestamp(snapshot.taken_ms / 1000, UTC).isoformat(timespec="milliseconds")
    assert answer["cart"]["computedFrom"]["asOf"] == as_of.replace("+00:00", "Z")
    assert (snapshot.ruleset_hash, snapshot.price_book_version) == (ruleset.hash, shop.version)
    closed = closed_by(snapshot.allowances)
    priced = evaluate(build_basket(snapshot.cart, shop, snapshot.taken_ms, closed=closed), ruleset)
    assert worked_out(priced) == told(answer)
    return signed


def test_real_baskets_come_to_the_same_cents(own: Service, till: Client, tmp_path: Path) -> None:
    shop = load_shop(GROCER)
    own.engine.snapshot = Snapshot(shop, load_rules(GROCER / "rules", shop).ruleset)
    bundle(GROCER, None, tmp_path)
    [file] = tmp_path.iterdir()
    with_bundle, ruleset = load_bundle(file)
    keys = key_set(till.run("{ snapshotKey }")["snapshotKey"])
    texts = (GROCER / "baskets.jsonl").read_text(encoding="utf-8").splitlines()
    chosen = Random(7).sample(texts, BASKETS)  # noqa: S311  # which of them does not matter
    carts = [cart_of(document_of(text), shop, f"real-{number}") for number, text in enumerate(chosen)]
    asyncio.run(kept(own.store_url, carts))
    signed = [assert_same(till, cart, with_bundle, ruleset, keys) for cart in carts]

    # What the command makes of the same files, at one instant, is what the engine makes of them.
    at_ms = InstantMs(1_496_318_400_000)
    (tmp_path / "key.json").write_text(json.dumps(keys[0]), encoding="utf-8")
    (tmp_path / "carts").write_text("\n".join(signed), encoding="utf-8")
    by_command = _by_command(file, tmp_path / "carts", tmp_path / "key.json", at_ms)
    by_engine = [evaluate(build_basket(cart, shop, at_ms), own.engine.snapshot.ruleset) for cart in carts]
    assert by_command == [evaluation.totals.total_minor for evaluation in by_engine]
    assert sum(bool(evaluation.discounts) for evaluation in by_engine) > BASKETS // 4


def _by_command(shop: Path, carts: Path, keys: Path, at_ms: InstantMs) -> list[int]:
    """Return what `panier price` says that carts come to."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
    command = [str(PANIER), "price", "--shop", str(shop), "--keys", str(keys), "--at", at, str(carts)]
    done = subprocess.run(command, capture_output=True, check=True, env=environment())
    return [json.loads(line)["totals"]["total_minor"] for line in done.stdout.splitlines()]


def test_what_is_left_of_limits_and_budgets_comes_to_the_same_cents(own: Service, till: Client, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    shop = small_shop(folder)
    (folder / "rules").mkdir()
    (folder / "rules" / "limited.yaml").write_text(LIMITED, encoding="utf-8")
    own.engine.snapshot = Snapshot(shop, load_rules(folder / "rules", shop).ruleset)
    bundle(folder, None, tmp_path / "bundle.zip")
    keys = key_set(till.run("{ snapshotKey }")["snapshotKey"])
    (tmp_path / "key.json").write_text(json.dumps(keys[0]), encoding="utf-8")

    def priced() -> tuple[dict[str, int], int, int]:
        """Return what promotions give in a new cart, its total, and what the command makes of the snapshot."""
        payload = only(till.run(PRICED, id=till.create(channel="pos", lines=[{"sku": "oat", "quantity": 10}])))
        given = {each["promotionId"]: each["amount"]["minorUnits"] for each in payload["cart"]["discounts"]}
        (tmp_path / "carts").write_text(payload["snapshot"]["signed"], encoding="utf-8")
        taken_ms = checked_snapshot(payload["snapshot"]["signed"], keys).taken_ms
        [total] = _by_command(tmp_path / "bundle.zip", tmp_path / "carts", tmp_path / "key.json", taken_ms)
        return given, payload["cart"]["totals"]["total"]["minorUnits"], total

    given, total, by_command = priced()
    assert given == {"shared": 300, "tenth": 200, "spent": 50, "once": 25, "ours": 10}
    assert by_command == total

    taken = taken_from(till, till.create(channel="pos", lines=[{"sku": "oat"}]))
    used = {"shared": "3.45", "tenth": "0.80", "spent": "1.00", "once": "0.25", "ours": "0.10"}
    uses = [{"promotionId": id_, "amount": amount} for id_, amount in used.items()]
    receipt = {"goods": {"sku": "oat"}, "total": "2.40"}
    assert sold(till, taken, sale_of(taken, receipt, total="2.40", uses=uses))["sale"]["overshoot"] == []

    given, total, by_command = priced()
    assert given == {"shared": 155, "tenth": 120, "ours": 10}
    assert by_command == total


def test_shops_and_rules_by_chance_come_to_the_same_cents(own: Service, till: Client, tmp_path: Path) -> None:
    keys = key_set(till.run("{ snapshotKey }")["snapshotKey"])
    discounted = 0
    for seed in range(SCENARIOS):
        drawn = scenario(Random(seed))  # noqa: S311  # a number names a scenario
        written = dict(drawn.cart)
        # The catalogue must have the goods: a live cart holds no others.
        written["lines"] = [line for line in written["lines"] if "sku" in line]
        if len(written["lines"]) < len(drawn.cart["lines"]):
            written.pop("adjustments", None)
        folder = tmp_path / str(seed)
        (folder / "rules").mkdir(parents=True)
        for name, text in drawn.shop:
            (folder / name).write_text(text, encoding="utf-8")
        for number, text in enumerate(drawn.rules):
            (folder / "rules" / f"{number}.yaml").write_text(text, encoding="utf-8")
        shop = load_shop(folder)
        own.engine.snapshot = Snapshot(shop, load_rules(folder / "rules", shop).ruleset)
        bundle(folder, None, tmp_path / f"{seed}.zip")
        cart = cart_of(document_of(json.dumps(written)), shop, f"drawn-{seed}")
        asyncio.run(kept(own.store_url, [cart]))
        assert_same(till, cart, *load_bundle(tmp_path / f"{seed}.zip"), keys)
        discounted += bool(evaluate(build_basket(cart, shop, cart.updated_ms), own.engine.snapshot.ruleset).discounts)
    assert discounted > SCENARIOS // 10
