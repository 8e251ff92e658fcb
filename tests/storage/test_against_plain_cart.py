"""Random requests, on a real server and on a cart in plain Python: both must agree on every one."""

import copy
import dataclasses
import uuid

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.cart.commands import AddAdjustment, Op
from engine.cart.model import AdjustmentKind, Cart
from engine.storage.carts import CartStore, Committed, Refused
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import AdjustmentId, CartId
from tests.storage.plain_cart import PlainCart, Refusal
from tests.storage.shopper import ANN, BEN, LIMITS, STAFF, add, caller, edit, line, made

SKUS = ("mug", "pen", "cup")
MEASURED = ("ham",)
TIGHT = dataclasses.replace(LIMITS, lines=3, quantity=8)
"""Few products and low caps, so that random requests meet each other."""

seen = st.one_of(st.just(False), st.just(False), st.integers(1, 25))  # noqa: FBT003  # how the script reads "no version"
lines = st.sampled_from([line(sku) for sku in SKUS + MEASURED])
adds = st.builds(add, st.sampled_from(SKUS), st.integers(1, 3))
measured_adds = st.builds(lambda sku, q: add(sku, q, measured=True), st.sampled_from(MEASURED), st.integers(1, 5000))
pieces = st.integers(0, 9).map(lambda count: count * 1000)
thousandths = st.one_of(pieces, pieces, pieces, st.integers(0, 9000))
sets = st.builds(lambda *parts: ["set", *parts], lines, thousandths, seen)
names = st.sampled_from(["A", "B", "C"])
removals = st.builds(lambda *parts: ["del", *parts], lines, seen)
line_notes = st.builds(
    lambda name, *parts: ["line_put", name, "n", *parts], lines, st.sampled_from(["", "x", "y"]), seen
)
notes = st.builds(lambda *parts: ["put", "note", *parts], st.sampled_from([False, "x", "y"]), seen)
channels = st.builds(lambda *parts: ["put", "channel", *parts], st.sampled_from(["web", "pos"]), seen)
codes = st.builds(lambda name: ["code", name, name.lower()], names)
fees = st.builds(lambda *parts: ["fee", *parts], names, st.integers(1, 5))
taken_back = st.builds(lambda verb, name: [verb, name], st.sampled_from(["uncode", "unfee"]), names)
choices = st.builds(lambda *parts: ["choose", *parts], names, st.sampled_from([False, "mug", "pen"]))
adjusts = st.builds(
    lambda line: [
        *AddAdjustment(AdjustmentId(uuid.uuid4().hex), AdjustmentKind.PERCENT, line, 1000, "", "damaged", "till").ops()[
            0
        ]
    ],
    st.one_of(st.none(), lines),
)
clears = st.just(["clear"])
ops = st.sampled_from(
    [adds] * 8
    + [measured_adds] * 2
    + [sets] * 8
    + [line_notes] * 3
    + [adjusts] * 4
    + [removals, notes, channels, codes, fees, choices, taken_back, clears]
).flatmap(lambda kind: kind)
requests = st.lists(
    st.tuples(st.sampled_from([ANN, BEN, STAFF]), st.lists(ops, min_size=1, max_size=3)), min_size=12, max_size=25
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=requests)
async def test_the_store_agrees_with_a_cart_in_plain_python(
    connection: Connection, names: KeyNames, requests: list[tuple[str, list[Op]]]
) -> None:
    carts = CartStore(connection, names, TIGHT)
    cart_id = CartId(uuid.uuid4().hex)
    cart, plain = await made(carts, cart=cart_id), PlainCart()
    for member, request in requests:
        answer = await carts.commit(cart_id, edit(*request, by=caller(member, by_scope=member == STAFF)))  # type: ignore[arg-type]
        tried, code, at = attempt(plain, request, member)
        if code:
            assert isinstance(answer, Refused)
            assert (answer.code, answer.op_index, answer.cart) == (code, at, cart)
        else:
            assert isinstance(answer, Committed)
            cart, plain = answer.cart, tried
        assert_same(cart, plain)
    assert (await carts.read(cart_id)).cart == cart
    assert len((await carts.read_log(cart_id, 0)).entries) == min(plain.version, TIGHT.log)


def attempt(plain: PlainCart, request: list[Op], member: str) -> tuple[PlainCart, str, int]:
    tried = copy.deepcopy(plain)
    tried.version += 1
    for at, op in enumerate(request):
        try:
            tried.apply(op, member, tried.version, TIGHT)
        except Refusal as refusal:
            return plain, refusal.args[0], at
    return tried, "", -1


def assert_same(cart: Cart, plain: PlainCart) -> None:
    assert cart.version == plain.version
    lines = [(each.id, each.shares, each.note, each.changed_version) for each in cart.lines]
    assert lines == [(name, tuple(each.shares.items()), each.note, each.changed) for name, each in plain.lines.items()]
    assert {code.canonical: code.entered for code in cart.codes} == plain.codes
    assert {fee.fee: fee.quantity for fee in cart.fees} == plain.fees
    assert cart.gift_choices == plain.gifts
    changes = {each.id: (each.line, each.member) for each in cart.adjustments}
    assert changes == plain.adjustments
    assert {"channel": cart.channel, "locale": cart.locale, "note": cart.note} == plain.fields
    assert dict(cart.field_versions) == plain.field_versions
