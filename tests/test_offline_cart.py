"""What was done offline, as differences to what was seen: on plain data, without a store.

`Shared` is the cart as it is online, as simple as can be: numbers of units by line and by who put them. It does with the
operations of `BelievedCart` what storage/lua/offline.lua does, and is written from the design and not from that.
"""

import copy
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cart.commands import (
    AddCodes,
    AddFees,
    AddLines,
    ChangeLines,
    ChooseGift,
    Command,
    LineChange,
    NewLine,
    Op,
    RemoveCodes,
    RemoveFees,
    RemoveLines,
    SetContext,
    SetNote,
    line_id,
)
from engine.cart.model import Budget, Cart, CodeEntry, DeliveryChoice, Facts, FeeChoice, Invite, LineItem, Member, Role
from engine.cart.offline import BelievedCart
from engine.cart.snapshot import (
    Allowances,
    CartSnapshot,
    SnapshotFormError,
    read_snapshot,
    snapshot_document,
    taken_along,
)
from engine.errors import RefusedError
from engine.types import (
    CartId,
    ChannelId,
    Currency,
    CustomerId,
    InstantMs,
    InviteId,
    LineId,
    MemberId,
    PromotionId,
    Sku,
    StoreId,
)

SKUS = ("mug", "pen", "cup")
PHONE, TILL = MemberId("customer:ann"), MemberId("terminal:till")
OTHERS = (PHONE, MemberId("customer:ben"))
VERSION = 10


@dataclass
class Shared:
    """A line is named by its SKU here. ``made`` says when it was last made anew, before the snapshot or after it."""

    shares: dict[str, dict[str, int]] = field(default_factory=dict)
    made: dict[str, bool] = field(default_factory=dict)
    """Whether the line was there when the snapshot was taken, and has been since."""
    applied: set[str] = field(default_factory=set)

    def add(self, sku: str, member: str, quantity: int) -> None:
        line = self.shares.setdefault(sku, {})
        line[member] = line.get(member, 0) + quantity

    def remove(self, sku: str) -> None:
        self.shares.pop(sku, None)
        self.made.pop(sku, None)

    def total(self, sku: str) -> int:
        return sum(self.shares.get(sku, {}).values())

    def sync(self, operations: dict[str, list[Op]]) -> None:
        for id_, ops in operations.items():
            if id_ not in self.applied:
                self.applied.add(id_)
                for op in ops:
                    self._done(op)

    def _done(self, op: Op) -> None:
        if op[0] == "add":
            attributes: Any = op[3]
            self.add(attributes["s"], TILL, int(str(op[2])))
            return
        assert op[0] == "less"
        sku = next(sku for sku in SKUS if line_id(Sku(sku)) == op[1])
        seen: Any = op[4] if self.made.get(sku) else {}
        left, line = int(str(op[2])) // 1000, self.shares.get(sku, {})
        for member, most in [(TILL, left), *seen.items()]:
            taken = min(left, most, line.get(member, 0))
            left -= taken
            if taken:
                line[member] -= taken
        if not any(line.values()):
            self.remove(sku)


def cart_of(shared: Shared) -> Cart:
    return Cart(
        id=CartId("c"),
        version=VERSION,
        members=(),
        channel=ChannelId("web"),
        store=None,
        locale="en",
        lines=tuple(
            LineItem(line_id(Sku(sku)), Sku(sku), tuple((MemberId(who), share) for who, share in shares.items()))
            for sku, shares in shared.shares.items()
        ),
    )


def asked(kind: str, sku: str, quantity: int) -> Command:
    line = line_id(Sku(sku))
    if kind == "add":
        return AddLines((NewLine(Sku(sku), max(1, quantity)),))
    if kind == "remove":
        return RemoveLines((line,))
    return ChangeLines((LineChange(line, quantity * 1000),))


