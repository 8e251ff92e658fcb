"""What a client gets when something goes wrong: a stable code, a sentence, and never the inside of the service.

Expected failures of a mutation are data (`userErrors`). These here are GraphQL errors: requests that cannot be
understood or may not be made, and faults.
"""

import logging
import uuid
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from graphql import GraphQLError

from engine.errors import RefusedError, StoreUnavailableError

_LOG: Final = logging.getLogger("panier.graphql")


class ErrorCode(StrEnum):
    """Stable codes in ``errors[].extensions.code``. Adding one is a change; renaming one breaks clients."""

    MALFORMED_REQUEST = "MALFORMED_REQUEST"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    UNKNOWN_OPERATION = "UNKNOWN_OPERATION"
    INVALID_VARIABLES = "INVALID_VARIABLES"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    TOKEN_MISSING = "TOKEN_MISSING"  # noqa: S105  # a code, not a secret; so are the next two
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105
    FORBIDDEN = "FORBIDDEN"
    UNKNOWN_CHANNEL = "UNKNOWN_CHANNEL"
    UNKNOWN_STORE = "UNKNOWN_STORE"
    NOT_A_SUBSCRIPTION = "NOT_A_SUBSCRIPTION"
    TOO_MANY_CONNECTIONS = "TOO_MANY_CONNECTIONS"
    TOO_MANY_SUBSCRIPTIONS = "TOO_MANY_SUBSCRIPTIONS"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    INTERNAL = "INTERNAL"


class RequestRefusedError(Exception):
    """A whole request that is answered with errors only, under an HTTP status."""

    def __init__(self, status: int, errors: Iterable[GraphQLError]) -> None:
        self.status = status
        self.errors = tuple(errors)
        super().__init__("; ".join(error.message for error in self.errors))

    @classmethod
    def because(cls, status: int, code: ErrorCode, message: str) -> "RequestRefusedError":
        """Build the refusal for a single reason."""
        return cls(status, [fault(code, message)])


def fault(code: ErrorCode, message: str) -> GraphQLError:
    """Build a GraphQL error that clients may see as it is."""
    return GraphQLError(message, extensions={"code": code.value})


def is_ours(error: GraphQLError) -> bool:
    """Say whether nobody but us can mend it: an exception, or a value that does not fit the type of its field.

    Of the latter graphql-core says no place in the document; of an argument that does not fit, it does.
    """
    cause = error.original_error
    if isinstance(cause, GraphQLError):
        return not cause.nodes and "code" not in (cause.extensions or {})
    return cause is not None and not isinstance(cause, StoreUnavailableError | RefusedError)


def presented(error: GraphQLError, *, changes: bool = False) -> dict[str, Any]:
    """Return an error as clients see it. What is not meant for them is logged under an id, which they are shown.

    `changes` says that the request may have changed something. That the store is away is logged where it is noticed.
    """
    cause = error.original_error
    if isinstance(cause, StoreUnavailableError):
        shown = fault(ErrorCode.STORE_UNAVAILABLE, _CHANGE_UNKNOWN if changes else _NO_ANSWER)
    elif isinstance(cause, RefusedError):
        first = cause.errors[0]
        shown = GraphQLError(first.message, extensions={"code": first.code.value, "field": list(first.field)})
    elif cause is not None and is_ours(error):
        shown = _masked(cause)
    else:
        code = {} if "code" in (error.extensions or {}) else {"code": ErrorCode.INVALID_VARIABLES.value}
        shown = GraphQLError(error.message, extensions={**(error.extensions or {}), **code})
    return {**error.formatted, "message": shown.message, "extensions": shown.extensions}


_NO_ANSWER: Final = "the store does not answer: try again"
_CHANGE_UNKNOWN: Final = (
    "the store did not answer: whether a change was made is unknown; sending it again with the same operationId is safe"
)


def _masked(cause: BaseException) -> GraphQLError:
    number = uuid.uuid4().hex
    _LOG.error("fault %s", number, exc_info=cause)
    message = f"something went wrong on our side; whoever looks into it needs this number: {number}"
    return GraphQLError(message, extensions={"code": ErrorCode.INTERNAL.value, "errorId": number})
