"""What was worked out is remembered for a while, so that it need not be worked out again."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Values by key, up to a weight of all together; beyond it, what was asked for longest ago is forgotten."""

    def __init__(self, weight_max: int) -> None:
        self._weight_max = self._weight_left = weight_max
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return the value of a key, None where there is none."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def keep(self, key: K, value: V, weight: int) -> None:
        """Remember a value instead of the one that the key had, unless it alone weighs too much."""
        before = self._kept.pop(key, None)
        if before is not None:
            self._weight_left += before[1]
        if weight > self._weight_max:
            return
        self._kept[key] = (value, weight)
        self._weight_left -= weight
        while self._weight_left < 0:
            self._weight_left += self._kept.popitem(last=False)[1][1]