steps = st.lists(
    st.tuples(st.sampled_from(["add", "set", "remove"]), st.sampled_from(SKUS), st.integers(0, 5)), max_size=12
)
online_adds = st.lists(st.tuples(st.sampled_from(OTHERS), st.sampled_from(SKUS), st.integers(1, 4)), max_size=8)
removed = st.sets(st.sampled_from(SKUS))
starts = st.dictionaries(
    st.sampled_from(SKUS), st.dictionaries(st.sampled_from(OTHERS), st.integers(1, 5), min_size=1, max_size=2)
)


def started(shares: dict[str, dict[MemberId, int]]) -> Shared:
    plain = {sku: {str(who): share for who, share in each.items()} for sku, each in shares.items()}
    return Shared(plain, dict.fromkeys(plain, True))


def done_offline(seen: Cart, wanted: list[tuple[str, str, int]]) -> tuple[dict[str, list[Op]], dict[str, int]]:
    """Return the operations of a device, and how much of each product it believes in."""
    believed, operations = BelievedCart(seen), {}
    for number, (kind, sku, quantity) in enumerate(wanted):
        try:
            operations[f"op-{number}"] = believed.done(asked(kind, sku, quantity))
        except RefusedError:
            assert kind != "add"  # it has no such line
    return operations, {str(line.sku): line.quantity for line in believed.cart().lines}


@given(starts, steps)
def test_with_nobody_else_the_cart_is_what_the_device_believes(
    start: dict[str, dict[MemberId, int]], wanted: list[tuple[str, str, int]]
) -> None:
    shared = started(start)
    operations, believed = done_offline(cart_of(shared), wanted)
    shared.sync(operations)
    assert {sku: shared.total(sku) for sku in shared.shares} == believed


@given(starts, steps, online_adds)
def test_adds_that_the_device_did_not_see_survive(
    start: dict[str, dict[MemberId, int]],
    wanted: list[tuple[str, str, int]],
    added: list[tuple[MemberId, str, int]],
) -> None:
    """Whether they came before or after: it is what the device believes in, and all that was added."""
    shared = started(start)
    operations, believed = done_offline(cart_of(shared), wanted)
    before, after = copy.deepcopy(shared), copy.deepcopy(shared)
    for member, sku, quantity in added:
        before.add(sku, member, quantity)
    before.sync(operations)
    after.sync(operations)
    for member, sku, quantity in added:
        after.add(sku, member, quantity)
    more = {sku: sum(quantity for _, named, quantity in added if named == sku) for sku in SKUS}
    for sku in SKUS:
        assert before.total(sku) == after.total(sku) == believed.get(sku, 0) + more[sku]


@given(starts, steps, removed, online_adds)
def test_what_was_removed_online_does_not_come_back(
    start: dict[str, dict[MemberId, int]],
    wanted: list[tuple[str, str, int]],
    gone: set[str],
    added: list[tuple[MemberId, str, int]],
) -> None:
    """What is left of it is what others added anew, and what the device itself put on top of what it saw."""
    shared = started(start)
    seen = {sku: shared.total(sku) for sku in SKUS}
    operations, _ = done_offline(cart_of(shared), wanted)
    for sku in gone:
        shared.remove(sku)
    for member, sku, quantity in added:
        shared.add(sku, member, quantity)
    shared.sync(operations)
    touched = {sku for _, sku, _ in wanted}
    more = {sku: sum(quantity for _, named, quantity in added if named == sku) for sku in SKUS}
    for sku in gone:
        others = sum(share for member, share in shared.shares.get(sku, {}).items() if member != TILL)
        assert others == more[sku]
        if sku not in touched:
            assert shared.total(sku) == more[sku]
    for sku in set(SKUS) - gone - touched:
        assert shared.total(sku) == seen[sku] + more[sku]


