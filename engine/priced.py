"""What prices are computed from, and a cart beside it: each part of its price is worked out when it is asked for."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from engine.cart.model import Cart
from engine.errors import Diagnostic
from engine.limits import Limit
from engine.pricing.basket import Basket, build_basket
from engine.pricing.evaluation import CodeVerdict, Evaluation
from engine.pricing.member_notices import member_notices
from engine.pricing.notices import Notice, notices_of
from engine.pricing.shop import Shop
from engine.remembered import Remembered
from engine.rules.catalogue import catalogue_rules
from engine.rules.code_reasons import code_reason, code_reasons
from engine.rules.evaluate import evaluate
from engine.rules.explain import Explanation, NearMiss, explain_all, near_misses
from engine.rules.gift_choices import GiftChoice, gift_choices, open_choices
from engine.rules.losses import Loss, loss_notices, losses
from engine.rules.priced_lately import PricedLately
from engine.rules.ruleset import Ruleset
from engine.rules.uses import closed_limits, without_used
from engine.types import (
    EPOCH,
    ChannelId,
    InstantMs,
    PromotionId,
    StoreId,
)

ANSWERS_BYTES_MAX: Final = 64 * 1024
"""So much is kept of what was written of a cart."""


@dataclass(frozen=True)
class Snapshot:
    """What prices are computed from, swapped whole."""

    shop: Shop
    ruleset: Ruleset
    loaded_ms: InstantMs = EPOCH
    short: Mapping[Limit, int] = field(default_factory=dict)
    """What is left of limits that are used up, or of budgets that give their rest; others are open."""

    @cached_property
    def catalogue_rules(self) -> Ruleset:
        """What `engine.rules.catalogue.catalogue_price` needs, worked out once."""
        return catalogue_rules(self.ruleset)

    @cached_property
    def priced(self) -> PricedLately["PricedCart"]:
        """The carts that were priced from it last."""
        return PricedLately(self.shop, self.ruleset)


@dataclass(frozen=True, slots=True)
class RefusedLoad:
    """Files that were not taken while the service was running, and why: what was loaded before goes on."""

    at_ms: InstantMs
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class PricedCart:
    """A cart beside the snapshot and instant that price it; each part is worked out when first asked for.

    What was worked out a moment ago is not worked out again: it is the same but for the instant that it names.
    """

    cart: Cart
    snapshot: Snapshot
    as_of_ms: InstantMs
    short: Mapping[Limit, int] = field(default_factory=dict)
    """What is left of limits that are short, as a checkout found out: on top of what the snapshot knows."""

    @cached_property
    def _before(self) -> "PricedCart | None":
        """What the same cart was priced as a moment ago, if it was."""
        return None if self.short else self.snapshot.priced.found(self.cart, self.as_of_ms, self)

    @cached_property
    def answers(self) -> Remembered[Hashable, bytes] | None:
        """What was written of it and holds for a moment, for whoever writes such; None where instants matter."""
        if self.cart.waits:
            return None
        return self._answers if self._before is None else self._before._answers  # noqa: SLF001  # another one of these

    @cached_property
    def _answers(self) -> Remembered[Hashable, bytes]:
        return Remembered(ANSWERS_BYTES_MAX)

    @cached_property
    def basket(self) -> Basket:
        """The cart joined to its prices, and to what limits leave of promotions."""
        if self._before is not None:
            return replace(self._before.basket, as_of_ms=self.as_of_ms)
        basket = build_basket(self.cart, self.snapshot.shop, self.as_of_ms)
        short = {**self.snapshot.short, **self.short}
        if not short:
            return basket
        basket = without_used(basket, short)
        return replace(basket, closed=closed_limits(basket, self.snapshot.ruleset, short))

    @cached_property
    def evaluation(self) -> Evaluation:
        """The cart, priced."""
        if self._before is None:
            return evaluate(self.basket, self.snapshot.ruleset)
        before = self._before.evaluation
        return replace(before, computed_from=replace(before.computed_from, as_of_ms=self.as_of_ms))

    @classmethod
    def sold(cls, cart: Cart, evaluation: Evaluation, snapshot: Snapshot) -> "PricedCart":
        """Return a cart as it was priced once, whatever rules and prices are now; names are those of today."""
        priced = cls(cart, snapshot, evaluation.computed_from.as_of_ms)
        priced.__dict__.update(evaluation=evaluation, _before=None)
        return priced

    @cached_property
    def losses(self) -> list[Loss]:
        """The promotions without which it would cost less: it is priced again for each that may be one."""
        if self._before is None:
            return losses(self.basket, self.snapshot.ruleset, self.evaluation)
        return self._before.losses

    @cached_property
    def _told_to_all(self) -> list[Notice]:
        """What every viewer is told, and no clock changes within a moment."""
        if self._before is not None:
            return self._before._told_to_all  # noqa: SLF001  # another one of these
        basket, ruleset = self.basket, self.snapshot.ruleset
        reasons = code_reasons(basket, ruleset, self.evaluation)
        return [
            *notices_of(self.cart, basket, self.evaluation, self.snapshot.shop, reasons),
            *open_choices(basket, ruleset, self.evaluation),
        ]

    def notices(self, *, staff: bool) -> list[Notice]:
        """Return what its shopper may not expect, of what the viewer may see."""
        basket = self.basket
        return [
            *self._told_to_all,
            *loss_notices(self.losses, basket, self.snapshot.ruleset, staff=staff),
            *member_notices(self.cart, basket, self.evaluation),
        ]

    def gift_choices(self, *, staff: bool) -> list[GiftChoice]:
        """Return the gifts that the shopper may choose, of promotions that the viewer may know of."""
        return gift_choices(self.basket, self.snapshot.ruleset, self.evaluation, staff=staff)

    def code_reason(self, verdict: CodeVerdict, *, staff: bool) -> str:
        """Return why a code gives nothing, empty where it gives something."""
        return code_reason(verdict, self.basket, self.snapshot.ruleset, staff=staff)

    def explanations(self, *, staff: bool, only: PromotionId | None = None) -> list[Explanation]:
        """Return the verdicts in words that the viewer may see: on all candidates, or on one promotion."""
        return explain_all(self.basket, self.snapshot.ruleset, self.evaluation, staff=staff, only=only)

    def near_misses(self, *, staff: bool) -> list[NearMiss]:
        """Return what a little more would unlock, of what the viewer may see."""
        return near_misses(self.basket, self.snapshot.ruleset, self.evaluation, staff=staff)

    def elsewhere(self, channel: ChannelId, store: StoreId | None) -> "PricedCart":
        """Return the cart as it would be priced after a move there; it does not move. None leaves its store."""
        moved = replace(self.cart, channel=channel, store=store or self.cart.store)
        return PricedCart(moved, self.snapshot, self.as_of_ms)
