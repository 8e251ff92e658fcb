"""Random requests by random members, on a real server and on a cart in plain Python: both must agree on every one.

They change the cart, who takes part in it, which device has it, and put other carts into it.
"""

import asyncio
import copy
import dataclasses
import uuid

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.cart.codec import pack
from engine.cart.commands import AddAdjustment, LeaseChange, MergeInto, Op
from engine.cart.handoff import HandoffMode, Place, Terms
from engine.cart.members import LETTER_OF
from engine.cart.merging import MergePolicy
from engine.cart.model import AdjustmentKind, Budget, Cart, Member, Role
from engine.storage.carts import CartStore, Committed, Missing, Refused
from engine.storage.connection import Connection
from engine.storage.handoffs import Claimant, Full, HandoffStore, NotMade, Won
from engine.storage.keys import KeyNames
from engine.types import AdjustmentId, CartId, MemberId, OperationId
from tests.storage.plain_cart import PlainCart, Refusal
from tests.storage.shopper import ANN, BEN, EVE, LIMITS, STAFF, WEB, add, caller, committed, edit, line, made, start

SKUS = ("mug", "pen", "cup")
MEASURED = ("ham",)
TIGHT = dataclasses.replace(LIMITS, lines=3, quantity=8, members=4, invites=2, suggestions=2)
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
burns = st.builds(
    lambda points, balance: ["burn", points, False, balance], st.sampled_from([False, 0, 50, 200]), st.integers(0, 99)
)
adjusts = st.builds(
    lambda line: [
        *AddAdjustment(AdjustmentId(uuid.uuid4().hex), AdjustmentKind.PERCENT, line, 1000, "", "damaged", "till").ops()[
            0
        ]
    ],
    st.one_of(st.none(), lines),
)
clears = st.just(["clear"])
PEOPLE = [ANN, BEN, EVE, MemberId("guest:kid"), MemberId("customer:dad"), STAFF]
LETTERS = ["e", "a", "s", "v"]
people = st.sampled_from(PEOPLE)
member_names = st.sampled_from(PEOPLE[:-1])
letters = st.sampled_from(LETTERS)
invited = st.sampled_from(["a", "s"])
invites = st.builds(
    lambda role, uses: ["invite", uuid.uuid4().hex, f"CODE-{role}", role, uses, 3_600_000], invited, st.integers(1, 2)
)
joins = st.builds(lambda role: ["join", f"CODE-{role}"], invited)
roles = st.builds(lambda *parts: ["role", *parts], member_names, letters)
seats = st.builds(lambda *parts: ["seat", *parts], member_names, letters)
partings = st.one_of(
    st.builds(lambda *parts: ["expel", *parts], member_names, st.booleans()),
    st.builds(lambda keep: ["leave", keep], st.booleans()),
)
handovers = st.builds(lambda member: ["own", member, False, False, False], member_names)
decisions = st.builds(
    lambda *parts: [*parts],
    st.sampled_from(["approve", "decline"]),
    lines,
    st.one_of(st.just(False), member_names),  # noqa: FBT003  # how the script reads "of everybody"
)
budgets = st.sampled_from([False, [500, "EUR"]])
rules = st.one_of(
    st.builds(
        lambda *parts: ["limit", *parts], member_names, budgets, st.sampled_from([[], ["grocery"], ["wine", "beer"]])
    ),
    st.builds(lambda *parts: ["group", *parts], budgets, st.sampled_from([False, 1_800_000_000_000])),
)
leases = st.builds(lambda what: ["lease", what], st.sampled_from([change.value for change in LeaseChange]))
ops = st.sampled_from(
    [adds] * 8
    + [measured_adds] * 2
    + [sets] * 8
    + [line_notes] * 3
    + [adjusts] * 4
    + [burns] * 2
    + [removals, notes, channels, codes, fees, choices, taken_back, clears]
    + [seats] * 4
    + [invites, joins, roles, decisions] * 4
    + [partings, handovers, rules, leases]
).flatmap(lambda kind: kind)


@dataclasses.dataclass(frozen=True)
class Handing:
    """One makes a code, the other claims it."""

    mode: HandoffMode
    giver: MemberId
    taker: MemberId