@given(starts, steps, removed, online_adds, st.integers(0, 12))
def test_sending_it_again_changes_nothing(
    start: dict[str, dict[MemberId, int]],
    wanted: list[tuple[str, str, int]],
    gone: set[str],
    added: list[tuple[MemberId, str, int]],
    first: int,
) -> None:
    """Neither the same list, nor a list of which the beginning was sent before others changed the cart."""
    shared = started(start)
    seen = cart_of(shared)
    part, _ = done_offline(seen, wanted[:first])
    whole, _ = done_offline(seen, wanted)
    assert {id_: whole[id_] for id_ in part} == part
    shared.sync(part)
    for sku in gone:
        shared.remove(sku)
    for member, sku, quantity in added:
        shared.add(sku, member, quantity)
    shared.sync(whole)
    once = copy.deepcopy(shared)
    shared.sync(whole)
    shared.sync(part)
    assert shared == once


def seen_cart(**more: Any) -> Cart:
    lines = (
        LineItem(line_id(Sku("mug")), Sku("mug"), ((PHONE, 2),), note="blue", added_version=3, changed_version=4),
        LineItem(line_id(Sku("ham")), Sku("ham"), ((PHONE, 1250),), (("cut", "thin"),), measured=True),
    )
    known: dict[str, Any] = {"id": CartId("c"), "version": VERSION, "members": (), "channel": ChannelId("web")}
    return Cart(**{**known, "store": None, "locale": "en", "lines": lines, **more})


MUG = line_id(Sku("mug"))


@pytest.mark.parametrize(
    ("command", "ops"),
    [
        (SetNote("x"), [["put", "note", "x", VERSION]]),
        (SetContext(payment_method="card"), [["put", "payment", "card", VERSION]]),
        (ChangeLines((LineChange(MUG, note="red"),)), [["line_put", MUG, "n", "red", VERSION]]),
        (RemoveCodes(("A",)), [["uncode", "A", True]]),
        (AddCodes((("B", "b"),)), [["code", "B", "b"]]),
        (RemoveFees(("wrap",)), [["unfee", "wrap", 3]]),
        (AddFees((("wrap", 2),)), [["fee", "wrap", 2]]),
        (ChooseGift(PromotionId("p"), Sku("mug")), [["choose", "p", "mug"]]),
        (RemoveLines((MUG,)), [["less", MUG, 2000, VERSION, {PHONE: 2}]]),
        (ChangeLines((LineChange(MUG, 2000),)), [["less", MUG, 0, VERSION, {PHONE: 2}]]),
    ],
)
def test_what_becomes_of_a_command(command: Command, ops: list[Op]) -> None:
    cart = seen_cart(codes=(CodeEntry("A", "a"),), fees=(FeeChoice("wrap", 3),))
    assert BelievedCart(cart).done(command) == ops


