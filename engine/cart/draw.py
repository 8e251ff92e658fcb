"""The draw of a cart: a number taken once, when the cart is made, that decides its arm in every experiment.

It follows from who made the cart, so that one shopper sees the same arm in all their carts, and it is stored, so that
signing in does not change it.
"""

import hashlib

DRAW_BYTES = 4
"""A draw is below 2^32: the store's scripts count in doubles."""

POINTS_BP = 10_000
"""An experiment is divided into so many points, one for each hundredth of a percent."""


def draw_of(maker: str) -> int:
    """Return the draw of a cart that this member makes."""
    return int.from_bytes(hashlib.blake2b(maker.encode(), digest_size=DRAW_BYTES).digest())


def point_bp(experiment: str, draw: int) -> int:
    """Return where a draw falls in an experiment: a point from 0 to 9999, in each experiment another one."""
    digest = hashlib.blake2b(f"{experiment}:{draw}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) * POINTS_BP >> 64
