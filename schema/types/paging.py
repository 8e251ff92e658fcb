"""Connections: lists that can grow, handed out in pages."""

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from engine.money import AMOUNT_MINOR_MAX
from schema.errors import ErrorCode, fault
from schema.ids import encode_id, key_of
from schema.views import object_type

Item = TypeVar("Item")

PAGE_MAX: Final = 500
_CURSOR: Final = "Cursor"
_CURSOR_MAX: Final = AMOUNT_MINOR_MAX


class Page(Generic[Item]):
    """A stretch of a list. A cursor is a place in the list, so it holds while nothing is put in before it."""

    __slots__ = ("after", "count", "items")

    def __init__(self, items: Sequence[Item], count: int, after: int) -> None:
        self.items = items
        self.count = count
        self.after = after

    def cursor(self, index: int) -> str:
        """Return the cursor of an item of this page."""
        return encode_id(_CURSOR, str(self.after + index))


def page_of(items: Sequence[Item], first: int | None, after: str | None) -> Page[Item]:
    """Cut a page of at most `first` items behind the cursor `after`. Raises `GraphQLError`."""
    start = position_after(after)
    stop = start + checked_first(first)
    return Page(items[start:stop], len(items), start)


def checked_first(first: int | None) -> int:
    """Return how many items a page may hold. Raises `GraphQLError`."""
    if first is None:
        return PAGE_MAX
    if not 0 <= first <= PAGE_MAX:
        raise fault(ErrorCode.INVALID_ARGUMENT, f"`first` is {first}: expected 0 to {PAGE_MAX}")
    return first


def position_after(cursor: str | None) -> int:
    """Return the place in the list behind a cursor. Raises `GraphQLError`."""
    if cursor is None:
        return 0
    key = key_of(cursor, _CURSOR)
    if not key.isdecimal() or len(key) > len(str(_CURSOR_MAX)):
        raise fault(ErrorCode.INVALID_ARGUMENT, "`after` is not a cursor that was handed out here")
    return int(key) + 1


@object_type("PageInfo")
class PageInfoView:
    """Where a page lies in its list."""

    __slots__ = ("_page",)

    def __init__(self, page: Page[Item]) -> None:
        self._page: Page[Item] = page

    @property
    def has_next_page(self) -> bool:
        """Whether there are items behind this page."""
        return self._page.after + len(self._page.items) < self._page.count

    @property
    def has_previous_page(self) -> bool:
        """Whether there are items before this page."""
        return self._page.after > 0

    @property
    def start_cursor(self) -> str | None:
        """The cursor of the first item, null on an empty page."""
        return self._page.cursor(0) if self._page.items else None

    @property
    def end_cursor(self) -> str | None:
        """The cursor of the last item, null on an empty page: what to send as `after` for the next page."""
        return self._page.cursor(len(self._page.items) - 1) if self._page.items else None
