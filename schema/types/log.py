"""What happened to a cart, as clients see it."""

from typing import Final

from strawberry import ID

from engine.callers import Caller
from engine.cart.model import LogEntry
from engine.types import InstantMs
from schema.types.paging import Page, PageInfoView
from schema.views import object_type

_BY_HAND: Final = frozenset({"adjust", "unadjust"})
"""What the log calls changes of a price by hand."""


@object_type("LogChange")
class LogChangeView:
    """One thing that an operation did."""

    __slots__ = ("_change",)

    def __init__(self, change: tuple[str, ...]) -> None:
        self._change = change

    @property
    def verb(self) -> str:
        """What it did, such as "add" or "set"."""
        return self._change[0]

    @property
    def details(self) -> list[str]:
        """To what, and how: a line id and a quantity, the name of a field."""
        return list(self._change[1:])


@object_type("LogEntry")
class LogEntryView:
    """One operation: the version it made, who sent it, from where and when, and what it did."""

    __slots__ = ("_entry", "_staff")

    def __init__(self, entry: LogEntry, *, staff: bool) -> None:
        self._entry = entry
        self._staff = staff

    @property
    def version(self) -> int:
        """The version of the cart that it made."""
        return self._entry.version

    @property
    def operation_id(self) -> ID:
        """The id that it was sent with."""
        return ID(self._entry.operation)

    @property
    def at(self) -> InstantMs:
        """When, by the clock of the store."""
        return self._entry.at_ms

    @property
    def member(self) -> ID:
        """Who: the kind of caller and their id; of a change of a price by hand, shoppers are told the kind alone."""
        secret = not self._staff and any(change[0] in _BY_HAND for change in self._entry.changes)
        return ID(self._entry.member.partition(":")[0] if secret else self._entry.member)

    @property
    def channel(self) -> str:
        """The channel it was sent from."""
        return self._entry.channel

    @property
    def store(self) -> str | None:
        """The store it was sent from."""
        return self._entry.store

    @property
    def device(self) -> str | None:
        """The device it was sent from."""
        return self._entry.device or None

    @property
    def changes(self) -> list[LogChangeView]:
        """What it did."""
        return [LogChangeView(change) for change in self._entry.changes]


@object_type("LogEntryConnection")
class LogEntryConnectionView:
    """What happened to a cart, oldest first."""

    __slots__ = ("_page", "_staff")

    def __init__(self, page: Page[LogEntry], viewer: Caller) -> None:
        self._page = page
        self._staff = viewer.sees_staff

    @property
    def nodes(self) -> list[LogEntryView]:
        """The operations."""
        return [LogEntryView(entry, staff=self._staff) for entry in self._page.items]

    @property
    def page_info(self) -> PageInfoView:
        """Where this page lies; to go on, ask for what comes after the last version."""
        return PageInfoView(self._page)

    @property
    def total_count(self) -> int:
        """How many operations there are after the version that was asked for, as far back as the log reaches."""
        return self._page.count
