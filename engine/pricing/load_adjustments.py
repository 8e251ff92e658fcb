"""``adjustments.yaml`` of a shop folder: what staff may change by hand, and how far."""

from typing import Annotated, Literal

from pydantic import Field

from engine.cart.model import AdjustmentKind
from engine.fields import Label, PercentBp, Written
from engine.pricing.adjustments import AdjustmentRules, Ceiling, Reason
from engine.pricing.load_files import Entry, Folder
from engine.pricing.load_models import Id, Money

FILE = "adjustments.yaml"


class ReasonModel(Written):
    """A reason that staff may give."""

    id: Id
    label: Label
    kinds: Annotated[tuple[AdjustmentKind, ...], Field(min_length=1)] = tuple(AdjustmentKind)


class CeilingModel(Written):
    """What one role may do."""

    id: Id
    max_percent: PercentBp
    max_amount: Money | None = None
    may_set_price: bool = False


class AdjustmentsModel(Written):
    """The file."""

    reasons: Annotated[tuple[ReasonModel, ...], Field(min_length=1)]
    roles: Annotated[tuple[CeilingModel, ...], Field(min_length=1)]
    default_role: str | None = None
    floor: Literal["zero", "cost"] = "zero"


def read_adjustments(folder: Folder) -> AdjustmentRules:
    """Read the file and note its faults; a shop without one allows no changes by hand."""
    entry = folder.optional_entry(FILE, AdjustmentsModel)
    if entry is None:
        return AdjustmentRules()
    model = entry.model
    _check_unique(entry, "reasons", [reason.id for reason in model.reasons])
    roles = [role.id for role in model.roles]
    _check_unique(entry, "roles", roles)
    if model.default_role is not None and model.default_role not in roles:
        help_ = entry.report.nearest(model.default_role, roles, "declare it under `roles`")
        entry.fault("unknown_role", f"`{model.default_role}` is not a role", "default_role", help=help_)
    return AdjustmentRules(
        reasons={reason.id: Reason(reason.id, reason.label, frozenset(reason.kinds)) for reason in model.reasons},
        ceilings={
            role.id: Ceiling(role.id, role.max_percent, role.max_amount, role.may_set_price) for role in model.roles
        },
        default_role=model.default_role,
        floor_is_cost=model.floor == "cost",
    )


def _check_unique(entry: Entry[AdjustmentsModel], section: str, ids: list[str]) -> None:
    for index, id_ in enumerate(ids):
        if id_ in ids[:index]:
            message = f"`{id_}` is there twice under `{section}`"
            entry.fault("duplicate_id", message, section, index, "id", help="give one of the two another id")
