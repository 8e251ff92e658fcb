"""What points are worth in a cart, how many of them it takes, and what they pay."""

from typing import Final

from engine.cart.model import Burn
from engine.pricing.evaluation import Burned, BurnState
from engine.pricing.tally import Tally
from engine.rules.loyalty import BurnAs, Loyalty
from engine.types import Currency

_ALL_BP: Final = 10_000
_NO_PROGRAMME: Final = Loyalty()


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


def burn(tally: Tally, programme: Loyalty | None) -> None:
    """Let the points of a basket pay, once all lanes have run, and note what became of them.

    As a discount they are spread over the goods by what these still cost; as a tender they leave them alone.
    """
    wish = tally.basket.burn
    if wish is None:
        return
    programme = programme or _NO_PROGRAMME
    tender = programme.burn is not None and programme.burn.burn_as is BurnAs.TENDER
    lines = tally.basket.lines
    places = [place for place, line in enumerate(lines) if pays_for(programme, regulated=line.product.never_discount)]
    base_minor = sum(tally.current_minor[place] for place in places)
    wanted = wish.balance if wish.points is None else min(wish.points, wish.balance)
    points, amount_minor = burnable_on(programme, wanted, base_minor, tally.basket.currency)
    shares = [] if tender else [share for share in tally.spread(amount_minor, places) if share[1]]
    tally.take_by_points(shares)
    tally.burned = Burned(
        state=_state(programme, wish, points, base_minor, tally.basket.currency),
        wanted=wish.points,
        balance=wish.balance,
        points=points,
        amount_minor=amount_minor,
        tender=tender,
        lines=tuple([(lines[place].id, minor) for place, minor in shares]),
    )


def _state(programme: Loyalty, wish: Burn, points: int, base_minor: int, currency: Currency) -> BurnState:
    """Return why not all points that are wished for are spent."""
    if points and wish.points in (None, points):
        return BurnState.APPLIED
    if programme.burn is None or currency not in programme.burn.worth:
        return BurnState.NOT_TAKEN
    most = taken_most(programme, base_minor, currency)
    if wish.points is not None and wish.points <= min(wish.balance, most):
        return BurnState.MINIMUM if wish.points < programme.burn.minimum else BurnState.STEP
    return BurnState.BALANCE if wish.balance <= most else BurnState.SHARE