@dataclasses.dataclass(frozen=True)
class Merging:
    """Somebody puts a cart of their own, filled like this, into the one that all share."""

    mover: MemberId
    filled: list[Op]
    policy: MergePolicy


handings = st.builds(Handing, st.sampled_from([HandoffMode.MOVE, HandoffMode.JOIN]), member_names, member_names)
fillings = st.lists(
    st.one_of(adds, adds, measured_adds, codes, fees), min_size=1, max_size=2, unique_by=lambda op: (op[0], op[1])
)
mergings = st.builds(Merging, member_names, fillings, st.sampled_from([MergePolicy.SUM, MergePolicy.MAX]))
asked = st.tuples(people, st.lists(ops, min_size=1, max_size=3))
steps = st.lists(st.one_of([asked] * 6 + [handings, mergings]), min_size=12, max_size=30)
Step = tuple[MemberId, list[Op]] | Handing | Merging
NOTHING_TO_COPY = pack({})
START: dict[str, str] = {ANN: "o", BEN: "e"}


FEW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(steps=steps)
async def test_the_store_agrees_with_a_cart_in_plain_python(
    connection: Connection, names: KeyNames, steps: list[Step]
) -> None:
    carts, handoffs = CartStore(connection, names, TIGHT), HandoffStore(connection, names, TIGHT)
    cart_id = CartId(uuid.uuid4().hex)
    cart, plain = await made(carts, cart=cart_id), PlainCart(members=dict(START))
    for step in steps:
        if isinstance(step, Handing | Merging):
            refusal, plain = attempt_step(plain, step)
            if isinstance(step, Handing):
                assert (await handed(handoffs, cart_id, step))[0] == refusal
            else:
                assert (await merged(carts, cart_id, step))[0] == refusal
            cart = (await carts.read(cart_id)).cart or cart
            assert_same(cart, plain)
            continue
        member, request = step
        answer = await carts.commit(cart_id, edit(*request, by=caller(member, by_scope=member == STAFF)))
        outside = not plain.role_of(member)
        tried, code, at = attempt(plain, request, member)
        if outside and request[0][0] != "join":
            assert isinstance(answer, Missing)
        elif code:
            assert isinstance(answer, Refused)
            assert (answer.code, answer.op_index, answer.cart) == (code, at, None if outside else cart)
        else:
            assert isinstance(answer, Committed)
            cart, plain = answer.cart, tried
        assert_same(cart, plain)
    assert (await carts.read(cart_id)).cart == cart
    assert len((await carts.read_log(cart_id, 0)).entries) == min(plain.version, TIGHT.log)


@FEW
@given(steps=steps)
async def test_what_is_done_at_once_from_several_connections_is_one_order_of_it(
    connection: Connection, server_url: str, names: KeyNames, steps: list[Step]
) -> None:
    """All is under way together; what was done, in the order of the versions that it made, makes the same cart in Python."""
    more = [Connection(server_url) for _ in range(2)]
    try:
        stores = [(CartStore(each, names, TIGHT), HandoffStore(each, names, TIGHT)) for each in (connection, *more)]
        cart_id = CartId(uuid.uuid4().hex)
        await made(stores[0][0], cart=cart_id)
        made_versions = await asyncio.gather(
            *[version_made(*stores[number % 3], cart_id, step) for number, step in enumerate(steps)]
        )
        done = [(version, step) for version, step in zip(made_versions, steps, strict=True) if version is not None]
        plain = PlainCart(members=dict(START))
        for version, step in sorted(done, key=lambda each: each[0]):
            assert version == plain.version + 1
            if isinstance(step, Handing | Merging):
                refusal, plain = attempt_step(plain, step)
                assert not refusal
            else:
                member, request = step
                assert plain.role_of(member) or request[0][0] == "join"
                plain, code, _ = attempt(plain, request, member)
                assert not code
        cart = (await stores[2][0].read(cart_id)).cart
        assert cart is not None
        assert_same(cart, plain)
    finally:
        for each in more:
            await each.close()


