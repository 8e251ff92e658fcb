"""What points are worth in a cart, and how many of them it takes."""

from typing import Final

from engine.rules.loyalty import BurnAs, Loyalty
from engine.types import Currency

_ALL_BP: Final = 10_000


def worth_minor(programme: Loyalty, points: int, currency: Currency) -> int | None:
    """Return what points are worth, rounded down; None where this programme takes none in this currency."""
    if programme.burn is None or currency not in programme.burn.worth:
        return None
    return points * programme.burn.worth[currency] // programme.burn.points


def burnable_on(programme: Loyalty, active: int, amount_minor: int, currency: Currency) -> tuple[int, int]:
    """Return the most points that can be spent on an amount, and what they are worth of it.

    Within minimum, step and largest share, never more than the amount takes: no point is spent for nothing.
    """
    burn = programme.burn
    if burn is None or currency not in burn.worth:
        return 0, 0
    taken = min(max(0, active), taken_most(programme, amount_minor, currency))
    taken -= taken % burn.step
    given_minor = taken * burn.worth[currency] // burn.points
    if taken < burn.minimum or not given_minor:
        return 0, 0
    needed = max(burn.minimum, -(-given_minor * burn.points // burn.worth[currency]))
    return needed + -needed % burn.step, given_minor


def taken_most(programme: Loyalty, amount_minor: int, currency: Currency) -> int:
    """Return how many points an amount takes, whoever has how many; 0 where it takes none."""
    burn = programme.burn
    if burn is None or currency not in burn.worth:
        return 0
    share_minor = amount_minor * burn.at_most // _ALL_BP
    return share_minor * burn.points // burn.worth[currency]


def pays_for(programme: Loyalty, *, regulated: bool) -> bool:
    """Say whether points pay for goods: no discount lowers a regulated price, but whatever pays may pay it."""
    return not regulated or (programme.burn is not None and programme.burn.burn_as is BurnAs.TENDER)
