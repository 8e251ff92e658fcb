"""Stamps, as clients see them."""

from schema.views import object_type


@object_type("Stamps")
class StampsView:
    """Stamps that a customer has collected on a card."""

    __slots__ = ("_card", "_count")

    def __init__(self, card: str, count: int) -> None:
        self._card = card
        self._count = count

    @property
    def card(self) -> str:
        """What the rules call the card."""
        return self._card

    @property
    def count(self) -> int:
        """How many stamps are on it."""
        return self._count
