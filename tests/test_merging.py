"""Putting carts together, as a pure function: what is kept, what is told, and that it can be taken apart again."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cart.commands import line_id
from engine.cart.merging import Caps, Merged, MergeEffect, MergePart, MergePolicy, merge
from engine.cart.model import (
    Adjustment,
    AdjustmentKind,
    Cart,
    CodeEntry,
    DeliveryChoice,
    FeeChoice,
    LineItem,
    Member,
    Role,
)
from engine.cart.unmerging import unmerge
from engine.types import AdjustmentId, CartId, ChannelId, LineId, MemberId, PromotionId, Sku

ANN, BEN = MemberId("customer:ann"), MemberId("guest:ben")
WIDE = Caps(lines=500, quantity=99_999, codes=20, fees=20, adjustments=20, suggestions=50)
SKUS = ("mug", "pen", "ham", "tea")
MEASURED = frozenset({"ham"})

shares = st.dictionaries(st.sampled_from([ANN, BEN]), st.integers(1, 9), min_size=1).map(
    lambda shares: tuple(shares.items())
)


def line(sku: str = "mug", *shares: tuple[MemberId, int], **more: object) -> LineItem:
    asked = LineItem(line_id(Sku(sku)), Sku(sku), shares or ((ANN, 1),), measured=sku in MEASURED)
    return replace(asked, **more)  # type: ignore[arg-type]


def cart(name: str = "target", *lines: LineItem, **more: object) -> Cart:
    owner = (Member(ANN, Role.OWNER),)
    made = Cart(CartId(name), 7, owner, ChannelId("web"), None, "en", lines=lines, suggestions=())
    return replace(made, **more)  # type: ignore[arg-type]


@st.composite
def carts(draw: st.DrawFn, name: str) -> Cart:
    skus = draw(st.lists(st.sampled_from(SKUS), unique=True))
    lines = [line(sku, *draw(shares), note=draw(st.sampled_from(["", "cold", "ripe"]))) for sku in skus]
    suggested = [line(sku, *draw(shares)) for sku in draw(st.lists(st.sampled_from(SKUS), unique=True, max_size=2))]
    codes = [CodeEntry(code, code) for code in draw(st.lists(st.sampled_from("XYZ"), unique=True))]
    fees = [FeeChoice(fee, draw(st.integers(1, 5))) for fee in draw(st.lists(st.sampled_from(["wrap"]), unique=True))]
    gifts = draw(st.dictionaries(st.sampled_from(["p", "q"]), st.sampled_from(["cup", "bag"])))
    granted = [
        Adjustment(AdjustmentId(f"{name}-{each.id}"), AdjustmentKind.PERCENT, each.id, 500, "", "damaged", "clerk", ANN)
        for each in lines[:1]
    ]
    return cart(
        name,
        *lines,
        suggestions=tuple(suggested),
        codes=tuple(codes),
        fees=tuple(fees),
        gift_choices={PromotionId(key): Sku(sku) for key, sku in gifts.items()},
        adjustments=tuple(granted) if draw(st.booleans()) else (),
        note=draw(st.sampled_from(["", "ring", "call"])),
        version=draw(st.integers(1, 9)),
    )


policies = st.sampled_from(MergePolicy)


def held(cart: Cart) -> dict[str, int]:
    """Return how much a cart holds of each product."""
    sums: dict[str, int] = {}
    for each in cart.lines:
        sums[each.sku] = sums.get(each.sku, 0) + each.quantity
    return sums


def content(cart: Cart) -> object:
    """Return what a cart holds, without the versions at which it came."""
    return (
        {each.id: (each.shares, each.note, each.measured) for each in cart.lines},
        {each.id: each.shares for each in cart.suggestions},
        cart.codes,
        cart.fees,
        dict(cart.gift_choices),
        {each.id: each.line for each in cart.adjustments},
        cart.note,
    )


def by_member(cart: Cart) -> dict[tuple[str, MemberId], int]:
    return {(each.sku, member): share for each in cart.lines for member, share in each.shares}


def effect(merged: Merged, part: MergePart = MergePart.LINE) -> MergeEffect:
    (change,) = (change for change in merged.changes if change.part is part)
    return change.effect


# What holds for all carts.


@given(carts("source"), carts("target"), policies)
def test_nothing_is_lost(source: Cart, target: Cart, policy: MergePolicy) -> None:
    result = merge(source, target, policy, WIDE).cart
    ours, theirs, both = held(target), held(source), held(result)
    assert both.keys() == ours.keys() | theirs.keys()
    for sku, quantity in both.items():
        wanted = {
            MergePolicy.SUM: ours.get(sku, 0) + theirs.get(sku, 0),
            MergePolicy.KEEP_BOTH: ours.get(sku, 0) + theirs.get(sku, 0),
            MergePolicy.MAX: max(ours.get(sku, 0), theirs.get(sku, 0)),
            MergePolicy.TARGET: ours.get(sku) or theirs.get(sku),
            MergePolicy.SOURCE: theirs.get(sku) or ours.get(sku),
        }
        assert quantity == wanted[policy]
    assert {code.canonical for code in (*source.codes, *target.codes)} == {code.canonical for code in result.codes}
    assert target.note in result.note
    assert source.note in result.note
    assert (result.id, result.members, result.version) == (target.id, target.members, target.version + 1)


@given(carts("source"), carts("target"), policies, st.integers(1, 4), st.integers(1, 6))
def test_what_does_not_fit_is_told(source: Cart, target: Cart, policy: MergePolicy, lines: int, quantity: int) -> None:
    """Of each line, what is in the result and what is said to be left are together what was wanted; no cap is passed."""
    tight = Caps(lines, quantity, 1, 1, 1, 1)
    result, free = merge(source, target, policy, tight), merge(source, target, policy, WIDE)
    then, now = {each.id: each for each in target.lines}, {each.id: each for each in result.cart.lines}
    assert len(now) <= max(lines, len(then))
    for id_, each in now.items():
        assert each.quantity <= max(tight.most_of(each), then[id_].quantity if id_ in then else 0)
    told = {change.key: change for change in result.changes if change.part is MergePart.LINE}
    for wanted in (change for change in free.changes if change.part is MergePart.LINE):
        change, there = told[wanted.key], result.cart.line(LineId(wanted.key))
        assert change.after == (there.quantity if there else 0)
        assert change.after + change.left == wanted.after
    for code in source.codes:
        known = code in result.cart.codes
        assert known or any(change.key == code.canonical and change.left for change in result.changes)


@given(carts("a"), carts("b"))
def test_sum_commutes(a: Cart, b: Cart) -> None:
    one, other = merge(a, b, MergePolicy.SUM, WIDE).cart, merge(b, a, MergePolicy.SUM, WIDE).cart
    assert by_member(one) == by_member(other)
    assert {fee.fee: fee.quantity for fee in one.fees} == {fee.fee: fee.quantity for fee in other.fees}
    assert {code.canonical for code in one.codes} == {code.canonical for code in other.codes}


@given(carts("a"), carts("b"), carts("c"))
def test_sum_is_associative(a: Cart, b: Cart, c: Cart) -> None:
    first = merge(c, merge(b, a, MergePolicy.SUM, WIDE).cart, MergePolicy.SUM, WIDE).cart
    second = merge(merge(c, b, MergePolicy.SUM, WIDE).cart, a, MergePolicy.SUM, WIDE).cart
    assert by_member(first) == by_member(second)


@given(carts("source"), carts("target"), st.sampled_from([MergePolicy.MAX, MergePolicy.TARGET, MergePolicy.SOURCE]))
def test_these_policies_are_idempotent(source: Cart, target: Cart, policy: MergePolicy) -> None:
    once = merge(source, target, policy, WIDE).cart
    assert content(merge(source, once, policy, WIDE).cart) == content(once)


@given(carts("source"), carts("target"))
def test_of_the_larger_quantity_nobody_is_named_who_put_less(source: Cart, target: Cart) -> None:
    result = by_member(merge(source, target, MergePolicy.MAX, WIDE).cart)
    ours, theirs = by_member(target), by_member(source)
    for key, share in result.items():
        assert ours.get(key, 0) <= share <= max(ours.get(key, 0), theirs.get(key, 0))


@given(carts("source"), carts("target"), policies, st.sampled_from([WIDE, Caps(3, 5, 2, 1, 1, 1)]))
def test_an_undo_gives_the_target_back(source: Cart, target: Cart, policy: MergePolicy, caps: Caps) -> None:
    merged = merge(source, target, policy, caps).cart
    restored = unmerge(target, merged, merged, caps).cart
    assert content(restored) == content(target)
    assert restored.version == merged.version + 1


@settings(max_examples=200)
@given(carts("source"), carts("target"), policies, st.dictionaries(st.sampled_from(SKUS), st.integers(-9, 9)))
def test_an_undo_keeps_what_was_edited_since(
    source: Cart, target: Cart, policy: MergePolicy, edits: dict[str, int]
) -> None:
    """Of each line, as much goes as came, down to nothing; the edit stays."""
    merged = merge(source, target, policy, WIDE).cart
    now = replace(
        merged, lines=tuple(_edited(each, edits.get(each.sku, 0), merged.version + 1) for each in merged.lines)
    )
    now = replace(now, lines=tuple(each for each in now.lines if each.shares), version=merged.version + 1)
    restored = unmerge(target, merged, now, WIDE).cart
    then, came, there = (
        {each.id: each.quantity for each in each_cart.lines} for each_cart in (target, merged, restored)
    )
    for each in now.lines:
        added = came[each.id] - then.get(each.id, 0)
        least = max(0, each.quantity - added)
        assert least <= there.get(each.id, 0) <= each.quantity + max(0, -added)
        if (
            policy is not MergePolicy.SOURCE
            and len(each.shares) == 1
            and dict(each.shares).keys() == dict(_before(merged, each)).keys()
        ):
            assert there.get(each.id, 0) == least
    assert there.keys() <= {each.id for each in now.lines}


def _before(merged: Cart, line: LineItem) -> tuple[tuple[MemberId, int], ...]:
    found = merged.line(line.id)
    assert found is not None
    return found.shares


def _edited(line: LineItem, by: int, version: int) -> LineItem:
    """Add to the newest share of a line, or take from it."""
    if not by:
        return line
    *rest, (member, share) = line.shares
    changed = tuple((who, much) for who, much in (*rest, (member, share + by)) if much > 0)
    return replace(line, shares=changed, changed_version=version)


# What holds for single things.


def test_an_add_after_the_merge_survives_the_undo() -> None:
    target, source = cart("target", line("mug", (ANN, 2))), cart("source", line("mug", (BEN, 3)))
    merged = merge(source, target, MergePolicy.SUM, WIDE).cart
    assert merged.lines[0].shares == ((ANN, 2), (BEN, 3))
    more = replace(merged.lines[0], shares=((ANN, 3), (BEN, 3)), changed_version=merged.version + 1)
    restored = unmerge(target, merged, replace(merged, lines=(more,)), WIDE)
    assert restored.cart.lines[0].shares == ((ANN, 3),)
    removed = unmerge(target, merged, replace(merged, lines=()), WIDE)
    assert removed.cart.lines == (), "what was removed does not come back"


def test_both_lines_are_kept_apart_under_another_key() -> None:
    target, source = cart("target", line("mug", (ANN, 2))), cart("source", line("mug", (BEN, 3)))
    merged = merge(source, target, MergePolicy.KEEP_BOTH, WIDE).cart
    assert [(each.sku, each.quantity, bool(each.line_key)) for each in merged.lines] == [
        ("mug", 2, False),
        ("mug", 3, True),
    ]
    assert merged.lines[1].id == line_id(Sku("mug"), line_key=merged.lines[1].line_key)


def test_a_labelled_pack_in_both_is_one_pack() -> None:
    """It got into both with a copy; a pack cannot be bought twice."""
    pack = line("ham", (ANN, 512), label_price_minor=480, label_currency="EUR")
    for policy in MergePolicy:
        merged = merge(cart("source", pack), cart("target", pack), policy, WIDE)
        assert merged.cart.lines == (pack,)
        assert effect(merged) is MergeEffect.KEPT


def test_measured_goods_add_up_in_thousandths_and_never_with_pieces() -> None:
    target, source = cart("target", line("ham", (ANN, 1250))), cart("source", line("ham", (ANN, 500)))
    assert merge(source, target, MergePolicy.SUM, WIDE).cart.lines[0].quantity == 1750
    pieces = cart("source", line("ham", (ANN, 2), measured=False))
    merged = merge(pieces, target, MergePolicy.SUM, WIDE).cart
    assert [(each.quantity, each.measured) for each in merged.lines] == [(1250, True), (2, False)]


def test_a_line_that_is_full_takes_what_fits() -> None:
    tight = replace(WIDE, quantity=4)
    target, source = cart("target", line("mug", (ANN, 3))), cart("source", line("mug", (BEN, 3)))
    merged = merge(source, target, MergePolicy.SUM, tight)
    (change,) = merged.changes
    assert (change.effect, change.before, change.after, change.left) == (MergeEffect.CHANGED, 3, 4, 2)
    assert merged.cart.lines[0].shares == ((ANN, 3), (BEN, 1))


def test_what_staff_granted_goes_with_its_goods_and_nowhere_else() -> None:
    granted = Adjustment(AdjustmentId("a"), AdjustmentKind.PERCENT, line("mug").id, 500, "", "damaged", "clerk", BEN)
    source = cart("source", line("mug", (BEN, 1)), adjustments=(granted,))
    came = merge(source, cart(), MergePolicy.SUM, WIDE)
    assert [each.line for each in came.cart.adjustments] == [line("mug").id]
    both = merge(source, cart("target", line("mug", (ANN, 1))), MergePolicy.SUM, WIDE)
    assert both.cart.adjustments == ()
    assert effect(both, MergePart.ADJUSTMENT) is MergeEffect.LEFT
    whole = replace(source, adjustments=(replace(granted, line=None),))
    assert effect(merge(whole, cart(), MergePolicy.SUM, WIDE), MergePart.ADJUSTMENT) is MergeEffect.LEFT


def test_notes_are_joined_where_they_fit() -> None:
    source, target = cart("source", note="ring twice"), cart("target", note="second floor")
    joined = merge(source, target, MergePolicy.SUM, WIDE)
    assert joined.cart.note == "second floor / ring twice"
    again = merge(source, joined.cart, MergePolicy.SUM, WIDE)
    assert (again.cart.note, effect(again, MergePart.NOTE)) == (joined.cart.note, MergeEffect.KEPT)
    long = merge(source, replace(target, note="x" * 495), MergePolicy.SUM, WIDE)
    assert (long.cart.note, effect(long, MergePart.NOTE)) == ("x" * 495, MergeEffect.LEFT)


def test_an_address_stays_with_its_cart_and_is_said_to() -> None:
    home = DeliveryChoice("home", "75001", "day")
    source = cart("source", delivery=home, payment_method="card")
    merged = merge(source, cart(), MergePolicy.SUM, WIDE)
    assert (merged.cart.delivery, merged.cart.payment_method) == (None, "")
    assert {change.part for change in merged.changes} == {MergePart.DELIVERY, MergePart.PAYMENT}
    theirs, ours = (
        cart("source", line("mug", (BEN, 1), delivery=home), note="ring"),
        cart("target", line("mug", (ANN, 1))),
    )
    own = merge(theirs, ours, MergePolicy.SUM, WIDE).cart
    assert (own.lines[0].delivery, own.note) == (home, "ring")
    shared = merge(theirs, replace(ours, members=(*ours.members, Member(BEN, Role.VIEWER))), MergePolicy.SUM, WIDE)
    assert (shared.cart.lines[0].delivery, shared.cart.note) == (None, "")
    assert [(change.part, change.effect) for change in shared.changes[1:]] == [
        (MergePart.NOTE, MergeEffect.LEFT),
        (MergePart.DELIVERY, MergeEffect.LEFT),
    ]


def test_a_gift_is_chosen_once() -> None:
    offer = PromotionId("p")
    source, target = (
        cart(name, gift_choices={offer: Sku(sku)}) for name, sku in (("source", "cup"), ("target", "bag"))
    )
    merged = merge(source, target, MergePolicy.SOURCE, WIDE)
    assert (merged.cart.gift_choices, effect(merged, MergePart.GIFT)) == ({offer: "bag"}, MergeEffect.LEFT)
    assert merge(source, cart(), MergePolicy.SUM, WIDE).cart.gift_choices == {offer: "cup"}
