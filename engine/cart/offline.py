"""What a device did offline, as differences to what it saw.

Online, "set it to 3" means 3. Offline it means 3 instead of the 2 that the device saw: one more. So what others added
meanwhile stays, and what others removed does not come back. Fields cannot be added up: a note that was changed at both
ends is refused, as if the device had named the version that it saw.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

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
    Plain,
    RemoveCodes,
    RemoveFees,
    RemoveLines,
    SetContext,
    SetNote,
)
from engine.cart.model import QUANTITY_SCALE, Cart, FeeChoice, LineItem
from engine.errors import RefusedError, UserErrorCode
from engine.types import LineId, MemberId

_OFFLINE: Final = MemberId("")
"""Who puts what was added offline, in a cart that only the device believes in."""


@dataclass(slots=True)
class _Believed:
    """A line: what to wish for to have it, how much there is, and what was seen of it in the snapshot."""

    wish: NewLine
    quantity: int
    seen: Mapping[MemberId, int] = field(default_factory=dict)


class BelievedCart:
    """What a device thinks is in a cart: its snapshot, and what it did since."""

    def __init__(self, seen: Cart) -> None:
        self._seen = seen
        self._version = seen.version
        self._lines = {line.id: _Believed(_wish(line), line.quantity, dict(line.shares)) for line in seen.lines}
        self._fees = {fee.fee: fee.quantity for fee in seen.fees}
        self._codes = {code.canonical: code for code in seen.codes}
        self._rest = seen

    def done(self, command: Command) -> list[Op]:
        """Note that the device did this, and return the operations that do the same to the cart as it is now.

        Raises `RefusedError` where the device cannot have done it: it names a line that it did not have.
        """
        match command:
            case AddLines() | ChangeLines() | RemoveLines():
                return self._relined(command)
            case SetNote() | SetContext():
                return self._put(replace(command, if_version=self._version))
            case AddCodes() | RemoveCodes():
                return self._recoded(command)
            case AddFees() | RemoveFees():
                return self._charged(command)
            case ChooseGift():
                self._choose(command)
        return command.ops()

    def cart(self) -> Cart:
        """Return the cart that the device believes in."""
        return replace(
            self._rest,
            lines=tuple(self._line(id_, line) for id_, line in self._lines.items() if line.quantity),
            codes=tuple(self._codes.values()),
            fees=tuple(FeeChoice(fee, quantity) for fee, quantity in self._fees.items()),
        )

    def _relined(self, command: AddLines | ChangeLines | RemoveLines) -> list[Op]:
        match command:
            case AddLines():
                return [self._added(line) for line in command.lines]
            case ChangeLines():
                return [op for change in command.changes for op in self._changed(change)]
            case RemoveLines():
                return [self._moved_to(line, 0) for line in command.lines]

    def _line(self, id_: LineId, believed: _Believed) -> LineItem:
        known = self._seen.line(id_)
        shares = ((_OFFLINE, believed.quantity),)
        return replace(known, shares=shares) if known else line_item(believed.wish, shares, self._version + 1)

    def _added(self, line: NewLine) -> Op:
        known = self._lines.setdefault(line.id, _Believed(line, 0))
        known.quantity += line.quantity
        return line.op()

    def _changed(self, change: LineChange) -> list[Op]:
        believed = self._of(change.line)
        ops = ChangeLines((replace(change, quantity_thousandths=None, if_version=self._version),)).ops()
        if change.quantity_thousandths is not None:
            measured = believed.wish.measured
            wanted, rest = divmod(change.quantity_thousandths, 1 if measured else QUANTITY_SCALE)
            if rest:
                message = "this product is sold by the piece: the quantity must be a whole number"
                raise RefusedError.because(UserErrorCode.INVALID_QUANTITY, message, "lines")
            ops.append(self._moved_to(change.line, wanted))
        return ops

    def _moved_to(self, line: LineId, quantity: int) -> Op:
        """Return the operation that does to the cart what the device did to what it saw."""
        believed = self._of(line)
        more = quantity - believed.quantity
        believed.quantity = quantity
        if more > 0:
            return replace(believed.wish, quantity=more).op()
        thousandths = -more if believed.wish.measured else -more * QUANTITY_SCALE
        seen: dict[str, Plain] = {str(member): share for member, share in believed.seen.items()}
        return ["less", line, thousandths, self._version, seen]

    def _of(self, line: LineId) -> _Believed:
        believed = self._lines.get(line)
        if believed is None:
            message = "the snapshot has no such line, and none was added since"
            raise RefusedError.because(UserErrorCode.LINE_NOT_FOUND, message, "lineIds")
        return believed

    def _put(self, command: SetNote | SetContext) -> list[Op]:
        if isinstance(command, SetNote):
            self._rest = replace(self._rest, note=command.note)
        else:
            rest = self._rest
            self._rest = replace(
                rest,
                channel=command.channel or rest.channel,
                store=None if command.clear_store else command.store or rest.store,
                locale=command.locale or rest.locale,
                delivery=None if command.clear_delivery else command.delivery or rest.delivery,
                payment_method=rest.payment_method if command.payment_method is None else command.payment_method,
            )
        return command.ops()

    def _choose(self, command: ChooseGift) -> None:
        choices = {known: sku for known, sku in self._rest.gift_choices.items() if known != command.promotion}
        chosen = {command.promotion: command.sku} if command.sku else {}
        self._rest = replace(self._rest, gift_choices={**choices, **chosen})

    def _recoded(self, command: AddCodes | RemoveCodes) -> list[Op]:
        if isinstance(command, AddCodes):
            self._codes = {**{code.canonical: code for code in command.entries()}, **self._codes}
            return command.ops()
        for code in command.codes:
            self._codes.pop(code, None)
        return [["uncode", code, True] for code in command.codes]

    def _charged(self, command: AddFees | RemoveFees) -> list[Op]:
        if isinstance(command, AddFees):
            for fee, quantity in command.fees:
                self._fees[fee] = self._fees.get(fee, 0) + quantity
            return command.ops()
        unknown = [fee for fee in command.fees if fee not in self._fees]
        if unknown:
            raise RefusedError.because(UserErrorCode.UNKNOWN_FEE, f"the device saw no fee `{unknown[0]}`", "fees")
        return [["unfee", fee, self._fees.pop(fee)] for fee in command.fees]


def _wish(line: LineItem) -> NewLine:
    """Return what to add to have the line again where it is gone. It was sold here, so nobody asks where."""
    return NewLine(
        sku=line.sku,
        quantity=line.quantity,
        measured=line.measured,
        options=line.options,
        seller=line.seller,
        line_key=line.line_key,
        note=line.note,
        delivery=line.delivery,
        label_price_minor=line.label_price_minor,
        label_currency=line.label_currency,
    )


def line_item(wish: NewLine, shares: tuple[tuple[MemberId, int], ...], version: int) -> LineItem:
    """Return the line that a wish would make at a version of a cart."""
    return LineItem(
        id=wish.id,
        sku=wish.sku,
        shares=shares,
        options=wish.options,
        seller=wish.seller,
        line_key=wish.line_key,
        measured=wish.measured,
        note=wish.note,
        delivery=wish.delivery,
        label_price_minor=wish.label_price_minor,
        label_currency=wish.label_currency,
        added_version=version,
        changed_version=version,
    )
