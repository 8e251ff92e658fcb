"""What changes for a cart when other rules price it: by how much, and because of which promotions."""

from dataclasses import dataclass, field

from engine.pricing.evaluation import Evaluation
from engine.types import Currency, PromotionId

LARGEST_MAX = 10


@dataclass(frozen=True, slots=True)
class Change:
    """One cart under the old and the new rules.

    ``more_minor`` is what the shopper pays more with the new ones, negative where it is less. ``promotions`` are those
    that give another amount than before, with what they give more, the largest difference first.
    """

    cart: str
    currency: Currency
    before_minor: int
    after_minor: int
    promotions: tuple[tuple[PromotionId, int], ...]

    @property
    def more_minor(self) -> int:
        """What the shopper pays more."""
        return self.after_minor - self.before_minor


@dataclass(slots=True)
class Sums:
    """What the carts of one currency come to."""

    carts: int = 0
    better: int = 0
    worse: int = 0
    total_before_minor: int = 0
    total_after_minor: int = 0
    given_before_minor: int = 0
    given_after_minor: int = 0


@dataclass(slots=True)
class Comparison:
    """What changes for many carts."""

    sums: dict[Currency, Sums] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def add(self, cart: str, before: Evaluation, after: Evaluation) -> None:
        """Count one more cart."""
        sums = self.sums.setdefault(before.currency, Sums())
        change = change_of(cart, before, after)
        sums.carts += 1
        sums.better += change.more_minor < 0
        sums.worse += change.more_minor > 0
        sums.total_before_minor += change.before_minor
        sums.total_after_minor += change.after_minor
        sums.given_before_minor += before.totals.discounts_minor
        sums.given_after_minor += after.totals.discounts_minor
        if change.more_minor or change.promotions:
            self.changes.append(change)

    def largest(self) -> list[Change]:
        """Return the carts that change most, of equals the one whose id comes first."""
        return sorted(self.changes, key=lambda change: (-abs(change.more_minor), change.cart))[:LARGEST_MAX]

    def promotions(self) -> list[tuple[PromotionId, Currency, int]]:
        """Return what each promotion gives more over all carts, the largest difference first."""
        found: dict[tuple[PromotionId, Currency], int] = {}
        for change in self.changes:
            for promotion, more_minor in change.promotions:
                found[promotion, change.currency] = found.get((promotion, change.currency), 0) + more_minor
        ranked = sorted(found.items(), key=lambda item: (-abs(item[1]), item[0]))
        return [(promotion, currency, more_minor) for (promotion, currency), more_minor in ranked]


def change_of(cart: str, before: Evaluation, after: Evaluation) -> Change:
    """Compare one cart."""
    old, new = given_by(before), given_by(after)
    more = {promotion: new.get(promotion, 0) - old.get(promotion, 0) for promotion in old.keys() | new.keys()}
    ranked = sorted(((id_, minor) for id_, minor in more.items() if minor), key=lambda item: (-abs(item[1]), item[0]))
    return Change(cart, before.currency, before.totals.total_minor, after.totals.total_minor, tuple(ranked))


def given_by(evaluation: Evaluation) -> dict[PromotionId, int]:
    """Return what each promotion gave."""
    given: dict[PromotionId, int] = {}
    for discount in evaluation.discounts:
        given[discount.promotion] = given.get(discount.promotion, 0) + discount.amount_minor
    return given
