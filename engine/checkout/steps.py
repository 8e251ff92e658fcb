"""The steps of a checkout."""

from enum import StrEnum


class Step(StrEnum):
    """Between any two of them the process may die."""

    HELD = "begin.held"
    KEPT = "begin.kept"
    FROZEN = "begin.frozen"
    BEGUN = "begin.begun"
    ATTEMPTED = "complete.attempted"
    PINNED = "complete.pinned"
    PLACED = "complete.placed"
    POSTED = "complete.posted"
    FINISHED = "complete.finished"
