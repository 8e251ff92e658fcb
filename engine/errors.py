"""What can go wrong, in the words of the person who has to mend it.

Two families. A `Diagnostic` speaks of a file that somebody wrote (a shop folder, a rule file, a cart file): place,
fault, repair. A `UserError` speaks of a request: a stable code, the field, a sentence. Both carry codes that clients
and CI may rely on; the sentences may change.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

LINE_SHOWN_MAX = 160
"""So many characters of a line are shown around a fault."""


class PanierError(Exception):
    """Everything that Panier raises on purpose."""


class Severity(StrEnum):
    """An error refuses the load; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a file. Lines and columns count from 1; ``width`` is in characters."""

    file: str
    line: int
    column: int
    width: int = 1


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault in something a person wrote.

    ``message`` is one sentence, lower case, no full stop, the writer's own words in backticks. ``help`` is the
    likely repair. ``source_line`` is the text of the line, for the caret.
    """

    code: str
    message: str
    span: Span
    help: str = ""
    source_line: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        """Render as several lines: the place and fault, the source line with a caret, the help."""
        span = self.span
        lines = [f"{span.file}:{span.line}:{span.column}: {self.severity} {self.code}: {self.message}"]
        if self.source_line:
            gutter = f"{span.line:>5} | "
            shown, column = _window(self.source_line, span.column - 1)
            caret = "^" * max(1, min(span.width, len(shown) - column))
            pad = "".join("\t" if char == "\t" else " " for char in shown[:column])
            lines += [gutter + shown, " " * (len(gutter) - 2) + "| " + pad + caret]
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)


