"""Putting carts together, as clients see it."""

import strawberry
from strawberry import ID

from engine.cart.merging import MergeChange, MergeEffect, MergePart, MergePolicy, MergeReport
from engine.types import InstantMs
from schema.ids import encode_id
from schema.scalars import Long
from schema.views import object_type

strawberry.enum(
    MergePolicy,
    name="CartMergePolicy",
    description=(
        "How much is wanted of a line or fee that both carts hold: both together, the larger quantity, both apart "
        "(fees: together), or that of one of them. What only one cart holds is kept, whatever the policy."
    ),
)
strawberry.enum(MergePart, name="CartMergePart", description="The kinds of things that a cart holds.")
strawberry.enum(
    MergeEffect,
    name="CartMergeEffect",
    description=(
        "What became of a thing: new in the target, there in another quantity, there as before, still in the source "
        "only, or taken out of the target again by an undo."
    ),
)


@object_type("CartMergeChange")
class CartMergeChangeView:
    """What became of one thing of the source."""

    __slots__ = ("_change",)

    def __init__(self, change: MergeChange) -> None:
        self._change = change

    @property
    def part(self) -> MergePart:
        """What kind of thing it is."""
        return self._change.part

    @property
    def effect(self) -> MergeEffect:
        """What became of it."""
        return self._change.effect

    @property
    def key(self) -> str:
        """Its id where it is now: of a line, code, fee, promotion or adjustment; what belongs to a line names that."""
        return self._change.key

    @property
    def name(self) -> str:
        """The product of a line, or what was typed."""
        return self._change.name

    @property
    def before(self) -> Long:
        """How much of it the target held: pieces, or thousandths where `measured`."""
        return Long(self._change.before)

    @property
    def after(self) -> Long:
        """How much of it the target holds."""
        return Long(self._change.after)

    @property
    def left(self) -> Long:
        """How much did not fit: it is in the source still."""
        return Long(self._change.left)

    @property
    def measured(self) -> bool:
        """Whether it is sold by measure."""
        return self._change.measured


@object_type("CartMerge")
class CartMergeView:
    """What putting two carts together came to, or taking them apart."""

    __slots__ = ("_report",)

    def __init__(self, report: MergeReport) -> None:
        self._report = report

    @property
    def source_id(self) -> ID:
        """The cart that went into the other one. It stays readable, as it was."""
        return encode_id("Cart", self._report.source)

    @property
    def target_id(self) -> ID:
        """The cart that holds both."""
        return encode_id("Cart", self._report.target)

    @property
    def policy(self) -> MergePolicy:
        """How much is wanted of what both held."""
        return self._report.policy

    @property
    def at(self) -> InstantMs:
        """When, by the clock of the store."""
        return self._report.at_ms

    @property
    def undo_until(self) -> InstantMs:
        """Until when `cartMergeUndo` takes it back."""
        return self._report.undo_until_ms

    @property
    def undone(self) -> bool:
        """Whether it was taken back."""
        return self._report.undone

    @property
    def changes(self) -> list[CartMergeChangeView]:
        """What became of each thing of the source."""
        return [CartMergeChangeView(change) for change in self._report.changes]
