"""Those who share a cart: what they may do, what they have in it, and what they suggest."""

from dataclasses import replace

import strawberry
from strawberry import ID

from engine.cart.model import Budget, Invite, LineItem, Member, Role
from engine.priced import PricedCart
from engine.pricing.basket import BasketLine
from engine.pricing.member_totals import MemberTotal
from engine.types import Currency, InstantMs, MemberId
from schema.scalars import QuantityOut, quantity_out
from schema.types.money import MoneyView
from schema.views import object_type

strawberry.enum(Role, name="MemberRole", description="What a member may do.")


def budget_view(budget: Budget | None) -> MoneyView | None:
    """Return a budget as clients see it."""
    return MoneyView(budget.amount_minor, budget.currency) if budget else None


@object_type("Member")
class MemberView:
    """A participant of a cart."""

    __slots__ = ("_member",)

    def __init__(self, member: Member) -> None:
        self._member = member

    @property
    def member_id(self) -> ID:
        """Who: the kind of caller and their id."""
        return ID(self._member.id)

    @property
    def role(self) -> Role:
        """What they may do."""
        return self._member.role

    @property
    def budget(self) -> MoneyView | None:
        """How much they may spend, null where nobody said so."""
        return budget_view(self._member.budget)

    @property
    def blocked_categories(self) -> list[str]:
        """The paths of categories that are not for them."""
        return list(self._member.blocked)

    @property
    def until(self) -> InstantMs | None:
        """Until when a screen takes part if it does nothing; null for all others."""
        return self._member.until_ms


@object_type("MemberTotal")
class MemberTotalView:
    """What one person has in a cart: their goods, and their part of what goes by goods."""

    __slots__ = ("_currency", "_total")

    def __init__(self, total: MemberTotal, currency: Currency) -> None:
        self._total = total
        self._currency = currency

    @property
    def member_id(self) -> ID:
        """Who: the kind of caller and their id."""
        return ID(self._total.member)

    @property
    def role(self) -> Role | None:
        """What they may do; null for somebody who put something in and is no member, or not any more."""
        return self._total.role

    @property
    def goods(self) -> MoneyView:
        """Their goods before discounts."""
        return MoneyView(self._total.shares.goods_minor, self._currency)

    @property
    def discounts(self) -> MoneyView:
        """What is taken off their goods, not negative."""
        return MoneyView(self._total.shares.discounts_minor, self._currency)

    @property
    def adjustments(self) -> MoneyView:
        """What staff changed of their goods by hand; negative is lower."""
        return MoneyView(self._total.shares.adjustments_minor, self._currency)

    @property
    def points_discount(self) -> MoneyView:
        """What points take off their goods, not negative."""
        return MoneyView(self._total.shares.points_minor, self._currency)

    @property
    def delivery(self) -> MoneyView:
        """Their part of the delivery, after its discounts."""
        return MoneyView(self._total.shares.delivery_minor, self._currency)

    @property
    def fees(self) -> MoneyView:
        """Their part of the fees, after their discounts."""
        return MoneyView(self._total.shares.fees_minor, self._currency)

    @property
    def tax_added(self) -> MoneyView:
        """Tax on top of their part, where prices are without it."""
        return MoneyView(self._total.shares.tax_minor, self._currency)

    @property
    def total(self) -> MoneyView:
        """What their part costs."""
        return MoneyView(self._total.shares.total_minor, self._currency)

    @property
    def tender(self) -> MoneyView:
        """Their part of what points pay."""
        return MoneyView(self._total.shares.tender_minor, self._currency)

    @property
    def amount_due(self) -> MoneyView:
        """What they would have to pay: total - tender."""
        return MoneyView(self._total.shares.due_minor, self._currency)


@object_type("MemberShare")
class MemberShareView:
    """How much of a line one person put in."""

    __slots__ = ("_line", "_share")

    def __init__(self, line: LineItem, share: tuple[MemberId, int]) -> None:
        self._line = line
        self._share = share

    @property
    def member_id(self) -> ID:
        """Who: the kind of caller and their id."""
        return ID(self._share[0])

    @property
    def quantity(self) -> QuantityOut:
        """How much."""
        return quantity_out(self._share[1], measured=self._line.measured)


@object_type("Suggestion")
class SuggestionView:
    """Goods that a member suggests."""

    __slots__ = ("_line", "_priced")

    def __init__(self, line: LineItem, priced: PricedCart) -> None:
        self._line = line
        self._priced = priced

    @property
    def line_id(self) -> ID:
        """The line that they would go to."""
        return ID(self._line.id)

    @property
    def member_id(self) -> ID:
        """Who: the kind of caller and their id."""
        return ID(self._line.shares[0][0])

    @property
    def sku(self) -> str:
        """The product."""
        return self._line.sku

    @property
    def quantity(self) -> QuantityOut:
        """How much."""
        return quantity_out(self._line.quantity, measured=self._line.measured)

    @property
    def note(self) -> str | None:
        """What was noted with it."""
        return self._line.note or None

    @property
    def amount(self) -> MoneyView | None:
        """What it would cost before discounts, null where it is not sold here."""
        joined = self._priced.basket.join(self._line)
        if not isinstance(joined, BasketLine):
            return None
        return MoneyView(joined.list_minor, self._priced.evaluation.currency)


def suggestions_of(priced: PricedCart) -> list[SuggestionView]:
    """Return what each member suggests, in the order in which it was first suggested."""
    return [
        SuggestionView(replace(line, shares=(share,)), priced)
        for line in priced.cart.suggestions
        for share in line.shares
    ]


@object_type("Invite")
class InviteView:
    """A code that lets others take part in a cart."""

    __slots__ = ("_invite",)

    def __init__(self, invite: Invite) -> None:
        self._invite = invite

    @property
    def invite_id(self) -> ID:
        """What `cartInviteRevoke` means it by."""
        return ID(self._invite.id)

    @property
    def code(self) -> str:
        """What lets others in, with `cartJoin`: a secret. A front end may make a link of it."""
        return self._invite.code

    @property
    def role(self) -> Role:
        """What they may do then."""
        return self._invite.role

    @property
    def uses(self) -> int:
        """How many it is good for in all."""
        return self._invite.uses

    @property
    def uses_left(self) -> int:
        """How many more it lets in."""
        return self._invite.uses_left

    @property
    def expires_at(self) -> InstantMs:
        """When it ends, by the clock of the store."""
        return self._invite.ends_ms