async def version_made(carts: CartStore, handoffs: HandoffStore, cart: CartId, step: Step) -> int | None:
    """Do a step and return the version of the cart that it made, None where it was refused."""
    match step:
        case Handing():
            return (await handed(handoffs, cart, step))[1]
        case Merging():
            return (await merged(carts, cart, step))[1]
        case (member, request):
            answer = await carts.commit(cart, edit(*request, by=caller(member, by_scope=member == STAFF)))
            return answer.version if isinstance(answer, Committed) else None


async def handed(handoffs: HandoffStore, cart: CartId, step: Handing) -> tuple[str, int | None]:
    """Let one make a code and the other claim it; return the code of the refusal, or the version that this made."""
    terms = Terms(step.mode, 60_000, 60_000)
    made = await handoffs.create(cart, caller(step.giver), OperationId(uuid.uuid4().hex), terms)
    if isinstance(made, NotMade):
        return made.why.value, None
    claimant = Claimant(Place(step.taker, caller().device, WEB, None), is_shops=False)
    answer = await handoffs.claim(made.code, cart, claimant, cart, NOTHING_TO_COPY)
    match answer:
        case Won():
            assert answer.cart is not None
            return "", answer.cart.version
        case Full():
            return "MEMBER_LIMIT", None
        case _:
            return "between the two the cart went elsewhere", None


async def merged(carts: CartStore, cart: CartId, step: Merging) -> tuple[str, int | None]:
    """Fill another cart and have it merged; return the code of the refusal, or the version that this made."""
    source, by = CartId(uuid.uuid4().hex), caller(step.mover)
    new_cart = start(source, members=(Member(step.mover, Role.OWNER),))
    await committed(carts, edit(*step.filled, by=by, new_cart=new_cart), source)
    sealed = await carts.commit(source, edit(*MergeInto(cart, step.policy).ops(), by=by))
    assert isinstance(sealed, Committed)
    decision = await carts.merges.decision(source, cart, sealed.version)
    assert decision is not None
    assert sealed.cart.superseded_by == (None if decision.refused else cart)
    return (decision.refused.value, None) if decision.refused else ("", decision.report.version)


def attempt_step(plain: PlainCart, step: Handing | Merging) -> tuple[str, PlainCart]:
    tried = copy.deepcopy(plain)
    try:
        if isinstance(step, Handing):
            tried.hand_over(step.mode.value, step.giver, step.taker, TIGHT)
        else:
            source, refusal, _ = attempt(PlainCart(members={step.mover: "o"}), step.filled, step.mover)
            assert not refusal
            tried.take_in(source, step.mover, TIGHT, most=step.policy is MergePolicy.MAX)
    except Refusal as refusal:
        return refusal.args[0], plain
    return "", tried


def attempt(plain: PlainCart, request: list[Op], member: MemberId) -> tuple[PlainCart, str, int | None]:
    tried = copy.deepcopy(plain)
    tried.version += 1
    if plain.must_wait(request, member):
        return plain, "CART_HELD", None
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
    waiting = [(each.id, each.shares, each.changed_version) for each in cart.suggestions]
    assert waiting == [(name, tuple(each.shares.items()), each.changed) for name, each in plain.suggestions.items()]
    assert {each.id: LETTER_OF[each.role] for each in cart.members} == plain.members
    assert {each.id: each.uses_left for each in cart.invites} == {id_: each.left for id_, each in plain.invites.items()}
    for each in cart.members:
        budget, blocked = plain.rules.get(each.id, (False, []))
        assert (packed(each.budget), list(each.blocked)) == (budget, blocked)
    assert (packed(cart.budget), cart.deadline_ms or False) == plain.rules.get("", (False, False))
    assert {code.canonical: code.entered for code in cart.codes} == plain.codes
    assert {fee.fee: fee.quantity for fee in cart.fees} == plain.fees
    assert cart.gift_choices == plain.gifts
    changes = {each.id: (each.line, each.member) for each in cart.adjustments}
    assert changes == plain.adjustments
    assert (cart.burn and (cart.burn.points, cart.burn.balance, cart.burn.member)) == plain.burn
    assert {"channel": cart.channel, "locale": cart.locale, "note": cart.note} == plain.fields
    assert dict(cart.field_versions) == plain.field_versions
    assert (cart.lease.member if cart.lease else "") == plain.held_by


def packed(budget: Budget | None) -> object:
    return [budget.amount_minor, budget.currency] if budget else False