def test_measured_goods_differ_by_thousandths_and_come_back_with_their_options() -> None:
    believed, ham = BelievedCart(seen_cart()), seen_cart().lines[1].id
    [less] = believed.done(ChangeLines((LineChange(ham, 1000),)))
    assert less[:3] == ["less", ham, 250]
    [more] = believed.done(ChangeLines((LineChange(ham, 1100),)))
    assert more[2:4] == [100, {"s": "ham", "m": 1, "o": [["cut", "thin"]]}]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (RemoveLines((LineId("x"),)), "LINE_NOT_FOUND"),
        (ChangeLines((LineChange(MUG, 1500),)), "INVALID_QUANTITY"),
        (RemoveFees(("x",)), "UNKNOWN_FEE"),
    ],
)
def test_what_a_device_cannot_have_done(command: Command, code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        BelievedCart(seen_cart()).done(command)
    assert refused.value.errors[0].code == code


def test_what_the_device_believes_in() -> None:
    believed = BelievedCart(seen_cart(codes=(CodeEntry("A", "a"),)))
    for command in (
        SetNote("x"),
        SetContext(channel=ChannelId("pos"), store=StoreId("south"), delivery=DeliveryChoice("home")),
        RemoveCodes(("A",)),
        AddCodes((("B", "b"),)),
        AddFees((("wrap", 2),)),
        ChooseGift(PromotionId("p"), Sku("mug")),
        RemoveLines((MUG,)),
        AddLines((NewLine(Sku("pen"), 1, note="n"),)),
    ):
        believed.done(command)
    cart = believed.cart()
    assert [(line.sku, line.quantity, line.note) for line in cart.lines] == [("ham", 1250, ""), ("pen", 1, "n")]
    assert (cart.note, cart.channel, cart.store, cart.delivery) == ("x", "pos", "south", DeliveryChoice("home"))
    assert (cart.codes, cart.fees, cart.gift_choices) == ((CodeEntry("B", "b"),), (FeeChoice("wrap", 2),), {"p": "mug"})
    believed.done(SetContext(clear_store=True, clear_delivery=True, locale="fr"))
    believed.done(ChooseGift(PromotionId("p"), None))
    cart = believed.cart()
    assert (cart.store, cart.delivery, cart.locale, cart.gift_choices) == (None, None, "fr", {})


# Snapshots


def a_snapshot() -> CartSnapshot:
    facts = Facts(CustomerId("ann"), 3, "gold", frozenset({"vip", "early"}), 120, birthday="02-29", orders=4)
    return CartSnapshot(
        cart=seen_cart(customer=CustomerId("ann"), facts=facts, draw=7, delivery=DeliveryChoice("home", "75001")),
        member=TILL,
        device="till-4",
        ruleset_hash="r",
        price_book_version="p",
        taken_ms=InstantMs(1_780_000_000_000),
        expires_ms=InstantMs(1_780_000_600_000),
        allowances=Allowances(120, {PromotionId("once"): 1}, {PromotionId("rest"): 50}),
    )


def test_a_snapshot_is_read_as_it_was_written() -> None:
    written = json.loads(json.dumps(snapshot_document(a_snapshot())))
    assert read_snapshot(written) == a_snapshot()
    assert snapshot_document(read_snapshot(written)) == snapshot_document(a_snapshot())


def test_the_form_of_snapshots_stays() -> None:
    """Tills keep them for days: a change here needs another form."""
    written = snapshot_document(a_snapshot())
    assert written["form"] == 1
    assert list(written) == [
        *("form", "cart", "member", "device", "ruleset_hash", "price_book_version", "taken_ms", "expires_ms"),
        "allowances",
    ]
    assert written["allowances"] == {"points": 120, "uses": {"once": 1}, "budgets_minor": {"rest": 50}}
    assert written["cart"] == {
        "id": "c",
        "version": 10,
        "members": [],
        "channel": "web",
        "store": None,
        "locale": "en",
        "lines": [
            {
                "id": MUG,
                "sku": "mug",
                "shares": [["customer:ann", 2]],
                "note": "blue",
                "added_version": 3,
                "changed_version": 4,
            },
            {
                "id": line_id(Sku("ham")),
                "sku": "ham",
                "shares": [["customer:ann", 1250]],
                "options": [["cut", "thin"]],
                "measured": True,
            },
        ],
        "delivery": {"method": "home", "place": "75001"},
        "customer": "ann",
        "facts": {
            "customer": "ann",
            "version": 3,
            "tier": "gold",
            "segments": ["early", "vip"],
            "points": 120,
            "birthday": "02-29",
            "orders": 4,
        },
        "draw": 7,
    }


def test_who_else_takes_part_stays_behind() -> None:
    invite = Invite(InviteId("i"), "SECRET", Role.EDITOR, 1, 1, InstantMs(9))
    cart = seen_cart(members=(Member(PHONE, Role.OWNER),), invites=(invite,), budget=Budget(5, Currency("EUR")))
    assert taken_along(cart) == seen_cart()


@pytest.mark.parametrize("document", [{}, {"form": 2}, {"form": 1}, {"form": 1, "cart": {"id": 3}}])
def test_what_is_no_snapshot(document: dict[str, Any]) -> None:
    with pytest.raises(SnapshotFormError):
        read_snapshot(document)