def _window(line: str, column: int) -> tuple[str, int]:
    """Return what to show of a line, and where `column` (from 0) is in that: ``…`` stands where a long line is cut."""
    if len(line) <= LINE_SHOWN_MAX:
        return line, column
    start = max(0, min(column - LINE_SHOWN_MAX // 3, len(line) - LINE_SHOWN_MAX))
    end = start + LINE_SHOWN_MAX
    before, after = "…" if start else "", "…" if end < len(line) else ""
    return before + line[start:end] + after, column - start + len(before)


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sort by place, so that the first message is about the first fault a reader meets."""
    return tuple(sorted(diagnostics, key=lambda d: (d.span.file, d.span.line, d.span.column, d.code)))


@dataclass
class FilesRefusedError(PanierError):
    """A shop folder, rule folder or cart file with errors: refused whole, every error named."""

    what: str
    diagnostics: tuple[Diagnostic, ...]

    def __str__(self) -> str:
        """Say what was refused, then every fault with its place."""
        count = sum(1 for d in self.diagnostics if d.severity is Severity.ERROR)
        head = f"{self.what} was refused: {count} error{'s' if count != 1 else ''}"
        return "\n\n".join([head, *map(str, self.diagnostics)])


def did_you_mean(wrong: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return ``did you mean `x`?`` for the nearest known word, else `otherwise`."""
    candidates = list(known)
    folded = {word.lower(): word for word in candidates}
    nearest = difflib.get_close_matches(wrong.lower(), list(folded), n=1, cutoff=0.6)
    return f"did you mean `{folded[nearest[0]]}`?" if nearest else otherwise


def one_of(words: Sequence[str], most: int = 12) -> str:
    """Return a readable list of the words that would have been right."""
    shown = ", ".join(f"`{word}`" for word in sorted(words)[:most])
    return shown + (f" and {len(words) - most} more" if len(words) > most else "")


class UserErrorCode(StrEnum):
    """Stable codes of refused requests. Adding one is a change; renaming one breaks clients."""

    CART_NOT_FOUND = "CART_NOT_FOUND"
    LINE_NOT_FOUND = "LINE_NOT_FOUND"
    UNKNOWN_SKU = "UNKNOWN_SKU"
    INVALID_PRODUCT = "INVALID_PRODUCT"
    UNKNOWN_BARCODE = "UNKNOWN_BARCODE"
    INVALID_BARCODE = "INVALID_BARCODE"
    NOT_SOLD_HERE = "NOT_SOLD_HERE"
    INVALID_QUANTITY = "INVALID_QUANTITY"
    QUANTITY_LIMIT = "QUANTITY_LIMIT"
    LINE_LIMIT = "LINE_LIMIT"
    CODE_LIMIT = "CODE_LIMIT"
    CART_TOO_LARGE = "CART_TOO_LARGE"
    INVALID_OPTION = "INVALID_OPTION"
    UNKNOWN_FEE = "UNKNOWN_FEE"
    UNKNOWN_GIFT = "UNKNOWN_GIFT"
    INVALID_CODE = "INVALID_CODE"
    INVALID_NOTE = "INVALID_NOTE"
    UNKNOWN_CHANNEL = "UNKNOWN_CHANNEL"
    UNKNOWN_STORE = "UNKNOWN_STORE"
    UNKNOWN_LOCALE = "UNKNOWN_LOCALE"
    UNKNOWN_DELIVERY = "UNKNOWN_DELIVERY"
    INVALID_PAYMENT_METHOD = "INVALID_PAYMENT_METHOD"
    WRONG_CURRENCY = "WRONG_CURRENCY"
    UNKNOWN_CUSTOMER = "UNKNOWN_CUSTOMER"
    INVALID_CUSTOMER = "INVALID_CUSTOMER"
    CART_HAS_CUSTOMER = "CART_HAS_CUSTOMER"
    UNKNOWN_REASON = "UNKNOWN_REASON"
    INVALID_ADJUSTMENT = "INVALID_ADJUSTMENT"
    ADJUSTMENT_TOO_LARGE = "ADJUSTMENT_TOO_LARGE"
    ADJUSTMENT_LIMIT = "ADJUSTMENT_LIMIT"
    ADJUSTMENT_NOT_FOUND = "ADJUSTMENT_NOT_FOUND"
    STALE_VERSION = "STALE_VERSION"
    OPERATION_ID_REUSED = "OPERATION_ID_REUSED"
    INVALID_OPERATION_ID = "INVALID_OPERATION_ID"
    ROLE_FORBIDS = "ROLE_FORBIDS"
    OWNER_STAYS = "OWNER_STAYS"
    INVALID_ROLE = "INVALID_ROLE"
    MEMBER_NOT_FOUND = "MEMBER_NOT_FOUND"
    MEMBER_LIMIT = "MEMBER_LIMIT"
    INVITE_NOT_FOUND = "INVITE_NOT_FOUND"
    INVITE_LIMIT = "INVITE_LIMIT"
    INVALID_INVITE = "INVALID_INVITE"
    SUGGESTION_NOT_FOUND = "SUGGESTION_NOT_FOUND"
    SUGGESTION_LIMIT = "SUGGESTION_LIMIT"
    GROUP_NOT_FOUND = "GROUP_NOT_FOUND"
    INVALID_GROUP = "INVALID_GROUP"
    INVALID_JOURNEY = "INVALID_JOURNEY"
    INVALID_BUDGET = "INVALID_BUDGET"
    UNKNOWN_CATEGORY = "UNKNOWN_CATEGORY"
    MISTYPED_CODE = "MISTYPED_CODE"
    UNKNOWN_HANDOFF = "UNKNOWN_HANDOFF"
    ALREADY_CLAIMED = "ALREADY_CLAIMED"
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"
    INVALID_HANDOFF = "INVALID_HANDOFF"
    HANDOFF_LIMIT = "HANDOFF_LIMIT"
    CART_HELD = "CART_HELD"
    NOT_HELD = "NOT_HELD"
    CART_SOLD = "CART_SOLD"
    INVALID_SNAPSHOT = "INVALID_SNAPSHOT"
    SNAPSHOT_EXPIRED = "SNAPSHOT_EXPIRED"
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    INVALID_SALE = "INVALID_SALE"
    CART_MERGED = "CART_MERGED"
    INVALID_MERGE = "INVALID_MERGE"
    NOT_MERGED = "NOT_MERGED"
    TOO_LATE_TO_UNDO = "TOO_LATE_TO_UNDO"
    CART_FROZEN = "CART_FROZEN"
    CART_ORDERED = "CART_ORDERED"
    CART_CHANGED = "CART_CHANGED"
    TOTAL_CHANGED = "TOTAL_CHANGED"
    LIMIT_REACHED = "LIMIT_REACHED"
    NO_PRICE = "NO_PRICE"
    UNKNOWN_PRODUCT = "UNKNOWN_PRODUCT"
    OTHER_CURRENCY = "OTHER_CURRENCY"
    TOO_LARGE = "TOO_LARGE"
    DELIVERY_UNAVAILABLE = "DELIVERY_UNAVAILABLE"
    FEE_UNAVAILABLE = "FEE_UNAVAILABLE"
    BUDGET_EXCEEDED = "BUDGET_EXCEEDED"
    CATEGORY_BLOCKED = "CATEGORY_BLOCKED"
    DEADLINE_PASSED = "DEADLINE_PASSED"
    INVALID_QUOTE_LIFE = "INVALID_QUOTE_LIFE"
    QUOTE_NOT_FOUND = "QUOTE_NOT_FOUND"
    QUOTE_EXPIRED = "QUOTE_EXPIRED"
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    REFUND_DUE = "REFUND_DUE"
    CHECKOUT_BUSY = "CHECKOUT_BUSY"
    INVALID_PAYMENT_REFERENCE = "INVALID_PAYMENT_REFERENCE"
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    NO_PROGRAMME = "NO_PROGRAMME"
    NO_ACCOUNT = "NO_ACCOUNT"
    INVALID_POINTS = "INVALID_POINTS"
    POINTS_SHORT = "POINTS_SHORT"
    NO_FAMILY = "NO_FAMILY"
    INVALID_EVENT = "INVALID_EVENT"
    FORBIDDEN = "FORBIDDEN"
    NOTHING_TO_DO = "NOTHING_TO_DO"


@dataclass(frozen=True, slots=True)
class UserError:
    """Why a request was refused: ``field`` is the path of the argument at fault, such as ``("lines", "0", "sku")``."""

    code: UserErrorCode
    message: str
    field: tuple[str, ...] = ()


@dataclass
class RefusedError(PanierError):
    """A request that was understood and refused; nothing was written."""

    errors: tuple[UserError, ...] = field(default=())

    @classmethod
    def because(cls, code: UserErrorCode, message: str, *path: str) -> "RefusedError":
        """Build the refusal for a single reason."""
        return cls((UserError(code, message, path),))

    def __str__(self) -> str:
        """Join the sentences."""
        return "; ".join(error.message for error in self.errors)


class StoreUnavailableError(PanierError):
    """The store did not answer: whether the last write happened is unknown, sending it again with its id is safe."""
